"""The document that says how a server is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from workbench.serving.http.entrance import Entrance
from workbench.serving.http.openapi import document
from workbench.serving.http.routes import Routes
from workbench.serving.http.service import Service
from workbench.serving.protocol import mlflow, oip
from workbench.serving.protocol.schema import RequestSchema
from workbench.serving.protocol.truth import decode_feedback, decode_truth

SCHEMA = RequestSchema.declared(
    {
        "carrier": {"kind": "category", "values": ["UA", "AA"]},
        "tail": "category",
        "km": {"kind": "number", "minimum": 10, "maximum": 6000},
        "member": {"kind": "number", "booleans": True},
        "sched_dep": "time",
    },
    "x:REQUEST",
)
NAMES = tuple(SCHEMA.columns)
DOCUMENT = document(SCHEMA, "late", 3, ("False", "True"))
NOW = datetime(2013, 9, 1, tzinfo=UTC)


def operations(of: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in of["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield path, method, operation


def body(path: str) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]
    return found


def valid(name: str, content: object) -> bool:
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    found: bool = Draft202012Validator(schema).is_valid(content)
    return found


def test_every_route_is_in_it_and_nothing_else() -> None:
    listed = Routes(cast(Service, None), cast(Entrance, None)).listed()
    served = {(route.path, method.lower()) for route in listed for method in route.methods or ()}
    told = {(path, method) for path, method, _ in operations(DOCUMENT)}
    assert told == {(path, method) for path, method in served if method != "head"}


@pytest.mark.parametrize("of", [DOCUMENT, document(RequestSchema({}), "", None)])
def test_it_is_whole(of: dict[str, Any]) -> None:
    text = json.dumps(of)
    references = {part.partition('"')[0] for part in text.split('"$ref": "#/')[1:]}
    for reference in references:
        found: Any = of
        for step in reference.split("/"):
            found = found[step]
    for schema in of["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    names = [operation["operationId"] for _, _, operation in operations(of)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["dataframe_split", "dataframe_records", "instances", "inputs"])
def test_its_scoring_examples_are_taken(name: str) -> None:
    example = body("/invocations")["application/json"]["examples"][name]["value"]
    assert valid("Invocation", example)
    asked = mlflow.decode(json.dumps(example).encode(), "application/json", NAMES, 10)
    assert SCHEMA.typed(asked.columns).notes == {}


def test_its_other_examples_are_taken() -> None:
    csv = body("/invocations")["text/csv"]["example"]
    assert SCHEMA.typed(mlflow.decode(csv.encode(), "text/csv", NAMES, 10).columns).notes == {}
    infer = body("/v2/models/{model}/infer")["application/json"]["example"]
    assert valid("Infer", infer)
    assert SCHEMA.typed(oip.decode(json.dumps(infer).encode(), NAMES, 10).asked.columns).notes == {}
    for path, name in (("/truth", "Truth"), ("/feedback", "Feedback")):
        example = body(path)["application/json"]["example"]
        assert valid(name, example)
        decode = decode_truth if name == "Truth" else decode_feedback
        assert len(decode(json.dumps(example).encode(), 10, NOW)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"km": 5},
        {"km": "5"},
        {"km": True},
        {"carrier": "XX"},
        {"tail": 3},
        {"sched_dep": 3},
        {"colour": "red"},
    ],
)
def test_what_its_schema_forbids_the_server_refuses(change: dict[str, Any]) -> None:
    records = {"dataframe_records": [{**SCHEMA.example_row(), **change}]}
    assert not valid("Invocation", records)
    asked = mlflow.decode(json.dumps(records).encode(), "application/json", NAMES, 10)
    with pytest.raises(mlflow.Refused):
        SCHEMA.typed(asked.columns)


def test_answers_are_as_it_says() -> None:
    outputs = np.array([[0.25, 0.75]])
    assert valid("Answer", json.loads(mlflow.encode(outputs, ["a"], 3, {0: ("x",)})))
    assert valid("Answer", json.loads(mlflow.encode(outputs[:, 1], ["a"], 3)))
    assert valid("InferAnswer", json.loads(oip.encode(outputs, ["a"], 3, model="m", classes=("n", "y"))))
    assert not valid("Answer", {"predictions": []})
