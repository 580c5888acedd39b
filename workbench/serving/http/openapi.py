"""``GET /openapi.json``: all routes of a server, for machines and with examples (OpenAPI 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench import __version__
from workbench.serving.http.openapi_schemas import Schema, components, infer_example, invocation_examples
from workbench.serving.protocol.content import ARROW, CSV
from workbench.serving.protocol.schema import RequestSchema

__all__ = ["document"]

_JSON = "application/json"
_REFUSALS = {
    400: "It cannot be answered as it is; the message says why.",
    401: "An API key is needed, and none was sent that is known.",
    403: "The key's role may not do this, or the server was asked under a name that is not its own.",
    404: "There is no such model, or the version is not loaded.",
    405: "The path knows other methods.",
    408: "The body did not arrive in time.",
    413: "The body is too large, or has too many rows.",
    415: "The content type, its charset or an encoding is not taken.",
    429: "Too many requests are under way; come back after as many seconds as Retry-After says.",
    500: "The server failed; its log says why.",
    503: "Nothing can be answered or kept just now; come back after Retry-After.",
}
_ALWAYS = (401, 403, 404, 405, 500, 503)
_WITH_BODY = (400, 401, 403, 404, 405, 408, 413, 415, 429, 500, 503)


def document(
    schema: RequestSchema,
    model: str,
    version: int | None,
    classes: tuple[str, ...] = (),
    *,
    simulated: bool = False,
) -> dict[str, Any]:
    """The document of a server.

    Parameters
    ----------
    schema : RequestSchema
        What a raw row has.
    model : str
        The registered model; empty when none is known yet.
    version : int, optional
        The champion.
    classes : tuple of str
        What its outputs are; empty for a regressor, or when that is not known.
    simulated : bool
        Whether the server was started for a replay, so that requests say when they are asked.
    """
    model = model or "MODEL"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{model}, served by workbench",
            "version": __version__,
            "description": _about(model, version, classes),
        },
        "paths": {**_scoring(schema), **_afterwards(), **_v2(schema, model, version), **_about_the_server()},
        "components": {
            "schemas": components(schema, simulated),
            "responses": {str(status): _refusal(status, why) for status, why in _REFUSALS.items()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
        # The first: on loopback a server without keys asks for none.
        "security": [{}, {"bearer": []}, {"key": []}],
    }


def _about(model: str, version: int | None, classes: tuple[str, ...]) -> str:
    champion = "no version is champion yet" if version is None else f"version {version} answers"
    outputs = f" Its classes are {', '.join(classes)}." if classes else ""
    return (
        f"Of {model}, {champion}.{outputs} Every answer carries prediction ids and is in the prediction log "
        "before it leaves. Null is a missing value; times are ISO text with a zone."
    )


def _scoring(schema: RequestSchema) -> dict[str, Any]:
    row = schema.example_row()
    content = {
        _JSON: {"schema": _ref("Invocation"), "examples": invocation_examples(schema)},
        CSV: {
            "schema": {"type": "string", "description": "A header and rows; an empty cell is missing."},
            "example": ",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n",
        },
        ARROW: {"schema": {"description": "An Arrow IPC stream, uncompressed; `params` in its metadata."}},
    }
    answer = {_JSON: {"schema": _ref("Answer")}, ARROW: {"schema": {"description": "An Arrow IPC stream."}}}
    return {
        "/invocations": {
            "post": _operation(
                "invocations", "Predict, by MLflow's scoring protocol", answer, content, statuses=_WITH_BODY
            )
        }
    }


def _afterwards() -> dict[str, Any]:
    when = "2013-07-01T12:00:00Z"
    truth = {"rows": [{"prediction_id": "0123456789abcdef-0", "value": True, "known_at": when}]}
    feedback = {"rows": [{"prediction_id": "0123456789abcdef-0", "rating": "up", "remark": "it was late"}]}
    kept = {_JSON: {"schema": _ref("Kept")}}
    return {
        path: {
            "post": _operation(
                path.strip("/"),
                summary,
                kept,
                {_JSON: {"schema": _ref(name), "example": example}},
                statuses=_WITH_BODY,
            )
        }
        for path, summary, name, example in (
            ("/truth", "Say what turned out to be true", "Truth", truth),
            ("/feedback", "Say what a user thinks of an answer", "Feedback", feedback),
        )
    }


def _v2(schema: RequestSchema, model: str, version: int | None) -> dict[str, Any]:
    named = _parameter("model", {"type": "string", "minLength": 1}, model)
    numbered = _parameter("version", {"type": "string", "pattern": "^[0-9]{1,9}$"}, str(version or 1))
    request = {_JSON: {"schema": _ref("Infer"), "example": infer_example(schema)}}
    answer = {_JSON: {"schema": _ref("InferAnswer")}}
    paths: dict[str, Any] = {}
    for path, which, parameters in (
        ("/v2/models/{model}", "", [named]),
        ("/v2/models/{model}/versions/{version}", "Version", [named, numbered]),
    ):
        infer = _operation(
            f"infer{which}", "Predict, by the Open Inference Protocol", answer, request, statuses=_WITH_BODY
        )
        paths[path] = {
            "parameters": parameters,
            "get": _get(f"metadata{which}", "What the model takes and gives", "Document"),
        }
        paths[f"{path}/ready"] = {
            "parameters": parameters,
            "get": _get(f"modelReady{which}", "Whether it answers", "Document"),
        }
        paths[f"{path}/infer"] = {"parameters": parameters, "post": infer}
    for path, name, summary in (
        ("/v2", "server", "The server, and what it can do beyond the protocol"),
        ("/v2/health/live", "live", "Whether the server lives"),
        ("/v2/health/ready", "ready", "Whether it can answer"),
    ):
        paths[path] = {"get": _get(name, summary, "Document", itself_503=path.endswith("ready"))}
    return paths


def _about_the_server() -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    ping = _operation("ping", "200 while it can answer, 503 while it cannot", {"text/plain": text})
    ping["responses"]["503"] = {"description": _REFUSALS[503], "content": {"text/plain": text}}
    return {
        "/ping": {"get": ping},
        "/health": {"get": _get("health", "What the server says about itself", "Health")},
        "/version": {"get": _get("version", "The workbench, the model and its version", "Version")},
        "/metrics": {"get": _operation("metrics", "For Prometheus", {"text/plain": text})},
        "/openapi.json": {"get": _get("openapi", "This document", "Document")},
    }


def _get(name: str, summary: str, answer: str, *, itself_503: bool = False) -> Schema:
    content = {_JSON: {"schema": _ref(answer)}}
    operation = _operation(name, summary, content)
    if itself_503:
        operation["responses"]["503"] = {"description": "It cannot.", "content": content}
    return operation


def _operation(
    name: str,
    summary: str,
    answer: Mapping[str, Any],
    request: Mapping[str, Any] | None = None,
    statuses: tuple[int, ...] = _ALWAYS,
) -> Schema:
    responses: dict[str, Any] = {"200": {"description": "The answer.", "content": dict(answer)}}
    responses |= {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}
    operation: Schema = {"operationId": name, "summary": summary, "responses": responses}
    if request is not None:
        operation["requestBody"] = {"required": True, "content": dict(request)}
    return operation


def _refusal(status: int, why: str) -> Schema:
    response: Schema = {"description": why, "content": {_JSON: {"schema": _ref("Error")}}}
    if status in (429, 503):
        response["headers"] = {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds."}}
    if status == 401:
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return response


def _parameter(name: str, schema: Schema, example: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": example}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
