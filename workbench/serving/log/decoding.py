"""Bodies of batches back as Arrow tables, thousands at a time, and only the columns that are wanted."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from workbench.errors import ServingError
from workbench.registry.cases import FEATURE, INPUT
from workbench.serving.log.encoding import CATEGORY, NUMBER, TIME, Header

__all__ = ["ANSWER", "LEADING", "MOMENT", "Row", "Wanted", "decode", "decode_header"]

MOMENT = pa.timestamp("us", "UTC")
#: What every log has, in the order in which it is read.
LEADING = {
    "prediction_id": pa.string(),
    "asked_at": MOMENT,
    "score": pa.float64(),
    "answered_at": MOMENT,
    "model": pa.string(),
    "model_version": pa.int64(),
    "role": pa.string(),
    "code_version": pa.string(),
    "run_id": pa.string(),
    "datasets": pa.string(),
    "latency_ms": pa.float64(),
    "request_id": pa.string(),
    "user_group": pa.string(),
    "note": pa.string(),
    "error": pa.string(),
}
#: The answered class, of models of more than two.
ANSWER = "answer"
Wanted = Callable[[str], bool]
_KIND_TYPES = {NUMBER: pa.float64(), CATEGORY: pa.string(), TIME: MOMENT}


@dataclass(frozen=True, slots=True)
class Row:
    """A batch as it stands in a database."""

    number: int
    rows: int
    answered_at: int
    crc32: int
    blob: bytes


class _Body(msgspec.Struct, frozen=True, array_like=True):
    """An ``encoding.Body`` of which texts are decoded only if they are wanted."""

    ids: msgspec.Raw
    asked_at: bytes
    outputs: bytes
    latency: bytes
    numbers: bytes
    times: bytes
    words: msgspec.Raw
    requests: msgspec.Raw
    groups: msgspec.Raw
    notes: dict[int, tuple[str, ...]]


_body = msgspec.msgpack.Decoder(_Body).decode
_texts = msgspec.msgpack.Decoder(str | list[str]).decode
_words = msgspec.msgpack.Decoder(list[list[Any]]).decode
_header = msgspec.msgpack.Decoder(Header).decode


def decode_header(place: str, crc32: int, blob: bytes) -> Header:
    """A header; ``place`` is for the error message.

    Raises
    ------
    ServingError
        When it is damaged.
    """
    if zlib.crc32(blob) != crc32:
        raise ServingError(f"prediction log {place}: damaged (its checksum differs); restore the file")
    try:
        return _header(blob)
    except msgspec.MsgspecError as error:
        raise ServingError(f"prediction log {place}: cannot be decoded: {error}") from error


def decode(place: str, header: Header, header_crc32: int, rows: Sequence[Row], wanted: Wanted) -> pa.Table:
    """Batches that have one header, as one table.

    Raises
    ------
    ServingError
        When one is damaged; the message names it.
    """
    numbers, times = header.kinds.count(NUMBER), header.kinds.count(TIME)
    sizes = (8, 8 * (len(header.classes) or 1), 4, 8 * numbers, 8 * times)
    bodies = [_decode_body(place, header_crc32, row, sizes) for row in rows]
    counts = np.array([row.rows for row in rows])
    total = int(counts.sum())
    columns: dict[str, Any] = {}

    def add(name: str, make: Callable[[], Any]) -> None:
        if wanted(name):
            columns[name] = make()

    def joined(field: str, dtype: str) -> np.ndarray[Any, Any]:
        return np.frombuffer(b"".join([getattr(body, field) for body in bodies]), dtype)

    def texts(field: str) -> pa.Array:
        return pa.array(_each(bodies, field, counts.tolist()), pa.string())

    add("prediction_id", lambda: pa.array(_ids(bodies, counts.tolist()), pa.string()))
    add("asked_at", lambda: _moments(joined("asked_at", "<i8")))
    outputs = joined("outputs", "<f8").reshape(total, -1)
    add("score", lambda: pa.array(_scores(header, outputs)))
    add("answered_at", lambda: _moments(np.repeat([row.answered_at for row in rows], counts)))
    for name, value in (
        ("model", header.model),
        ("model_version", header.version),
        ("role", header.role),
        ("code_version", header.code_version),
        ("run_id", header.run_id),
        ("datasets", header.datasets),
    ):
        add(name, lambda name=name, value=value: pa.repeat(pa.scalar(value, LEADING[name]), total))  # type: ignore[misc]
    add("latency_ms", lambda: pa.array(joined("latency", "<f4").astype("f8")))
    add("request_id", lambda: texts("requests"))
    add("user_group", lambda: texts("groups"))
    add("note", lambda: pa.array(_notes(bodies, counts.tolist()), pa.string()))
    add("error", lambda: pa.repeat(pa.scalar(header.error or None, pa.string()), total))
    if len(header.classes) != 2 and header.classes:
        classes = np.array(header.classes, dtype=object)
        add(ANSWER, lambda: pa.array(classes[outputs.argmax(axis=1)], pa.string()))
        for place_of, name in enumerate(header.classes):
            add(f"score.{name}", lambda at=place_of: pa.array(outputs[:, at]))  # type: ignore[misc]
    columns |= _own_columns(header, bodies, joined, wanted)
    # A table without columns has no length either, and it is the length that a caller counts on.
    return pa.table(columns) if columns else pa.table({"asked_at": _moments(joined("asked_at", "<i8"))})


def _decode_body(place: str, header_crc32: int, row: Row, sizes: tuple[int, ...]) -> _Body:
    where = f"prediction log {place}, row {row.number}"
    if zlib.crc32(row.blob, header_crc32) != row.crc32:
        raise ServingError(f"{where}: damaged (its checksum differs); restore the file")
    try:
        body = _body(row.blob)
    except msgspec.MsgspecError as error:
        raise ServingError(f"{where}: cannot be decoded: {error}") from error
    found = (len(body.asked_at), len(body.outputs), len(body.latency), len(body.numbers), len(body.times))
    if found != tuple(size * row.rows for size in sizes):
        raise ServingError(f"{where}: {len(body.asked_at) // 8} rows where {row.rows} are stated")
    return body


def _own_columns(
    header: Header, bodies: list[_Body], joined: Callable[[str, str], np.ndarray[Any, Any]], wanted: Wanted
) -> dict[str, Any]:
    """Raw inputs and features, each from its place among the columns of its kind."""
    names = [INPUT + name for name in header.inputs] + [FEATURE + name for name in header.features]
    places = {kind: itertools.count() for kind in _KIND_TYPES}
    chosen = [
        (name, kind, at)
        for name, kind in zip(names, header.kinds, strict=True)
        for at in [next(places[kind])]
        if wanted(name)
    ]
    kinds = {kind for _, kind, _ in chosen}
    matrices = {
        kind: joined(field, dtype).reshape(-1, header.kinds.count(kind))
        for kind, field, dtype in ((NUMBER, "numbers", "<f8"), (TIME, "times", "<i8"))
        if kind in kinds
    }
    lists = [_words(body.words) for body in bodies] if CATEGORY in kinds else []
    columns: dict[str, Any] = {}
    for name, kind, at in chosen:
        if kind == CATEGORY:
            columns[name] = _words_column(itertools.chain.from_iterable([one[at] for one in lists]))
        else:
            values = np.ascontiguousarray(matrices[kind][:, at])
            columns[name] = pa.array(values) if kind == NUMBER else _moments(values)
    return columns


def _words_column(values: Iterable[Any]) -> pa.Array:
    listed = list(values)
    try:
        return pa.array(listed, pa.string(), from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # a builder of features made something else than text
        missing = (None if value is None or value != value else str(value) for value in listed)
        return pa.array(list(missing), pa.string())


def _moments(values: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array(values.astype("<i8", copy=False).view("datetime64[us]")).cast(MOMENT)


def _scores(header: Header, outputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if len(header.classes) == 2:
        return np.ascontiguousarray(outputs[:, 1])
    return outputs.max(axis=1) if header.classes else outputs.ravel()


def _ids_of(ids: str | list[str], count: int) -> list[str]:
    return [f"{ids}-{number}" for number in range(count)] if isinstance(ids, str) else ids


def _ids(bodies: list[_Body], counts: list[int]) -> list[str]:
    found: list[str] = []
    for body, count in zip(bodies, counts, strict=True):
        found += _ids_of(_texts(body.ids), count)
    return found


def _each(bodies: list[_Body], field: str, counts: list[int]) -> list[str]:
    found: list[str] = []
    for body, count in zip(bodies, counts, strict=True):
        texts = _texts(getattr(body, field))
        found += [texts] * count if isinstance(texts, str) else texts
    return found


def _notes(bodies: list[_Body], counts: list[int]) -> list[str | None]:
    found: list[str | None] = []
    for body, count in zip(bodies, counts, strict=True):
        notes = body.notes
        found += [None] * count if not notes else ["; ".join(notes.get(n, ())) or None for n in range(count)]
    return found
