"""Ground truth and feedback: what clients say afterwards about predictions.

``POST /truth`` takes ``{"rows": [{"prediction_id": …, "value": …, "known_at": …}]}``, where a row may have a
``key`` instead of a prediction id: raw columns that tell one case from all others, for clients that did not
keep the id. ``POST /feedback`` takes ``{"rows": [{"prediction_id": …, "rating": …, "remark": …}]}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec

from workbench.serving.protocol.cells import Cell, read_time
from workbench.serving.protocol.decoding import check_keys, check_rows, decode_json
from workbench.serving.protocol.refused import Refused, shown

__all__ = ["FeedbackRow", "TruthRow", "decode_feedback", "decode_truth"]

_LONGEST_ID = 64
_LONGEST_TEXT = 200
_LONGEST_REMARK = 2_000
_MOST_KEYS = 20


@dataclass(frozen=True)
class TruthRow:
    """What turned out to be true for one case, and when that became known.

    Attributes
    ----------
    prediction_id : str
        Empty when ``key`` says which case.
    value : float or str
        A number (true and false are 1 and 0), or the name of a class.
    known_at : datetime
        Aware, in UTC.
    key : mapping, optional
        Raw columns and their values; times as ISO text.
    """

    prediction_id: str
    value: float | str
    known_at: datetime
    key: Mapping[str, Cell] | None = None


@dataclass(frozen=True)
class FeedbackRow:
    """What a user thinks of one answer.

    Attributes
    ----------
    prediction_id : str
    at : datetime
        When it was given; aware, in UTC.
    rating : float, optional
        From 1 (useless) to 5 (just right); ``"down"`` is 1 and ``"up"`` is 5.
    remark : str
        At most 2,000 characters.
    user_group : str
    """

    prediction_id: str
    at: datetime
    rating: float | None = None
    remark: str = ""
    user_group: str = ""


class _TruthRow(msgspec.Struct, forbid_unknown_fields=True):
    value: float | bool | str
    prediction_id: str = ""
    key: dict[str, Cell] | None = None
    known_at: str | None = None


class _Truth(msgspec.Struct, forbid_unknown_fields=True):
    rows: list[_TruthRow]


class _FeedbackRow(msgspec.Struct, forbid_unknown_fields=True):
    prediction_id: str
    rating: int | str | None = None
    remark: str = ""
    user_group: str = ""
    at: str | None = None


class _Feedback(msgspec.Struct, forbid_unknown_fields=True):
    rows: list[_FeedbackRow]


_TRUTH = msgspec.json.Decoder(_Truth)
_FEEDBACK = msgspec.json.Decoder(_Feedback)
_RATINGS: dict[object, float] = {"down": 1.0, "up": 5.0} | {number: float(number) for number in range(1, 6)}


def decode_truth(body: bytes, most_rows: int, default_known_at: datetime | None) -> list[TruthRow]:
    """Decode ground truth; without a ``default_known_at`` every row has to say when it became known.

    Raises
    ------
    Refused
        With 400 or 413 and the first row that is wrong.
    """
    rows = _rows(_TRUTH, body, most_rows)
    return [_truth_row(number, row, default_known_at) for number, row in enumerate(rows)]


def decode_feedback(body: bytes, most_rows: int, default_at: datetime) -> list[FeedbackRow]:
    """Decode feedback; ``default_at`` is when a row that does not say so was given.

    Raises
    ------
    Refused
        With 400 or 413 and the first row that is wrong.
    """
    rows = _rows(_FEEDBACK, body, most_rows)
    return [_feedback_row(number, row, default_at) for number, row in enumerate(rows)]


def _rows(decoder: msgspec.json.Decoder[Any], body: bytes, most_rows: int) -> list[Any]:
    rows: list[Any] = decode_json(decoder, body).rows
    if rows:  # a client with nothing to say may say so
        check_rows(len(rows), most_rows)
    check_keys(body)
    return rows


def _truth_row(number: int, row: _TruthRow, default: datetime | None) -> TruthRow:
    where = f"rows[{number}]"
    if row.key is None:
        _check_id(where, row.prediction_id)
    elif row.prediction_id:
        raise Refused(400, f"{where} has a prediction_id and a key; one of them says which case it is")
    else:
        _check_key(where, row.key)
    if isinstance(row.value, str) and not 0 < len(row.value) <= _LONGEST_TEXT:
        raise Refused(
            400, f"{where}.value {shown(row.value)} is no class of at most {_LONGEST_TEXT} characters"
        )
    if row.known_at is not None:
        known_at = read_time(f"{where}.known_at", row.known_at)
    elif default is not None:
        known_at = default
    else:
        raise Refused(400, f"{where}.known_at is missing; this server was started for a replay")
    value = row.value if isinstance(row.value, str) else float(row.value)
    key = None if row.key is None else MappingProxyType(row.key)
    return TruthRow(row.prediction_id, value, known_at, key)


def _feedback_row(number: int, row: _FeedbackRow, default: datetime) -> FeedbackRow:
    where = f"rows[{number}]"
    _check_id(where, row.prediction_id)
    if row.rating is None and not row.remark:
        raise Refused(400, f"{where} has neither a rating nor a remark")
    if row.rating is not None and row.rating not in _RATINGS:
        raise Refused(400, f'{where}.rating {shown(row.rating)} is neither 1 to 5 nor "up" or "down"')
    if len(row.remark) > _LONGEST_REMARK:
        raise Refused(
            400, f"{where}.remark has {len(row.remark)} characters; at most {_LONGEST_REMARK} are kept"
        )
    if len(row.user_group) > 100 or not (row.user_group == "" or row.user_group.isprintable()):
        raise Refused(400, f"{where}.user_group {shown(row.user_group)} is no name of at most 100 characters")
    at = default if row.at is None else read_time(f"{where}.at", row.at)
    rating = None if row.rating is None else _RATINGS[row.rating]
    return FeedbackRow(row.prediction_id, at, rating, row.remark, row.user_group)


def _check_id(where: str, prediction_id: str) -> None:
    plain = prediction_id.isascii() and prediction_id.isprintable()
    if not plain or not 0 < len(prediction_id) <= _LONGEST_ID:
        raise Refused(400, f"{where}.prediction_id is no prediction id")


def _check_key(where: str, key: Mapping[str, Cell]) -> None:
    if not 0 < len(key) <= _MOST_KEYS:
        raise Refused(400, f"{where}.key has to name 1 to {_MOST_KEYS} columns")
    for name, cell in key.items():
        if cell is None:
            raise Refused(400, f"{where}.key: {shown(name)} is null, which tells no case from others")
        if max(len(name), len(cell) if isinstance(cell, str) else 0) > _LONGEST_TEXT:
            raise Refused(400, f"{where}.key: {shown(name)} is longer than {_LONGEST_TEXT} characters")
