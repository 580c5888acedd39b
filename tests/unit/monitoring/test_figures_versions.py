"""Charts of what happened to each version: drift, trend, quality, health, slices, shadows, opinions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from tests.unit.monitoring import watched
from workbench.monitoring import figures
from workbench.monitoring.drift import Distribution, DriftResult
from workbench.monitoring.figures import Chart
from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
from workbench.monitoring.performance import Performance
from workbench.monitoring.trend import FeatureTrend
from workbench.registry.gates.bootstrap import Interval


@pytest.fixture(scope="module")
def year() -> list[WindowFinding]:
    return watched.year()


def _champion(window: WindowFinding) -> VersionFinding:
    return window.versions[0]


def _performance(window: WindowFinding) -> Performance:
    found = _champion(window).performance
    assert found is not None
    return found


def _texts(chart: Chart) -> list[str]:
    return [text.get_text() for ax in chart.axes for text in ax.texts]


def _legend(chart: Chart) -> list[str]:
    return [text.get_text() for text in chart.legends[0].get_texts()]


@pytest.mark.practice("M8")
def test_quality_and_health_of_every_version_stand_on_one_picture(year: list[WindowFinding]) -> None:
    chart = figures.served_over_time(year)
    panels = [ax.get_ylabel() for ax in chart.axes]
    assert panels == [
        "roc auc",
        "drifted features, %",
        "predictions",
        "p99 latency, ms",
        "failed answers, %",
    ]
    assert _legend(chart) == ["champion v3", "champion v4", "shadow v4"]
    latency = chart.axes[3].lines
    assert [line.get_color() for line in latency] == [line.get_color() for line in chart.axes[2].lines]
    champion3, champion4, shadow4 = latency
    assert champion4.get_color() == shadow4.get_color() != champion3.get_color()
    assert np.asarray(shadow4.get_xdata()).tolist() == [5, 6, 7]
    assert np.asarray(champion4.get_xdata()).tolist() == [8, 9, 10, 11]
    assert np.asarray(champion4.get_ydata())[-1] == _champion(year[11]).health.p99_ms


def test_performance_tells_versions_promotions_and_labels_that_are_not_in(year: list[WindowFinding]) -> None:
    chart = figures.performance_over_time(year)
    assert _legend(chart) == ["expected", "champion v3", "champion v4", "shadow v4"]
    assert _texts(chart) == ["34% labelled", "v4 promoted"]
    hollow = [
        line for line in chart.axes[0].lines if line.get_markersize() == 3 and len(np.ravel(line.get_xdata()))
    ]
    assert [np.asarray(line.get_xdata()).tolist() for line in hollow] == [[11]]


@pytest.mark.practice("P11")
def test_a_trend_is_drawn_up_to_where_it_crosses_its_line(year: list[WindowFinding]) -> None:
    found = _champion(year[-1]).trend
    assert found is not None
    (climb,) = found.climbing
    ax = figures.trend(climb).axes[0]
    points, line, *_, crossing = ax.lines
    assert np.asarray(points.get_ydata()) == pytest.approx(100 * np.array(climb.levels), nan_ok=True)
    assert np.asarray(line.get_ydata())[-1] >= 100
    assert np.asarray(crossing.get_xdata()) == pytest.approx([11 + climb.windows_left])
    assert ax.get_xticklabels()[-1].get_text().startswith("+")
    nothing = figures.trend(FeatureTrend("wind", "inconclusive", "fewer than 4 windows"))
    assert _texts(nothing) == ["fewer than 4 windows"]


def test_a_distribution_stands_beside_its_reference(year: list[WindowFinding]) -> None:
    drift = _champion(year[-1]).drift
    chart = figures.distribution(drift, "temperature", window="2013-12")
    assert _legend(chart) == ["reference", "2013-12"]
    heights = [bar.get_height() for bar in chart.axes[0].patches]  # type: ignore[attr-defined]
    assert sum(heights[:10]) == pytest.approx(100)
    assert sum(heights[10:]) == pytest.approx(100)
    few = Distribution(("EWR", "JFK"), (0.4, 0.6), (0.5, 0.5))
    lying = figures.distribution(dataclasses.replace(drift, distributions={"origin": few}), "origin")
    widths = [bar.get_width() for bar in lying.axes[0].patches]  # type: ignore[attr-defined]
    assert widths == pytest.approx([40, 60, 50, 50])


def test_slices_that_dropped_stand_on_top_and_calibration_on_its_diagonal(year: list[WindowFinding]) -> None:
    found = _performance(year[7])
    chart = figures.slices(found)
    names = [label.get_text() for label in chart.axes[0].get_yticklabels()]
    assert names == ["origin LGA", "origin EWR", "origin JFK"]
    assert _legend(chart)[:2] == ["held", "dropped"]
    curve = figures.calibration_curve(found)
    assert curve.axes[0].get_title(loc="left") == "Calibration error 0.030, 0.050 is allowed"


def test_a_shadow_is_drawn_by_its_difference_in_its_own_colour(year: list[WindowFinding]) -> None:
    chart = figures.champion_beside_shadow(year)
    assert _legend(chart) == ["v4 less the champion"]
    top, below = (next(line for line in ax.lines if line.get_marker() == "o") for ax in chart.axes)
    assert np.asarray(top.get_ydata()) == pytest.approx([0.01, 0.02, 0.03])
    assert np.asarray(below.get_ydata()) == pytest.approx([6, 6, 6])
    assert top.get_color() == figures.served_over_time(year).axes[2].lines[-1].get_color()


def test_opinions_are_told_by_user_group(year: list[WindowFinding]) -> None:
    found = _champion(year[-1]).opinions
    assert found is not None
    names = [label.get_text() for label in figures.opinions_by_group(found).axes[0].get_yticklabels()]
    assert names == ["gate (30)", "no group named (12)"]
    unrated = dataclasses.replace(found.groups[0], rating=Interval(np.nan, np.nan, np.nan))
    none = dataclasses.replace(found, groups=(unrated,))
    assert _texts(figures.opinions_by_group(none)) == ["nobody gave a rating"]


def test_of_five_hundred_features_those_are_drawn_that_drifted() -> None:
    months = watched.year(windows=3, features=500)
    chart = figures.drift_heatmap(months)
    rows = len(chart.axes[0].get_yticklabels())
    assert rows == 10
    assert chart.axes[0].get_xlabel() == "10 of 501 features; the others never drifted"


@pytest.mark.parametrize("draw", [figures.served_over_time, figures.champion_beside_shadow])
def test_nothing_found_is_said(draw: Callable[..., Chart]) -> None:
    (says,) = _texts(draw([]))
    assert says in ("nothing to show yet", "no shadow answered beside the champion")


def test_what_has_no_figures_is_drawn_all_the_same(year: list[WindowFinding]) -> None:
    bare = dataclasses.replace(_performance(year[0]), slices=(), calibration=None, value=np.nan)
    assert _texts(figures.slices(bare)) == ["no slice has labels yet"]
    assert _texts(figures.calibration_curve(bare)) == ["no labels to hold scores against"]
    without_reference = DriftResult.of([], 9000, 0, {})
    alone = dataclasses.replace(_champion(year[0]), drift=without_reference, performance=bare)
    windows = [dataclasses.replace(year[0], versions=(alone,)), dataclasses.replace(year[1], versions=())]
    for draw in (figures.served_over_time, figures.performance_over_time, figures.drift_heatmap):
        assert draw(windows).png().startswith(b"\x89PNG")


def test_names_are_data_and_no_formulas(year: list[WindowFinding]) -> None:
    odd = watched.year(windows=2, rename=("$\\frac{1", "a" * 300, "new\nline"))
    drift = odd[-1].versions[0].drift
    for chart in (figures.drift_heatmap(odd), figures.distribution(drift, "$\\frac{1")):
        assert chart.png().startswith(b"\x89PNG")
