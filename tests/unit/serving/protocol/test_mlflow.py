"""MLflow's scoring protocol, and where we differ from it on purpose."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.mlflow import decode, encode
from workbench.serving.protocol.schema import Refused, RequestSchema

SCHEMA = RequestSchema({"colour": "category", "size": "number", "ordered": "time"})
ROW = {"colour": "red", "size": 1, "ordered": "2013-08-01T10:00:00Z"}
NAMES = tuple(SCHEMA.columns)
JSON = "application/json"


def asked(content: object, content_type: str = JSON, names: tuple[str, ...] = NAMES) -> Asked:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return decode(body, content_type, names, 100)


def typed(content: object, content_type: str = JSON) -> dict[str, list[Any]]:
    columns = SCHEMA.typed(asked(content, content_type).columns).columns
    return {name: column.astype(object).tolist() for name, column in columns.items()}


def split(columns: list[object], *data: list[object], **more: object) -> dict[str, object]:
    return {"dataframe_split": {"columns": columns, "data": data}, **more}


TWO = {name: [cell, cell] for name, cell in ROW.items()}


@pytest.mark.parametrize(
    "content",
    [
        split(list(ROW), list(ROW.values()), list(ROW.values())),
        {"dataframe_split": {"index": [7, 8], "columns": list(ROW), "data": [list(ROW.values())] * 2}},
        split(list(ROW)[::-1], *[list(ROW.values())[::-1]] * 2),
        {"dataframe_records": [ROW, ROW]},
        {"instances": [ROW, ROW]},
        {"instances": [list(ROW.values())] * 2},
        {"instances": TWO},
        {"inputs": TWO},
        {"inputs": {**TWO, "size": 1}},
        {"inputs": [ROW, ROW]},
        {"inputs": [list(ROW.values())] * 2},
        {"inputs": TWO, "params": {"temperature": 1}, "signature_name": "x", "params_": 1},
        {"inputs": TWO, "params": None},
        b"\xef\xbb\xbf" + json.dumps({"inputs": TWO}).encode(),
    ],
)
def test_every_format_says_the_same(content: object) -> None:
    columns = typed(content)
    assert columns == typed({"dataframe_records": [ROW, ROW]})
    assert columns["size"] == [1.0, 1.0]


_TWICE = '"size": 9, "size": 1, "colour": "red", "ordered": null'


@pytest.mark.parametrize(
    "content",
    [
        f'{{"dataframe_records": [{{{_TWICE}}}]}}',
        f'{{"dataframe_records" :[{{{_TWICE}}}]}}',
        f'{{"instances": [{{{_TWICE}}}], "params": null, "x": {{"a": {{"b": ":"}}}}}}',
        f'{{"inputs":{{{_TWICE.replace(": ", ":").replace("red", "a : b")}}}}}',
        '{"dataframe_split": {"columns": ["a"], "data": [], "columns": ["size"], "data": [[1]]}}',
        '{"inputs": {"size": [9]}, "inputs": {"size": [1]}}',
        '{"inputs": {"size": [9]}, "params": {"version": 1, "version": 2}}',
        '{"inputs": {"size": [9]}, "params": null, "params": {"version": 2}}',
    ],
)
def test_a_key_that_is_given_twice_is_refused(content: str) -> None:
    with pytest.raises(Refused, match="an object has a key twice"):
        decode(content.encode(), JSON, NAMES, 10)


@pytest.mark.parametrize("colour", ["a : b", 'a": b', '"size": 1, "size": 2', "\\", "{[:"])
def test_what_looks_like_keys_in_texts_is_none(colour: str) -> None:
    content = {
        "dataframe_records": [{**ROW, "colour": colour}],
        "params": {"a": {"b": {}}},
        "x": {"y": [{"z": 1}]},
    }
    for separators in ((",", ":"), (" , ", " : ")):
        decoded = decode(json.dumps(content, separators=separators).encode(), JSON, NAMES, 10)
        assert decoded.columns["colour"] == [colour]
    plain = json.dumps({"dataframe_records": [ROW], "params": None}).encode()
    assert decode(plain, JSON, NAMES, 10).rows == 1


def test_values_only_are_one_row_and_values_alone_are_the_only_column() -> None:
    assert typed({"inputs": ROW}) == typed({"dataframe_records": [ROW]})
    assert asked({"instances": [1, None, 3]}, names=("size",)).columns == {"size": [1, None, 3]}


def test_what_a_record_leaves_out_is_missing_if_another_has_it() -> None:
    columns = asked({"dataframe_records": [ROW, {"colour": "blue"}]}).columns
    assert columns["size"] == [1, None]
    with pytest.raises(Refused, match="row 1 has the unknown column 'color'"):
        asked({"dataframe_records": [ROW, {"color": "blue"}]})


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        ({}, 400, "send exactly one of dataframe_split, dataframe_records, instances, inputs; got none"),
        ({"inputs": TWO, "instances": [ROW]}, 400, "got instances and inputs"),
        ({"dataframe_split": None, "inputs": TWO}, 400, "object"),
        ([1, 2], 400, "object"),
        ("text", 400, "object"),
        ({"dataframe_records": []}, 400, "no rows"),
        ({"dataframe_records": [{}]}, 400, "missing column"),
        ({"dataframe_records": ROW}, 400, "array"),
        ({"instances": []}, 400, "no rows"),
        ({"inputs": {}}, 400, "no rows"),
        ({"inputs": {"size": []}}, 400, "no rows"),
        ({"inputs": {**TWO, "size": [1]}}, 400, "inputs: the columns have different lengths"),
        ({"inputs": {"size": [[1]]}}, 400, "array"),
        ({"instances": [ROW, 1]}, 400, "rows that are all objects"),
        ({"instances": [[1, 2]]}, 400, "instances: row 0 has 2 cells for 3 columns"),
        ({"instances": [1, 2]}, 400, "instances: a row is an object, or a list of 3 values"),
        ({"dataframe_records": [ROW] * 101}, 413, "at most 100"),
        ({"inputs": {"size": [1] * 101}}, 413, "at most 100"),
        (split(list(ROW), *[list(ROW.values())] * 101), 413, "at most 100"),
        (split(["size", "size"], [1, 2]), 400, "'size' is given twice"),
        (split(["colour", "size", "ordered"], ["red", 1]), 400, "row 0 has 2 cells for 3 columns"),
        (split([1], [2]), 400, "str"),
        (split([]), 400, "no rows"),
        (split([], []), 400, "missing column"),
        ({"dataframe_split": {"columns": [], "data": [[]], "x": 1}}, 400, "unknown field `x`"),
        ({"inputs": TWO, "params": [1]}, 400, "params"),
        ({"inputs": TWO, "params": dict.fromkeys(map(str, range(51)))}, 400, "at most 50"),
        ({"inputs": TWO, "params": {"versoin": 1}}, 400, "did you mean 'version'?"),
        ({"inputs": TWO, "params": {"version": "latest"}}, 400, "no version number"),
        ({"inputs": TWO, "params": {"version": "٣"}}, 400, "no version number"),
        ({"inputs": TWO, "params": {"version": 1.5}}, 400, "version"),
        ({"inputs": TWO, "params": {"version": True}}, 400, "version"),
        ({"inputs": TWO, "params": {"simulated_time": 3}}, 400, "simulated_time"),
        ({"inputs": TWO, "params": {"user_group": "x" * 101}}, 400, "user_group"),
        ({"inputs": TWO, "params": {"user_group": "a\nb"}}, 400, "user_group"),
        ({"inputs": TWO, "params": {"user_group": [1]}}, 400, "user_group"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_one_line(content: object, status: int, says: str) -> None:
    with pytest.raises(Refused) as refused:
        typed(content)
    assert refused.value.status == status
    assert says in refused.value.message
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('Application/JSON;charset="UTF-8"', 200),
        ("application/json; charset=latin-1", 415),
        ("application/json; format=pandas-split", 415),
        ("text/plain", 415),
        ("application/vnd.apache.parquet", 415),
        ("", 415),
        ("text/csv", 400),
        ("application/vnd.apache.arrow.stream", 400),
    ],
)
def test_the_content_type_decides_what_the_body_is(content_type: str, status: int) -> None:
    try:
        assert asked({"inputs": TWO}, content_type).rows == 2
        answered = 200
    except Refused as refused:
        answered = refused.status
    assert answered == status


def test_csv_is_what_pandas_writes_with_its_index_or_without() -> None:
    frame = pd.DataFrame(
        {
            "colour": ['a "quoted", one', None, "NA", "two\nlines"],
            "size": [1.5, None, -3e-7, 1e300],
            "ordered": ["2013-08-01T10:00Z", None, "2013-08-01T10:00Z", None],
        }
    )
    columns = typed(frame.to_csv(index=False).encode(), "text/csv")
    assert columns["colour"] == ['a "quoted", one', None, "NA", "two\nlines"]
    np.testing.assert_array_equal(np.array(columns["size"], float), frame["size"])
    for text in (frame.to_csv(), frame.to_csv(index=False, lineterminator="\r\n")):
        assert repr(typed(text.encode("utf-8-sig"), "text/csv; charset=utf-8")) == repr(columns)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "no rows"),
        (b"colour,size,ordered\n", 400, "no rows"),
        (b"colour,size,ordered\nred,1\n", 400, "row 0 has 2 cells for 3 columns"),
        (b"colour,size,ordered\nred,1,,4\n", 400, "row 0 has 4 cells for 3 columns"),
        (b"size,size\n1,2\n", 400, "'size' is given twice"),
        (b"colour,size\nred,1\n", 400, "missing column 'ordered'"),
        (b"colour,size,ordered\nred,one,\n", 400, "expected a number, got 'one'"),
        (b"colour,size,ordered\n\xff,1,\n", 400, "UTF-8"),
        (b'colour,size,ordered\n"red,1,\n', 400, "the body is not CSV: line 2"),
        (b'colour,size,ordered\n"red"x,1,\n', 400, "the body is not CSV: line 2"),
        (b"colour,size,ordered\n" + b"x" * 200_000 + b",1,\n", 400, "field larger than"),
        (b"colour,size,ordered\n" + b"red,1,\n" * 101, 413, "more than 100 rows"),
    ],
)
def test_csv_that_cannot_be_taken_is_refused(body: bytes, status: int, says: str) -> None:
    with pytest.raises(Refused) as refused:
        typed(body, "text/csv")
    assert refused.value.status == status
    assert says in refused.value.message


def test_an_answer_is_what_mlflow_gives_and_ids_beside_it() -> None:
    answer = json.loads(encode(np.array([[0.25, 0.75], [0.5, 0.5]]), ["a", "b"], 3))
    assert answer == {
        "predictions": [[0.25, 0.75], [0.5, 0.5]],
        "prediction_ids": ["a", "b"],
        "model_version": "3",
    }
    answer = json.loads(encode(np.array([1.5]), ["a"], 3, {0: ("as 0",)}))
    assert (answer["predictions"], answer["notes"]) == ([1.5], {"0": ["as 0"]})
