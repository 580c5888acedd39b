"""One decoded request, and several that can be answered together as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from workbench.serving.protocol.cells import Cell, Texts, times
from workbench.serving.protocol.refused import Refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Asked"]


class Asked(msgspec.Struct, frozen=True, eq=False):
    """A decoded request: its columns, and what its parameters ask for.

    Attributes
    ----------
    columns : mapping
        For every column its cells, one a row; not checked against a schema yet.
    rows : int
        At least 1.
    version : int, optional
        The model version that has to answer; the champion if None.
    simulated_time : str or list of str, optional
        ISO text: when the rows are asked, in a replay; one for all rows or one for each.
    user_group : str or list of str
        One for all rows or one for each; empty for none.
    shared : int
        Characters of texts that came once for many rows, counted for each of them.
    """

    columns: "Mapping[str, Sequence[Cell] | NDArray[Any]]"  # noqa: UP037 - msgspec reads annotations
    rows: int
    version: int | None = None
    simulated_time: str | list[str] | None = None
    user_group: str | list[str] = ""
    shared: int = 0

    @property
    def group(self) -> tuple[object, ...]:
        """Equal for requests that can be answered together."""
        columns = self.columns
        form = next(map(type, columns.values()), None)
        return (self.version, self.simulated_time is None, form in (Texts, np.ndarray) and form, *columns)

    @classmethod
    def merged(cls, group: Sequence[Asked]) -> Asked:
        """The rows of all requests of a group as one request, in order.

        Raises
        ------
        Refused
            When one of them has not one simulated time, or not one user group, for each row.
        """
        if len(group) == 1:
            return group[0]
        first = group[0]
        all_columns = [asked.columns for asked in group]
        columns = {name: _joined([columns[name] for columns in all_columns]) for name in first.columns}
        simulated: list[str] | None = None
        if first.simulated_time is not None:
            simulated = [text for asked in group for text in asked.listed_times()]
        user_group: str | list[str] = ""
        if any(asked.user_group for asked in group):
            user_group = [text for asked in group for text in asked.user_groups()]
        return cls(columns, sum(asked.rows for asked in group), first.version, simulated, user_group)

    def simulated(self) -> NDArray[np.datetime64] | None:
        """The simulated time of each row as datetime64[us] in UTC, of shape (rows,); None without one."""
        if self.simulated_time is None:
            return None
        if isinstance(self.simulated_time, str):
            return np.repeat(times("params.simulated_time", [self.simulated_time]), self.rows)
        return times("params.simulated_time", self.listed_times())

    def listed_times(self) -> list[str]:
        """The simulated times as they were written, one a row."""
        return self._listed("simulated_time", "times", self.simulated_time or [])

    def user_groups(self) -> list[str]:
        """The user group of each row, empty for none."""
        return self._listed("user_group", "groups", self.user_group)

    def _listed(self, name: str, what: str, given: str | list[str]) -> list[str]:
        if isinstance(given, str):
            return [given] * self.rows
        if len(given) != self.rows:
            raise Refused(400, f"params.{name} has {len(given)} {what} for {self.rows} rows")
        return given


def _joined(parts: list[Any]) -> Sequence[Cell] | NDArray[Any]:
    kind = type(parts[0])
    if kind is np.ndarray:
        try:
            return np.concatenate(parts)
        except TypeError:
            raise Refused(400, "a column has times in one request and other values in another") from None
    joined = chain.from_iterable(parts)
    return Texts(joined) if kind is Texts else list(joined)
