"""A new champion in its baking period: looked at in simulated time, on a log that is written by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.baked import answer, asked, log_of
from tests.unit.monitoring.baking.conftest import Make
from tests.unit.registry import small
from workbench.monitoring.alerts import read
from workbench.monitoring.baking import Baking, bake
from workbench.project import Project
from workbench.registry import aliases, promotion
from workbench.store import backlog
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database
from workbench.tracking.models import positive_scores

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Watched:
    """A project whose second version became champion at noon, after the first had answered for an hour."""

    def __init__(self, project: Project, *, second: bool = True) -> None:
        self.project = project
        promotion.promote(project, 1, reason="first", clock=SimulatedClock(NOON - 60 * MINUTE))
        if second:
            promotion.promote(project, 2, reason="next", clock=SimulatedClock(NOON))

    def look(self, minutes: float) -> Baking | None:
        return bake(self.project, *log_of(self.project), clock=SimulatedClock(NOON + minutes * MINUTE))

    @property
    def champions(self) -> list[int | None]:
        return [entry.to_version for entry in aliases.ledger(self.project, "champion")]

    def items(self) -> list[backlog.Item]:
        with open_database(self.project).read() as connection:
            return [item for item in backlog.items(connection, "tiny") if item.opened_by == "baking period"]

    def alerts(self) -> list[tuple[str, str]]:
        with open_database(self.project).read() as connection:
            return [(alert.rule, alert.signal) for alert in read(connection, log_of(self.project)[1])]


def scores(count: int, away: float = 0.0) -> np.ndarray:
    return np.clip(positive_scores(small.estimator(), asked(count)[small.FEATURES]) + away, 0, 1)


@pytest.mark.practice("C2", "P4")
def test_a_champion_that_cannot_answer_is_rolled_back_once_and_everybody_can_see_why(make: Make) -> None:
    watched = Watched(make())
    answer(watched.project, 2, NOON + MINUTE, rows=60, failed=40)
    found = watched.look(3)
    assert found is not None
    assert found.status == "rolled_back"
    assert watched.champions == [1, 2, 1]
    last = aliases.ledger(watched.project, "champion")[-1]
    assert (last.actor, last.evidence["action"], last.evidence["cases_answered"]) == (
        "baking period",
        "rollback",
        8,
    )
    says = "40 of 100 rows failed (40.00%), 1.00% may"
    assert last.reason == f"failed_share of the baking period: {says}"
    assert str(found) == f"v2 was rolled back while baking: {last.reason}"
    (item,) = watched.items()
    assert item.title == f"tiny-model v2 rolled back to v1 in its baking period: {says}"
    assert item.priority == "high"
    assert watched.alerts() == [("rolled-back", "health.failed_share")]
    for minutes in (4, 10, 3000):
        again = watched.look(minutes)
        assert again is not None
        assert again.status == "rolled_back"
    assert watched.champions == [1, 2, 1]
    assert len(watched.items()) == 1


@pytest.mark.practice("P4")
def test_a_champion_that_answers_well_passes_and_nobody_is_told(make: Make) -> None:
    watched = Watched(make('period = "1 h"\nscore_shift = 0.3\nslower_than_before = 3\np99_ms = 100'))
    answer(watched.project, 1, NOON - 30 * MINUTE, rows=300)
    answer(watched.project, 2, NOON + MINUTE, rows=300, seconds=300)
    first = watched.look(6)
    assert first is not None
    assert str(first) == ("v2 is baking until 2026-08-01 13:00 UTC, 300 answers so far, no guard violated")
    assert first.evidence.before is not None
    assert (first.evidence.before.version, first.evidence.before.rows) == (1, 300)
    answer(watched.project, 2, NOON + 40 * MINUTE, rows=250, seconds=300)
    between = watched.look(51)
    assert between is not None
    assert [(window.rows, window.end - window.start) for window in between.evidence.windows] == [
        (300, 10 * MINUTE),
        (250, 40 * MINUTE),
    ]
    last = watched.look(61)
    assert last is not None
    assert (last.status, last.evidence.ended) == ("passed", "no guard was violated")
    assert watched.champions == [1, 2]
    assert (watched.items(), watched.alerts()) == ([], [])
