"""Whether a champion has to be watched, as processes ask that live long and have loaded little."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from workbench.store import ledger, tables

__all__ = ["is_watched", "promotion"]

_TABLE = tables.baking
_CHAMPION = "champion"


def is_watched(connection: Connection, model: str, now: datetime, period: timedelta) -> bool:
    """Whether a baking period goes on, or a promotion is to have one."""
    goes_on = select(_TABLE.c.id).where(_TABLE.c.model == model, _TABLE.c.status == "baking").limit(1)
    if connection.execute(goes_on).first() is not None:
        return True
    return promotion(connection, model, now, period) is not None


def promotion(connection: Connection, model: str, now: datetime, period: timedelta) -> Row[Any] | None:
    """The newest move of the champion, if it is a promotion that is to bake and does not yet.

    One that is older than a period has nobody to watch it any more, and a rollback has none: its champion has
    been one before.
    """
    move: Any = ledger.last_entry(connection, model, _CHAMPION)
    if move is None or move.to_version is None or move.evidence.get("action") != "promote":
        return None
    newest = select(func.max(_TABLE.c.ledger_position)).where(_TABLE.c.model == model)
    if (connection.execute(newest).scalar() or 0) >= move.position:
        return None
    return move if now < move.at + period else None
