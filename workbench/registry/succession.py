"""Who was champion, one after the other, and who was before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import select

from workbench.errors import AliasMoved, PromotionRefused
from workbench.project import Project
from workbench.registry.aliases import CHAMPION, Move
from workbench.registry.versions import get_version
from workbench.store import tables
from workbench.store.database import open_database

__all__ = [
    "InsteadOf",
    "Reign",
    "before",
    "champion_before",
    "champions",
    "refuse_other_moves",
    "refuse_unless_still",
]

#: A version that became champion (None: nobody was), and by what: ``promote``, ``rollback``.
Reign = tuple[int | None, str]
#: The champion that somebody is to follow; None: nobody is champion.
InsteadOf = int | Literal["anybody"] | None


def champions(project: Project) -> list[Reign]:
    """The moves of the alias ``champion``, the oldest first, without their evidence, which may be long."""
    table = tables.ledger
    query = (
        select(table.c.to_version, table.c.evidence["action"].as_string())
        .where(table.c.model == project.model.name, table.c.alias == CHAMPION)
        .order_by(table.c.position)
    )
    database = open_database(project)
    try:
        with database.read() as connection:
            return [(version, action or "") for version, action in connection.execute(query)]
    finally:
        database.close()


def champion_before(reigns: Sequence[Reign]) -> int | None:
    """The version to roll back to, or None.

    A rollback takes back the promotions after the one it returns to.
    """
    line: list[int] = []
    for version, action in reigns:
        if version is None:
            continue
        if action == "rollback" and version in line:
            while line[-1] != version:
                line.pop()
        elif not line or line[-1] != version:
            line.append(version)
    if reigns and reigns[-1][0] is None:
        return line[-1] if line else None
    return line[-2] if len(line) > 1 else None


def before(project: Project, reigns: Sequence[Reign], to: int | str | None) -> int:
    """The version that a rollback leads to: the champion before, or the earlier one that ``to`` names.

    Raises
    ------
    PromotionRefused
        There was none before, or the one that is named was never champion, or is it already.
    """
    present = reigns[-1][0] if reigns else None
    if to is None:
        found = champion_before(reigns)
        if found is None:
            raise PromotionRefused(f"there is no champion before {f'v{present}' if present else 'the first'}")
        return found
    chosen = get_version(project, to)
    if chosen.version == present:
        raise PromotionRefused(f"{chosen} is the champion already")
    if chosen.version not in {version for version, _ in reigns}:
        raise PromotionRefused(f"{chosen} was never champion, so there is no way back to it: promote it")
    return chosen.version


def refuse_other_moves(seen: Sequence[Move], now: Sequence[Move]) -> None:
    """Refuse to move other aliases, or from other versions, than somebody was shown.

    Raises
    ------
    AliasMoved
        Somebody else has moved one of them since.
    """
    if tuple(seen) == tuple(now):
        return
    by_now = {item.alias: item.expected_from for item in now}
    for item in seen:
        if item.alias in by_now and by_now[item.alias] != item.expected_from:
            was, found = (
                f"v{number}" if number else "no version"
                for number in (item.expected_from, by_now[item.alias])
            )
            raise AliasMoved(
                f"{item.alias} was {was} when it was looked at, and is {found} by now: nothing was changed"
            )
    raise AliasMoved("aliases moved since it was looked at: nothing was changed; look again")


def refuse_unless_still(expected: InsteadOf, present: int | None) -> None:
    """Refuse to replace another champion than the one that a version was held against.

    Raises
    ------
    AliasMoved
        Another one is champion by now.
    """
    if expected not in ("anybody", present):
        was, now = (f"v{number}" if number else "nobody" for number in (expected, present))
        raise AliasMoved(f"it was held against {was}, and champion is {now} by now: nothing was changed")
