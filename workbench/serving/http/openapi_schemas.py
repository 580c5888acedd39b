"""JSON schemas of what a server takes and gives, and an example of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.serving.protocol.cells import Cell, Kind
from workbench.serving.protocol.schema import RequestSchema

__all__ = ["Schema", "components", "infer_example", "invocation_examples"]

Schema = dict[str, Any]
# The largest number of float64; beyond it a request is refused.
_LARGEST = 1.7976931348623157e308
_DATATYPES: dict[Kind, str] = {"number": "FP64", "category": "BYTES", "time": "BYTES"}
_OUTPUTS = ("probabilities", "predict", "prediction_id", "notes")
_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number", "minimum": -_LARGEST, "maximum": _LARGEST}
_TIME: Schema = {"type": "string", "format": "date-time", "examples": ["2013-07-01T10:00:00Z"]}
_NULL: Schema = {"type": "null"}


def components(schema: RequestSchema, simulated: bool = False) -> dict[str, Schema]:
    """The named schemas, of which other parts of the document speak as ``#/components/schemas/NAME``."""
    return {
        **_request_schemas(schema, simulated),
        "Answer": _object(
            {
                "predictions": _list({"oneOf": [_list({"type": "number"}), {"type": "number"}]}),
                "prediction_ids": _list(_TEXT),
                "model_version": _TEXT,
                "notes": {
                    "type": "object",
                    "description": "By row number: what was coerced or flagged. Only if there is something.",
                    "additionalProperties": _list(_TEXT),
                },
            },
            "predictions",
            "prediction_ids",
            "model_version",
        ),
        "InferAnswer": _object(
            {
                "model_name": _TEXT,
                "model_version": _TEXT,
                "id": _TEXT,
                "outputs": _or_null(_list(_object({"name": {"enum": [*_OUTPUTS]}}, "name"))),
            "parameters": {"$ref": "#/components/schemas/Params"},
        },
        "inputs",
    )


def _cell(schema: RequestSchema, name: str) -> Schema:
    kind, limits = schema.columns[name], schema.ranges.get(name)
    if kind == "category":
        if limits is not None and limits.values is not None and limits.outside == "reject":
            return {"enum": [*limits.values, None]}
        return {"type": ["string", "null"]}
    if kind == "time":
        return {**_TIME, "type": ["string", "null"]}
    cell: Schema = {
        **_NUMBER,
        "type": ["number", "boolean", "null"] if name in schema.booleans else ["number", "null"],
    }
    if limits is not None and limits.outside == "reject":
        bounds = {"minimum": limits.minimum, "maximum": limits.maximum}
        cell |= {bound: value for bound, value in bounds.items() if value is not None}
    return cell


def _identifier() -> Schema:
    return {**_TEXT, "pattern": "^[ -~]{1,64}$", "description": "As the answer gave it."}


def _group() -> Schema:
    return {**_TEXT, "maxLength": 100}


def _or_null(schema: Schema) -> Schema:
    return {"oneOf": [schema, _NULL]}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(properties: Mapping[str, Schema], *required: str) -> Schema:
    schema: Schema = {"type": "object", "properties": dict(properties)}
    return {**schema, "required": list(required)} if required else schema


def _closed(properties: Mapping[str, Schema], *required: str) -> Schema:
    return {**_object(properties, *required), "additionalProperties": False}
