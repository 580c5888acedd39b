"""Whatever the bytes are: rows, or one line that says why not."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from workbench.serving.protocol import mlflow, oip, truth
from workbench.serving.protocol.schema import Refused, RequestSchema

SCHEMA = RequestSchema({"colour": "category", "size": "number", "ordered": "time"})
NAMES = tuple(SCHEMA.columns)
ROW = {"colour": "red", "size": 1.5, "ordered": "2013-08-01T10:00:00Z"}
DEEP = b"[" * 10_000 + b"]" * 10_000
DEEP_OBJECTS = b'{"a":' * 10_000 + b"1" + b"}" * 10_000


def invoke(body: bytes) -> None:
    _rows(mlflow.decode(body, "application/json", NAMES, 100))


def csv(body: bytes) -> None:
    _rows(mlflow.decode(body, "text/csv; charset=utf-8", NAMES, 100))


def infer(body: bytes) -> None:
    _rows(oip.decode(body, NAMES, 100).asked)


def truths(body: bytes) -> None:
    truth.decode_truth(body, 100, datetime(2013, 9, 1, tzinfo=UTC))


def feedback(body: bytes) -> None:
    truth.decode_feedback(body, 100, datetime(2013, 9, 1, tzinfo=UTC))


def _rows(asked: mlflow.Asked) -> None:
    SCHEMA.typed(asked.columns)
    asked.simulated()
    asked.user_groups()


DECODERS: list[Callable[[bytes], None]] = [invoke, csv, infer, truths, feedback]


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"\x00" * 50,
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf" * 2_000,
        b"null",
        b"[]",
        b'"text"',
        b"1e400",
        b"1" * 10_000,
        b"{",
        DEEP,
        DEEP_OBJECTS,
        b'{"x": ' + DEEP + b"}",
        b'{"params": ' + DEEP_OBJECTS + b"}",
        b'{"parameters": ' + DEEP_OBJECTS + b"}",
        b'{"dataframe_split": {"index": ' + DEEP + b"}}",
        json.dumps({"dataframe_records": [ROW]}).encode("utf-16"),
        json.dumps({"dataframe_records": [ROW]}).encode("utf-32"),
    ],
)
def test_what_is_no_request_is_refused(decode: Callable[[bytes], None], body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        decode(body)
    assert refused.value.status == 400
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 400


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("NaN", "JSON has no NaN and no Infinity; send null"),
        ("-Infinity", "JSON has no NaN and no Infinity; send null"),
        ("1e400", "out of range"),
        ("-1e400", "out of range"),
        ("1" * 400, ""),
        ('"\\ud800"', "JSON"),
        ('"\xff"', "JSON"),
        ("[1]", "array"),
        ("{}", "object"),
        ("true", "expected a number, got True"),
        ('"1"', "expected a number, got '1'"),
        ("01", "JSON"),
        ("+1", "JSON"),
    ],
)
def test_a_cell_that_is_no_number_is_refused(cell: str, says: str) -> None:
    for text in (
        '{"dataframe_records": [{"colour": "red", "size": CELL, "ordered": null}]}',
        '{"dataframe_split": {"columns": ["colour", "size", "ordered"], "data": [["red", CELL, null]]}}',
        '{"instances": [["red", CELL, null]]}',
    ):
        with pytest.raises(Refused) as refused:
            invoke(text.replace("CELL", cell).encode("latin-1"))
        assert refused.value.status == 400
        assert says in refused.value.message


def test_of_many_columns_that_are_missing_or_unknown_a_few_are_named() -> None:
    wide = RequestSchema({f"column_{number}": "number" for number in range(50)})
    body = json.dumps({"dataframe_records": [{f"x{number}" * 50: 1 for number in range(900)}]}).encode()
    with pytest.raises(Refused) as refused:
        wide.typed(mlflow.decode(body, "application/json", tuple(wide.columns), 100).columns)
    assert "unknown column" in refused.value.message
    assert len(refused.value.message) < 400


TIMED = {"known_at": ROW["ordered"], "value": 1}
SEEDS: list[tuple[Callable[[bytes], None], bytes]] = [
    (invoke, json.dumps({"dataframe_records": [ROW, ROW], "params": {"version": 3}}).encode()),
    (invoke, json.dumps({"dataframe_split": {"columns": NAMES, "data": [list(ROW.values())]}}).encode()),
    (invoke, json.dumps({"inputs": {name: [cell] for name, cell in ROW.items()}}).encode()),
    (invoke, json.dumps({"instances": [ROW], "params": {"simulated_time": ROW["ordered"]}}).encode()),
    (csv, b'colour,size,ordered\n"red, or so",1.5,2013-08-01T10:00:00Z\n,,\n'),
    (
        infer,
        json.dumps(
            {"inputs": [{"name": "a", "shape": [1, 3], "datatype": "BYTES", "data": [""] * 3}]}
        ).encode(),
    ),
    (truths, json.dumps({"rows": [{"prediction_id": "a", **TIMED}, {"key": {"a": 1}, **TIMED}]}).encode()),
    (feedback, json.dumps({"rows": [{"prediction_id": "a", "rating": "up", "at": ROW["ordered"]}]}).encode()),
]
TOKENS = [
    b"null",
    b"true",
    b"1e309",
    b"-0",
    b"NaN",
    b"[]",
    b"{}",
    b'"',
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b",",
    b":",
]


def mutated(body: bytes, chance: random.Random) -> bytes:
    """The body with a few bytes changed, cut, doubled or replaced by something that parsers stumble over."""
    for _ in range(chance.choice((1, 1, 2, 5))):
        place, length = chance.randrange(len(body)), chance.choice((1, 1, 3, 20))
        piece = chance.choice(
            (b"", chance.choice(TOKENS), body[place : place + length] * 2, chance.randbytes(1))
        )
        body = body[:place] + piece + body[place + length :] or b"{"
    return body


def test_any_bytes_are_rows_or_refused() -> None:
    chance = random.Random(20130801)
    refusals = []
    for _ in range(6_000):
        decode, body = chance.choice(SEEDS)
        try:
            decode(mutated(body, chance))
        except Refused as refusal:
            refusals.append(refusal)
    assert 0 < len(refusals) < 6_000
    assert {refusal.status for refusal in refusals} <= {400, 413}
    assert not any("\n" in refusal.message or len(refusal.message) > 400 for refusal in refusals)
