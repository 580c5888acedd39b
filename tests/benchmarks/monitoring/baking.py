"""A bad champion under traffic: from the violated guard to the first answer of the champion before."""

from __future__ import annotations

from tests.baked import GOOD, RAISES, make_baked
from tests.baked_traffic import Client, served
from tests.benchmarks.execution.place import place, quiet
from tests.benchmarks.execution.table import Goal, Row, Table
from tests.unit.serving.tiny import until
from workbench.monitoring.baking import Baking, find
from workbench.project import Project
from workbench.registry import promotion

__all__ = ["measure"]

_GOAL_SECONDS = 10.0


def measure(repeats: int) -> Table:
    """``workbench serve``, asked for 20 rows at a time; a version that raises is promoted by force."""
    rows, goal = [], Goal(most=_GOAL_SECONDS)
    for agent, words in ((True, "an agent runs"), (False, "no agent")):
        violated, promoted = _seconds(repeats, agent=agent)
        rows += [
            Row(f"guard violated → the one before answers, {words}", violated, goal=goal),
            Row(f"promoted → the one before answers, {words}", promoted),
        ]
    notes = ["50 rows have to be asked before a guard is judged; some 400 a second are"]
    return Table(f"rolling back a version that raises, {repeats} times", rows, notes)


def _seconds(repeats: int, *, agent: bool) -> tuple[list[float], list[float]]:
    """From the violation, and from the promotion, to the first answer of the champion before."""
    violated, promoted = [], []
    with place(started=agent) as folder:
        with quiet():
            project = make_baked(folder / "project", bad=(RAISES,))
            promotion.promote(project, GOOD, reason="good")
        with served(project) as server, Client(server) as client:
            until(lambda: len(client.given) >= 20, seconds=120)
            for number in range(repeats):
                with quiet():
                    promotion.promote(project, 2, reason="bad", force=True)
                ended = _ended(project, position=2 * number + 2)
                decided = ended.evidence.violation
                assert decided is not None
                until(lambda since=decided.at: client.answered_by(GOOD, since), seconds=30)  # type: ignore[misc]
                again = client.answered_by(GOOD, decided.at)
                assert again is not None
                violated.append((again - decided.at).total_seconds())
                promoted.append((again - ended.started_at).total_seconds())
    return violated, promoted


def _ended(project: Project, position: int) -> Baking:
    """The baking period of that promotion, once it has ended."""
    until(
        lambda: (now := find(project)) is not None and now.position == position and now.status != "baking",
        seconds=90,
    )
    found = find(project)
    assert found is not None
    return found
