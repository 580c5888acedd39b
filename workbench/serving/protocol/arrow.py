"""Arrow IPC streams, in and out: batches of rows whose types travel with them.

In: one column for each of the schema: integers or floats, text (also as a dictionary), timestamps with
a zone.
What JSON has as ``params`` is JSON text in the schema's metadata, under ``params``. Out: ``prediction_id``,
``score``, one ``probability_CLASS`` for each class, ``model_version``, and ``notes`` if there are any.

Bytes from outside are checked before they are believed: no compression (a small body would become a large
one), no more rows than are taken, every offset and every text validated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
from pyarrow import ipc

from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.decoding import check_rows, check_twice, decode_json
from workbench.serving.protocol.params import Params, read_params
from workbench.serving.protocol.refused import Refused, shown
from workbench.serving.protocol.wire import batch_rows, compressed

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["decode", "encode"]

_PARAMS = b"params"
_PARAMS_DECODER = msgspec.json.Decoder(dict[str, Any])
# What pyarrow raises on bytes that are no stream: its own errors are also some of these.
_BAD_BYTES = (pa.ArrowException, ValueError, TypeError, LookupError, OSError, OverflowError, MemoryError)
_EARLIEST, _LATEST = np.datetime64("0001-01-01"), np.datetime64("9999-12-31")


def decode(body: bytes, most_rows: int) -> Asked:
    """Decode rows in an Arrow IPC stream, uncompressed.

    Raises
    ------
    Refused
        With 400 or 413 and one line, whatever the bytes are.
    """
    try:
        _check_messages(body, most_rows)
        with ipc.open_stream(pa.BufferReader(body)) as stream:
            names = stream.schema.names
            check_twice(names)
            params = _params(stream.schema.metadata or {})
            batches = [_columns(batch) for batch in _validated(stream)]
    except Refused:
        raise
    except _BAD_BYTES as error:
        reason = " ".join(str(error).split())[:200]
        raise Refused(400, f"the body is no Arrow IPC stream: {reason}") from None
    rows = sum(len(batch[0]) for batch in batches) if names else 0
    check_rows(rows, most_rows)
    joined = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
    return Asked(dict(zip(names, joined, strict=True)), rows, *params)


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
    rows = 0
    for message in _messages(body):
        if message.type not in ("schema", "dictionary", "record batch"):
            raise Refused(400, f"the body has a message of the type {shown(message.type)}")
        if message.type == "schema":
            continue
        metadata = message.metadata.to_pybytes()
        if compressed(metadata, message.type):
            raise Refused(400, "a compressed Arrow stream is not taken; write it without compression")
        rows += batch_rows(metadata, message.type) if message.type == "record batch" else 0
        check_rows(max(rows, 1), most_rows)


def _messages(body: bytes) -> Iterator[Any]:
    reader = ipc.MessageReader.open_stream(pa.BufferReader(body))
    while True:
        try:
            yield reader.read_next_message()
        except StopIteration:
            return


def _validated(stream: Any) -> Iterator[Any]:
    for batch in stream:
        batch.validate(full=True)
        yield batch


def _params(metadata: Mapping[bytes, bytes]) -> Params:
    given = metadata.get(_PARAMS)
    return read_params(None if given is None else decode_json(_PARAMS_DECODER, given))


def _columns(batch: Any) -> list[NDArray[Any]]:
    return [_column(name, column) for name, column in zip(batch.schema.names, batch.columns, strict=True)]


def _column(name: str, column: Any) -> NDArray[Any]:
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        # As in JSON, a number that is missing is null or NaN.
        return column.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)  # type: ignore[no-any-return]
    if pa.types.is_timestamp(kind):
        return _times(name, column)
    if pa.types.is_dictionary(kind) and _is_text(kind.value_type):
        return _looked_up(column)
    if _is_text(kind) or pa.types.is_null(kind) or pa.types.is_boolean(kind):
        return np.array(column.to_pylist(), dtype=object)
    raise Refused(400, f"column {shown(name)} has the type {str(kind)[:60]}, which is not taken")


def _times(name: str, column: Any) -> NDArray[np.datetime64]:
    if column.type.tz is None:
        raise Refused(400, f"column {shown(name)} has times without a zone")
    # Arrow's timestamps with a zone are in UTC, whatever the zone is.
    times: NDArray[np.datetime64] = column.to_numpy(zero_copy_only=False)
    if ((times < _EARLIEST) | (times > _LATEST)).any():
        raise Refused(400, f"column {shown(name)} has a time outside of the years 1 to 9999")
    return times.astype("datetime64[us]")


def _looked_up(column: Any) -> NDArray[np.object_]:
    # By reference: a long text that a dictionary holds once is not copied for every row.
    values = np.array([*column.dictionary.to_pylist(), None], dtype=object)
    places = column.indices.fill_null(len(values) - 1).to_numpy(zero_copy_only=False)
    looked_up: NDArray[np.object_] = values[places]
    return looked_up


def _is_text(kind: Any) -> bool:
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))
