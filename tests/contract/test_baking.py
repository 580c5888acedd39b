"""Baking periods on SQLite and on PostgreSQL: looked at by several at once, one of them rolls back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.baked import FLIPPED, GOOD, answer, make_baked
from tests.contract import baking, racing
from tests.processes import FORKED
from tests.repeats import repeats
from workbench.monitoring.baking import find
from workbench.registry import aliases, promotion
from workbench.store import backlog
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database

_LOOKING = repeats(6, 3)


@pytest.mark.practice("C2", "P4")
def test_of_several_that_look_at_once_one_rolls_back(tmp_path: Path, database_url: str) -> None:
    project = make_baked(tmp_path / "project", database=database_url, bad=(FLIPPED,))
    for version in (GOOD, 2):
        promotion.promote(project, version, reason="x", force=True, clock=SimulatedClock(baking.NOON))
    answer(project, 2, baking.NOON, rows=60, failed=40)
    here, there = FORKED.Pipe()
    racers = list(range(_LOOKING))
    arguments: tuple[Any, ...] = (there, baking.look_at_once, str(project.root), racers, ())
    process = FORKED.Process(target=racing.all_at_once, args=arguments)
    process.start()
    assert here.poll(150)
    found, exits = here.recv()
    process.join(60)
    assert exits == [0] * _LOOKING
    assert {status for _, (status, _) in found} == {"rolled_back"}
    assert [entry.to_version for entry in aliases.ledger(project, "champion")] == [GOOD, 2, GOOD]
    with open_database(project).read() as connection:
        items = [each for each in backlog.items(connection, "tiny") if each.opened_by == "baking period"]
    assert len(items) == 1
    present = find(project)
    assert present is not None
    assert present.status == "rolled_back"
