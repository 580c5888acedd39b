"""The compare panel: which runs it finds and in what order, what it shows of them, and when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages import parse, shown
from tests.projects import make_project
from tests.unit.panels.conftest import Recorded
from tests.unit.panels.recorded import HOSTILE, record
from workbench.errors import UnknownName, UsageError
from workbench.panels.compare import markup
from workbench.panels.compare.panel import ComparePanel, compare
from workbench.panels.compare.parts import CHARTS, CURVES, PARTS, SLICES
from workbench.tracking.sanitize import clean_html


@pytest.fixture
def panel(recorded: Recorded) -> ComparePanel:
    return compare(recorded.project)


def _ids(panel: ComparePanel) -> list[str]:
    return panel.table.columns["run_id"].values[panel.shown.rows].tolist()


def _names(panel: ComparePanel) -> list[str]:
    return [column.name for column in panel.shown.columns]


# -- which runs ------------------------------------------------------------------------------------


def test_all_runs_are_found_but_pipeline_runs_drafts_and_deleted_ones(
    panel: ComparePanel, recorded: Recorded
) -> None:
    newest_first = [recorded.bare, recorded.odd, recorded.second, recorded.first, recorded.gather]
    assert _ids(panel) == newest_first
    assert recorded.draft in _ids(compare(recorded.project, drafts=True))


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("phase = gather", ["gather"]),
        ("rate > 0.05", ["odd", "first"]),
        ("rate >= 0.02 and rate<=0.1", ["second", "first"]),
        ("rate = 0.10", ["first"]),
        ("params.kind = B", ["second"]),
        ('kind != "a" and roc_auc > 0', ["second"]),
        ("kind ~ onerror", ["odd"]),
        ("kind !~ onerror and phase = train", ["bare", "second", "first"]),
        ("roc_auc >= 0.7", ["second", "first"]),
        ("roc_auc = nan", ["odd"]),
        ("loss = inf", ["odd"]),
        ("failed", ["odd"]),
        ("started_at > 2020-01-01 and status = failed", ["odd"]),
        ("started_at < 2020-01-01", []),
        ("started_at != 2020-01-01 and failed", ["odd"]),
        ("train and seed = 1", ["bare", "odd", "second", "first"]),
        ('"roc_auc" > 0.72', ["second"]),
        ("rate = 0.1 or kind = b", ["second", "first"]),
        ("phase = gather or rate > 0.05 and rate < 0.2", ["first", "gather"]),
        ("tags.team = blue or tags.team ~ e and rate < 0.05", ["second", "first"]),
        ('kind = "a or b" OR failed', ["odd"]),
        ("tags.team = blue", ["first"]),
        ("tags.team ~ e and rate > 0", ["second", "first"]),
    ],
)
def test_conditions_choose_runs(
    panel: ComparePanel, recorded: Recorded, where: str, found: list[str]
) -> None:
    panel.look(where=where)
    assert panel.problem == ""
    assert _ids(panel) == [getattr(recorded, name) for name in found]


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("rat > 1", "did you mean"),
        ("kind > 1", "is no number"),
        ("rate > much", "takes a number"),
        ("started_at > yesterday", "a time is written"),
        ("started_at = today", "a time is written"),
        ("rate >", "cannot be read"),
        ("and and", "cannot be read"),
        ("rate > 0 or", "cannot be read"),
        ("or rate > 0", "cannot be read"),
        ("rate = 1 = 2", "cannot be read"),
        ('rate = "0.1', "cannot be read"),
    ],
)
def test_a_filter_that_cannot_be_read_is_told_and_changes_nothing(
    panel: ComparePanel, where: str, says: str
) -> None:
    before = _ids(panel)
    panel.look(where=where)
    assert says in panel.problem
    assert _ids(panel) == before


def test_a_phase_narrows_each_side_of_an_or(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recorded.project.root)
    found = compare("train", where='rate = 0.1 or kind = b or "fail"')
    assert _ids(found) == [recorded.odd, recorded.second, recorded.first]
    assert _ids(compare("gather", where="rate = 0.1 or kind = b")) == []


def test_runs_are_sorted_by_any_column_and_those_without_a_value_come_last(
    panel: ComparePanel, recorded: Recorded
) -> None:
    without = [recorded.bare, recorded.odd, recorded.gather]
    panel.sort_by("metrics.roc_auc")
    assert _ids(panel) == [recorded.second, recorded.first, *without]
    panel.sort_by("metrics.roc_auc")
    assert _ids(panel) == [recorded.first, recorded.second, *without]
    panel.sort_by("params.rate")
    assert _ids(panel)[:3] == [recorded.odd, recorded.first, recorded.second]
    panel.sort_by("started_at")
    panel.sort_by("started_at")
    assert _ids(panel)[0] == recorded.gather


def test_columns_that_differ_are_shown_and_the_others_are_told(panel: ComparePanel) -> None:
    panel.look(where="phase = train and roc_auc > 0")
    assert {"params.rate", "params.kind", "metrics.roc_auc"} < {*_names(panel)}
    assert not {"phase", "status", "params.seed"} & {*_names(panel)}
    assert "params.seed: 1" in markup.about(panel.shown)
    panel.look(where="")
    assert {"phase", "status", "params.seed"} < {*_names(panel)}


def test_runs_are_taken_together_by_what_they_have_in_common(panel: ComparePanel) -> None:
    panel.look(where="phase = train", group="status")
    groups = {group.value: group for group in panel.shown.groups}
    assert {value: group.count for value, group in groups.items()} == {"finished": 3, "failed": 1}
    assert groups["finished"].means["metrics.roc_auc"] == pytest.approx(0.725)
    rows = [row.text for row in shown(panel._repr_html_(), "tr")]
    assert any(row.startswith("finished3") for row in rows)
    panel.sort_by("metrics.roc_auc")
    assert [group.value for group in panel.shown.groups] == ["finished", "failed"]


def test_many_runs_come_in_pages(tmp_path: Path) -> None:
    project = make_project(tmp_path / "many", {"train": []})
    for number in range(23):
        record(project, params={"rate": number})
    panel = compare(project)
    assert markup.page_of(panel.shown) == "runs 1–20 of 23"
    panel.look(page=1)
    assert len(panel.shown.page_rows) == 3
    panel.look(page=7)
    assert panel.shown.view.page == 1
    panel.look(where="rate > 20")
    assert (panel.shown.view.page, markup.page_of(panel.shown)) == (0, "runs 1–2 of 2 (23 in all)")
    panel.look(where="rate > 99")
    assert "no run is like that" in panel._repr_html_()


# -- two of them -----------------------------------------------------------------------------------


def test_newest_run_that_measured_is_compared_with_the_one_before_it_of_its_phase(
    panel: ComparePanel, recorded: Recorded
) -> None:
    assert panel.comparison is not None
    assert (panel.comparison.left.run_id, panel.comparison.right.run_id) == (recorded.second, recorded.odd)


def test_runs_are_chosen_by_the_beginning_of_their_id_and_exchanged(recorded: Recorded) -> None:
    panel = compare(recorded.project, left=recorded.first[:12], right=recorded.second[:12])
    assert [run.run_id for run in panel.chosen] == [recorded.first, recorded.second]
    swapped = panel.swap()
    assert swapped is not None
    assert swapped.left.params["rate"] == "0.02"
    chosen = panel.choose(recorded.gather[:10], recorded.odd[:10])
    assert chosen is not None
    assert chosen.left.phase == "gather"


def test_what_is_not_there_is_refused(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recorded.project.root)
    with pytest.raises(UnknownName, match="run"):
        compare(left="xyz")
    with pytest.raises(UnknownName, match="did you mean 'train'"):
        compare("trian")
    with pytest.raises(UnknownName, match="column"):
        compare(sort="-accuracy")
    with pytest.raises(UnknownName, match="part"):
        compare(part="everything")
    with pytest.raises(UsageError):
        compare(where="rate >")
    assert {run.phase for run in compare("train").chosen} == {"train"}


def test_with_no_runs_it_says_so(tmp_path: Path) -> None:
    panel = compare(make_project(tmp_path / "none", {"train": []}))
    page = panel._repr_mimebundle_()["text/html"]
    assert "there are no runs yet" in page
    assert "Choose two runs" in page
    assert panel.comparison is None


# -- in a report -----------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
def test_every_part_can_be_kept_in_a_report(recorded: Recorded, part: str) -> None:
    panel = compare(recorded.project, part=part, metric="roc_auc")
    page = panel._repr_html_()
    kept = str(clean_html(page))
    assert [row.text for row in shown(kept, "tr")] == [row.text for row in shown(page, "tr")]
    assert len([*shown(kept, "img")]) == len([*shown(page, "img")])


def test_what_runs_hold_is_shown_as_text(recorded: Recorded) -> None:
    panel = compare(recorded.project, left=recorded.first, right=recorded.odd)
    for page in (panel._repr_html_(), markup.body(panel.shown)):
        assert "img" not in {element.tag for element in parse(page)}
    panel.look(where='kind ~ "<img"')
    assert HOSTILE in next(shown(panel._repr_html_(), "div")).text


def test_charts_are_drawn_of_what_is_finite(recorded: Recorded) -> None:
    panel = compare(recorded.project, metric="roc_auc", part=CHARTS)
    assert len([*shown(panel._repr_html_(), "img")]) == 3
    panel.look(where="phase = gather")
    assert "nothing to draw" in panel._repr_html_()


def test_parts_say_what_is_missing(recorded: Recorded) -> None:
    panel = compare(recorded.project, part=CURVES)
    assert "no curves were kept" in panel._repr_html_()
    panel.part = SLICES
    assert "Choose runs that trained or validated" in panel._repr_html_()


# -- live ------------------------------------------------------------------------------------------


def test_the_panel_is_live_and_leaves_a_picture_for_reports(panel: ComparePanel, recorded: Recorded) -> None:
    shown_as = panel._repr_mimebundle_()
    assert shown_as["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.widget.model_id
    assert shown_as["text/html"] == panel._repr_html_()
    pair = f"{recorded.second[:8]} against {recorded.odd[:8]}"
    assert shown_as["text/plain"] == f"ComparePanel(5 of 6 runs; {pair})"
