"""The label panel without a browser: what each key does, and what is told to whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.labelling import NOW
from tests.pages import shown
from tests.unit.panels.labelled import HOSTILE, Sit, make_late, numbers, said, sitting, stands
from workbench.data.labels import places, queues, saying
from workbench.panels.label.desk import Desk
from workbench.panels.label.panel import LabelPanel, label
from workbench.project import Project
from workbench.registry.identity import Identity
from workbench.store import label_tables as tables
from workbench.store.database import open_database


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_late(tmp_path / "project")


@pytest.fixture
def sit(project: Project, monkeypatch: pytest.MonkeyPatch) -> Sit:
    return sitting(project, monkeypatch)


@pytest.mark.practice("L9", "D5")
def test_keys_label_skip_undo_and_look_back(project: Project, sit: Sit) -> None:
    panel = sit("ada")
    panel.press("l")
    assert (panel.told, numbers(panel), panel.done) == ("row 1: late", 2, 1)
    panel.press("s")
    panel.refill()
    panel.press("o")
    assert numbers(panel) == 4
    panel.press("b")
    panel.press("b")
    assert (numbers(panel), panel.looks_back) == (2, True)
    panel.press("b")
    panel.press("o")  # row 1 is changed; one is at row 2 again, which was skipped
    assert (panel.told, numbers(panel)) == ("row 1: on time", 2)
    panel.press("s")
    panel.press("s")
    assert (numbers(panel), panel.looks_back) == (4, False)
    panel.press("u")
    assert (panel.told, numbers(panel)) == ("row 1: taken back", 1)
    panel.press("l")
    panel.press("l")
    assert numbers(panel) is None
    assert said(project) == [[("ada", "1")], [], [("ada", "0")], [("ada", "1")]]
    assert "There is no row for you now" in str(panel.widget.children[1].value)


def test_a_key_that_is_held_or_too_quick_labels_nothing(project: Project, sit: Sit) -> None:
    panel = sit("ada")
    now = [100.0]
    panel.ticks = lambda: now[0]
    panel.press("l")
    for _ in range(20):  # a key repeats thirty times a second
        now[0] += 0.03
        panel.press("l")
    assert panel.problem == "too quick for anybody to have read the row: press the key again"
    now[0] += 1
    panel.press("ll")
    assert said(project) == [[("ada", "1")], [], [], []]
    now[0] += 1
    panel.press("?")
    assert panel.problem == "the key '?' means nothing here"
    panel.press("l")
    assert (panel.problem, len(said(project)[1])) == ("", 1)


@pytest.mark.practice("L9", "D5")
def test_a_third_person_decides_and_sees_what_was_said_but_not_by_whom(project: Project, sit: Sit) -> None:
    for name, keys in (("ada", "llll"), ("grace", "lolo")):
        panel = sit(name)
        for key in keys:
            panel.press(key)
            panel.refill()
    assert numbers(sit("ada", adjudicate=True)) is None
    third = sit("mary", adjudicate=True)
    assert (numbers(third), third.others) == (2, ["late", "on time"])
    live = str(third.widget.children[1].value)
    assert "People said <b>late</b> and <b>on time</b>." in live
    assert "ada" not in live
    third.press("s")
    assert numbers(third) == 4
    third.press("u")
    assert third.problem == "what is decided is changed by deciding again"
    third.press("b")
    third.press("o")
    third.press("l")
    assert [each.final.label for each in stands(project) if each.final] == ["1", "1", "1", "0"]


@pytest.mark.practice("L9", "D5")
def test_agreement_is_for_who_decides_or_exports_and_tells_nothing_of_rows_still_to_be_labelled(
    project: Project, sit: Sit
) -> None:
    def agreement(panel: LabelPanel) -> tuple[bool, str]:
        *_, button, agreed = panel.widget.children
        button.click()
        return button.layout.display == "", agreed.value

    for name, keys in (("grace", "lolo"), ("ada", "lll")):
        panel = sit(name)
        for key in keys:
            panel.press(key)
            panel.refill()
        assert not agreement(panel)[0]
    shows, told = agreement(sit("mary", adjudicate=True))
    assert shows
    assert "the same label on 67% of 3 rows that two people labelled" in told
    assert "Krippendorff&#x27;s alpha: " in told
    assert "Cohen&#x27;s kappa of ada and grace on 3: " in told
    ada = sit("ada")
    assert told in ada._repr_html_()
    ada.press("u")  # row 3, which ada has to label again
    assert "100%" not in ada._repr_html_()
    assert "the same label on 50% of 2 rows" in ada._repr_html_()
    ada.press("l")
    ada.press("l")
    shows, told = agreement(ada)  # nobody has anything left to label
    assert (shows, "on 50% of 4 rows" in told) == (True, True)


def test_what_is_only_read_waits_for_nobody_who_writes(project: Project, sit: Sit) -> None:
    for name, keys in (("ada", "llll"), ("grace", "lolo")):
        panel = sit(name)
        for key in keys:
            panel.press(key)
            panel.refill()
    third = sit("mary", adjudicate=True)
    with open_database(project).write():
        desk = Desk.open(project, "late")
        assert desk.identity == Identity("mary")
        assert third.shown is not None
        assert desk.said(third.shown) == ["late", "on time"]
        assert (desk.progress().given, len(desk.results()), desk.agreement().rows) == (8, 4, 4)
        assert desk.recent(9) == []


def test_what_is_shown_is_text_and_tells_neither_others_labels_nor_why(project: Project, sit: Sit) -> None:
    sit("grace").press("o")
    panel = sit("ada")
    panel.remark = HOSTILE
    live = "".join(str(each.value) for each in panel.widget.children if hasattr(each, "value"))
    page = f"{live}{panel._repr_html_()}"
    assert "<script>" not in page
    assert list(shown(page, "script")) == []
    row = str(panel.widget.children[1].value)
    assert all(word not in row for word in ("grace", "why", "p0", "on time"))
    assert "1 of 8 labels" in page
    panel.press("l")
    with open_database(project).read() as connection:
        queue = queues.find(connection, project.name, "late")
        assert saying.history(connection, queue, queues.row(connection, queue, 1))[-1].remark == HOSTILE


def test_a_panel_that_is_only_shown_claims_nothing(project: Project) -> None:
    panel = label("late", of=project)
    picture = panel._repr_html_()
    assert "0 of 8 labels; 4 rows, 4 of them for two people: 4 open" in picture
    assert "<strong>Late</strong>" in picture
    with open_database(project).read() as connection:
        assert places.places(connection, panel.queue, tables.label_places.c.id > 0) == []


def test_new_guidelines_are_told_and_count_from_then_on(project: Project, sit: Sit) -> None:
    panel = sit("ada")
    panel.press("l")
    with open_database(project).write() as connection:
        queues.revise_guidelines(connection, panel.queue, "Sixteen.", by=Identity("mary"), at=NOW)
    panel.press("l")
    panel.refill()
    panel.press("l")
    panel.refill()
    assert panel.guidelines.version == 2
    panel.press("l")
    assert [each.labels[0].guidelines for each in stands(project)][::3] == [1, 2]


def test_a_desk_is_found_by_the_name_of_its_queue(project: Project) -> None:
    assert Desk.open(project, "late").queue.name == "late"
