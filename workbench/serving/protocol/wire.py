"""A look into the metadata of an Arrow message, which pyarrow reads but does not show.

The metadata is a FlatBuffer, laid out by Arrow's ``format/Message.fbs``: a table begins with the distance
back to its list of fields, and that list has for each field where it is within the table, or 0. pyarrow
verifies a message when it opens it, so no offset here leads out of the bytes.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["BatchHead", "read_batch"]

_HEADER = 2  # of Message
_DATA, _IS_DELTA = 1, 2  # of DictionaryBatch; the data is a RecordBatch
_LENGTH, _COMPRESSION = 0, 3  # of RecordBatch


class BatchHead(NamedTuple):
    """What a ``"record batch"`` or a ``"dictionary"`` says of itself."""

    rows: int = 0
    compressed: bool = False
    delta: bool = False


def read_batch(metadata: bytes, kind: str) -> BatchHead:
    """The head of a message that pyarrow has opened; ``kind`` is its type."""
    batch = _table(metadata, _followed(metadata, 0), _HEADER)
    delta = False
    if batch is not None and kind == "dictionary":
        where = _field(metadata, batch, _IS_DELTA)
        delta = where is not None and metadata[where] != 0
        batch = _table(metadata, batch, _DATA)
    if batch is None:
        return BatchHead(delta=delta)
    length = _field(metadata, batch, _LENGTH)
    rows = 0 if length is None else int(struct.unpack_from("<q", metadata, length)[0])
    return BatchHead(rows, _field(metadata, batch, _COMPRESSION) is not None, delta)


def _table(metadata: bytes, table: int, field: int) -> int | None:
    where = _field(metadata, table, field)
    return None if where is None else _followed(metadata, where)


def _field(metadata: bytes, table: int, field: int) -> int | None:
    """Where a field of a table is; None when it is not set."""
    fields = table - struct.unpack_from("<i", metadata, table)[0]
    size = struct.unpack_from("<H", metadata, fields)[0]
    entry = 4 + 2 * field
    if entry >= size:
        return None
    offset = struct.unpack_from("<H", metadata, fields + entry)[0]
    return table + offset if offset else None


def _followed(metadata: bytes, where: int) -> int:
    return where + int(struct.unpack_from("<I", metadata, where)[0])
