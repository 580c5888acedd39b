"""A bad champion under traffic: from the violated guard to the first answer of the champion before."""

from __future__ import annotations

from tests.baked import GOOD, RAISES, make_baked
from tests.baked_traffic import Client, served
from tests.benchmarks.execution.place import place, quiet
from tests.benchmarks.execution.table import Goal, Row, Table
from tests.unit.serving.tiny import until
from workbench.monitoring.baking import find
from workbench.registry import aliases, promotion

__all__ = ["measure"]

_GOAL_SECONDS = 10.0


def measure(repeats: int) -> Table:
    """``workbench serve``, asked for 20 rows at a time; a version that raises is promoted by force."""
    violated, promoted = [], []
    with place(started=False) as folder:
        with quiet():
            project = make_baked(folder / "project", bad=(RAISES,))
            promotion.promote(project, GOOD, reason="good")
        with served(project) as server, Client(server) as client:
            until(lambda: len(client.given) >= 20, seconds=120)
            for _ in range(repeats):
                with quiet():
                    entry = promotion.promote(project, 2, reason="bad", force=True)
                assert entry is not None
                until(lambda: aliases.current(project, "champion") == GOOD, seconds=90)
                until(lambda: (found := find(project)) is not None and found.status != "baking", seconds=30)
                found = find(project)
                assert found is not None
                decided = found.evidence.violation
                assert decided is not None
                until(lambda: client.answered_by(GOOD, decided.at), seconds=30)  # noqa: B023
                again = client.answered_by(GOOD, decided.at)
                assert again is not None
                violated.append((again - decided.at).total_seconds())
                promoted.append((again - entry.at).total_seconds())
    rows = [
        Row("guard violated → the one before answers", violated, goal=Goal(most=_GOAL_SECONDS)),
        Row("promoted → the one before answers", promoted),
    ]
    notes = ["50 rows have to be asked before a guard is judged; some 400 a second are"]
    return Table(f"rolling back a version that raises, {repeats} times", rows, notes)
