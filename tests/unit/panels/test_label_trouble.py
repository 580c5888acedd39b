"""The label panel without a browser: two windows, a store that is away, a kernel that is killed."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.unit.panels.labelled import Sit, make_late, numbers, said, sitting
from tests.unit.panels.stores import away
from workbench.errors import UnknownName
from workbench.panels.label.panel import label
from workbench.project import Project
from workbench.store import label_tables as tables
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_late(tmp_path / "project")


@pytest.fixture
def sit(project: Project, monkeypatch: pytest.MonkeyPatch) -> Sit:
    return sitting(project, monkeypatch)


def test_the_same_person_in_two_browsers_is_told(project: Project, sit: Sit) -> None:
    one, two = sit("ada"), sit("ada")
    one.press("l")
    two.press("o")
    assert two.problem == "row 1 was changed in another window; look at the queue anew"
    assert numbers(two) == 2
    two.press("o")
    assert said(project)[:2] == [[("ada", "1")], [("ada", "0")]]


def test_who_came_back_too_late_is_told(project: Project, sit: Sit) -> None:
    ada = sit("ada")
    clock = SimulatedClock(ada.desk.machine.now() + timedelta(hours=1))
    for name in ("grace", "mary"):
        other = sit(name)
        other.desk = replace(other.desk, machine=clock)
        other.start()
        other.press("l")
    me = sit("ada")
    me.shown, me._ahead = ada.shown, []
    me.press("o")
    assert me.problem == "your time for row 1 was over, and others have it now; go on with the next"
    assert numbers(me) == 2
    assert {person for person, _ in said(project)[0]} == {"grace", "mary"}


def test_a_store_that_is_away_loses_nothing_and_the_same_key_tries_again(project: Project, sit: Sit) -> None:
    panel = sit("ada")
    path = project.state / "workbench.db"
    path.rename(path.with_suffix(".away"))
    panel.press("l")
    assert "workbench database does not answer" in panel.problem
    assert panel.problem.endswith("nothing was lost: press the key again")
    assert numbers(panel) == 1
    path.unlink(missing_ok=True)  # SQLite made an empty one
    path.with_suffix(".away").rename(path)
    panel.press("l")
    assert (panel.problem, said(project)[0]) == ("", [("ada", "1")])


def test_a_panel_that_opens_while_the_store_is_away_says_so_and_starts_when_it_is_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    open_database(project).close()  # a connection that was kept would still read what it was
    with away(project.state / "workbench.db"):
        panel = label("late", of=project)
        picture = panel._repr_html_()
        head, row, acting, start, status, guidelines, *_ = panel.widget.children
        assert "the workbench database does not answer" in status.value
        assert "the workbench database does not answer" in picture
        assert ("queue late" in head.value, row.value, guidelines.value) == (True, "", "")
        start.click()
        assert status.value.count("does not answer") == 1
        assert "start again" in status.value
        assert (acting.layout.display, start.layout.display) == ("none", "")
    start.click()
    assert (numbers(panel), panel.problem) == (1, "")
    assert "Late?" in head.value
    assert [each.description for each in acting.children[0].children[1:]] == [
        *("o · on time", "l · late"),
        *("s · skip", "u · undo", "b · back"),
    ]
    panel.give("1")
    assert said(project)[0] == [("ada", "1")]


def test_a_queue_that_is_gone_is_said(project: Project, sit: Sit) -> None:
    with pytest.raises(UnknownName, match="no queue 'lat'; did you mean 'late'"):
        label("lat", of=project)
    panel = sit("ada")
    with open_database(project).write() as connection:
        connection.execute(update(tables.label_queues).values(name="other"))
    panel.start()
    assert panel.problem == "no queue 'late'; there is: other"


_KILLED = """
import os, sys
from pathlib import Path
from workbench.panels.label.panel import label
from workbench.project import open_project
panel = label("late", of=open_project(Path(sys.argv[1])))
panel.start()
panel.ticks = iter(range(1, 99)).__next__
panel.give("1")
os.kill(os.getpid(), 9)  # before the next row is shown
"""


@pytest.mark.practice("L9")
def test_what_was_labelled_when_the_kernel_was_killed_is_kept(
    project: Project, sit: Sit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    done = subprocess.run([sys.executable, "-c", _KILLED, str(project.root)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert said(project)[0] == [("ada", "1")]
    panel = sit("ada")
    assert numbers(panel) == 2  # the rows that were claimed are theirs, and the first is done
    with sqlite3.connect(project.state / "workbench.db") as raw:
        assert raw.execute("SELECT count(*) FROM label_events").fetchone() == (1,)
