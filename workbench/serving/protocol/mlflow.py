"""MLflow's scoring protocol: what ``/invocations`` takes and answers.

``dataframe_split``, ``dataframe_records``, ``instances``, ``inputs`` and CSV, each with MLflow's own meaning
(``mlflow/pyfunc/scoring_server`` and ``mlflow/utils/proto_json_utils.py``): fields that are not known are
passed over, a record may leave out what another one has, rows without names have the signature's order, an
index is not looked at.

We differ where MLflow answers 200 for what is most likely a mistake. Refused here with 400:

- a number as text (``"3"``), or text as a number; true and false in a column of numbers, unless it was learnt
  or declared as one of booleans;
- an unknown column, unless the project says ``"*": "ignore"``, and very many of them in any case; a column
  that is given twice, or a key of an object;
- ``NaN``, ``Infinity`` and ``1e400`` in JSON: null says that a value is missing;
- a row that is shorter than the header; times without a zone;
- parameters that are nearly ours.

A null in a category is missing here, where MLflow makes ``"None"`` of it in ``instances`` and ``inputs``; and
``NA`` in a CSV column of categories is a text, where MLflow takes it as missing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.cells import Cell
from workbench.serving.protocol.content import ARROW, CSV, JSON, media_type
from workbench.serving.protocol.decoding import (
    check_columns,
    check_keys,
    check_nesting,
    check_rows,
    check_shared,
    check_twice,
    count_keys,
    decode_json,
    has_few_unknown,
    keys_in,
    only_known,
)
from workbench.serving.protocol.params import read_params
from workbench.serving.protocol.refused import Refused, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["decode", "decode_body", "encode"]

_FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")

Row = dict[str, Cell] | list[Cell] | Cell
Tensors = list[Row] | dict[str, list[Cell] | Cell]


class _Split(msgspec.Struct, forbid_unknown_fields=True):
    columns: list[str]
    data: list[list[Cell]]
    index: Raw | UnsetType = UNSET


class _Invocation(msgspec.Struct):
    dataframe_split: _Split | UnsetType = UNSET
    dataframe_records: list[dict[str, Cell]] | UnsetType = UNSET
    instances: Tensors | UnsetType = UNSET
    inputs: Tensors | UnsetType = UNSET
    params: dict[str, Any] | UnsetType | None = UNSET


class _Answer(msgspec.Struct, omit_defaults=True):
    predictions: Any
    prediction_ids: list[str]
    model_version: str
    notes: Mapping[int, Sequence[str]] = {}


_INVOCATION = msgspec.json.Decoder(_Invocation)
_ENCODER = msgspec.json.Encoder()


def decode(
    body: bytes,
    content_type: str,
    names: Sequence[str],
    most_rows: int,
    known: Collection[str] | None = None,
) -> Asked:
    """Decode a request by its content type: JSON, CSV, or an Arrow stream.

    Parameters
    ----------
    body, content_type
        As they came.
    names : sequence of str
        The schema's columns in order, for rows that come without names.
    most_rows : int
        More are refused with 413.
    known : collection of str, optional
        The columns of all versions that may be asked, ``names`` by default. Of other columns only the names
        are kept.

    Raises
    ------
    Refused
        With 400, 413 or 415 and one line; nothing else is raised, whatever the bytes are.
    """
    kind = JSON if content_type == JSON else media_type(content_type)
    if kind == JSON:
        return decode_body(body, names, most_rows, known)
    known = names if known is None else known
    if kind == CSV:
        from workbench.serving.protocol import csv_text

        return csv_text.decode(body, known, most_rows)
    assert kind == ARROW
    from workbench.serving.protocol import arrow

    return arrow.decode(body, known, most_rows)


def decode_body(
    body: bytes, names: Sequence[str], most_rows: int, known: Collection[str] | None = None
) -> Asked:
    """Decode a request in JSON; arguments as for :func:`decode`."""
    known = names if known is None else known
    check_nesting(body, most_rows)
    given = decode_json(_INVOCATION, body)
    check_keys(body, _keys(given))
    params = read_params(given.params or None)
    split = given.dataframe_split
    others = (given.dataframe_records, given.instances, given.inputs)
    if split is not UNSET and others == (UNSET, UNSET, UNSET):
        rows = len(split.data)
        check_rows(rows, most_rows)
        return Asked(only_known(_from_split(split, known), known, ()), rows, *params)
    sent = [name for name in _FORMATS if getattr(given, name) is not UNSET]
    if len(sent) != 1:
        raise Refused(400, f"send exactly one of {', '.join(_FORMATS)}; got {' and '.join(sent) or 'none'}")
    table = getattr(given, sent[0])
    # Before anything is made of it: a value that stands for all rows, or a cell that is left out, costs the
    # body nothing.
    rows = len(table) if isinstance(table, list) else _rows_of(table)
    check_rows(rows, most_rows)
    shared = _shared(table, rows, known) if isinstance(table, dict) else 0
    columns = _from_tensors(table, rows, names, known, sent[0])
    return Asked(only_known(columns, known, ()), rows, *params, shared)


def encode(
    outputs: NDArray[np.float64],
    prediction_ids: list[str],
    version: int,
    notes: Mapping[int, Sequence[str]] | None = None,
) -> bytes:
    """The answer as MLflow gives it, with what we add.

    Parameters
    ----------
    outputs : ndarray of float64
        Of shape (rows, classes) or (rows,): ``predictions`` is a list of lists or of numbers, as from a model
        that was saved with ``pyfunc_predict_fn="predict_proba"``, or a regressor.
    prediction_ids : list of str
        One a row.
    version : int
        The model version that answered.
    notes : mapping of int to texts
        What was coerced or flagged, by row; left out of the answer when there are none.
    """
    return _ENCODER.encode(_Answer(outputs.tolist(), prediction_ids, str(version), notes or {}))


def _keys(given: _Invocation) -> int:
    """How many keys were sent, but for those of fields that are passed over."""
    split, count = given.dataframe_split, 0
    if split is not UNSET:
        count = 3 if split.index is UNSET else 4 + count_keys(bytes(split.index))
    for rows in (given.dataframe_records, given.instances, given.inputs):
        if rows is not UNSET:
            named = [rows] if isinstance(rows, dict) else [row for row in rows if isinstance(row, dict)]
            count += 1 + sum(map(len, named))
    return count if given.params is UNSET else count + 1 + keys_in(given.params)


def _from_split(split: _Split, known: Collection[str]) -> dict[str, Sequence[Cell]]:
    check_columns(len(split.columns), known)
    columns = _from_rows(split.data, split.columns, "dataframe_split")
    if len(columns) != len(split.columns):
        check_twice(split.columns)
    return columns


def _rows_of(columns: dict[str, Any]) -> int:
    """How many rows columns by name have. One value stands for all rows; of values only there is one."""
    lists = (column for column in columns.values() if isinstance(column, list))
    return next(map(len, lists), min(1, len(columns)))


def _shared(columns: dict[str, Any], rows: int, known: Collection[str]) -> int:
    """How many characters the texts are that stand for all rows, written out."""
    texts = [cell for name, cell in columns.items() if isinstance(cell, str) and name in known]
    return check_shared(rows * sum(map(len, texts))) if rows > 1 else 0


def _from_tensors(
    given: Any, rows: int, names: Sequence[str], known: Collection[str], where: str
) -> Mapping[str, Sequence[Cell]]:
    """The columns of rows by name, of rows without names, or of columns by name."""
    if isinstance(given, dict):
        return _from_columns(given, rows, known, where)
    kinds = set(map(type, given))
    if kinds == {dict}:
        return _from_records(given, known)
    if where == "dataframe_records" or (dict in kinds and len(kinds) > 1):
        raise Refused(400, f"{where} has to be a list of rows that are all objects")
    if kinds == {list}:
        return _from_rows(given, names, where)
    if list in kinds or len(names) != 1:
        raise Refused(400, f"{where}: a row is an object, or a list of {len(names)} values")
    return {names[0]: given}


def _from_records(records: list[dict[str, Cell]], known: Collection[str]) -> Mapping[str, Sequence[Cell]]:
    first = records[0].keys()
    check_columns(len(first), known)
    if all(record.keys() == first for record in records):
        return {name: [record[name] for record in records] for name in first}
    # As in MLflow, what a record leaves out is missing if another one has it. But a name that is misspelt in
    # one record must not pass as a column that was left out.
    columns: dict[str, list[Cell]] = {}
    for number, record in enumerate(records):
        for name, cell in record.items():
            if name not in columns:
                if name not in known:
                    raise Refused(
                        400, f"row {number} has the unknown column {shown(name)}, which other rows have not"
                    )
                columns[name] = [None] * len(records)
            columns[name][number] = cell
    return columns


def _from_rows(rows: list[list[Cell]], names: Sequence[str], where: str) -> dict[str, Sequence[Cell]]:
    try:
        return dict(zip(names, zip(*rows, strict=True), strict=True))
    except ValueError:
        number = next(number for number, row in enumerate(rows) if len(row) != len(names))
        raise Refused(
            400, f"{where}: row {number} has {len(rows[number])} cells for {len(names)} columns"
        ) from None


def _from_columns(
    columns: dict[str, Any], rows: int, known: Collection[str], where: str
) -> Mapping[str, Sequence[Cell]]:
    check_columns(len(columns), known)
    lists = [column for column in columns.values() if isinstance(column, list)]
    if any(len(column) != rows for column in lists):
        raise Refused(400, f"{where}: the columns have different lengths")
    if len(lists) == len(columns):
        return columns
    few = has_few_unknown(len(columns), known)
    return {
        name: column if isinstance(column, list) else [column] * (rows if few or name in known else 0)
        for name, column in columns.items()
    }
