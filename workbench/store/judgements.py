"""What people judged of answers that were given: right, wrong, or nothing that they could say.

Not what is true (:data:`~workbench.store.tables.ground_truth`), and not what users of the answers think
(:data:`~workbench.store.tables.feedback`): somebody of the project has looked at a row and its answer,
without being shown what turned out. Rows are only ever added; of a person on a prediction the newest counts.
All functions work on a connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import Connection, Row, insert, select

from workbench.errors import UsageError
from workbench.store import review_tables as tables
from workbench.store.texts import storable

__all__ = ["DRAWS", "VERDICTS", "Drawn", "Judgement", "Verdict", "judge", "newest"]

Verdict = Literal["right", "wrong", "can't say"]
#: How somebody came to see a prediction: only of what was drawn at random shares can be told of all.
Drawn = Literal["random", "slice", "uncertain"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
DRAWS: tuple[Drawn, ...] = get_args(Drawn)

_TABLE = tables.judgements
_LONGEST_NAME, _LONGEST_REMARK = 200, 10_000


@dataclass(frozen=True)
class Judgement:
    """One person's judgement of one prediction.

    Attributes
    ----------
    version : int
        Of the model that gave the answer.
    slices : dict
        To which groups the row belongs: column to value.
    actor, database_user
        As in the ledger: a claim, and who PostgreSQL knows.
    """

    prediction_id: str
    version: int
    verdict: Verdict
    remark: str = ""
    drawn: Drawn = "random"
    slices: dict[str, str] = field(default_factory=dict)
    at: datetime | None = None
    actor: str = ""
    database_user: str | None = None

    @property
    def person(self) -> str:
        """What tells two people apart."""
        return self.database_user or self.actor

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "at": self.at and self.at.isoformat()}


def judge(
    connection: Connection,
    log: str,
    prediction_id: str,
    verdict: Verdict,
    *,
    version: int,
    by: str,
    at: datetime,
    remark: str = "",
    drawn: Drawn = "random",
    slices: Mapping[str, str] | None = None,
) -> Judgement:
    """Keep what somebody judged; who changes their mind judges again.

    Raises
    ------
    UsageError
        There is no such verdict, or no such way to draw.
    """
    if verdict not in VERDICTS:
        raise UsageError(f"{verdict!r} is no verdict: {', '.join(VERDICTS)}")
    if drawn not in DRAWS:
        raise UsageError(f"{drawn!r} is no way to draw: {', '.join(DRAWS)}")
    values = {
        "log": log,
        "prediction_id": storable(prediction_id),
        "version": version,
        "verdict": verdict,
        "remark": storable(remark.strip(), _LONGEST_REMARK),
        "drawn": drawn,
        "slices": {storable(name): storable(value) for name, value in (slices or {}).items()},
        "at": at,
        "actor": storable(by, _LONGEST_NAME),
    }
    return _judgement(connection.execute(insert(_TABLE).returning(_TABLE), values).one())


def newest(connection: Connection, log: str) -> list[Judgement]:
    """Each person's newest judgement of each prediction of a log, in the order in which they were given."""
    rows = connection.execute(select(_TABLE).where(_TABLE.c.log == log).order_by(_TABLE.c.id))
    found: dict[tuple[str, str], Judgement] = {}
    for judged in map(_judgement, rows):
        key = (judged.person, judged.prediction_id)
        found.pop(key, None)
        found[key] = judged
    return list(found.values())


def _judgement(row: Row[Any]) -> Judgement:
    values = dict(row._mapping)
    for name in ("id", "log"):
        del values[name]
    return Judgement(**values)
