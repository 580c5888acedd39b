"""Gates: passed, failed, and inconclusive whenever the data cannot tell."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.config import GatesConfig
from workbench.errors import DataError, UnknownName
from workbench.registry.gates.costs import cost_gates
from workbench.registry.gates.judging import Validation, validate

CONFIG = GatesConfig(minimum_rows=500, bootstrap_rounds=200, minimum_primary=0.6, calibration_error=0.1)


def _holdout(count: int = 4000, days: int = 28, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows with two groups, and the true probability of each."""
    random = np.random.default_rng(seed)
    signal = random.normal(size=count)
    truth = 1 / (1 + np.exp(1 - 1.5 * signal))
    frame = pd.DataFrame(
        {
            "asked_at": pd.Timestamp("2026-07-01", tz="UTC")
            + pd.to_timedelta(np.linspace(0, days, count, False), "D"),
            "late": random.random(count) < truth,
            "origin": np.where(np.arange(count) % 2, "EWR", "JFK"),
            "carrier": np.where(np.arange(count) % 40, "UA", "HA"),
        }
    )
    return frame, truth


def _noisy(score: np.ndarray, much: float, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, much, len(score))
    return 1 / (1 + np.exp(-(np.log(score / (1 - score)) + noise)))


def _validate(frame: pd.DataFrame, scores: dict[str, Any], **more: Any) -> Validation:
    costs = {name: more.pop(name) for name in ("latency_ms", "memory_bytes", "size_bytes") if name in more}
    given = {"config": CONFIG, "groups": ("origin",), "threshold": 0.4, **more}
    given["more_gates"] = [*given.get("more_gates", ()), *cost_gates(given["config"], **costs)]
    return validate(frame, target="late", time="asked_at", scores=scores, **given)


def _verdicts(validation: Validation) -> dict[str, str]:
    return {gate.name: gate.verdict for gate in validation.gates}


@pytest.mark.practice("L5", "P9")
def test_a_better_candidate_passes_and_every_gate_has_its_evidence() -> None:
    frame, truth = _holdout()
    scores = {"candidate": truth, "baseline": _noisy(truth, 1.5), "champion": _noisy(truth, 0.7, seed=2)}
    found = _validate(frame, scores, latency_ms=3.0, memory_bytes=1e6, size_bytes=2_000_000)
    assert found.verdict == "passed", found.table
    assert _verdicts(found) == dict.fromkeys(
        [
            *("rows", "primary metric", "beats baseline", "beats champion", "calibration"),
            *("slices", "fairness", "latency", "memory", "size"),
        ],
        "passed",
    )
    gain = found.gate("beats champion")
    assert gain is not None
    assert gain.interval is not None
    assert 0 < gain.interval.low < gain.value < gain.interval.high
    assert gain.value == pytest.approx(
        found.metrics["candidate"]["roc_auc"] - found.metrics["champion"]["roc_auc"]
    )
    assert (found.rows, found.days, found.notes) == (4000, 28, ())
    assert all(len(gate.why) > 10 for gate in found.gates)


@pytest.mark.practice("P9")
def test_where_two_models_disagree_is_told_overall_and_by_slice() -> None:
    frame, truth = _holdout()
    champion = truth.copy()
    jfk = (frame["origin"] == "JFK").to_numpy()
    champion[jfk] = _noisy(truth, 2.0)[jfk]
    found = _validate(frame, {"candidate": truth, "baseline": truth, "champion": champion})
    table = found.disagreement.set_index("slice")
    assert table.loc["EWR", "flagged_differently"] == 0
    assert table.loc["JFK", "low"] > 0.1
    assert table.loc["(all)", "flagged_differently"] == pytest.approx(
        table.loc["JFK", "flagged_differently"] / 2
    )


@pytest.mark.practice("L5")
def test_a_candidate_no_better_than_the_baseline_fails() -> None:
    frame, truth = _holdout()
    found = _validate(frame, {"candidate": _noisy(truth, 1.5), "baseline": truth})
    assert found.verdict == "failed"
    assert _verdicts(found)["beats baseline"] == "failed"


def test_no_difference_that_could_be_seen_is_inconclusive() -> None:
    frame, truth = _holdout(1500)
    found = _validate(frame, {"candidate": truth, "baseline": _noisy(truth, 1.5), "champion": truth})
    assert _verdicts(found)["beats champion"] == "inconclusive"
    assert found.verdict == "inconclusive"


