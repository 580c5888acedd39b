"""Performance by slice and by user group, and how unequally groups are treated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.monitoring import small
from tests.unit.serving.tiny import make_tiny
from workbench.config import GatesConfig
from workbench.monitoring.performance import Performance, Slice, Standard, measure_performance
from workbench.registry.gates.bootstrap import Interval
from workbench.registry.gates.judging import validate


def answers(rows: int = 6000, *, carriers: int = 4, spoilt: tuple[str, ...] = ()) -> pd.DataFrame:
    """A month of answers; in the spoilt carriers the truth has nothing to do with the score."""
    random = np.random.default_rng(5)
    frame = small.predictions("2026-08", rows).rename(columns={"value": "truth"})
    frame["input.carrier"] = [f"C{number}" for number in random.integers(0, carriers, rows)]
    chance = frame["input.carrier"].isin(spoilt)
    frame.loc[chance, "truth"] = (random.random(chance.sum()) < 0.3).astype(float)
    return frame


def measured(frame: pd.DataFrame, *, drop: float = 0.05, **standard: Any) -> Performance:
    config = small.CONFIG.model_copy(update={"minimum_labels": 1000, "performance_drop": drop})
    held = Standard(**{"expected": 0.8, "groups": ("carrier", "origin"), **standard})
    return measure_performance(frame, role="champion", model_version=1, config=config, standard=held)


def by_name(found: Performance) -> dict[str, Slice]:
    return {f"{item.column}={item.slice}": item for item in found.slices}


@pytest.mark.practice("L7")
def test_a_slice_that_fell_is_found_in_a_window_that_held() -> None:
    own = {("carrier", f"C{number}"): Interval(0.8, 0.77, 0.83) for number in range(4)}
    found = measured(answers(spoilt=("C2",)), slices=own, expected=0.74)
    assert found.verdict == "held"
    slices = by_name(found)
    assert {name: item.verdict for name, item in slices.items()} == {
        "carrier=C0": "held",
        "carrier=C1": "held",
        "carrier=C2": "dropped",
        "carrier=C3": "held",
        "origin=EWR": "held",
        "origin=JFK": "held",
    }
    fell = slices["carrier=C2"]
    assert fell.own
    assert fell.value.high < fell.expected == 0.8
    assert fell.p < 0.001
    assert "0.800 was expected (at validation" in fell.why
    signals = {signal.name: signal for signal in found.signals()}
    assert signals["performance.slice.carrier=C2"].verdict == "bad"
    assert signals["performance.slice.carrier=C0"].verdict == "ok"
    assert (fell.labelled, fell.verdict) == (fell.rows, "dropped")
    assert fell.value.low < fell.value.value < fell.value.high


def test_a_slice_without_a_figure_of_its_own_is_held_against_the_whole_less_the_tolerance() -> None:
    found = by_name(measured(answers(spoilt=("C1",)), slice_tolerance=0.1))
    assert found["carrier=C1"].expected == pytest.approx(0.7)
    assert not found["carrier=C1"].own
    assert found["carrier=C1"].verdict == "dropped"
    assert by_name(measured(answers(spoilt=("C1",)), slice_tolerance=0.4))["carrier=C1"].verdict == "held"


def test_of_many_slices_one_that_falls_by_chance_is_not_believed() -> None:
    frame = answers(12_000, carriers=40)
    one = by_name(measured(frame))["carrier=C7"].value
    expected = one.value + 2.2 * (one.high - one.low) / 3.92  # by chance in one case of seventy
    own = {("carrier", "C7"): Interval(expected, expected, expected)}
    alone = by_name(measured(frame[frame["input.carrier"] == "C7"], slices=own, drop=0.0))["carrier=C7"]
    among_many = by_name(measured(frame, slices=own, drop=0.0))["carrier=C7"]
    assert (alone.value, alone.verdict) == (among_many.value, "dropped")
    assert among_many.verdict == "inconclusive"
    assert alone.p < 0.05 < among_many.p


def test_what_a_slice_reached_at_validation_is_not_certain_either() -> None:
    frame = answers()
    value = by_name(measured(frame))["carrier=C0"].value
    reach = value.high - value.low
    expected = value.value + 0.9 * reach
    for width, verdict in ((0.0, "dropped"), (1.5 * reach, "inconclusive")):
        own = {("carrier", "C0"): Interval(expected, expected - width, expected + width)}
        assert by_name(measured(frame, slices=own, drop=0.0))["carrier=C0"].verdict == verdict


def test_small_slices_of_one_class_and_missing_values_are_no_error() -> None:
    frame = answers()
    frame.loc[:99, "input.carrier"] = "tiny"
    frame.loc[100:499, "input.carrier"] = None
    frame.loc[500:799, "input.carrier"] = "never"
    frame.loc[500:799, "truth"] = 0.0
    found = by_name(measured(frame))
    assert (found["carrier=tiny"].verdict, found["carrier=tiny"].rows) == ("too few", 100)
    assert "100 labels; 200 of both kinds" in found["carrier=tiny"].why
    assert found["carrier=never"].verdict == "too few"
    assert found["carrier=(missing)"].rows == 400
    assert found["carrier=(missing)"].verdict in ("held", "inconclusive")


def test_a_column_of_very_many_values_is_cut_and_one_that_is_not_logged_is_said() -> None:
    frame = answers(6000, carriers=3000).assign(**{"input.tail number": np.nan})
    found = measured(frame, groups=("carrier", "tail number"))
    assert len(found.slices) == 50
    assert {item.verdict for item in found.slices} == {"too few"}
    assert found.notes == ("tail number cannot be grouped by: not logged",)


def test_in_a_window_whose_labels_are_half_in_no_slice_is_judged() -> None:
    frame = answers(spoilt=("C2",))
    frame.loc[::3, "truth"] = np.nan
    found = measured(frame)
    assert {item.verdict for item in found.slices} == {"inconclusive"}
    assert {gap.verdict for gap in found.gaps} == {"inconclusive"}


@pytest.mark.practice("P8")
def test_each_user_group_has_its_quality() -> None:
    frame = answers(spoilt=("C2",))
    frame["user_group"] = np.where(frame["input.carrier"] == "C2", "agents", "")
    found = by_name(measured(frame))
    assert found["user_group=agents"].verdict == "dropped"
    assert found["user_group=(none)"].verdict == "held"
    signals = {signal.name for signal in measured(frame).signals()}
    assert {"performance.group.agents", "performance.group.(none)"} <= signals


def test_where_nobody_says_who_asks_there_are_no_user_groups() -> None:
    assert not [
        item for item in measured(answers().assign(user_group="")).slices if item.column == "user_group"
    ]


@pytest.mark.practice("O4")
def test_gaps_between_groups_are_those_of_the_gate() -> None:
    frame = answers()
    late = frame["input.carrier"] == "C1"
    frame.loc[late, "score"] = frame.loc[late, "score"] * 0.4  # its late flights are hardly found
    found = measured(frame, threshold=0.4, fairness_gap=0.2)
    rows = frame.rename(columns={"input.carrier": "carrier", "feature.origin": "origin"})
    gates = GatesConfig(minimum_rows=1000, fairness_gap=0.2, bootstrap_rounds=500)
    scores = {"candidate": frame["score"], "baseline": frame["score"]}
    judged = validate(
        rows,
        target="truth",
        time="asked_at",
        scores=scores,
        groups=("carrier", "origin"),
        config=gates,
        threshold=0.4,
    )
    expected = judged.fairness.to_dict("records")
    assert [
        {
            "column": gap.column,
            "rate": gap.rate,
            "lowest": gap.lowest,
            "highest": gap.highest,
            **dict(zip(("gap", "low", "high"), gap.gap.to_dict().values(), strict=True)),
            "verdict": gap.verdict,
        }
        for gap in found.gaps
    ] == [pytest.approx(row) for row in expected]
    signals = {signal.name: signal for signal in found.signals()}
    assert signals["fairness.recall"].verdict == "bad"
    assert "between carrier C1 and" in signals["fairness.recall"].says
    assert signals["fairness.false_positive_rate"].verdict in ("ok", "inconclusive")


@pytest.mark.practice("L7")
def test_what_a_version_is_held_against_comes_from_its_evidence(tmp_path: Path) -> None:
    project = make_tiny(tmp_path / "project")
    frame = answers(8000)
    rows = frame.rename(columns={"input.carrier": "carrier", "feature.origin": "origin"})
    scores = {"candidate": frame["score"], "baseline": frame["score"] * 0}
    validation = validate(
        rows, target="truth", time="asked_at", scores=scores, groups=("carrier",), config=GatesConfig()
    )
    standard = Standard.of(project, validation)
    assert standard.metric == "roc_auc"
    assert standard.expected == pytest.approx(validation.metrics["candidate"]["roc_auc"])
    table = validation.slices.set_index("slice")
    assert standard.slices["carrier", "C1"].value == table.loc["C1", "value"]
    assert standard.slices["carrier", "C1"].low == table.loc["C1", "low"]
    assert np.isnan(Standard.of(project).expected)
