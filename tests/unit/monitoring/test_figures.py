"""The charts draw what was found."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from tests.unit.monitoring import small
from workbench.monitoring.figures import Chart, drift_heatmap, flagged_of_hundred, performance_over_time

DRAWINGS = (drift_heatmap, performance_over_time, flagged_of_hundred)


def _texts(chart: Chart) -> list[str]:
    return [text.get_text() for ax in chart.axes for text in ax.texts]


@pytest.mark.practice("L7")
def test_the_feature_that_drifted_most_often_stands_on_top() -> None:
    findings = [
        small.finding(8),
        small.finding(9, drifted=1),
        small.finding(10, drifted=2),
        small.finding(11),
    ]
    chart = drift_heatmap(findings[::-1])
    ax = chart.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["f0", "f1", "f2", "f3"]
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        "2026-11",
        "2026-10",
        "2026-09",
        "2026-08",
    ]
    codes = ax.images[0].get_array()
    assert codes is not None
    assert np.asarray(codes).tolist() == [[0, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert _texts(chart).count("0.30") == 3


@pytest.mark.practice("L7", "M8")
def test_performance_is_drawn_with_its_interval_over_the_share_of_positives() -> None:
    findings = [small.finding(8), small.finding(9, value=0.7), small.finding(10, verdict=None)]
    chart = performance_over_time(findings)
    ax, shares = chart.axes
    line = next(line for line in ax.lines if line.get_marker() == "o")
    assert np.asarray(line.get_ydata()).tolist() == [0.75, 0.7]
    spans = [[point[1] for point in span] for span in ax.collections[0].get_segments()]  # type: ignore[attr-defined]
    assert spans[1] == pytest.approx([0.68, 0.72])
    heights = [bar.get_height() for bar in shares.patches]
    assert heights[:2] == [25, 25]
    assert np.isnan(heights[2])


@pytest.mark.practice("L7")
def test_a_manager_reads_how_many_of_a_hundred_flagged_were_late() -> None:
    chart = flagged_of_hundred([small.finding(8)], things="flights", outcome="were late")
    assert _texts(chart) == ["45", "25"]
    assert chart.axes[0].get_title(loc="left") == "Of 100 flights we flagged, how many were late"


@pytest.mark.parametrize("draw", DRAWINGS)
def test_nothing_found_is_said_and_an_empty_month_leaves_a_gap(draw: Callable[..., Chart]) -> None:
    assert "nothing to show yet" in _texts(draw([]))
    assert draw([small.finding(8), small.finding(9, verdict=None)])._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_year_of_days_still_fits(draw: Callable[..., Chart]) -> None:
    width, height = draw([small.finding(month, features=60) for month in range(1, 13)] * 30).get_size_inches()
    assert width <= 16
    assert height <= 16


def test_a_notebook_shows_a_chart_without_pyplot() -> None:
    code = (
        "import sys; from tests.unit.monitoring import small; from workbench.monitoring import figures;"
        "from IPython.core.formatters import DisplayFormatter;"
        "shown, _ = DisplayFormatter().format(figures.drift_heatmap([small.finding(8)]));"
        "assert 'image/png' in shown, shown; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
