"""What has been appended and may not be compacted yet: streams, each of one writer, of numbered batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from workbench.serving.log.decoding import Row, Wanted, decode, decode_header

if TYPE_CHECKING:
    import pyarrow as pa

    from workbench.serving.log.encoding import Header

__all__ = ["CHUNK_BATCHES", "Chunk", "Headers", "Stream", "Streams", "Window", "chunk_of"]

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
#: So many batches are decoded together.
CHUNK_BATCHES = 8192


@dataclass(frozen=True)
class Window:
    """Which rows: asked in ``[start, end)``, in a role, of a model version, answered or not; None for any."""

    start: datetime | None = None
    end: datetime | None = None
    role: str | None = None
    version: int | None = None
    failed: bool | None = None

    def takes(self, header: Header) -> bool:
        """Whether rows of a header, whose role and version are right, are answered as they should be."""
        return self.failed is None or self.failed == bool(header.error)

    def bounds(self) -> tuple[int | None, int | None]:
        """Start and end in microseconds since 1970."""
        moments = (None if at is None else (at - _EPOCH) // _MICROSECOND for at in (self.start, self.end))
        start, end = moments
        return start, end


@dataclass(frozen=True)
class Chunk:
    """Some batches of a stream, and the number of the last one; their tables may differ in columns."""

    last: int
    tables: list[pa.Table]


class Stream(Protocol):
    """Batches of one writer, numbered from 1 in the order in which they were appended.

    It stays in the state in which it was listed, whatever is appended, compacted and removed meanwhile.
    """

    @property
    def name(self) -> str:
        """Its name, which no other stream of the log ever has."""

    def chunks(self, above: int, window: Window, wanted: Wanted) -> Iterator[Chunk]:
        """Batches with numbers above ``above``, in order, as far as they touch the window.

        Of a batch whose times lie partly in the window all rows come.

        Raises
        ------
        ServingError
            When something in it cannot be read; the message names it.
        """

    def count(self, above: int, window: Window) -> int:
        """How many rows they have; of times only whole batches are told apart."""

    def remove(self, up_to: int) -> bool:
        """Take batches up to a number away, where that can be done beside the writer; whether it was."""


class Streams(Protocol):
    """All streams of a log."""

    def listed(self) -> AbstractContextManager[list[Stream]]:
        """As they are now, to be read within the block.

        The compacted table has to be opened after this: then each row is either in it or above what it says
        that it has :meth:`taken <workbench.serving.log.table.CompactedTable.taken>` of a stream.
        """

    def alone(self) -> AbstractContextManager[bool]:
        """Whether this is the only compaction; it stays so until the end of the block."""


class Headers:
    """Headers of a stream, decoded once each."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._known: dict[Any, tuple[Header, int]] = {}

    def add(self, key: Any, crc32: int, blob: bytes) -> None:
        if key not in self._known:
            self._known[key] = (decode_header(f"{self.place}, header", crc32, blob), crc32)

    def get(self, key: Any) -> tuple[Header, int]:
        return self._known[key]


def chunk_of(headers: Headers, rows: list[tuple[Any, Row]], window: Window, wanted: Wanted) -> Chunk:
    """Decode batches, each given with the key of its header; those of one header come together."""
    groups: dict[Any, list[Row]] = {}
    for key, row in rows:
        if window.takes(headers.get(key)[0]):
            groups.setdefault(key, []).append(row)
    tables = [decode(headers.place, *headers.get(key), group, wanted) for key, group in groups.items()]
    return Chunk(rows[-1][1].number, tables)
