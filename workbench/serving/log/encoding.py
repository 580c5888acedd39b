"""Batches as bytes, and many of them back as one table.

What stays the same from batch to batch (model, version, names of columns, …) is a *header*, written once
a file. A batch is then a header's number and a *body*: a msgpack array with the numbers of a row side by
side, so that the bodies of thousands of batches joined end to end are one matrix. Both carry a checksum;
that of a body goes on from its header's, so that a body with the wrong header is found as well.
"""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from workbench.serving.log.batch import Batch, Columns, row_ids

__all__ = ["Body", "Encoded", "Encoder", "Header", "WrittenHeader"]

_FLOAT = np.dtype("float64")
_OBJECT = np.dtype("object")
_TIME = np.dtype("datetime64[us]")
#: How a column is kept: among the numbers, the words or the times of a body.
NUMBER, CATEGORY, TIME = "n", "c", "t"


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """What batches have in common.

    ``kinds`` has a letter for each of ``inputs``, then of ``features``. Rows that were not answered have an
    ``error``; headers without one are as they were before there was any.
    """

    model: str
    version: int
    role: str
    code_version: str
    run_id: str
    datasets: str
    classes: list[str]
    inputs: list[str]
    features: list[str]
    kinds: str
    error: str = ""


class Body(msgspec.Struct, frozen=True, array_like=True):
    """The rows of a batch.

    Attributes
    ----------
    ids : str or list of str
        A stem ``s`` stands for ``s-0``, ``s-1``, ….
    asked_at, outputs, latency, numbers, times : bytes
        Little-endian int64 (µs since 1970), float64, float32, float64 and int64; row after row.
    words : list of list
        The values of each column of categories.
    requests, groups : str or list of str
        One text where all rows have the same.
    notes : dict
        By the number of the row.
    """

    ids: str | list[str]
    asked_at: bytes
    outputs: bytes
    latency: bytes
    numbers: bytes
    times: bytes
    words: list[list[Any]]
    requests: str | list[str]
    groups: str | list[str]
    notes: dict[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class WrittenHeader:
    """A header as bytes, and what a database can search it by."""

    model: str
    version: int
    role: str
    crc32: int
    blob: bytes


@dataclass(frozen=True, slots=True)
class Encoded:
    """A batch as a row of a database: times in microseconds since 1970, UTC."""

    header: WrittenHeader
    asked_from: int
    asked_until: int
    answered_at: int
    rows: int
    crc32: int
    blob: bytes


class Encoder:
    """Encodes batches for one writer; it remembers the headers that it has made."""

    def __init__(self) -> None:
        self._headers: dict[tuple[Any, ...], WrittenHeader] = {}
        self._pack = msgspec.msgpack.Encoder(enc_hook=str).encode

    def encode(self, batch: Batch) -> Encoded:
        """A batch as bytes.

        Raises
        ------
        ValueError
            When its columns differ in length.
        """
        rows = len(batch.prediction_ids)
        asked = batch.asked_at
        if asked.dtype is not _TIME:
            asked = asked.astype(_TIME)
        kinds, numbers, words, times = _sorted_by_kind(batch.inputs, batch.features)
        body = Body(
            _compact_ids(batch.prediction_ids),
            asked.tobytes(),
            np.asarray(batch.outputs, _FLOAT).tobytes(),
            np.asarray(batch.latency_ms, "<f4").tobytes(),
            _row_by_row(numbers, rows),
            _row_by_row(times, rows),
            words,
            _one_if_equal(batch.request_ids),
            _one_if_equal(batch.user_groups),
            dict(batch.notes) if batch.notes else {},
        )
        _check_lengths(batch, body, rows, 8 * rows * len(numbers), 8 * rows * len(times))
        header = self._header(batch, kinds)
        try:
            blob = self._pack(body)
        except UnicodeEncodeError:  # half a surrogate pair, which a client may send and UTF-8 cannot hold
            blob = self._pack(_without_surrogates(msgspec.structs.astuple(body)))
        moments = asked.view("int64").tolist()
        return Encoded(
            header,
            min(moments),
            max(moments),
            time.time_ns() // 1000,
            rows,
            zlib.crc32(blob, header.crc32),
            blob,
        )

    def _header(self, batch: Batch, kinds: str) -> WrittenHeader:
        key = (
            *(batch.model, batch.version, batch.role, batch.code_version, batch.run_id, batch.classes, kinds),
            *(*batch.inputs, None, *batch.features, *batch.datasets.items(), batch.error),
        )
        known = self._headers.get(key)
        if known is None:
            header = Header(
                model=batch.model,
                version=batch.version,
                role=batch.role,
                code_version=batch.code_version,
                run_id=batch.run_id,
                datasets=" ".join(f"{name}={version}" for name, version in sorted(batch.datasets.items())),
                classes=list(batch.classes),
                inputs=list(batch.inputs),
                features=list(batch.features),
                kinds=kinds,
                error=batch.error,
            )
            blob = msgspec.msgpack.encode(header)
            known = WrittenHeader(header.model, header.version, header.role, zlib.crc32(blob), blob)
            self._headers[key] = known
        return known


def _sorted_by_kind(
    inputs: Columns, features: Columns
) -> tuple[str, list[np.ndarray[Any, Any]], list[list[Any]], list[np.ndarray[Any, Any]]]:
    kinds: list[str] = []
    numbers: list[np.ndarray[Any, Any]] = []
    words: list[list[Any]] = []
    times: list[np.ndarray[Any, Any]] = []
    for columns in (inputs, features):
        for column in columns.values():
            dtype = column.dtype
            if dtype is _FLOAT:
                kinds.append(NUMBER)
                numbers.append(column)
            elif dtype is _OBJECT or dtype.kind not in "fiubM":
                kinds.append(CATEGORY)
                words.append(column.tolist())
            elif dtype.kind == "M":
                kinds.append(TIME)
                times.append(column.astype(_TIME, copy=False))
            else:
                kinds.append(NUMBER)
                numbers.append(column.astype(_FLOAT))
    return "".join(kinds), numbers, words, times


def _row_by_row(columns: list[np.ndarray[Any, Any]], rows: int) -> bytes:
    if not columns:
        return b""
    if rows == 1:  # np.array takes longer
        return b"".join([column.tobytes() for column in columns])
    try:
        return np.array(columns).T.tobytes()
    except ValueError:  # of different lengths, which is refused below
        return b""


def _compact_ids(ids: list[str]) -> str | list[str]:
    first = ids[0]
    if first[-2:] != "-0":
        return ids
    stem = first[:-2]
    return stem if ids == row_ids(stem, len(ids)) else ids


def _one_if_equal(texts: list[str]) -> str | list[str]:
    return texts[0] if texts and texts.count(texts[0]) == len(texts) else texts


def _check_lengths(batch: Batch, body: Body, rows: int, numbers: int, times: int) -> None:
    """Told here, where it is known whose fault it is, rather than when the log is read."""
    if (
        len(body.asked_at) != 8 * rows
        or len(body.outputs) != 8 * rows * (len(batch.classes) or 1)
        or len(body.latency) != 4 * rows
        or len(body.numbers) != numbers
        or len(body.times) != times
        or any(len(values) != rows for values in body.words)
        or len(batch.request_ids) != rows
        or len(batch.user_groups) != rows
    ):
        raise ValueError(
            f"a batch of {rows} rows of {batch.model} v{batch.version} has columns of other lengths"
        )


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value
