"""The Open Inference Protocol's documents beside inference: metadata, health, errors.

Sources: https://github.com/open-inference/open-inference-protocol, ``inference_rest.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.serving.protocol.oip import PREDICT, PREDICTION_ID, PROBABILITIES
from workbench.serving.protocol.schema import Kind, RequestSchema

__all__ = ["error", "live", "model_metadata", "model_ready", "ready", "server_metadata"]

_DATATYPES: dict[Kind, str] = {"number": "FP64", "category": "BYTES", "time": "BYTES"}


def server_metadata(version: str) -> dict[str, Any]:
    """``GET /v2``."""
    return {"name": "workbench", "version": version, "extensions": []}


def model_metadata(
    schema: RequestSchema, model: str, versions: Sequence[int], classes: Sequence[str]
) -> dict[str, Any]:
    """``GET /v2/models/NAME`` and ``…/versions/VERSION``: the tensors that it takes and gives.

    ``versions`` are those that can be asked; ``classes`` is empty for a regressor.
    """
    inputs = [_tensor(name, _DATATYPES[kind], -1) for name, kind in schema.columns.items()]
    if classes:
        outputs = [_tensor(PROBABILITIES, "FP64", -1, len(classes)), _tensor(PREDICT, "BYTES", -1)]
    else:
        outputs = [_tensor(PREDICT, "FP64", -1)]
    outputs.append(_tensor(PREDICTION_ID, "BYTES", -1))
    return {
        "name": model,
        "versions": [str(version) for version in versions],
        "platform": "workbench_sklearn",
        "inputs": inputs,
        "outputs": outputs,
    }


def live() -> dict[str, Any]:
    """``GET /v2/health/live``."""
    return {"live": True}


def ready(is_ready: bool) -> dict[str, Any]:
    """``GET /v2/health/ready``; the status is 200 or 503."""
    return {"ready": is_ready}


def model_ready(model: str, is_ready: bool) -> dict[str, Any]:
    """``GET /v2/models/NAME/ready``; the status is 200 or 503."""
    return {"name": model, "ready": is_ready}


def error(message: str) -> dict[str, Any]:
    """Any answer that is not 200."""
    return {"error": message}


def _tensor(name: str, datatype: str, *shape: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape)}
