"""A look into the metadata of an Arrow message, which pyarrow reads but does not show.

The metadata is a FlatBuffer, laid out by Arrow's ``format/Message.fbs``: a table begins with the distance
back to its list of fields, and that list has for each field where it is within the table, or 0. pyarrow
verifies a message when it opens it, so no offset here leads out of the bytes.
"""

from __future__ import annotations

import struct

__all__ = ["batch_rows", "compressed"]

_HEADER = 2  # of Message
_DATA = 1  # of DictionaryBatch: a RecordBatch
_LENGTH, _COMPRESSION = 0, 3  # of RecordBatch


def compressed(metadata: bytes, kind: str) -> bool:
    """Whether the buffers of a ``"record batch"`` or a ``"dictionary"`` are compressed."""
    batch = _batch(metadata, kind)
    return batch is not None and _field(metadata, batch, _COMPRESSION) is not None


def batch_rows(metadata: bytes, kind: str) -> int:
    """How many rows a batch says it has."""
    batch = _batch(metadata, kind)
    where = None if batch is None else _field(metadata, batch, _LENGTH)
    return 0 if where is None else int(struct.unpack_from("<q", metadata, where)[0])


def _batch(metadata: bytes, kind: str) -> int | None:
    header = _table(metadata, _followed(metadata, 0), _HEADER)
    if header is None or kind == "record batch":
        return header
    return _table(metadata, header, _DATA)


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
