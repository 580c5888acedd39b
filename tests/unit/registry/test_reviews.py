"""Remarks on reports and sign-offs: what they are bound to, what becomes of them, and where they show."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest

from tests.pages import HOSTILE, code, manifest, markdown, notebook, parse, shown
from tests.projects import make_project
from workbench.errors import UsageError
from workbench.project import Project
from workbench.registry import reviews
from workbench.registry.reviews import ReportReview
from workbench.site.index import build_index
from workbench.store import backlog
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database
from workbench.tracking import reports
from workbench.tracking.html import render

CLOCK = SimulatedClock(datetime(2026, 1, 1, tzinfo=UTC))
pytestmark = pytest.mark.practice("T3")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "tiny", {"gather": [], "train": []})


@pytest.fixture
def folder(project: Project) -> Path:
    return _publish(project)


@pytest.fixture
def report(project: Project, folder: Path) -> ReportReview:
    assert reviews.look(project, "train").folder == folder
    return reviews.look(project, str(folder))


def _publish(project: Project, *, note: str = "x") -> Path:
    made = manifest(project=project.name, notes={"summary": note})
    nb = notebook(markdown("# Train"), code("a = 1"), code("b = 2", tags=["injected-parameters"]), code("c"))
    html = render(nb, title="train", manifest=made)
    return reports.publish(project.reports, made, nbformat.writes(nb), html)


def _page(folder: Path) -> str:
    return (folder / reports.HTML).read_text(encoding="utf-8")


def test_a_report_that_nobody_looked_at_has_no_review(project: Project, report: ReportReview) -> None:
    assert (report.remarks, report.sign_offs, report.cells) == ((), (), 3)
    before = _page(report.folder)
    assert reviews.write_pages(project) == 0
    assert _page(report.folder) == before


def test_a_sign_off_is_bound_to_what_the_report_was(project: Project, report: ReportReview) -> None:
    signed = reviews.sign_off(project, report, actor="ada", clock=CLOCK)
    assert [(each.signed.actor, each.state) for each in signed.sign_offs] == [("ada", "counts")]
    with pytest.raises(UsageError, match=r"ada .* has signed the report of train a1b2c3d4 off already"):
        reviews.sign_off(project, report, actor="ada", clock=CLOCK)
    executed = report.folder / reports.NOTEBOOK
    executed.write_text(executed.read_text().replace("a = 1", "a = 2"))
    (lapsed,) = reviews.look(project, "train").sign_offs
    assert lapsed.state == "lapsed"
    # What was looked at before the change is what is signed, so this has lapsed from the start.
    late = reviews.sign_off(project, report, actor="grace", clock=CLOCK)
    assert [each.state for each in late.sign_offs] == ["lapsed", "lapsed"]
    anew = reviews.sign_off(project, late, actor="ada", clock=CLOCK)
    assert [(each.signed.actor, each.state) for each in anew.sign_offs] == [
        ("grace", "lapsed"),
        ("ada", "counts"),
    ]


def test_only_ones_own_sign_off_is_withdrawn_and_the_history_stays(
    project: Project, report: ReportReview
) -> None:
    with pytest.raises(UsageError, match="nothing to withdraw"):
        reviews.sign_off(project, report, withdraw=True, actor="ada", clock=CLOCK)
    reviews.sign_off(project, report, actor="ada", clock=CLOCK)
    with pytest.raises(UsageError, match=r"grace .* has not signed"):
        reviews.sign_off(project, report, withdraw=True, actor="grace", clock=CLOCK)
    now = reviews.sign_off(project, report, withdraw=True, actor="ada", clock=CLOCK)
    assert [each.state for each in now.sign_offs] == ["withdrawn"]
    assert [each.withdrawn for each in now.history] == [False, True]
    assert [each["what"] for each in now.to_dict()["history"]] == ["signed off", "withdrawn"]


def test_who_ran_it_is_told_apart(project: Project, report: ReportReview) -> None:
    reviews.sign_off(project, report, actor="maria", clock=CLOCK)
    now = reviews.sign_off(project, report, actor="ada", clock=CLOCK)
    assert [now.is_authors(each) for each in now.sign_offs] == [True, False]
    assert "maria (claimed) 1 Jan 2026, 00:00 UTC · ran it, too" in next(shown(_page(now.folder), "ul")).text


@pytest.mark.practice("T2")
def test_a_remark_that_asks_lands_on_the_backlog_and_its_end_stands_beside_it(
    project: Project, report: ReportReview
) -> None:
    reviews.remark(project, report, "nice", actor="ada", clock=CLOCK)
    asked = reviews.remark(project, report, "split by day", cell=3, asks=True, actor="ada", clock=CLOCK)
    again = reviews.remark(project, report, "split by day", cell=3, asks=True, actor="ada", clock=CLOCK)
    assert [each.became for each in asked.remarks] == ["", "open"]
    assert again.remarks == asked.remarks  # a second click says nothing new
    database = open_database(project)
    with database.write() as connection:
        (item,) = backlog.items(connection, project.name)
        backlog.close(connection, item, "v8 does", by="grace", at=CLOCK.now())
    assert (item.kind, item.title, item.subject) == (
        "review",
        "split by day",
        "report of train a1b2c3d4, cell 3",
    )
    assert f"run {report.run_id}" in item.links
    now = reviews.look(project, "train")
    assert now.remarks[1].became == "closed by grace: v8 does"
    assert reviews.write_pages(project, item.id + 1) == 0
    assert reviews.write_pages(project, item.id) == 1
    assert "backlog 1: closed by grace: v8 does" in next(shown(_page(now.folder), "ul")).text


def test_a_remark_has_words_and_a_cell_that_is_there(project: Project, report: ReportReview) -> None:
    for text, cell, expected in (
        (" ", None, "a remark needs words"),
        ("x", 4, "has no cell 4: they are 1 to 3"),
        ("x", 0, "has no cell 0"),
    ):
        with pytest.raises(UsageError, match=expected):
            reviews.remark(project, report, text, cell=cell, actor="ada", clock=CLOCK)
    assert reviews.look(project, "train").remarks == ()


def test_the_page_shows_it_once_below_its_head_and_in_the_list(
    project: Project, report: ReportReview
) -> None:
    before = _page(report.folder)
    for text in ("first", "second"):
        now = reviews.remark(project, report, text, cell=1, actor="ada", clock=CLOCK)
    reviews.sign_off(project, report, actor="ada", clock=CLOCK)
    page = _page(now.folder)
    assert page.count('id="review"') == 1
    assert [link.attributes["href"] for link in shown(page, "a") if "#cell-1" in link.attributes["href"]] == [
        "#cell-1",
        "#cell-1",
    ]
    block = page[page.index("<!-- review -->") : page.index("<!-- /review -->") + len("<!-- /review -->")]
    assert page.replace(block, "") == before
    (link,) = (
        each for each in shown(build_index(project).read_text(), "a") if "#review" in each.attributes["href"]
    )
    assert link.text == "signed off by ada · 2 remarks"
    assert reviews.identity(report.folder) == report.identity  # the page is no part of what is signed


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_said_is_text(project: Project, report: ReportReview, name: str) -> None:
    text = HOSTILE[name] + "<!-- /review --><!-- review -->"
    before = parse(_page(report.folder))
    reviews.remark(project, report, text, actor=text, asks=True, clock=CLOCK)
    reviews.sign_off(project, reviews.look(project, "train"), actor=text, clock=CLOCK)
    page = _page(report.folder)
    allowed = {element.tag for element in before} | {"style"}
    assert {element.tag for element in parse(page)} <= allowed | {"ul", "li", "span", "section", "h2", "a"}
    assert " ".join(text.split()) in " ".join(next(shown(page, "section", "review")).text.split())
    reviews.remark(project, report, "and then", actor="ada", clock=CLOCK)
    assert _page(report.folder).count('id="review"') == 1
    assert len(json.dumps(reviews.look(project, "train").to_dict())) > len(text)


def test_a_page_that_is_gone_or_not_ours_is_left_alone(project: Project, report: ReportReview) -> None:
    (report.folder / reports.HTML).write_text("<p>something else</p>")
    reviews.remark(project, report, "x", actor="ada", clock=CLOCK)
    assert _page(report.folder) == "<p>something else</p>"
    (report.folder / reports.HTML).unlink()
    now = reviews.remark(project, report, "y", actor="ada", clock=CLOCK)
    assert [each.said.text for each in now.remarks] == ["x", "y"]
    (report.folder / reports.MANIFEST).unlink()
    assert reviews.write_pages(project) == 0
    assert build_index(project).is_file()


def test_a_page_that_cannot_be_written_takes_nothing_back(
    project: Project, report: ReportReview, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.registry.reviews import page

    monkeypatch.setattr(page, "_WAIT_SECONDS", 0)
    before = _page(report.folder)
    with page.turn(project):  # somebody else is at it, and does not end
        now = reviews.remark(project, report, "x", asks=True, actor="ada", clock=CLOCK)
        reviews.show_item(project, 1)
    assert [each.said.text for each in now.remarks] == ["x"]
    assert _page(report.folder) == before
    reviews.show_item(project, 1)
    assert "backlog 1: open" in _page(report.folder)


def test_people_who_speak_at_once_all_stand_on_the_page(project: Project, report: ReportReview) -> None:
    def say(number: int) -> None:
        reviews.remark(project, report, f"remark {number}", actor=f"person {number}", clock=CLOCK)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(say, range(12)))
    said = next(shown(_page(report.folder), "ul")).text
    assert all(f"remark {number}" in said for number in range(12))
