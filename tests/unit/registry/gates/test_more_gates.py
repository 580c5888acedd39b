"""Gates that no label decides, or that weigh answers: behaviour, cases, schema, age, ensembles, utility."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from workbench.config import BehaviourConfig, UtilityConfig
from workbench.errors import DataError, UnknownName
from workbench.registry.gates.behaviour import behaviour_gate, changed
from workbench.registry.gates.costs import held_memory
from workbench.registry.gates.holdout import Holdout
from workbench.registry.gates.regression import propose_cases, read_cases, regression_gate
from workbench.registry.gates.structure import age_gate, ensemble_gate, schema_gate
from workbench.registry.gates.utility import utility_gate
from workbench.registry.gates.validation import Gate

FEATURES = ["wind", "carrier"]


def _rows(count: int = 1000) -> pd.DataFrame:
    random = np.random.default_rng(0)
    wind = random.uniform(0, 40, count)
    return pd.DataFrame(
        {
            "asked_at": pd.Timestamp("2026-07-01", tz="UTC") + pd.to_timedelta(np.arange(count) * 40, "min"),
            "late": random.random(count) < wind / 40,
            "wind": wind,
            "carrier": random.choice(["UA", "HA"], count),
        }
    )


def _behaves(answer: Any, rows: pd.DataFrame | None = None, **declared: Any) -> Gate:
    rows = _rows() if rows is None else rows
    config = BehaviourConfig(name="storms", **declared)
    return behaviour_gate(config, rows[FEATURES], rows["asked_at"], answer, rounds=200, seed=0)


def _by_wind(rows: pd.DataFrame) -> Any:
    return (rows["wind"] / 100).to_numpy()


# -- behaviour ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "verdict"),
    [
        ({"change": {"wind": "+10"}, "expect": "not lower"}, "passed"),
        ({"change": {"wind": "+10"}, "expect": "not higher"}, "failed"),
        ({"change": {"wind": "-10"}, "expect": "not higher"}, "passed"),
        ({"change": {"wind": "*1.5"}, "expect": "same"}, "failed"),
        ({"change": {"wind": "*1.5"}, "expect": "same", "tolerance": 0.5}, "passed"),
        ({"change": {"carrier": "UA"}, "expect": "same"}, "passed"),
        ({"change": {"carrier": "shuffle"}, "expect": "same"}, "passed"),
        ({"change": {"wind": "shuffle"}, "expect": "same"}, "failed"),
    ],
)
def test_scores_follow_a_change_as_declared(declared: dict[str, Any], verdict: str) -> None:
    assert _behaves(_by_wind, **declared).verdict == verdict


def test_a_share_of_rows_may_behave_otherwise_and_the_interval_decides() -> None:
    def answer(rows: pd.DataFrame) -> Any:  # falls for one carrier, which has half of the rows
        return np.where(rows["carrier"] == "UA", 1, -1) * _by_wind(rows)

    declared = {"change": {"wind": "+10"}, "expect": "not lower"}
    assert _behaves(answer, **declared, share=0.3).verdict == "passed"
    assert _behaves(answer, **declared, share=0.5).verdict == "inconclusive"
    failed = _behaves(answer, **declared, share=0.9)
    assert failed.verdict == "failed"
    assert failed.why.startswith("with wind +10 the score is not lower (within 0.01) in ")
    assert "of 1,000 rows" in failed.why


def test_too_few_rows_that_can_be_changed_are_inconclusive() -> None:
    rows = _rows().assign(wind=lambda frame: frame["wind"].where(frame.index < 99))
    gate = _behaves(_by_wind, rows, change={"wind": "+1"}, expect="not lower")
    assert gate.verdict == "inconclusive"
    assert "99 rows can be changed" in gate.why


def test_what_cannot_be_changed_is_said() -> None:
    with pytest.raises(UnknownName, match="did you mean 'wind'"):
        _behaves(_by_wind, change={"wnd": "+1"}, expect="same")
    with pytest.raises(DataError, match=r"cannot add '\+1' to carrier"):
        _behaves(_by_wind, change={"carrier": "+1"}, expect="same")
    before = _rows()
    changed(before, {"wind": 0, "carrier": "shuffle"})
    pd.testing.assert_frame_equal(before, _rows())


# -- regression cases --------------------------------------------------------------------------------


def _cases(tmp_path: Path, text: str) -> pd.DataFrame:
    path = tmp_path / "cases.csv"
    path.write_text(text)
    return read_cases(path, _rows()[FEATURES])


@pytest.mark.practice("K1")
def test_a_case_that_is_answered_wrong_fails_the_candidate_and_says_which(tmp_path: Path) -> None:
    text = "wind,carrier,at_least,at_most,why\n40,UA,0.3,,the storm of March\n0,HA,,0.1,\n"
    cases = _cases(tmp_path, text)
    assert cases.dtypes[FEATURES].to_dict() == _rows()[FEATURES].dtypes.to_dict()
    assert regression_gate(cases, _by_wind).verdict == "passed"
    gate = regression_gate(cases, lambda rows: 1 - _by_wind(rows) - 0.5)
    assert gate.verdict == "failed"
    assert gate.why == ("2 of 2 are answered wrong; the worst is row 2: 0.500, at most 0.1 is asked")
    gate = regression_gate(cases, lambda rows: np.zeros(len(rows)))
    assert "row 1 (the storm of March): 0.000, at least 0.3 is asked" in gate.why


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("wind,carrier,at_least\n", "holds no regression case"),
        ("wind,carrier\n1,UA\n", "neither at_least nor at_most"),
        ("wind,at_least\n1,0.5\n", "no column 'carrier'"),
        ("wind,carrier,at_least\nstrong,UA,0.5\n", "column wind does not hold float64"),
    ],
)
def test_a_table_of_cases_that_is_no_good_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises((DataError, UnknownName), match=says):
        _cases(tmp_path, text)
    with pytest.raises(DataError, match="cannot be read"):
        read_cases(tmp_path / "none.csv", _rows()[FEATURES])


def test_proposed_cases_are_answered_right_by_the_model_they_are_from(tmp_path: Path) -> None:
    rows = _rows()
    cases = propose_cases(rows, _by_wind(rows), target="late", features=FEATURES, count=10)
    cases.to_csv(tmp_path / "cases.csv", index=False)
    read = read_cases(tmp_path / "cases.csv", rows[FEATURES])
    assert len(read) == 10
    assert read["at_least"].notna().sum() == read["at_most"].notna().sum() == 5
    assert regression_gate(read, _by_wind).verdict == "passed"
    assert regression_gate(read, lambda asked: 0.4 - _by_wind(asked)).value == 10


# -- schema, age, ensembles, memory ------------------------------------------------------------------


def test_a_schema_that_the_features_do_not_give_fails() -> None:
    rows = _rows()[FEATURES]
    inputs = {"wind": "double", "carrier": "string"}
    assert schema_gate(inputs, inputs, rows).why == "2 inputs, the same as the champion's"
    gate = schema_gate({**inputs, "gust": "double"}, inputs, rows)
    assert (gate.verdict, gate.why) == ("failed", "3 inputs, gust is no feature")
    gate = schema_gate({"wind": "string", "carrier": "string"}, None, rows)
    assert (gate.verdict, gate.why) == (
        "failed",
        "2 inputs, wind is asked for as string and comes as float64",
    )
    gate = schema_gate({"wind": "double"}, inputs, rows)
    assert (gate.verdict, gate.why) == ("passed", "1 inputs, compared with the champion carrier is gone")
    assert schema_gate(None, None, rows).verdict == "failed"


def test_what_it_learnt_from_may_be_too_old() -> None:
    until = datetime(2026, 7, 1, tzinfo=UTC)
    assert age_gate(until, until + timedelta(days=30), timedelta(days=45)).verdict == "passed"
    gate = age_gate(until, until + timedelta(days=60), timedelta(days=45))
    assert gate.verdict == "failed"
    assert "60 days before the end of the holdout; 45 days are allowed" in gate.why


_TREE, _LINE = DecisionTreeClassifier(), LogisticRegression()
_VOTING = VotingClassifier([("tree", _TREE), ("line", make_pipeline(_LINE))])


@pytest.mark.practice("M11")
@pytest.mark.parametrize(
    ("model", "verdict"),
    [
        (_LINE, None),
        (make_pipeline(RandomForestClassifier()), None),
        (make_pipeline(_VOTING), "passed"),
        (StackingClassifier([("forest", RandomForestClassifier())], final_estimator=_LINE), "passed"),
        (VotingClassifier([("both", make_pipeline(_VOTING)), ("line", _LINE)]), "failed"),
        (StackingClassifier([("tree", _TREE)], final_estimator=BaggingClassifier(_TREE)), "failed"),
    ],
)
def test_an_ensemble_combines_base_models_only(model: Any, verdict: str | None) -> None:
    gate = ensemble_gate(model)
    assert (gate.verdict if gate else None) == verdict


def test_memory_is_what_is_still_held_afterwards() -> None:
    def make() -> Any:
        np.ones(4_000_000)
        return np.ones(1_000_000)

    made, held = held_memory(make)
    assert made.nbytes <= held < made.nbytes + 100_000


# -- utility -----------------------------------------------------------------------------------------


@pytest.mark.practice("P10")
def test_a_model_that_ranks_better_but_costs_more_is_held_back() -> None:
    rows = _rows(4000)
    truth, random = rows["late"].to_numpy(dtype=float), np.random.default_rng(1)
    bold = np.where(random.random(4000) < 0.9, truth, 1 - truth)  # flags what is late, mostly
    timid = np.zeros(4000)  # flags nothing
    costs = UtilityConfig(unit="EUR", true_positive=1, false_positive=-100)
    thrifty = UtilityConfig(unit="EUR", true_positive=100, false_positive=-1, minimum_gain=10)

    def gate(config: UtilityConfig) -> Gate:
        held = Holdout.of(
            rows,
            target="late",
            time="asked_at",
            scores={"candidate": bold, "baseline": timid},
            rounds=200,
            seed=0,
            metric="roc_auc",
            threshold=0.5,
        )
        return utility_gate(held, config)

    assert gate(costs).verdict == "failed"
    found = gate(thrifty)
    assert found.verdict == "passed"
    assert "EUR for 1,000 rows against the baseline's 0.0, a gain of" in found.why
