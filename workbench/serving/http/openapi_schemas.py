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
_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number", "minimum": -_LARGEST, "maximum": _LARGEST}
_TIME: Schema = {"type": "string", "format": "date-time", "examples": ["2013-07-01T10:00:00Z"]}


def components(schema: RequestSchema) -> dict[str, Schema]:
    """The named schemas, of which other parts of the document speak as ``#/components/schemas/NAME``."""
    return {
        **_request_schemas(schema),
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
        "Truth": _rows(
            _object(
                {
                    "prediction_id": _identifier(),
                    "key": {
                        "type": "object",
                        "description": "Raw columns that tell the case, in place of the prediction id.",
                        "additionalProperties": {"type": ["string", "number", "boolean"]},
                        "minProperties": 1,
                        "maxProperties": 20,
                    },
                    "value": {
                        "description": "A number, true or false, or the name of a class.",
                        "oneOf": [_NUMBER, {"type": "boolean"}, {**_TEXT, "minLength": 1, "maxLength": 200}],
                    },
                    "known_at": _TIME,
                },
                "value",
            )
        ),
        "Feedback": _rows(
            _object(
                {
                    "prediction_id": _identifier(),
                    "rating": {"enum": [1, 2, 3, 4, 5, "down", "up"]},
                    "remark": {**_TEXT, "maxLength": 2_000},
                    "user_group": _group(),
                    "at": _TIME,
                },
                "prediction_id",
            )
        ),
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


def _request_schemas(schema: RequestSchema) -> dict[str, Schema]:
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
            "index": {"type": "array", "description": "Not looked at."},
        },
        *("columns", "data"),
    )
    rows = {**_list({"$ref": "#/components/schemas/Row"}), "minItems": 1}
    in_order = {**_list({"type": "array", "prefixItems": list(cells.values()), **wide}), "minItems": 1}
    if not names:
        in_order = {**_list({"type": "array"}), "minItems": 1}
    columns = _object({name: {**_list(cell), "minItems": 1} for name, cell in cells.items()}, *names)
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
        "Params": _params(),
        "Invocation": {
            "oneOf": [_object({name: format, "params": params}, name) for name, format in formats.items()]
        },
        "Infer": _infer(names),
    }


def _params() -> Schema:
    times = {"oneOf": [_TIME, _list(_TIME)]}
    return {
        "type": "object",
        "description": "What is asked for beside the rows; other parameters are passed over.",
        "properties": {
            "version": {
                "description": "The model version that answers, if it is loaded; the champion otherwise.",
                "oneOf": [{"type": "integer"}, {**_TEXT, "pattern": "^[0-9]{1,9}$"}],
            },
            "simulated_time": {"description": "Only for a server that was started for a replay.", **times},
            "user_group": {"oneOf": [_group(), _list(_group())]},
        },
    }


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
            "outputs": _list(
                _object({"name": {"enum": ["probabilities", "predict", "prediction_id", "notes"]}}, "name")
            ),
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
    return {**_TEXT, "minLength": 1, "maxLength": 64, "description": "As the answer gave it."}


def _group() -> Schema:
    return {**_TEXT, "maxLength": 100}


def _rows(row: Schema) -> Schema:
    return _object({"rows": _list({**row, "additionalProperties": False})}, "rows")


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(properties: Mapping[str, Schema], *required: str) -> Schema:
    schema: Schema = {"type": "object", "properties": dict(properties)}
    return {**schema, "required": list(required)} if required else schema
