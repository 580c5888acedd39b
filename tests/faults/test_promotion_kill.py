"""A promotion is killed at any moment: one line of succession, and the next command mends the aliases."""

from __future__ import annotations

import itertools
import os
import select
import signal
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner

from tests.repeats import moments, repeats
from tests.unit.registry import small
from tests.unit.registry.warm import warm
from workbench.cli import promote as command
from workbench.errors import PromotionRefused
from workbench.project import Project, open_project
from workbench.registry import aliases, promotion
from workbench.tracking import store

KILLS = repeats(60, 5)


@pytest.fixture
def three(tmp_path: Path) -> Project:
    """Versions 1 to 3, of which 1 is champion and 3 is challenger."""
    project = small.small_project(tmp_path / "project")
    run = small.start(project)
    trained = small.train(run)
    for _ in range(3):
        small.register(run, trained)
    promotion.promote(project, 1, reason="first")
    return project


def killed(connection: Connection, root: str) -> None:
    """For each number of seconds that is received: a process moves aliases and is killed after so long."""
    with suppress(EOFError):
        while True:
            seconds = connection.recv()
            ready, begun = os.pipe()
            pid = os.fork()
            if pid == 0:
                _keep_moving(root, begun)
            os.close(begun)
            assert os.read(ready, 1) == b"!"
            ended = select.select([ready], [], [], seconds)[0]  # only its end makes it readable
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            os.close(ready)
            connection.send("" if os.WIFSIGNALED(status) and not ended else "it ended by itself")


def _keep_moving(root: str, begun: int) -> NoReturn:
    """Promote, make challengers and roll back until killed; says so before the first."""
    try:
        project = open_project(Path(root))
        promotion.promote(project, _others(project)[0], dry_run=True)  # with which everything is open
        os.write(begun, b"!")
        for number in itertools.count():
            with suppress(PromotionRefused):  # nobody to go back to, or challenger already
                if number % 3 == 2:
                    promotion.rollback(project, reason="back")
                else:
                    promotion.promote(project, _others(project)[0], reason="forward")
                    promotion.promote(project, _others(project)[1], to="challenger", reason="next")
    finally:
        traceback.print_exc()
        os._exit(1)


def _others(project: Project) -> list[int]:
    """The two versions that are not champion, a challenger first."""
    held = aliases.held(project)
    others = [version for version in (1, 2, 3) if version != held["champion"]]
    return sorted(others, key=lambda version: version != held.get("challenger"))


def _in_mlflow(project: Project) -> dict[str, int]:
    found = store.client(project).get_registered_model("tiny-model").aliases
    return {alias: int(version) for alias, version in found.items()}


def _moves(project: Project) -> int:
    return sum(len(aliases.ledger(project, alias)) for alias in ("champion", "challenger"))


def _is_one_line(entries: list[aliases.LedgerEntry]) -> bool:
    before = [None, *(entry.to_version for entry in entries)]
    positions = [entry.position for entry in entries]
    return positions == [*range(1, len(entries) + 1)] and [e.from_version for e in entries] == before[:-1]


@pytest.mark.timeout(300)
@pytest.mark.practice("C2", "M9")
def test_a_kill_at_any_moment_leaves_one_line_and_the_next_command_the_aliases(
    three: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(three.root)
    chance, apart = moments(0, 1.0), 0
    begun = time.perf_counter()
    promotion.promote(three, _others(three)[0], reason="how long a move takes here")
    longest = 3 * (time.perf_counter() - begun)
    with warm(killed, str(three.root)) as killer:
        for kills in range(KILLS):
            if _moves(three) <= kills:  # a slow or busy machine: one waits longer for a move
                longest *= 1.5
            killer.send(longest * next(chance))
            assert killer.poll(60)
            assert killer.recv() == ""
            apart += _in_mlflow(three) != aliases.held(three)
            done = CliRunner().invoke(command.ledger, [], catch_exceptions=False)
            assert done.exit_code == 0
            assert _in_mlflow(three) == aliases.held(three)
    for alias in ("champion", "challenger"):
        assert _is_one_line(aliases.ledger(three, alias))
    moves = _moves(three)
    print(f"{KILLS} kills amid {moves} moves; {apart} left MLflow's aliases behind the ledger")
    assert moves > KILLS / 2
    assert promotion.promote(three, _others(three)[0], reason="it goes on") is not None