def test_a_minimum_effect_is_asked_of_the_whole_interval() -> None:
    frame, truth = _holdout()
    scores = {"candidate": truth, "baseline": _noisy(truth, 1.5), "champion": _noisy(truth, 0.7, seed=2)}
    gain = _validate(frame, scores).gate("beats champion")
    assert gain is not None
    assert gain.interval is not None
    for asked, verdict in ((gain.interval.low / 2, "passed"), (gain.value, "inconclusive"), (0.3, "failed")):
        config = CONFIG.model_copy(update={"minimum_effect": asked})
        assert _verdicts(_validate(frame, scores, config=config))["beats champion"] == verdict


def test_a_negative_minimum_effect_asks_for_not_worse() -> None:
    frame, truth = _holdout()
    scores = {"candidate": truth, "baseline": _noisy(truth, 1.5), "champion": truth}
    config = CONFIG.model_copy(update={"minimum_effect": -0.005})
    assert _verdicts(_validate(frame, scores, config=config))["beats champion"] == "passed"


@pytest.mark.parametrize("asked", ["below", "inside", "above"])
def test_the_primary_metric_is_judged_by_its_interval(asked: str) -> None:
    frame, truth = _holdout()
    scores = {"candidate": truth, "baseline": _noisy(truth, 1.5)}
    found = _validate(frame, scores).gate("primary metric")
    assert found is not None
    assert found.interval is not None
    minimum = {
        "below": found.interval.low - 0.01,
        "inside": found.value,
        "above": found.interval.high + 0.01,
    }[asked]
    verdict = {"below": "passed", "inside": "inconclusive", "above": "failed"}[asked]
    config = CONFIG.model_copy(update={"minimum_primary": minimum})
    assert _verdicts(_validate(frame, scores, config=config))["primary metric"] == verdict


def test_a_metric_that_should_be_low_is_judged_the_other_way_round() -> None:
    frame, truth = _holdout()
    scores = {"candidate": truth, "baseline": _noisy(truth, 1.5)}
    config = CONFIG.model_copy(update={"minimum_primary": 0.6})
    found = _validate(frame, scores, config=config, primary_metric="log_loss")
    assert _verdicts(found)["primary metric"] == "passed"
    assert _verdicts(found)["beats baseline"] == "passed"
    config = CONFIG.model_copy(update={"minimum_primary": 0.3})
    assert (
        _verdicts(_validate(frame, scores, config=config, primary_metric="log_loss"))["primary metric"]
        == "failed"
    )


@pytest.mark.practice("L5")
@pytest.mark.parametrize(
    ("rows", "days", "says"),
    [(400, 28, "at least 500 rows"), (4000, 3, "at least 7 days"), (0, 28, "0 labelled rows")],
)
def test_too_little_data_is_inconclusive_and_never_passed(rows: int, days: int, says: str) -> None:
    frame, truth = _holdout(max(rows, 1), days)
    frame, truth = frame.iloc[:rows], truth[:rows]
    found = _validate(frame, {"candidate": truth, "baseline": 1 - truth}, latency_ms=1.0)
    assert found.verdict == "inconclusive"
    assert _verdicts(found) == {"rows": "inconclusive", "latency": "passed"}
    assert says in found.gates[0].why


@pytest.mark.parametrize("only", [True, False])
def test_one_class_is_inconclusive(only: bool) -> None:
    frame, truth = _holdout()
    found = _validate(frame.assign(late=only), {"candidate": truth, "baseline": truth})
    assert found.verdict == "inconclusive"
    assert "at least 30 positive and negative rows" in found.gates[0].why
    assert math.isnan(found.metrics["candidate"]["roc_auc"])


def test_rows_without_a_label_are_left_out_and_counted() -> None:
    frame, truth = _holdout()
    late = frame["late"].astype("boolean").where(np.arange(len(frame)) % 4 != 0)
    found = _validate(frame.assign(late=late), {"candidate": truth, "baseline": _noisy(truth, 1.5)})
    assert found.rows == 3000
    assert "1,000 rows without a label" in found.notes
    known = frame[late.notna()]
    same = _validate(known, {"candidate": truth[late.notna()], "baseline": _noisy(truth, 1.5)[late.notna()]})
    assert same.gate("primary metric") == found.gate("primary metric")


@pytest.mark.practice("P12")
def test_a_champion_that_saw_the_holdout_cannot_be_compared_with() -> None:
    frame, truth = _holdout()
    scores = {"candidate": truth, "baseline": _noisy(truth, 1.5), "champion": _noisy(truth, 0.7)}
    reason = "the champion v3 was trained on data up to 2026-08-01, which includes these rows"
    found = _validate(frame, scores, champion_saw_holdout=reason)
    gate = found.gate("beats champion")
    assert gate is not None
    assert gate.verdict == "inconclusive"
    assert gate.why.startswith(reason)
    assert found.verdict == "inconclusive"
    assert (
        _validate(frame, scores, champion_saw_holdout=True).gate("beats champion").verdict == "inconclusive"
    )  # type: ignore[union-attr]


