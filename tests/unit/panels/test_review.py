"""The review panel: judging blindly, remarks and sign-offs, the backlog; and when the store is away."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pages import parse, shown
from tests.unit.monitoring.judged.asked import HOSTILE, LOG, ask, know, make
from tests.unit.panels.reviewing import panel_of, publish, put
from workbench.errors import UnknownName, UsageError
from workbench.monitoring import judged
from workbench.panels.review import ReviewPanel, review, said
from workbench.panels.review import judged as shown_rows
from workbench.project import Project
from workbench.store.database import open_database
from workbench.tracking import reports
from workbench.tracking.sanitize import clean_html


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = make(tmp_path / "late")
    ask(made)
    know(made, p0_0=1.0, p0_1=0.0)
    return made


@pytest.fixture
def panel(project: Project) -> ReviewPanel:
    return review(of=project)


def _away(project: Project) -> None:
    """The database cannot be opened any more; a connection that was kept would still read what it was."""
    database, file = open_database(project), project.state / "workbench.db"
    file.rename(file.with_suffix(".away"))
    file.mkdir()
    database.close()


def _back(project: Project) -> None:
    (project.state / "workbench.db").rmdir()
    (project.state / "workbench.away").rename(project.state / "workbench.db")


# -- live predictions ----------------------------------------------------------------------------


@pytest.mark.practice("P7")
def test_rows_are_judged_one_after_the_other_and_each_is_kept_before_the_next(
    panel: ReviewPanel, project: Project
) -> None:
    of = panel.predictions
    first, second, third = of.answers[:3]
    for answer, verdict in ((first, "right"), (second, "wrong"), (third, "can't say")):
        assert of.current == answer
        assert of.judge(verdict, "")  # type: ignore[arg-type]
        assert judged.judged(project, LOG)[-1].prediction_id == answer.prediction_id
    assert of.at == 3
    again = review(of=project).predictions
    assert (again.at, len(again.mine)) == (3, 3)  # goes on where one stopped
    of.move(-99)
    assert of.current == first
    assert of.judge("wrong", "on second thoughts")
    assert of.mine[first.prediction_id].verdict == "wrong"
    assert of.at == 3  # the next that nobody judged yet
    assert [share.wrong for share in of.figures.drawn] == [2]


@pytest.mark.practice("P7")
def test_what_turned_out_and_what_others_said_is_hidden_until_it_is_judged(project: Project) -> None:
    ada, grace = panel_of(project, "ada"), panel_of(project, "grace")
    at = next(n for n, answer in enumerate(ada.predictions.answers) if answer.prediction_id == "0-0")
    for each in (ada, grace):
        each.predictions.at = at
    answer = ada.predictions.answers[at]
    assert (answer.truth, answer.decided) == ("late", "not late")
    assert ada.predictions.judge("wrong", "it snowed")
    grace.refresh()
    grace.predictions.at = at
    for told in (
        shown_rows.answer(grace.predictions),
        shown_rows.last(grace.predictions),
        grace._repr_html_(),
    ):
        assert "turned out" not in told
    assert (grace.predictions.truth(answer), grace.predictions.others(answer)) == ("", [])
    assert "it snowed" not in shown_rows.answer(grace.predictions)
    assert grace.predictions.judge("right")
    assert "it turned out <b>late</b>" in shown_rows.last(grace.predictions)
    grace.predictions.at = at
    told = shown_rows.answer(grace.predictions)
    assert "ada (claimed) said" in told
    assert "it snowed" in told


def test_when_all_are_judged_the_last_row_stays(panel: ReviewPanel) -> None:
    of = panel.predictions
    for _ in of.answers:
        assert of.judge("right")
    assert len(of.mine) == len(of.answers) == 12
    assert "You said" in shown_rows.answer(of)


@pytest.mark.practice("T2", "P7")
def test_what_is_wrong_goes_on_the_backlog_by_one_click_and_once(project: Project) -> None:
    ada = panel_of(project, "ada")
    assert ada.predictions.judge("wrong")
    assert not ada.predictions.may_put
    assert ada.predictions.put() is None
    assert "say in the remark what is wrong" in ada.predictions.problem
    ada.predictions.move(-99)
    assert ada.predictions.judge("wrong", HOSTILE)
    assert ada.predictions.may_put
    first, again = ada.predictions.put(), ada.predictions.put()
    assert first is not None
    assert again == first
    assert "It is item 1 of the backlog" in shown_rows.last(ada.predictions)
    ada.items.load()
    assert [item.links[0] for item in ada.items.found] == [
        f"prediction {ada.predictions.answers[0].prediction_id}"
    ]


def test_what_is_personal_or_no_number_or_hostile_is_shown_as_such(tmp_path: Path) -> None:
    project = make(tmp_path / "late")
    outputs = np.column_stack([[0.1, 0.2, 0.3], [np.nan, np.inf, 0.7]])
    ask(project, 3, outputs=outputs)
    panel = review(of=project)
    pages = []
    for _ in panel.predictions.answers:
        pages += [shown_rows.answer(panel.predictions), shown_rows.place(panel.predictions)]
        panel.predictions.judge("wrong", HOSTILE)
        panel.predictions.put()
    put(project, HOSTILE, subject=HOSTILE, links=(HOSTILE, "javascript:alert(1)", "https://example.org/x"))
    panel.items.load()
    panel.items.choose(panel.items.found[-1].id)
    pages += [panel._repr_html_(), shown_rows.last(panel.predictions), said.item(panel.items)]
    every = "".join(pages)
    assert {element.tag for element in parse(every)} == {
        *(
            "div",
            "b",
            "span",
            "table",
            "tr",
            "td",
            "th",
            "p",
            "br",
            "code",
            "details",
            "summary",
            "ul",
            "li",
            "a",
        )
    }
    assert {link.attributes["href"] for link in shown(every, "a")} == {"https://example.org/x"}
    assert "no score" in every
    assert "hidden, since personal: owner" in every
    assert "p-0000" not in every
    assert sum(math.isnan(answer.score) for answer in panel.predictions.answers) == 1
    kept = str(clean_html(panel._repr_html_()))  # as a report keeps it
    assert [row.text for row in shown(kept, "tr")] == [row.text for row in shown(panel._repr_html_(), "tr")]


def test_before_anything_was_answered_the_command_is_said(tmp_path: Path) -> None:
    panel = review(of=make(tmp_path / "late"))
    assert panel.predictions.problem.startswith("there are no live predictions yet: workbench serve answers")
    assert not panel.predictions.judge("right")
    assert "workbench serve" in panel._repr_html_()
    panel.predictions.draw(how="slice", slice="origin=JFK")
    assert panel.predictions.problem == "no live prediction is of origin=JFK"


def test_another_draw_and_what_cannot_be_drawn(panel: ReviewPanel) -> None:
    of = panel.predictions
    assert of.draw(how="slice", slice="carrier=UA")
    assert {answer.slices["carrier"] for answer in of.answers} == {"UA"}
    before = of.answers
    assert not of.draw(slice="owner=p-0")
    assert "personal" in of.problem
    assert not of.draw(rows=0)
    assert of.answers == before
    assert "carrier=UA" in of.slices


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"sample": "all"}, UsageError),
        ({"slice": "JFK"}, UsageError),
        ({"since": "yesterday"}, UsageError),
        ({"log": "predictions/june"}, UnknownName),
    ],
)
def test_what_cannot_be_meant_is_refused(
    project: Project, given: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        review(of=project, **given)


def test_a_store_that_is_away_loses_nothing(panel: ReviewPanel, project: Project) -> None:
    put(project, "look at June")
    panel.items.load()
    widget = panel.widget
    answer = panel.predictions.current
    _away(project)
    assert not panel.predictions.judge("wrong", "it snowed")
    assert panel.predictions.problem.startswith("your judgement was not kept: ")
    assert panel.predictions.problem.endswith("press again")
    assert panel.predictions.current == answer
    assert not panel.predictions.load()
    assert len(panel.predictions.answers) == 12
    assert not panel.items.close("done")
    assert panel.items.problem.startswith("it was not closed: ")
    assert [item.title for item in panel.items.found] == ["look at June"]
    assert "not closed" in panel._repr_html_()
    _back(project)
    assert panel.predictions.judge("wrong", "it snowed")
    assert panel.items.close("done")
    assert (panel.predictions.problem, panel.items.problem, panel.items.found) == ("", "", [])
    assert widget is panel.widget


# -- reports -------------------------------------------------------------------------------------


@pytest.mark.practice("T3")
def test_a_report_is_remarked_on_signed_and_withdrawn(project: Project) -> None:
    folder = publish(project)
    panel = review(of=project, run="x")
    of = panel.reports
    assert of.seen is not None
    assert of.seen.folder == folder
    assert not of.remark(" ")
    assert of.problem.startswith("your remark was not kept: a remark needs words")
    assert not of.remark("why?", cell=3)
    assert "has no cell 3" in of.problem
    assert of.remark(HOSTILE, cell=2, asks=True)
    assert of.sign_off()
    assert not of.sign_off()
    assert of.withdraw()
    assert not of.withdraw()
    assert of.problem.startswith("nothing was withdrawn: ")
    told = said.review(of.seen)
    assert "on cell 2 · backlog 1: open" in told
    assert "<b>withdrawn</b>" in told
    assert HOSTILE not in panel._repr_html_()
    panel.items.load()
    assert [item.kind for item in panel.items.found] == ["review"]
    assert panel.items.close("two is enough")
    assert "two is enough" in (folder / reports.HTML).read_text()  # beside the remark


def test_a_report_that_is_not_there_is_said(project: Project) -> None:
    panel = review(of=project, run="x")
    assert "phase 'x' has no finished run with a report" in panel.reports.problem
    assert not panel.reports.sign_off()
    assert panel.reports.problem == "choose a report first"


# -- live ----------------------------------------------------------------------------------------


def test_the_panel_is_live_and_leaves_a_picture_for_reports(panel: ReviewPanel) -> None:
    panel.predictions.judge("wrong", "it snowed")
    shown_as = panel._repr_mimebundle_()
    assert shown_as["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.widget.model_id
    assert shown_as["text/html"] == panel._repr_html_()
    assert "What people judged" in shown_as["text/html"]
    assert "it snowed" in shown_as["text/html"]
    assert repr(panel) == "ReviewPanel(1 of 12 judged; 0 open on the backlog)"
