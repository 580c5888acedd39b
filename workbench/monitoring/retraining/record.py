"""Retrainings as they are kept: each step is written down before the next is taken.

Whoever goes on with one hands in the row as they have read it; a step that somebody else has taken since is
not taken twice. What a step does outside of the workbench database can be told from there: the ledger knows
who shadows and who was promoted, and phases that have run are up to date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, insert, select, update

from workbench.errors import LeaseHeld
from workbench.monitoring.retraining.deciding import Decision
from workbench.store import tables
from workbench.store.hashing import hash_value

__all__ = [
    "Outcome",
    "Retraining",
    "Status",
    "advance",
    "answered",
    "begin",
    "decided_last",
    "newest",
    "read",
    "under_way",
]

Status = Literal["training", "validated", "shadowing", "decided"]
Outcome = Literal["promoted", "proposed", "refused", "failed", ""]
_TABLE = tables.retrainings


@dataclass(frozen=True)
class Retraining:
    """One retraining, as it was when it was read.

    Attributes
    ----------
    status : str
        The step that it is in.
    run_id : str or None
        The pipeline run that trained the challenger ``version``.
    decision : str
        What became of the challenger; empty until that is decided.
    evidence : dict
        The ``decision`` of the policy, the ``champion`` at that time, the ``reports`` of its phases, and the
        ``explanation`` at the end.
    """

    id: int
    model: str
    trigger: str
    reason: str
    status: Status
    run_id: str | None
    version: int | None
    started_at: datetime
    updated_at: datetime
    decided_at: datetime | None
    decision: Outcome
    evidence: dict[str, Any] = field(repr=False)

    @property
    def called_for(self) -> Decision:
        """What the policy decided."""
        return Decision.from_dict(self.evidence["decision"])

    @property
    def champion(self) -> int | None:
        """The champion that the challenger challenges."""
        found: int | None = self.evidence["champion"]
        return found

    @property
    def in_short(self) -> str:
        """In a line, as the ledger gives it for a reason."""
        return f"retraining {self.id}, {self.trigger.replace('_', ' ')}: {', '.join(self.called_for.cause)}"

    @property
    def explanation(self) -> str:
        """One paragraph: why, and what became of it."""
        return str(self.evidence.get("explanation", self.reason))

    def to_dict(self) -> dict[str, Any]:
        times = {name: getattr(self, name) for name in ("started_at", "updated_at", "decided_at")}
        told = {name: moment and moment.isoformat() for name, moment in times.items()}
        return {**self.__dict__, **told, "explanation": self.explanation}


def read(connection: Connection, model: str) -> list[Retraining]:
    """All retrainings of a model, the newest first."""
    query = select(_TABLE).where(_TABLE.c.model == model).order_by(_TABLE.c.id.desc())
    return [_retraining(row) for row in connection.execute(query)]


def under_way(connection: Connection, model: str) -> Retraining | None:
    """The one that is not decided yet."""
    query = select(_TABLE).where(_TABLE.c.model == model, _TABLE.c.status != "decided")
    row = connection.execute(query).first()
    return _retraining(row) if row else None


def newest(connection: Connection, model: str) -> Retraining | None:
    """The one that was begun last."""
    query = select(_TABLE).where(_TABLE.c.model == model).order_by(_TABLE.c.id.desc()).limit(1)
    row = connection.execute(query).first()
    return _retraining(row) if row else None


def decided_last(connection: Connection, model: str, now: datetime) -> datetime | None:
    """When the last one was decided until now, but for those that failed: they may be tried again at once."""
    about = (_TABLE.c.model == model) & (_TABLE.c.decision != "failed") & (_TABLE.c.decided_at <= now)
    found: datetime | None = connection.scalar(select(func.max(_TABLE.c.decided_at)).where(about))
    return found


def answered(
    connection: Connection, model: str, decision: Decision, champion: int | None
) -> Retraining | None:
    """The retraining that the same cause has led to already; one that failed may be tried again."""
    attempts = _attempts(connection, model, decision, champion)
    return attempts[-1] if attempts and attempts[-1].decision != "failed" else None


def begin(
    connection: Connection, model: str, decision: Decision, champion: int | None, now: datetime
) -> Retraining:
    """Write down that a challenger is to be trained."""
    number = len(_attempts(connection, model, decision, champion)) + 1
    values = {
        "model": model,
        "trigger": decision.trigger,
        "reason": decision.reason,
        "status": "training",
        "started_at": now,
        "updated_at": now,
        "decision": "",
        "evidence": {"decision": decision.to_dict(), "champion": champion},
        "key": _key(model, decision, champion, number),
    }
    return _retraining(connection.execute(insert(_TABLE).values(values).returning(_TABLE)).one())


def advance(
    connection: Connection,
    item: Retraining,
    status: Status,
    now: datetime,
    evidence: dict[str, Any] | None = None,
    **changes: Any,
) -> Retraining:
    """Write down the next step; what is new of the ``evidence`` is added.

    Raises
    ------
    LeaseHeld
        Somebody else has taken it.
    """
    as_seen = (_TABLE.c.id == item.id) & (_TABLE.c.status == item.status)
    values = {
        "status": status,
        "updated_at": now,
        "evidence": {**item.evidence, **(evidence or {})},
        **changes,
    }
    row = connection.execute(update(_TABLE).where(as_seen).values(values).returning(_TABLE)).first()
    if row is None:
        raise LeaseHeld(f"somebody else has gone on with retraining {item.id} of {item.model}; look again")
    return _retraining(row)


def _attempts(
    connection: Connection, model: str, decision: Decision, champion: int | None
) -> Sequence[Retraining]:
    """What the same cause has led to, the first attempt first."""
    found: list[Retraining] = []
    while True:
        key = _key(model, decision, champion, len(found) + 1)
        row = connection.execute(select(_TABLE).where(_TABLE.c.key == key)).first()
        if row is None:
            return found
        found.append(_retraining(row))


def _key(model: str, decision: Decision, champion: int | None, attempt: int) -> str:
    return hash_value([model, decision.trigger, *decision.cause, champion, attempt])


def _retraining(row: Row[Any]) -> Retraining:
    values = dict(row._mapping)
    values.pop("key")
    return Retraining(**values)
