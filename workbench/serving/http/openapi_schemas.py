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
                "outputs": _list(
                    _object(
                        {
                            "name": _TEXT,
                            "shape": _list({"type": "integer"}),
                            "datatype": _TEXT,
                            "data": {"type": "array"},
                        },
                        *("name", "shape", "datatype", "data"),
                    )
                ),
            },
            *("model_name", "model_version", "outputs"),
        ),
        "Truth": _truth(),
        "Feedback": _feedback(),
        "Kept": _object({"rows": {"type": "integer", "minimum": 0}}, "rows"),
        "Health": {
            "type": "object",
            "properties": {
                "state": {"enum": ["ready", "no_champion", "log_failed"]},
                "champion": {"type": ["integer", "null"]},
            },
            "required": ["state", "champion"],
        },
        "Version": _object(
            {"workbench": _TEXT, "model": _TEXT, "model_version": {"type": ["string", "null"]}},
            *("workbench", "model", "model_version"),
        ),
        "Error": {
            **_object({"error_code": _TEXT, "message": _TEXT, "error": _TEXT}, "error_code", "message"),
            "description": "One line that says why; below /v2 it is in `error`, too.",
        },
        "Document": {"type": "object"},
    }


def invocation_examples(schema: RequestSchema) -> dict[str, Any]:
    """The same row in every format of JSON."""
    row = schema.example_row()
    split = {"columns": list(row), "data": [list(row.values())]}
    columns = {name: [cell] for name, cell in row.items()}
    examples: dict[str, Mapping[str, Any]] = {
        "dataframe_split": {"dataframe_split": split},
        "dataframe_records": {"dataframe_records": [row]},
        "instances": {"instances": [row]},
        "inputs": {"inputs": columns},
        "with parameters": {"dataframe_split": split, "params": {"user_group": "west"}},
    }
    return {name: {"value": example} for name, example in examples.items()}


def infer_example(schema: RequestSchema) -> dict[str, Any]:
    """The same row in the Open Inference Protocol."""
    row = schema.example_row()
    inputs = [
        {"name": name, "shape": [1, 1], "datatype": _datatype(schema, name, cell), "data": [cell]}
        for name, cell in row.items()
    ]
    return {"id": "1", "inputs": inputs}


def _datatype(schema: RequestSchema, name: str, cell: Cell) -> str:
    kind = schema.columns.get(name)
    return _DATATYPES[kind] if kind else "BYTES" if isinstance(cell, str) else "FP64"


def _request_schemas(schema: RequestSchema, simulated: bool) -> dict[str, Schema]:
    names = list(schema.columns)
    cells = {name: _cell(schema, name) for name in names}
    any_cell: Schema = {"type": ["string", "number", "boolean", "null"]}
    row = {**_object(cells, *names), "additionalProperties": schema.unknown == "ignore"}
    named: Schema = {"enum": names} if names else _TEXT
    wide = {"minItems": len(names), "maxItems": len(names)}
    split = _object(
        {
            "columns": {**_list(named), "uniqueItems": True, **wide},
            "data": {**_list({**_list(any_cell), **wide}), "minItems": 1},
            "index": {"description": "Not looked at."},
        },
        *("columns", "data"),
    )
    rows = {**_list({"$ref": "#/components/schemas/Row"}), "minItems": 1}
    in_order = {**_list({"type": "array", "prefixItems": list(cells.values()), **wide}), "minItems": 1}
    if not names:
        in_order = {**_list({"type": "array"}), "minItems": 1}
    columns = _object(
        {name: {"anyOf": [{**_list(cell), "minItems": 1}, cell]} for name, cell in cells.items()}, *names
    )
    tensors = {"oneOf": [rows, in_order, columns]}
    formats = {
        "dataframe_split": split,
        "dataframe_records": rows,
        "instances": tensors,
        "inputs": tensors,
    }
    params = {"$ref": "#/components/schemas/Params"}
    return {
        "Row": row,
        "Params": _params(simulated),
        "Invocation": {
            "oneOf": [_object({name: format, "params": params}, name) for name, format in formats.items()]
        },
        "Infer": _infer(names),
    }


def _params(simulated: bool) -> Schema:
    number = [{"type": "integer"}, {**_TEXT, "pattern": "^[0-9]{1,9}$"}, _NULL]
    properties: dict[str, Schema] = {
        "version": {
            "description": "The model version that answers, if it is loaded; the champion otherwise.",
            "oneOf": number,
        },
        "user_group": {
            "description": "Of all rows, or one for each.",
            "oneOf": [_group(), _list(_group()), _NULL],
        },
    }
    if simulated:
        properties["simulated_time"] = {
            "description": "When the rows are asked, of all of them or one for each.",
            "oneOf": [_TIME, _list(_TIME)],
        }
    return {
        "type": ["object", "null"],
        "description": "What is asked for beside the rows; other parameters are passed over.",
        "properties": properties,
        "required": ["simulated_time"] if simulated else [],
        "maxProperties": 50,
    }


def _truth() -> Schema:
    said = {
        "value": {
            "description": "A number, true or false, or the name of a class.",
            "oneOf": [_NUMBER, {"type": "boolean"}, {**_TEXT, "minLength": 1, "maxLength": 200}],
        },
        "known_at": _or_null(_TIME),
    }
    key = {
        "type": "object",
        "description": "Raw columns that tell the case, in place of the prediction id.",
        "propertyNames": {"maxLength": 200},
        "additionalProperties": {"type": ["string", "number", "boolean"], "maxLength": 200},
        "minProperties": 1,
        "maxProperties": 20,
    }
    by_id = _closed({"prediction_id": _identifier(), "key": _NULL, **said}, "prediction_id", "value")
    by_key = _closed({"key": key, "prediction_id": {"const": ""}, **said}, "key", "value")
    return _closed({"rows": _list({"oneOf": [by_id, by_key]})}, "rows")


def _feedback() -> Schema:
    rating: Schema = {"enum": [1, 2, 3, 4, 5, "down", "up"]}
    remark: Schema = {**_TEXT, "maxLength": 2_000}
    about = {"prediction_id": _identifier(), "user_group": _group(), "at": _or_null(_TIME)}
    rated = _closed({**about, "rating": rating, "remark": remark}, "prediction_id", "rating")
    remarked = _closed(
        {**about, "rating": _or_null(rating), "remark": {**remark, "minLength": 1}}, "prediction_id", "remark"
    )
    return _closed({"rows": _list({"anyOf": [rated, remarked]})}, "rows")


def _infer(names: list[str]) -> Schema:
    tensor = _object(
        {
            "name": _TEXT,
            "shape": {**_list({"type": "integer", "minimum": 0}), "minItems": 1, "maxItems": 2},
            "datatype": {
                "enum": [
                    *("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"),
                    *("FP16", "FP32", "FP64", "BYTES"),
                ]
            },
            "data": {"type": "array"},
            "parameters": {"type": "object"},
        },
        *("name", "shape", "datatype", "data"),
    )
    return _object(
        {
            "id": {**_TEXT, "maxLength": 200},
            "inputs": {**_list(tensor), "minItems": 1, "maxItems": max(len(names), 1)},
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
