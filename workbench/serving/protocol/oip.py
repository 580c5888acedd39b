"""The Open Inference Protocol v2 in JSON: ``/v2/models/NAME/infer``, as KServe, Triton and MLServer speak it.

One tensor for each column, of the shape [rows] or [rows, 1], or one of the shape [rows, columns] for all of
them in the schema's order; data flat or nested. Categories and times are ``BYTES`` (times as ISO text),
numbers any of the numeric types. Null is missing. What MLflow's protocol has as ``params`` is in
``parameters``, where others are passed over. Tensors as binary data are refused.

Answers have the tensors ``probabilities`` (classifiers) and ``predict`` (the likeliest class, or a number
from a regressor), of which ``outputs`` may choose; ``prediction_id``, always; and ``notes`` if there are any.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.decoding import check_keys, check_nesting, decode_json, keys_in
from workbench.serving.protocol.params import read_params
from workbench.serving.protocol.refused import Refused, shown
from workbench.serving.protocol.tensors import Input, read_columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PREDICT", "PREDICTION_ID", "PROBABILITIES", "Infer", "decode", "encode"]

PROBABILITIES, PREDICT, PREDICTION_ID, NOTES = "probabilities", "predict", "prediction_id", "notes"
_LONGEST_ID = 200


@dataclass(frozen=True)
class Infer:
    """A decoded request: the rows, its ``id`` (empty for none), and the names of the outputs it wants."""

    asked: Asked
    id: str = ""
    outputs: tuple[str, ...] = ()


class _Output(msgspec.Struct):
    name: str


class _Request(msgspec.Struct):
    inputs: list[Input]
    id: str = ""
    parameters: dict[str, Any] | None = None
    outputs: list[_Output] | None = None


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: Any


class _Response(msgspec.Struct, omit_defaults=True):
    model_name: str
    model_version: str
    outputs: list[_Tensor]
    id: str = ""


_REQUEST = msgspec.json.Decoder(_Request)
_ENCODER = msgspec.json.Encoder()


def decode(
    body: bytes,
    names: Sequence[str],
    most_rows: int,
    *,
    known: Collection[str] | None = None,
    version: int | None = None,
    header_length: str | None = None,
) -> Infer:
    """Decode an inference request.

    Parameters
    ----------
    names : sequence of str
        The schema's columns in order, for one tensor that holds all of them.
    most_rows : int
        More are refused with 413.
    known : collection of str, optional
        The columns of all versions that may be asked, ``names`` by default. Of other columns only the names
        are kept.
    version : int, optional
        The version that the path names.
    header_length : str, optional
        The header ``Inference-Header-Content-Length``: a body with it has binary data.

    Raises
    ------
    Refused
        With 400 or 413 and one line, whatever the bytes are.
    """
    if header_length is not None:
        raise Refused(400, "tensors as binary data are not taken; send their data in JSON")
    check_nesting(body, most_rows)
    given = decode_json(_REQUEST, body)
    check_keys(body, _keys(given))
    if len(given.id) > _LONGEST_ID:
        raise Refused(400, f"the id is longer than {_LONGEST_ID} characters")
    asked_version, simulated_time, user_group = read_params(given.parameters)
    if version is not None and asked_version not in (None, version):
        raise Refused(400, f"the path names version {version}, parameters.version {asked_version}")
    columns, rows = read_columns(given.inputs, names, names if known is None else known, most_rows)
    outputs = tuple(output.name for output in given.outputs or ())
    for name in outputs:
        if name not in (PROBABILITIES, PREDICT, PREDICTION_ID, NOTES):
            raise Refused(400, f"unknown output {shown(name)}; known are {PROBABILITIES} and {PREDICT}")
    asked = Asked(columns, rows, asked_version if version is None else version, simulated_time, user_group)
    return Infer(asked, given.id, outputs)


def _keys(given: _Request) -> int:
    """How many keys were sent, but for those of fields that are passed over."""
    count = 1 + len(Input.__struct_fields__) * len(given.inputs) + bool(given.id)
    if given.parameters is not None:
        count += 1 + keys_in(given.parameters)
    return count if given.outputs is None else count + 1 + len(given.outputs)


def encode(
    outputs: NDArray[np.float64],
    prediction_ids: list[str],
    version: int,
    *,
    model: str,
    classes: Sequence[str] = (),
    id: str = "",
    wanted: Sequence[str] = (),
    notes: Mapping[int, Sequence[str]] | None = None,
) -> bytes:
    """The answer to an inference request.

    Parameters
    ----------
    outputs : ndarray of float64
        Of shape (rows, classes) or, from a regressor, (rows,).
    prediction_ids : list of str
        One a row.
    version, model
        Who answered.
    classes : sequence of str
        The names of the outputs' columns; none for a regressor.
    id, wanted
        ``Infer.id`` and ``Infer.outputs``.
    notes : mapping of int to texts
        What was coerced or flagged, by row.

    Raises
    ------
    Refused
        With 400, when a regressor is asked for probabilities.
    """
    rows = len(prediction_ids)
    tensors: list[_Tensor] = []
    if not classes:
        if PROBABILITIES in wanted:
            raise Refused(400, f"{model} is a regressor and has no output {PROBABILITIES!r}")
        tensors.append(_Tensor(PREDICT, [rows], "FP64", outputs.tolist()))
    else:
        if not wanted or PROBABILITIES in wanted:
            tensors.append(_Tensor(PROBABILITIES, [rows, len(classes)], "FP64", outputs.ravel().tolist()))
        if not wanted or PREDICT in wanted:
            likeliest = [classes[place] for place in outputs.argmax(axis=1)]
            tensors.append(_Tensor(PREDICT, [rows], "BYTES", likeliest))
    tensors.append(_Tensor(PREDICTION_ID, [rows], "BYTES", prediction_ids))
    if notes:
        texts = ["; ".join(notes.get(row, ())) for row in range(rows)]
        tensors.append(_Tensor(NOTES, [rows], "BYTES", texts))
    return _ENCODER.encode(_Response(model, str(version), tensors, id))