def test_without_a_champion_its_gate_is_left_out_with_a_note() -> None:
    frame, truth = _holdout()
    found = _validate(frame, {"candidate": truth, "baseline": _noisy(truth, 1.5)})
    assert found.gate("beats champion") is None
    assert "the comparison with a champion, as there is none yet" in found.notes
    assert found.verdict == "passed"


def test_what_was_not_measured_is_left_out_with_a_note() -> None:
    frame, truth = _holdout()
    found = _validate(frame, {"candidate": truth, "baseline": _noisy(truth, 1.5)}, groups=())
    assert {"latency", "memory", "size", "slices", "fairness"}.isdisjoint(_verdicts(found))
    assert "latency, which was not measured" in found.notes
    assert "slices and fairness, as no groups are declared" in found.notes


@pytest.mark.practice("P10")
@pytest.mark.parametrize(
    ("cost", "gate", "verdict"),
    [
        ({"latency_ms": 101.0}, "latency", "failed"),
        ({"latency_ms": float("nan")}, "latency", "inconclusive"),
        ({"size_bytes": 51_000_000}, "size", "failed"),
        ({"size_bytes": 50_000_000}, "size", "passed"),
    ],
)
def test_latency_and_size_weigh_like_the_score(cost: dict[str, float], gate: str, verdict: str) -> None:
    frame, truth = _holdout()
    found = _validate(frame, {"candidate": truth, "baseline": _noisy(truth, 1.5)}, **cost)
    assert _verdicts(found)[gate] == found.verdict == verdict


@pytest.mark.practice("L5")
def test_a_slice_that_surely_falls_behind_fails_the_candidate() -> None:
    frame, truth = _holdout()
    candidate = truth.copy()
    jfk = (frame["origin"] == "JFK").to_numpy()
    candidate[jfk] = _noisy(truth, 4.0)[jfk]
    lenient = {"slice_tolerance": 0.03, "calibration_error": 1.0, "fairness_gap": 1.0}
    config = CONFIG.model_copy(update=lenient)
    found = _validate(frame, {"candidate": candidate, "baseline": np.full(len(truth), 0.3)}, config=config)
    gate = found.gate("slices")
    assert gate is not None
    assert gate.verdict == found.verdict == "failed"
    assert "origin JFK" in gate.why
    assert found.slices.set_index("slice")["verdict"].to_dict() == {"JFK": "failed", "EWR": "passed"}


def test_a_slice_with_too_few_rows_is_listed_and_not_judged() -> None:
    frame, truth = _holdout(3000)
    candidate = truth.copy()
    few = (frame["carrier"] == "HA").to_numpy()
    candidate[few] = 1 - truth[few]
    found = _validate(
        frame, {"candidate": candidate, "baseline": np.full(len(truth), 0.3)}, groups=("carrier",)
    )
    assert found.slices.set_index("slice")["verdict"].to_dict() == {"UA": "passed", "HA": "too few"}
    assert _verdicts(found)["slices"] == "passed"


@pytest.mark.practice("O4")
def test_a_group_that_is_treated_otherwise_fails_the_candidate() -> None:
    frame, truth = _holdout()
    candidate = np.where(frame["origin"] == "JFK", truth * 0.5, truth)
    config = CONFIG.model_copy(update={"calibration_error": 1.0, "slice_tolerance": 1.0})
    found = _validate(frame, {"candidate": candidate, "baseline": np.full(len(truth), 0.3)}, config=config)
    gate = found.gate("fairness")
    assert gate is not None
    assert gate.verdict == found.verdict == "failed"
    assert "between origin JFK and EWR" in gate.why
    groups = found.groups.set_index("group")
    late, flagged = frame["late"].to_numpy(), candidate >= 0.4
    for origin in ("JFK", "EWR"):
        rows = (frame["origin"] == origin).to_numpy()
        assert groups.loc[origin, "recall"] == pytest.approx(flagged[rows & late].mean())
        assert groups.loc[origin, "false_positive_rate"] == pytest.approx(flagged[rows & ~late].mean())
        assert groups.loc[origin, "flagged_share"] == pytest.approx(flagged[rows].mean())
    gap = found.fairness.set_index("rate").loc["recall"]
    assert gap["gap"] == pytest.approx(groups.loc["EWR", "recall"] - groups.loc["JFK", "recall"])
    assert CONFIG.fairness_gap < gap["low"] < gap["gap"] < gap["high"]


