"""Arrow IPC streams, in and out: batches of rows whose types travel with them.

In: one column for each of the schema: integers or floats, text (also as a dictionary), timestamps with
a zone.
What JSON has as ``params`` is JSON text in the schema's metadata, under ``params``. Out: ``prediction_id``,
``score``, one ``probability_CLASS`` for each class, ``model_version``, and ``notes`` if there are any.

Bytes from outside are checked before they are believed. A small body must not become a large one, so there is
no compression, no view of text (many may be of the same bytes) and no dictionary that grows by parts; batches
and rows are counted before any is unpacked; columns that no version knows stay packed, since many may be of
nulls, or share one dictionary; then every offset and every text of the others is validated.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
from pyarrow import ipc

from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.decoding import (
    check_columns,
    check_rows,
    check_shared,
    check_twice,
    decode_json,
)
from workbench.serving.protocol.params import Params, read_params
from workbench.serving.protocol.refused import Refused, shown
from workbench.serving.protocol.wire import read_batch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["decode", "encode"]

_PARAMS = b"params"
_MOST_BATCHES = 64
_UNREAD = np.empty(0, dtype=object)
_PARAMS_DECODER = msgspec.json.Decoder(dict[str, Any])
# What pyarrow raises on bytes that are no stream: its own errors are also some of these.
_BAD_BYTES = (
    *(pa.ArrowException, ValueError, TypeError, LookupError),
    *(OSError, OverflowError, MemoryError, struct.error),
)
_EARLIEST, _LATEST = np.datetime64("0001-01-01"), np.datetime64("9999-12-31")


def decode(body: bytes, known: Collection[str], most_rows: int) -> Asked:
    """Decode rows in an Arrow IPC stream, uncompressed; of columns that are not ``known`` their names only.

    Raises
    ------
    Refused
        With 400 or 413 and one line, whatever the bytes are.
    """
    try:
        _check_messages(body, most_rows)
        with ipc.open_stream(pa.BufferReader(body)) as stream:
            names = stream.schema.names
            check_columns(len(names), known)
            check_twice(names)
            for name, kind in zip(names, stream.schema.types, strict=True):
                _check_type(name, kind)
            params = _params(stream.schema.metadata or {})
            batches = list(_validated(stream, [name for name in names if name in known]))
        rows = sum(batch.num_rows for batch in batches) if names else 0
        check_rows(rows, most_rows)
        # As one piece, so that a dictionary that many batches share is looked at once.
        table = pa.Table.from_batches(batches).combine_chunks()
        columns, shared = dict.fromkeys(names, _UNREAD), 0
        for name, chunked in zip(table.column_names, table.columns, strict=True):
            column = chunked.chunk(0)
            if pa.types.is_dictionary(column.type):
                columns[name], characters = _looked_up(column)
                shared = check_shared(shared + characters)
            else:
                columns[name] = _column(name, column)
    except Refused:
        raise
    except _BAD_BYTES as error:
        reason = " ".join(str(error).split())[:200]
        raise Refused(400, f"the body is no Arrow IPC stream: {reason}") from None
    return Asked(columns, rows, *params, shared)


def encode(
    outputs: NDArray[np.float64],
    prediction_ids: Sequence[str],
    version: int,
    *,
    score: NDArray[np.float64],
    classes: Sequence[str] = (),
    notes: Mapping[int, Sequence[str]] | None = None,
) -> bytes:
    """An answer as an Arrow IPC stream of one batch.

    Parameters
    ----------
    outputs : ndarray of float64
        Of shape (rows, classes) or (rows,).
    prediction_ids : sequence of str
        One a row.
    version : int
        The model version that answered.
    score : ndarray of float64
        Of shape (rows,).
    classes : sequence of str
        The names of the outputs' columns; none for a regressor.
    notes : mapping of int to texts
        What was coerced or flagged, by row.
    """
    rows = len(prediction_ids)
    columns: dict[str, pa.Array] = {
        "prediction_id": pa.array(prediction_ids, pa.string()),
        "score": pa.array(score, pa.float64()),
    }
    for name, column in zip(classes, outputs.T if classes else (), strict=True):
        columns[f"probability_{name}"] = pa.array(column, pa.float64())
    columns["model_version"] = pa.repeat(pa.scalar(str(version)), rows)
    if notes:
        columns["notes"] = pa.array([notes.get(row, ()) for row in range(rows)], pa.list_(pa.string()))
    batch = pa.record_batch(columns)
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _check_messages(body: bytes, most_rows: int) -> None:
    """Look at every message before any is unpacked."""
    rows = batches = 0
    for message in _messages(body):
        if message.type == "schema":
            continue
        if message.type not in ("dictionary", "record batch"):
            raise Refused(400, f"the body has a message of the type {shown(message.type)}")
        batch = read_batch(message.metadata.to_pybytes(), message.type)
        if batch.compressed:
            raise Refused(400, "a compressed Arrow stream is not taken; write it without compression")
        if batch.delta:
            raise Refused(400, "a dictionary that grows by parts is not taken; write it as a whole")
        if message.type == "record batch":
            rows, batches = rows + max(batch.rows, 0), batches + 1
            check_rows(max(rows, 1), most_rows)
            if batches > _MOST_BATCHES:
                raise Refused(400, f"more than {_MOST_BATCHES} record batches; write fewer and larger ones")


def _messages(body: bytes) -> Iterator[Any]:
    reader = ipc.MessageReader.open_stream(pa.BufferReader(body))
    while True:
        try:
            yield reader.read_next_message()
        except StopIteration:
            return


def _validated(stream: Any, names: list[str]) -> Iterator[Any]:
    dictionaries: set[tuple[int, ...]] = set()
    for whole in stream:
        batch = whole.select(names)
        for column in batch.columns:
            if pa.types.is_dictionary(column.type):
                _validate_words(column, dictionaries)
            else:
                column.validate(full=True)
        yield batch


def _validate_words(column: Any, known: set[tuple[int, ...]]) -> None:
    """Validate texts that a dictionary holds, and it only once: many columns and batches may share one."""
    words, places = column.dictionary, column.indices
    where = (len(words), words.offset, *(0 if part is None else part.address for part in words.buffers()))
    if where not in known:
        words.validate(full=True)
        known.add(where)
    places.validate(full=True)
    given = places.drop_null().to_numpy()
    if given.size and not 0 <= given.min() <= given.max() < len(words):
        raise Refused(400, "the body is no Arrow IPC stream: an index leads out of its dictionary")


def _params(metadata: Mapping[bytes, bytes]) -> Params:
    given = metadata.get(_PARAMS)
    return read_params(None if given is None else decode_json(_PARAMS_DECODER, given))


def _check_type(name: str, kind: Any) -> None:
    types = pa.types
    if types.is_timestamp(kind):
        if kind.tz is None:
            raise Refused(400, f"column {shown(name)} has times without a zone")
        return
    plain = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_null(kind)
    if not (plain or _is_text(kind) or (types.is_dictionary(kind) and _is_text(kind.value_type))):
        raise Refused(400, f"column {shown(name)} has the type {str(kind)[:60]}, which is not taken")


def _column(name: str, column: Any) -> NDArray[Any]:
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        # As in JSON, a number that is missing is null or NaN.
        return column.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)  # type: ignore[no-any-return]
    if pa.types.is_timestamp(kind):
        return _times(name, column)
    return np.array(column.to_pylist(), dtype=object)


def _times(name: str, column: Any) -> NDArray[np.datetime64]:
    # Arrow's timestamps with a zone are in UTC, whatever the zone is.
    times: NDArray[np.datetime64] = column.to_numpy(zero_copy_only=False)
    # Nanoseconds reach from 1677 to 2262 only, and cannot be compared with the year 1.
    if column.type.unit != "ns" and ((times < _EARLIEST) | (times > _LATEST)).any():
        raise Refused(400, f"column {shown(name)} has a time outside of the years 1 to 9999")
    return times.astype("datetime64[us]")


def _looked_up(column: Any) -> tuple[NDArray[np.object_], int]:
    """The texts of a dictionary at their places, and how many characters those are together."""
    # By reference: a long text that a dictionary holds once is not copied for every row.
    values = np.array([*column.dictionary.to_pylist(), None], dtype=object)
    # Of a dictionary of 128 words the place behind the last is no int8 as the others are.
    places = column.indices.cast(pa.int64()).fill_null(len(values) - 1).to_numpy(zero_copy_only=False)
    lengths = np.array([0 if word is None else len(word) for word in values])
    return values[places], int(lengths[places].sum())


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
