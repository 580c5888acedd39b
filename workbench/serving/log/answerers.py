"""Who answered, and when: the versions whose rows are in a log, by the role in which they answered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from workbench.serving.log.batch import Role

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Answerer", "Tally"]


@dataclass(frozen=True)
class Answerer:
    """A version in a role.

    Attributes
    ----------
    first, last : datetime
        When it was asked first and last; aware, in UTC.
    rows, failed : int
        How many predictions it made, and how many rows it could not answer.
    """

    role: Role
    version: int
    first: datetime
    last: datetime
    rows: int
    failed: int


class Tally:
    """Counts them, table by table."""

    COLUMNS: ClassVar = ("asked_at", "role", "model_version", "error")

    def __init__(self) -> None:
        self._found: dict[tuple[Role, int], Answerer] = {}

    def add(self, table: pa.Table) -> None:
        """Count the rows of a table that has these columns."""
        asked = [("asked_at", "min"), ("asked_at", "max"), ("asked_at", "count"), ("error", "count")]
        groups = table.group_by(["role", "model_version"]).aggregate(asked)
        for row in groups.to_pylist():
            new = Answerer(
                row["role"],
                row["model_version"],
                row["asked_at_min"],
                row["asked_at_max"],
                row["asked_at_count"] - row["error_count"],
                row["error_count"],
            )
            known = self._found.get((new.role, new.version))
            self._found[new.role, new.version] = new if known is None else _both(known, new)

    def answerers(self) -> list[Answerer]:
        """All of them, the champions first, in the order in which they answered."""
        return sorted(
            self._found.values(),
            key=lambda one: (one.role != "champion", one.role, one.first, one.version),
        )


def _both(one: Answerer, other: Answerer) -> Answerer:
    return replace(
        one,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
        rows=one.rows + other.rows,
        failed=one.failed + other.failed,
    )
