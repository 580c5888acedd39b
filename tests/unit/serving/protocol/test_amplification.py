"""What a small body asks for: far more cells, columns or characters than it has bytes."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import ipc

from workbench.serving.protocol import mlflow, oip
from workbench.serving.protocol.content import ARROW, CSV, JSON
from workbench.serving.protocol.decoding import check_twice
from workbench.serving.protocol.schema import Refused, RequestSchema

SCHEMA = RequestSchema({"colour": "category", "size": "number", "ordered": "time"})
NAMES = tuple(SCHEMA.columns)
_ROWS = 10_000
_COLUMNS = [f"column {number}" for number in range(2_000)]


def _stream(columns: dict[str, Any]) -> bytes:
    table, sink = pa.table(columns), pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    body: bytes = sink.getvalue().to_pybytes()
    return body


def _wide(columns: list[str]) -> dict[str, tuple[str, bytes]]:
    """Requests of some 100 kB for far more cells than that; by name their content type and body."""
    values = {"inputs": {"size": [0] * _ROWS, **dict.fromkeys(columns, 0)}}
    records = {"instances": [{columns[row % len(columns)]: 0} for row in range(_ROWS)]}
    nulls = {"size": range(_ROWS), **dict.fromkeys(columns, pa.nulls(_ROWS))}
    return {
        "one value for all rows": (JSON, json.dumps(values).encode()),
        "each record with another column": (JSON, json.dumps(records).encode()),
        "columns of nulls": (ARROW, _stream(nulls)),
    }


@pytest.mark.parametrize("name", _wide(["size"]))
@pytest.mark.parametrize("count", [900, 2_000])
@pytest.mark.parametrize("names", [NAMES, ()])
def test_a_small_body_takes_little_memory(name: str, count: int, names: tuple[str, ...]) -> None:
    kind, body = _wide(_COLUMNS[:count])[name]
    assert len(body) < 300_000
    tracemalloc.start()
    try:
        with pytest.raises(Refused) as refused:
            SCHEMA.typed(mlflow.decode(body, kind, names, _ROWS).columns)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.status == 400
    assert peak < 16 * 2**20


_LONG = "x" * 2_000
_SHARED = {
    JSON: json.dumps({"inputs": {"size": [0] * _ROWS, "colour": _LONG, "ordered": None}}).encode(),
    ARROW: _stream({"colour": pa.array([_LONG] * _ROWS).dictionary_encode()}),
}


@pytest.mark.parametrize("kind", _SHARED)
def test_a_text_that_many_rows_share_is_as_large_as_if_each_had_its_own(kind: str) -> None:
    """The log writes it out for each of them."""
    with pytest.raises(Refused, match="20000000 characters in all; at most 16777216") as refused:
        mlflow.decode(_SHARED[kind], kind, NAMES, _ROWS)
    assert refused.value.status == 413
    short = json.dumps({"inputs": {"size": [0] * _ROWS, "colour": "red", "other": _LONG}}).encode()
    assert mlflow.decode(short, JSON, NAMES, _ROWS).shared == 3 * _ROWS
    one = json.dumps({"inputs": {"colour": "red", "size": 0}}).encode()
    assert mlflow.decode(one, JSON, NAMES, _ROWS).shared == 0


@pytest.mark.parametrize("unknown", [1, 17])
def test_cells_of_columns_that_no_version_knows_are_kept_of_a_few(unknown: int) -> None:
    """A version that knows them may have come by the time that somebody answers."""
    table = {"size": [1, 2], "other": [3, 4]} | {f"x{number}": ["a", "b"] for number in range(unknown)}
    split = {"columns": list(table), "data": list(zip(*table.values(), strict=True))}
    records = [dict(zip(table, row, strict=True)) for row in split["data"]]
    values = {**table, **dict.fromkeys(list(table)[2:], "a")}
    inputs = [{"name": name, "shape": [2], "datatype": "FP64", "data": [1, 2]} for name in table]
    lines = [",".join(map(str, row)) for row in (table, *split["data"])]
    known = {"size", "other"}
    decoded = [
        *(
            mlflow.decode(json.dumps(body).encode(), JSON, ("size",), 100, known)
            for body in (
                {"dataframe_split": split},
                {"dataframe_records": records},
                {"inputs": table},
                {"inputs": values},
            )
        ),
        mlflow.decode("\n".join(lines).encode(), CSV, ("size",), 100, known),
        oip.decode(json.dumps({"inputs": inputs}).encode(), ("size", "other"), 100).asked,
    ]
    arrow = mlflow.decode(_stream(table), ARROW, ("size",), 100, known)
    for asked in (*decoded, arrow):
        kept = 2 if unknown == 1 and asked is not arrow else 0
        wanted = {name: 2 if name in known else kept for name in table}
        assert {name: len(cells) for name, cells in asked.columns.items()} == wanted


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, json.dumps({"dataframe_split": {"columns": _COLUMNS, "data": [[1] * 2_000]}}).encode()),
        (JSON, json.dumps({"inputs": {name: [1] for name in _COLUMNS}}).encode()),
        (JSON, json.dumps({"instances": [dict.fromkeys(_COLUMNS, 1)]}).encode()),
        (CSV, f"{','.join(_COLUMNS)}\n{'1,' * 1_999}\n".encode()),
        (ARROW, _stream(dict.fromkeys(_COLUMNS, range(1)))),
    ],
)
def test_far_more_columns_than_are_known_are_refused(kind: str, body: bytes) -> None:
    with pytest.raises(Refused, match="2000 columns in one request; known are 3") as refused:
        mlflow.decode(body, kind, NAMES, _ROWS)
    assert refused.value.status == 400


def test_the_one_name_of_very_many_that_is_given_twice_is_found() -> None:
    names = [*map(str, range(300_000)), "299999"]
    with pytest.raises(Refused, match="column '299999' is given twice"):
        check_twice(names)
