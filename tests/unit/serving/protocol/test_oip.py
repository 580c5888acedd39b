"""The Open Inference Protocol v2."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from workbench.serving.protocol import oip_documents
from workbench.serving.protocol.oip import Infer, decode, encode
from workbench.serving.protocol.schema import Refused, RequestSchema

SCHEMA = RequestSchema({"colour": "category", "size": "number", "ordered": "time"})
COLOUR = {"name": "colour", "shape": [2], "datatype": "BYTES", "data": ["red", None]}
SIZE = {"name": "size", "shape": [2, 1], "datatype": "FP64", "data": [[1], [2.5]]}
ORDERED = {"name": "ordered", "shape": [2, 1], "datatype": "BYTES", "data": ["2013-08-01T10:00Z", None]}


def infer(*inputs: dict[str, Any], names: tuple[str, ...] = tuple(SCHEMA.columns), **more: Any) -> Infer:
    return decode(json.dumps({"inputs": inputs, **more}).encode(), names, 100)


def tensor(datatype: str, *data: Any, **more: Any) -> dict[str, Any]:
    return {"name": "size", "shape": [len(data)], "datatype": datatype, "data": data, **more}


def test_a_tensor_for_each_column_gives_typed_rows() -> None:
    given = infer(ORDERED, COLOUR, SIZE, id="7", parameters={"version": 3}, outputs=[{"name": "predict"}])
    assert (given.id, given.outputs, given.asked.version, given.asked.rows) == ("7", ("predict",), 3, 2)
    columns = SCHEMA.typed(given.asked.columns).columns
    assert columns["colour"].tolist() == ["red", None]
    assert columns["size"].tolist() == [1.0, 2.5]
    assert np.isnat(columns["ordered"]).tolist() == [False, True]


@pytest.mark.parametrize("data", [[1, 2, 3, None, 5, 6], [[1, 2], [3, None], [5, 6]]])
def test_one_tensor_can_hold_all_columns(data: list[Any]) -> None:
    table = {"name": "table", "shape": [3, 2], "datatype": "FP32", "data": data}
    given = infer(table, names=("a", "b"))
    assert given.asked.columns == {"a": [1, 3, 5], "b": [2, None, 6]}
    assert given.asked.rows == 3


@pytest.mark.parametrize(
    ("datatype", "data", "taken"),
    [
        ("BOOL", [True, False, None], [1.0, 0.0, np.nan]),
        ("UINT8", [0, 255], [0.0, 255.0]),
        ("INT64", [-(2**63), 2**63 - 1], [-(2.0**63), 2.0**63]),
        ("FP16", [1, 2.5], [1.0, 2.5]),
    ],
)
def test_every_numeric_type_is_a_number(datatype: str, data: list[Any], taken: list[float]) -> None:
    schema = RequestSchema({"size": "number"})
    given = infer(tensor(datatype, *data), names=("size",))
    np.testing.assert_array_equal(schema.typed(given.asked.columns).columns["size"], taken)


@pytest.mark.parametrize(
    ("inputs", "more", "says"),
    [
        ([], {}, "no rows"),
        ([tensor("FP64")], {}, "no rows"),
        ([tensor("FP64", *[1] * 101)], {}, "at most 100"),
        ([tensor("FP64", "1")], {}, "input 'size', value 0: expected a number, got '1'"),
        ([tensor("FP64", True)], {}, "expected a number, got True"),
        ([tensor("INT8", 1.0)], {}, "expected an integer of the type INT8, got 1.0"),
        ([tensor("INT8", 128)], {}, "an integer of the type INT8, got 128"),
        ([tensor("UINT8", -1)], {}, "an integer of the type UINT8, got -1"),
        ([tensor("BOOL", 1)], {}, "expected true or false, got 1"),
        ([tensor("BYTES", 1)], {}, "expected text, got 1"),
        ([tensor("FP65", 1)], {}, "datatype 'FP65'; known are BOOL, INT8"),
        ([tensor("FP64", 1, shape=[2])], {}, "1 values for the shape [2]"),
        ([tensor("FP64", 1, shape=[])], {}, "shape []"),
        ([tensor("FP64", 1, shape=[1, 1, 1])], {}, "shape [1, 1, 1]"),
        ([tensor("FP64", 1, shape=[-1])], {}, "shape [-1]"),
        ([tensor("FP64", 1, 2, shape=[1, 2])], {}, "has 2 columns; send one tensor for each column"),
        ([tensor("FP64", [1, 2], [3], shape=[2, 2])], {}, "rows have not 2 values each"),
        ([tensor("FP64", [1], 2)], {}, "rows have not 1 values each"),
        ([tensor("FP64", [[1]])], {}, "array"),
        ([tensor("FP64", shape=[10**18, 0])], {}, "0 columns"),
        ([SIZE, SIZE], {}, "'size' is given twice"),
        ([SIZE, {**COLOUR, "shape": [1], "data": ["red"]}], {}, "different numbers of rows"),
        ([COLOUR, SIZE], {}, "missing column 'ordered'"),
        ([COLOUR, SIZE, ORDERED], {"outputs": [{"name": "logits"}]}, "unknown output 'logits'"),
        ([COLOUR, SIZE, ORDERED], {"id": "x" * 201}, "id is longer"),
        ([COLOUR, SIZE, ORDERED], {"parameters": {"version": "x"}}, "no version number"),
        ([{"name": "size"}], {}, "missing required field"),
    ],
)
def test_what_cannot_be_taken_is_refused(inputs: list[Any], more: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused) as refused:
        SCHEMA.typed(infer(*inputs, **more).asked.columns)
    assert refused.value.status == (413 if "most" in says else 400)
    assert says in refused.value.message


@pytest.mark.parametrize(
    ("once", "twice"),
    [
        ('"data": [1.0]', '"data": [9], "data": [1.0]'),
        ('"id": "7"', '"id": "7", "id": "8"'),
        ('"version": 3', '"version": 3, "version" : 4'),
        ('"a": 1', '"a": 1, "a": 2'),
    ],
)
def test_a_key_that_is_given_twice_is_refused(once: str, twice: str) -> None:
    content = {"inputs": [tensor("FP64", 1.0, parameters={"a": 1})], "id": "7", "parameters": {"version": 3}}
    body = json.dumps(content)
    assert decode(body.encode(), ("size",), 10).asked.columns == {"size": [1.0]}
    with pytest.raises(Refused, match="an object has a key twice"):
        decode(body.replace(once, twice).encode(), ("size",), 10)


def test_the_path_names_the_version_and_binary_data_is_refused() -> None:
    body = json.dumps({"inputs": [SIZE], "parameters": {"version": 3}}).encode()
    assert decode(body, ("size",), 100, version=3).asked.version == 3
    with pytest.raises(Refused, match=r"the path names version 4, parameters.version 3"):
        decode(body, ("size",), 100, version=4)
    with pytest.raises(Refused, match="binary"):
        decode(body, ("size",), 100, header_length="12")


def test_a_classifier_answers_probabilities_and_the_likeliest_class() -> None:
    outputs = np.array([[0.25, 0.75], [0.5, 0.5]])
    more = {"model": "m", "classes": ("no", "yes")}
    answer = json.loads(encode(outputs, ["a", "b"], 3, id="7", **more))
    assert answer["outputs"] == [
        {"name": "probabilities", "shape": [2, 2], "datatype": "FP64", "data": [0.25, 0.75, 0.5, 0.5]},
        {"name": "predict", "shape": [2], "datatype": "BYTES", "data": ["yes", "no"]},
        {"name": "prediction_id", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]},
    ]
    assert {name: answer[name] for name in answer if name != "outputs"} == {
        "model_name": "m",
        "model_version": "3",
        "id": "7",
    }
    chosen = json.loads(encode(outputs, ["a", "b"], 3, wanted=("predict",), notes={1: ("x", "y")}, **more))
    assert [one["name"] for one in chosen["outputs"]] == ["predict", "prediction_id", "notes"]
    assert chosen["outputs"][-1]["data"] == ["", "x; y"]
    assert "id" not in chosen


def test_a_regressor_answers_its_number() -> None:
    answer = json.loads(encode(np.array([1.5]), ["a"], 3, model="m"))
    assert answer["outputs"][0] == {"name": "predict", "shape": [1], "datatype": "FP64", "data": [1.5]}
    with pytest.raises(Refused, match="regressor"):
        encode(np.array([1.5]), ["a"], 3, model="m", wanted=("probabilities",))


def test_the_metadata_names_what_can_be_sent_and_comes_back() -> None:
    metadata = oip_documents.model_metadata(SCHEMA, "m", [3, 4], ("no", "yes"))
    assert metadata["versions"] == ["3", "4"]
    inputs = [{"name": one["name"], "datatype": one["datatype"], "shape": [1]} for one in metadata["inputs"]]
    data = {"colour": ["red"], "size": [1], "ordered": ["2013-08-01T10:00Z"]}
    assert infer(*[{**one, "data": data[one["name"]]} for one in inputs]).asked.columns == data
    answer = json.loads(encode(np.array([[0.5, 0.5]]), ["a"], 3, model="m", classes=("no", "yes")))
    told = [(one["name"], one["datatype"], one["shape"][1:]) for one in metadata["outputs"]]
    assert told == [(one["name"], one["datatype"], one["shape"][1:]) for one in answer["outputs"]]
