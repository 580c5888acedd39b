"""The backlog in the review panel: all that one may do with an item, and who is slower."""

from __future__ import annotations

from pathlib import Path

import pytest
from ipywidgets import HBox, Text

from tests.pages import shown
from tests.unit.monitoring.alerting import Monitor
from tests.unit.monitoring.judged.asked import CLOCK, HOSTILE, make
from tests.unit.panels.reviewing import panel_of, publish, put
from tests.unit.panels.stores import away
from tests.unit.registry import small
from workbench.panels.review import review, said
from workbench.panels.review.items_widget import ItemsWidget
from workbench.project import Project
from workbench.registry.gates.unpassed import put_on_backlog
from workbench.store import backlog
from workbench.store.database import open_database


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path / "late")


@pytest.mark.practice("T2")
def test_failed_gates_alerts_and_remarks_stand_on_one_backlog_with_their_links(project: Project) -> None:
    put_on_backlog(project, 2, small.validation("failed"), "4f2a91c0" * 4, actor="ada", clock=CLOCK)
    Monitor.of(project).sees(".!")
    publish(project)
    panel = review(of=project, run="x")
    assert panel.reports.remark("split by day", asks=True)
    panel.items.load()
    assert sorted(item.kind for item in panel.items.found) == ["alert", "gate", "review"]
    told = {row.text for row in shown(said.items(panel.items.found), "code")}
    assert {"run 4f2a91c0", "workbench models show 2", "alert 1", "run a1b2c3d4"} <= told


@pytest.mark.practice("T2")
def test_an_item_is_taken_on_and_closed(project: Project) -> None:
    put(project, "first", priority="high")
    put(project, "second", kind="alert", links=("https://example.org/alert",))
    of = panel_of(project, "grace").items
    assert [item.title for item in of.found] == ["first", "second"]
    assert of.choose(2)
    assert of.assign("grace")
    assert not of.close(" ")
    assert "needs a reason" in of.problem
    assert of.show(mine=True, closed=False)
    assert [item.title for item in of.found] == ["second"]
    assert of.close("the sensor was broken")
    assert of.found == []
    assert of.show(mine=False, closed=False)
    with open_database(project).read() as connection:
        closed = backlog.find(connection, project.name, 2)
    assert (closed.status, closed.assignee, closed.closed_why) == ("closed", "grace", "the sensor was broken")


@pytest.mark.practice("T2")
def test_who_is_slower_is_told_in_one_line(project: Project) -> None:
    put(project, "first", "second")
    ada, grace = panel_of(project, "ada").items, panel_of(project, "grace").items
    assert ada.assign("ada")
    assert not grace.assign("grace")
    assert grace.problem == (
        "item 1 was changed by ada in the meantime (assigned); nothing was done, and this is how it is now"
    )
    assert grace.chosen is not None
    assert grace.chosen.assignee == "ada"
    assert grace.assign("grace")
    assert not ada.close("done")
    assert "\n" not in ada.problem


def _press(of: ItemsWidget, button: str) -> None:
    rows = [row for box in (of.box, of.inside) for row in box.children if isinstance(row, HBox)]
    every = [each for row in rows for each in row.children]
    next(each for each in every if each.description == button).click()


@pytest.mark.practice("T2")
def test_an_item_is_added_assigned_remarked_on_linked_closed_and_opened_again(project: Project) -> None:
    state = panel_of(project, "ada").items
    of = ItemsWidget(state)

    def did(button: str, text: Text | None = None, typed: str = "") -> str:
        if text is not None:
            text.value = typed
        _press(of, button)
        assert text is None or text.value == ("" if not state.problem else typed)
        return state.problem

    of.priority.value = "high"
    assert "needs a title" in did("Add", of.title, " ")
    assert did("Add", of.title, f"look at June {HOSTILE}") == ""
    assert state.chosen is not None
    assert (state.chosen.priority, state.chosen.assignee, state.chosen.opened_by) == ("high", "", "ada")
    assert did("Assign", of.who, "grace") == ""
    assert "needs words" in did("Remark", of.note, " ")
    assert did("Remark", of.note, HOSTILE) == ""
    assert "needs something to lead to" in did("Link", of.note)
    assert did("Link", of.note, "https://example.org/june") == ""
    assert "needs a reason" in did("Close", of.why)
    assert did("Close", of.why, "retrained") == ""
    assert (state.found, of.inside.layout.display) == ([], "none")
    of.closed.value = True
    assert "closed" in of.told.value
    assert "closed" in next(text for row in shown(of.table.value, "tr") if "grace" in (text := row.text))
    assert did("Open again", of.why, "drifted again") == ""
    assert [(each.actor, each.what) for each in state.history] == [
        ("ada", what) for what in ("opened", "assigned", "remark", "linked", "closed", "reopened")
    ]
    of.mine.value = True
    assert did("Add", of.title, "for myself") == ""
    assert [(each.title, each.assignee) for each in state.found] == [("for myself", "ada")]
    assert "<script" not in of.table.value + of.told.value


@pytest.mark.practice("T2")
def test_a_reason_does_not_go_to_another_item_when_somebody_was_quicker(project: Project) -> None:
    put(project, "first", "second")
    of, grace = ItemsWidget(panel_of(project, "ada").items), panel_of(project, "grace").items
    assert grace.close("done")
    of.why.value = "because"
    _press(of, "Close")
    assert of.state.problem.startswith("item 1 was changed by grace in the meantime (closed)")
    assert (of.item.value, of.why.value) == (2, "")


def test_a_backlog_that_was_never_read_is_not_called_empty(project: Project) -> None:
    open_database(project).close()  # a connection that was kept would still read what it was
    with away(project.state / "workbench.db"):
        page = review(of=project)._repr_html_()
    assert "the backlog cannot be read" in page
    assert "Nothing is open" not in page
