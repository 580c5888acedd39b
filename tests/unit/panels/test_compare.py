"""The compare panel: which runs it takes, what it finds to differ, and how it shows that without a kernel."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.pages import parse, shown
from tests.projects import make_project
from workbench.errors import UnknownName
from workbench.panels.compare import ComparePanel, compare
from workbench.panels.comparison import MetricPair, compare_runs, label
from workbench.project import Project
from workbench.tracking import runs
from workbench.tracking.runs import RunInfo
from workbench.tracking.sanitize import clean_html


def _run(number: int, **changes: Any) -> RunInfo:
    """The ``number``-th run of train; later ones have a higher number."""
    started = datetime(2024, 5, 17, 8, 30, tzinfo=UTC) + timedelta(hours=number)
    facts: dict[str, Any] = {
        "run_id": f"{number:04d}" * 8,
        "phase": "train",
        "status": "finished",
        "started_at": started,
        "ended_at": started + timedelta(seconds=42),
        "parent_run_id": "",
        "draft": False,
        "who": "maria",
        "code_version": "c0ffee",
        "report": "",
        "params": {"rounds": "60"},
        "metrics": {"boosting.roc_auc": 0.74, "boosting.log_loss": 0.51},
        "datasets": {"prepared": 3},
    }
    return RunInfo(**{**facts, **changes})


# -- what differs ----------------------------------------------------------------------------------


def test_differences_are_found_in_metrics_parameters_data_and_code() -> None:
    left = _run(1)
    right = _run(
        2,
        params={"rounds": "90", "seed": "1"},
        metrics={"boosting.roc_auc": 0.75, "boosting.log_loss": 0.51, "rows": 10.0},
        datasets={"prepared": 4},
        code_version="c0ffee+changed",
    )
    found = compare_runs(left, right)
    assert found.differing == ("rows", "boosting.roc_auc", "rounds", "seed", "prepared", "code")
    assert compare_runs(left, left).differing == ()


@pytest.mark.parametrize(
    ("name", "left", "right", "better"),
    [
        ("boosting.roc_auc", 0.70, 0.72, True),
        ("roc_auc", 0.72, 0.70, False),
        ("boosting.log_loss", 0.5, 0.4, True),
        ("brier", 0.1, 0.2, False),
        ("flagged_share", 0.1, 0.2, None),
        ("rows", 1.0, 2.0, None),
        ("roc_auc", 0.7, 0.7, None),
        ("roc_auc", None, 0.7, None),
        ("roc_auc", math.nan, 0.7, None),
    ],
)
def test_better_is_only_said_of_metrics_whose_direction_is_known(
    name: str, left: float | None, right: float | None, better: bool | None
) -> None:
    assert MetricPair(name, left, right).better is better


@pytest.mark.parametrize(
    ("left", "right", "change", "same"),
    [
        (1.0, 3.0, 2.0, False),
        (math.nan, math.nan, None, True),
        (None, None, None, True),
        (None, math.nan, None, False),
        (math.inf, 1.0, None, False),
        (0.0, 0.0, 0.0, True),
    ],
)
def test_changes_of_odd_numbers(
    left: float | None, right: float | None, change: float | None, same: bool
) -> None:
    pair = MetricPair("m", left, right)
    assert (pair.change, pair.same) == (change, same)
    assert -2 <= pair.share <= 2


# -- the table of a report -------------------------------------------------------------------------


def test_table_shows_what_differs_first_and_folds_the_rest() -> None:
    left = _run(1, params={"rounds": "60", "as_of": "2013-07-01"})
    right = _run(2, params={"rounds": "90", "as_of": "2013-07-01"}, metrics={"boosting.roc_auc": 0.7521})
    page = compare_runs(left, right)._repr_html_()
    before, _, folded = page.partition("<details>")
    rows = [row.text for row in shown(before, "tr")]
    assert "boosting.roc_auc0.74000.7521▲ +0.0121 better" in rows
    assert "boosting.log_loss0.5100–" in rows
    assert "rounds6090" in rows
    assert not [row for row in rows if "as_of" in row]
    assert [row.text for row in shown("<details>" + folded, "tr")][1:] == [
        "as_of2013-07-012013-07-01",
        "preparedv3v3",
        "codec0ffeec0ffee",
    ]


def test_counts_read_as_counts_and_small_numbers_keep_their_digits() -> None:
    left = _run(1, metrics={"rows": 327346.0, "latency": 0.00012, "odd": math.nan})
    right = _run(2, metrics={"rows": 327340.0, "latency": 0.00015, "odd": 1.5})
    rows = [row.text for row in shown(compare_runs(left, right)._repr_html_(), "tr")]
    assert "rows327,346327,340▼ −6" in rows
    assert "latency0.000120.00015▲ +3e-05" in rows
    assert "oddnan1.5000" in rows


def test_many_metrics_are_folded_after_the_first() -> None:
    left = _run(1, metrics={f"m{number:02d}": 1.0 for number in range(20)})
    right = _run(2, metrics={f"m{number:02d}": 2.0 for number in range(20)})
    before, _, after = compare_runs(left, right)._repr_html_().partition("<details>")
    assert before.count("▲") == 12
    assert after.startswith("<summary>8 more metrics that differ</summary>")
    assert after.partition("</details>")[0].count("▲") == 8


def test_equal_runs_say_so() -> None:
    assert "do not differ" in compare_runs(_run(1), _run(2))._repr_html_()


def test_longest_bar_belongs_to_the_largest_relative_change() -> None:
    left = _run(1, metrics={"a": 1.0, "b": 100.0, "c": 1.0})
    right = _run(2, metrics={"a": 1.5, "b": 101.0, "c": 0.5})
    page = compare_runs(left, right)._repr_html_()
    bars = [
        element.attributes["style"].split("px")[0].removeprefix("width: ")
        for element in shown(page, "div")
        if "height: 10px" in element.attributes.get("style", "")
    ]
    assert bars == ["37", "1", "56"]


def test_everything_from_a_run_is_escaped() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    left = _run(1)
    right = _run(
        2,
        run_id=hostile,
        phase=hostile,
        status=hostile,
        who=hostile,
        code_version=hostile,
        params={hostile: hostile},
        metrics={hostile: 1.0},
        datasets={hostile: 1},
    )
    page = compare_runs(left, right)._repr_html_()
    assert "img" not in {element.tag for element in parse(page)}
    assert hostile in next(shown(page, "div")).text


def test_a_report_keeps_the_table_as_it_is() -> None:
    page = compare_runs(_run(1), _run(2, params={"rounds": "90"}))._repr_html_()
    kept = str(clean_html(page))
    assert [row.text for row in shown(kept, "tr")] == [row.text for row in shown(page, "tr")]
    assert kept.count("border-bottom") == page.count("border-bottom")


# -- the choice ------------------------------------------------------------------------------------


def test_newest_run_with_metrics_is_compared_with_the_one_before_it_of_its_phase() -> None:
    offered = [_run(5, phase="serve", metrics={}), _run(4), _run(3, phase="validate"), _run(2), _run(1)]
    chosen = ComparePanel(offered).comparison
    assert chosen is not None
    assert (chosen.left, chosen.right) == (offered[3], offered[1])


def test_runs_are_chosen_by_the_beginning_of_their_id_and_exchanged() -> None:
    panel = ComparePanel([_run(3), _run(2), _run(1)], left="0001", right="0003")
    assert panel.choose(right="0002").right == _run(2)
    assert panel.choose(left="0003").right == _run(2)
    swapped = panel.swap()
    assert (swapped.left, swapped.right) == (_run(2), _run(3))


@pytest.mark.parametrize("start", ["9", "00"])
def test_an_unknown_or_ambiguous_id_is_refused(start: str) -> None:
    with pytest.raises(UnknownName, match="run"):
        ComparePanel([_run(2), _run(1)], left=start)


@pytest.mark.parametrize("offered", [[], [_run(1)]])
def test_with_fewer_than_two_runs_it_says_so(offered: list[RunInfo]) -> None:
    panel = ComparePanel(offered)
    assert "not two runs" in panel._repr_html_()
    assert "not two runs" in panel._repr_mimebundle_()["text/html"]
    with pytest.raises(UnknownName):
        panel.swap()


def test_drafts_are_marked_where_one_chooses() -> None:
    assert label(_run(1)) == "train · 17 May 2024, 09:30 UTC · finished · 00010001"
    assert "draft" in label(_run(1, draft=True))


# -- live, and in a report -------------------------------------------------------------------------


def test_the_panel_is_live_and_leaves_a_table_for_reports() -> None:
    panel = ComparePanel([_run(2, params={"rounds": "90"}), _run(1)])
    shown_as = panel._repr_mimebundle_()
    assert shown_as["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.widget.model_id
    assert shown_as["text/html"] == panel._repr_html_()
    assert shown_as["text/plain"] == "ComparePanel(00010001 against 00020002, 1 differences)"


def test_choosing_in_the_list_changes_the_table() -> None:
    panel = ComparePanel([_run(3, params={"rounds": "99"}), _run(2, params={"rounds": "90"}), _run(1)])
    choosers, table = panel.widget.children
    left, right, exchange = choosers.children
    assert (left.value, right.value) == (_run(2).run_id, _run(3).run_id)
    left.value = _run(1).run_id
    assert ">60<" in table.value
    assert ">99<" in table.value
    exchange.click()
    assert (left.value, right.value) == (_run(3).run_id, _run(1).run_id)
    chosen = panel.comparison
    assert chosen is not None
    assert (chosen.left.params["rounds"], chosen.right.params["rounds"]) == ("99", "60")
    assert table.value == panel._repr_html_()


# -- over a project --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with two runs of train in a pipeline run each, one of gather, and a draft."""
    project = make_project(tmp_path_factory.mktemp("panel") / "tiny", {"gather": [], "train": []})
    for rounds in (60, 90):
        parent = runs.start(project, runs.PIPELINE)
        runs.end(project, runs.start(project, "train", parent=parent, params={"rounds": rounds}), "finished")
        runs.end(project, parent, "finished")
    runs.end(project, runs.start(project, "gather"), "finished")
    runs.end(project, runs.start(project, "train", draft=True, params={"rounds": 7}), "finished")
    return project


def test_runs_of_a_project_are_offered_without_pipeline_runs_and_drafts(
    recorded: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(recorded.root)
    assert [run.phase for run in compare(recorded).offered] == ["gather", "train", "train"]
    panel = compare("train")
    assert [run.params["rounds"] for run in panel.offered] == ["90", "60"]
    assert panel.comparison is not None
    assert panel.comparison.differing == ("rounds",)
    with_drafts = compare("train", drafts=True).offered
    assert sorted(run.params["rounds"] for run in with_drafts if run.draft) == ["7"]


def test_an_unknown_phase_is_refused_with_the_nearest(
    recorded: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(recorded.root)
    with pytest.raises(UnknownName, match="did you mean 'train'"):
        compare("trian")
