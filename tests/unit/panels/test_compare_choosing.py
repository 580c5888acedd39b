"""What a person ticks, chooses and opens in the compare panel, and what is made anew for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.projects import make_project
from tests.unit.panels.recorded import record
from tests.unit.panels.widgets import find, walk
from workbench.panels.compare import figures, parts
from workbench.panels.compare.panel import ComparePanel, compare
from workbench.panels.compare.parts import CHARTS, CURVES, NOTEBOOKS
from workbench.project import Project
from workbench.tracking import curves


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = make_project(tmp_path_factory.mktemp("choosing") / "tiny", {"train": [], "other": []})
    record(made, "other", metrics={"rows": 5.0})
    for rate in (1, 2, 3, 4):
        record(made, params={"rate": rate}, metrics={"score": float(rate)})
    return made


@pytest.fixture
def panel(project: Project) -> ComparePanel:
    return compare(project)


def _rates(panel: ComparePanel) -> list[str]:
    return [run.params.get("rate", "none") for run in panel.chosen]


def _tick(panel: ComparePanel, row: int, chosen: bool = True) -> None:
    """A box of the page; the newest run, of rate 4, is in row 0."""
    boxes = [item for item in walk(panel.widget) if type(item).__name__ == "Checkbox"]
    boxes[row].value = chosen


# -- ticks -----------------------------------------------------------------------------------------


def test_the_first_tick_takes_the_place_of_the_pair_that_nobody_chose(panel: ComparePanel) -> None:
    assert _rates(panel) == ["3", "4"]
    _tick(panel, 3)
    assert _rates(panel) == ["1"]
    _tick(panel, 2)
    assert _rates(panel) == ["1", "2"]
    _tick(panel, 3, chosen=False)
    assert _rates(panel) == ["2"]


def test_a_pair_of_which_one_is_taken_away_was_chosen(project: Project, panel: ComparePanel) -> None:
    _tick(panel, 0, chosen=False)
    _tick(panel, 3)
    assert _rates(panel) == ["3", "1"]
    ids = [run.run_id for run in panel.chosen]
    asked_for = compare(project, left=ids[0], right=ids[1])
    _tick(asked_for, 0)
    assert _rates(asked_for) == ["3", "1", "4"]


def test_of_more_than_two_the_last_two_are_compared_and_that_is_said(panel: ComparePanel) -> None:
    for row in (3, 2, 1):
        _tick(panel, row)
    assert panel.comparison is not None
    assert panel.comparison.left.params == {"rate": "2"}
    assert "Of the 3 chosen runs, the last 2 are shown" in panel._repr_html_()
    find(panel.widget, "Exchange").click()
    assert _rates(panel) == ["1", "3", "2"]
    panel.part = NOTEBOOKS
    assert "the last 2 are shown" in panel._repr_html_()


def test_all_can_be_given_up_also_those_that_a_filter_hides(panel: ComparePanel) -> None:
    clear = find(panel.widget, "Clear")
    assert clear.description == "Clear (2 chosen)"
    find(panel.widget, "Runs where").value = "rate < 2"
    clear.click()
    assert _rates(panel) == []
    assert clear.layout.display == "none"


def test_those_that_find_no_room_are_told(panel: ComparePanel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_MOST_RUNS", 1)
    panel.part = CURVES
    page = panel._repr_html_()
    assert "Of the 2 chosen runs, the last 1 are shown" in page
    assert page.count("no curves were kept") == 1


@pytest.mark.parametrize(
    ("by", "row", "where", "found"),
    [
        ("phase", 1, '"phase" = "train" and rate > 1', ["4", "3", "2"]),
        ("params.rate", 1, '"params.rate" = "3" and rate > 1', ["3"]),
        ("metrics.score", 0, '"metrics.score" = "2.0" and rate > 1', ["2"]),
    ],
)
def test_a_group_that_is_ticked_is_opened(
    panel: ComparePanel, by: str, row: int, where: str, found: list[str]
) -> None:
    find(panel.widget, "Runs where").value = "rate > 1"
    find(panel.widget, "Group by").value = by
    _tick(panel, min(row, len(panel.shown.groups) - 1))
    assert (panel.shown.view.where, panel.shown.view.group, panel.problem) == (where, "", "")
    assert [panel.table.run(each).params["rate"] for each in panel.shown.page_rows] == found
    assert _rates(panel) == ["3", "4"]


def test_a_group_of_runs_that_have_no_value_is_opened(panel: ComparePanel) -> None:
    find(panel.widget, "Group by").value = "params.rate"
    assert panel.shown.groups[-1].value is None
    _tick(panel, 4)
    assert [panel.table.run(each).phase for each in panel.shown.page_rows] == ["other"]


# -- the metric of the charts ----------------------------------------------------------------------


def test_the_metric_in_the_box_is_the_one_that_is_drawn(panel: ComparePanel) -> None:
    metric = find(panel.widget, "Metric")
    metric.value = "score"
    find(panel.widget, "Runs where").value = "phase = other"
    assert (metric.value, panel.shown.view.metric) == ("score", "score")
    find(panel.widget, "Runs where").value = ""
    assert (metric.value, panel.shown.view.metric) == ("score", "score")


def test_a_metric_that_comes_later_is_drawn(tmp_path: Path) -> None:
    project = make_project(tmp_path / "later", {"train": []})
    panel = compare(project)
    metric = find(panel.widget, "Metric")
    record(project, metrics={"score": 1.0})
    find(panel.widget, "Refresh").click()
    assert (metric.value, panel.shown.view.metric) == ("score", "score")


# -- what is made anew -----------------------------------------------------------------------------


def test_charts_are_drawn_anew_only_when_they_would_be_others(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(figures, "over_time", lambda shown, metric: drawn.append(metric))
    panel = compare(project, part=CHARTS, metric="score")
    find(panel.widget, "score").click()  # a head: sort by it
    panel._repr_html_()
    find(panel.widget, "Group by").value = "phase"
    assert drawn == ["score"]
    find(panel.widget, "Metric").value = "rows"
    find(panel.widget, "Runs where").value = "rate > 1 or phase = other"
    find(panel.widget, "Clear").click()
    assert drawn == ["score", "rows", "rows", "rows"]
    find(panel.widget, "Refresh").click()
    assert drawn == ["score", "rows", "rows", "rows", "rows"]


def test_curves_are_read_anew_for_other_runs_only_and_again_after_a_fault(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def fail(text: str) -> Any:
        read.append(text)
        raise OSError("away")

    panel = compare(project, part=CURVES)
    monkeypatch.setattr(curves, "read_curves", lambda text: read.append(text) or {})
    find(panel.widget, "Runs where").value = "rate > 0"
    assert len(read) == 2
    find(panel.widget, "Runs where").value = "rate > 1"
    assert len(read) == 2
    monkeypatch.setattr(curves, "read_curves", fail)
    _tick(panel, 2)
    panel._repr_html_()
    assert len(read) == 4