@pytest.mark.practice("O4")
def test_groups_too_small_to_compare_do_not_hold_a_candidate_back() -> None:
    frame, truth = _holdout()
    found = _validate(frame, {"candidate": truth, "baseline": _noisy(truth, 1.5)}, groups=("carrier",))
    assert found.groups.set_index("group").loc["HA", ["recall"]].isna().all()
    assert set(found.fairness["rate"]) == {"flagged_share"}
    frame["all"] = "one"
    found = _validate(frame, {"candidate": truth, "baseline": _noisy(truth, 1.5)}, groups=("all",))
    assert _verdicts(found)["fairness"] == "inconclusive"
    assert found.verdict == "passed"


def test_bad_calibration_fails() -> None:
    frame, truth = _holdout()
    found = _validate(frame, {"candidate": truth**3, "baseline": np.full(len(truth), 0.3)}, groups=())
    assert _verdicts(found)["calibration"] == found.verdict == "failed"


def test_a_candidate_without_an_answer_fails_and_a_champion_without_one_is_no_comparison() -> None:
    frame, truth = _holdout()
    holes = truth.copy()
    holes[:3] = np.nan
    found = _validate(frame, {"candidate": holes, "baseline": truth})
    assert _verdicts(found) == {"rows": "passed", "scores": "failed"}
    assert "no finite score for 3 of 4,000 rows" in found.gates[1].why
    found = _validate(frame, {"candidate": truth, "baseline": _noisy(truth, 1.5), "champion": holes})
    assert _verdicts(found)["beats champion"] == "inconclusive"


def test_a_missing_group_is_a_slice_of_its_own() -> None:
    frame, truth = _holdout()
    frame["origin"] = frame["origin"].where(np.arange(len(frame)) % 3 != 0)
    found = _validate(frame, {"candidate": truth, "baseline": _noisy(truth, 1.5)})
    assert set(found.slices["slice"]) == {"EWR", "JFK", "(missing)"}
    assert found.slices["rows"].sum() == len(frame)


def test_the_same_seed_gives_the_same_figures() -> None:
    frame, truth = _holdout(1500)
    scores = {"candidate": truth, "baseline": _noisy(truth, 1.5)}
    assert _validate(frame, scores, seed=4).to_dict() == _validate(frame, scores, seed=4).to_dict()
    assert _validate(frame, scores, seed=4).to_dict() != _validate(frame, scores, seed=5).to_dict()


def test_wrong_arguments_are_named() -> None:
    frame, truth = _holdout(100)
    both = {"candidate": truth, "baseline": truth}
    with pytest.raises(UnknownName, match="no model 'baseline'"):
        _validate(frame, {"candidate": truth})
    with pytest.raises(UnknownName, match=r"no column 'late'.*there is|no column 'late'"):
        _validate(frame.drop(columns="late"), both)
    with pytest.raises(
        UnknownName, match="no column to group by 'orign' in the holdout; did you mean 'origin'"
    ):
        _validate(*_large(), groups=("orign",))
    with pytest.raises(UnknownName, match="no metric 'auc'"):
        _validate(frame, both, primary_metric="auc")
    with pytest.raises(DataError, match="99 scores for 100 rows"):
        _validate(frame, {"candidate": truth[1:], "baseline": truth})
    with pytest.raises(DataError, match="other values than true and false"):
        _validate(frame.assign(late=7), both)
    with pytest.raises(DataError, match="1 of 100 rows have no asked_at"):
        _validate(frame.assign(asked_at=frame["asked_at"].where(frame.index != 5)), both)


def _large() -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    frame, truth = _holdout()
    return frame, {"candidate": truth, "baseline": truth}


def test_the_evidence_is_plain_json_and_comes_back_whole() -> None:
    frame, truth = _holdout()
    found = _validate(
        frame, {"candidate": truth, "baseline": _noisy(truth, 1.5)}, groups=("origin", "carrier")
    )
    text = json.dumps(found.to_dict(), allow_nan=False)
    again = Validation.from_dict(json.loads(text))
    assert again.verdict == found.verdict
    assert again.gates == found.gates
    assert again.to_dict() == found.to_dict()
    assert again._repr_html_() == found._repr_html_()
    pd.testing.assert_frame_equal(again.slices, found.slices)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_people_see_is_a_table_in_which_nothing_runs() -> None:
    frame, truth = _holdout()
    hostile = "<script>alert(1)</script>"
    frame["origin"] = np.where(frame["origin"] == "JFK", hostile, 'EWR" onmouseover="alert(2)')
    found = _validate(frame, {"candidate": truth, "baseline": _noisy(truth, 1.5)}, latency_ms=500.0)
    page = _Tags()
    page.feed(found._repr_html_())
    assert hostile in page.text
    assert set(page.tags) <= {
        *["div", "p", "b", "span", "table", "thead", "tbody", "tr", "th", "td", "details", "summary"]
    }
    assert set(page.attributes) == {"style"}
    for word in ("passed", "failed", "latency", "fairness", "Slices (2)", "Left out:"):
        assert word in page.text
