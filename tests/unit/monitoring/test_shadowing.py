"""Several windows of a shadow are judged by what they say together, not by their verdicts one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.monitoring.retrained import beside
from workbench.config import MonitoringConfig
from workbench.monitoring import judge_shadow
from workbench.monitoring.findings.finding import WindowFinding
from workbench.registry.gates.bootstrap import Interval

CONFIG = MonitoringConfig(performance_drop=0.02, minimum_labels=500)


def _window(
    month: int, difference: float, half: float, *, labelled: int = 400, rows: int = 400
) -> WindowFinding:
    found = beside(month, shadow=2, difference=difference, verdict="inconclusive")
    champion, shadow = found.versions
    assert shadow.delta is not None
    interval = Interval(difference, difference - half, difference + half)
    delta = replace(shadow.delta, difference=interval, labelled=labelled, rows=rows)
    return replace(found, versions=(champion, replace(shadow, delta=delta)))


@pytest.mark.parametrize(
    ("windows", "verdict"),
    [
        ([(0.0, 0.025), (0.0, 0.025)], "ok"),
        ([(-0.02, 0.025), (-0.02, 0.025)], "bad"),
        ([(-0.05, 0.045), (0.01, 0.01)], "ok"),
        ([(0.0, 0.06), (0.0, 0.06)], "inconclusive"),
    ],
)
def test_windows_that_cannot_tell_alone_can_together(
    windows: list[tuple[float, float]], verdict: str
) -> None:
    found = judge_shadow([_window(month, *each) for month, each in enumerate(windows, 1)], 2, 1, CONFIG)
    assert (found.verdict, found.labelled) == (verdict, 800)
    assert found.why.startswith("in 2026-01 and 2026-02 together roc_auc of shadow v2")


def test_a_window_whose_truth_is_half_in_does_not_count() -> None:
    half = _window(3, 0.5, 0.001, labelled=200)
    found = judge_shadow([_window(1, -0.02, 0.025), _window(2, -0.02, 0.025), half], 2, 1, CONFIG)
    assert found.verdict == "bad"
    assert "2026-03" not in found.why


def test_together_they_need_as_many_labels_as_one_window() -> None:
    found = judge_shadow(
        [_window(month, 0.0, 0.001, labelled=200, rows=200) for month in (1, 2)], 2, 1, CONFIG
    )
    assert (found.verdict, found.why) == (
        "inconclusive",
        "in 2026-01 and 2026-02 together 400 labels, 500 are asked",
    )
