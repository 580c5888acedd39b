"""What a request may be."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pandas as pd
import pytest

from workbench.serving.protocol.request import Refused, RequestSchema, decode_invocation, decode_truth

SCHEMA = RequestSchema({"colour": "category", "size": "number", "ordered": "time"})
ROW = {"colour": "red", "size": 1, "ordered": "2013-08-01T10:00:00Z"}


def split(columns: list[object], *data: list[object], **more: object) -> bytes:
    return json.dumps({"dataframe_split": {"columns": columns, "data": data}, **more}).encode()


def records(*rows: dict[str, object], **more: object) -> bytes:
    return json.dumps({"dataframe_records": rows, **more}).encode()


def frame(body: bytes) -> pd.DataFrame:
    return SCHEMA.frame(decode_invocation(body, 100).columns)


def test_records_and_split_are_the_same_rows() -> None:
    second = {"ordered": None, "colour": None, "size": None}
    by_records = frame(records(ROW, second))
    by_split = frame(split(["ordered", "colour", "size"], [ROW["ordered"], "red", 1], [None, None, None]))
    pd.testing.assert_frame_equal(by_records, by_split)
    assert by_records.iloc[0].tolist() == ["red", 1.0, pd.Timestamp("2013-08-01T10:00:00Z")]
    assert by_records.iloc[1].isna().all()
    assert [str(kind) for kind in by_records.dtypes] == ["str", "float64", "datetime64[us, UTC]"]


def test_the_index_that_mlflow_clients_send_is_taken() -> None:
    body = {"dataframe_split": {"index": [7], "columns": list(ROW), "data": [list(ROW.values())]}}
    assert len(frame(json.dumps(body).encode())) == 1


def test_a_schema_is_learnt_from_rows() -> None:
    assert RequestSchema.of(frame(records(ROW))) == SCHEMA
    assert json.loads(SCHEMA.example())["dataframe_records"][0].keys() == ROW.keys()


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "JSON"),
        (b"\xff\xfe", 400, "JSON"),
        (b'{"dataframe_records": [{"colour": "\xff"}]}', 400, "JSON"),
        (b'{"dataframe_records": [{"colour": "\\ud800"}]}', 400, "JSON"),
        (b'{"dataframe_records": [{"size": NaN}]}', 400, "JSON"),
        (b'{"dataframe_records": [{"size": Infinity}]}', 400, "JSON"),
        (b'{"dataframe_records": [{"size": 1e400}]}', 400, "out of range"),
        (b"[1, 2]", 400, "object"),
        (b'"text"', 400, "object"),
        (b"{}", 400, "exactly one of dataframe_split"),
        (b'{"x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400, ""),
        (b'{"dataframe_records": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400, "object"),
        (b'{"instances": [[1]]}', 400, "instances"),
        (records(), 400, "no rows"),
        (records({}), 400, "missing column"),
        (records({**ROW, "color": "red"}), 400, "did you mean 'colour'?"),
        (records({"colour": "red", "size": 1}), 400, "missing column 'ordered'"),
        (records({**ROW, "size": "1"}), 400, "column 'size', row 0: expected a number, got '1'"),
        (records({**ROW, "size": True}), 400, "expected a number, got True"),
        (records({**ROW, "size": 10**400}), 400, ""),
        (records({**ROW, "colour": 3}), 400, "expected text, got 3"),
        (records({**ROW, "colour": ["red"]}), 400, "array"),
        (records({**ROW, "ordered": 3}), 400, "expected an ISO time, got 3"),
        (records({**ROW, "ordered": "soon"}), 400, "'soon' is no ISO time"),
        (records({**ROW, "ordered": "2013-08-01T10:00"}), 400, "no time zone"),
        (records({**ROW, "ordered": "0001-01-01T00:00+23:59"}), 400, "no ISO time"),
        (records({**ROW, "ordered": "x" * 5000}), 400, "…"),
        (records(*[ROW] * 101), 413, "at most 100"),
        (split(["size", "size"], [1, 2]), 400, "'size' is given twice"),
        (split(["colour", "size", "ordered"], ["red", 1]), 400, "row 0 has 2 cells for 3 columns"),
        (split([1], [2]), 400, "str"),
        (split([]), 400, "no rows"),
        (split([], []), 400, "missing column"),
        (split(list(ROW), list(ROW.values()), dataframe_records=[ROW]), 400, "exactly one"),
        (records(ROW, params={"versoin": 1}), 400, "did you mean 'version'?"),
        (records(ROW, params={"version": "latest"}), 400, "no version number"),
        (records(ROW, params={"version": "٣"}), 400, "no version number"),
        (records(ROW, params={"version": 1.5}), 400, "version"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_one_line(body: bytes, status: int, says: str) -> None:
    with pytest.raises(Refused) as refused:
        frame(body)
    assert refused.value.status == status
    assert says in refused.value.message
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 400


@pytest.mark.parametrize("times", ["yesterday", "2013-08-01", ["2013-08-01T10:00Z"] * 3, []])
def test_simulated_times_have_to_be_times_one_a_row(times: object) -> None:
    asked = decode_invocation(records(ROW, ROW, params={"simulated_time": times}), 100)
    with pytest.raises(Refused, match=r"simulated_time"):
        asked.times()


def test_one_simulated_time_is_for_all_rows_and_a_list_for_each() -> None:
    one = datetime(2013, 8, 1, 10, tzinfo=UTC)
    asked = decode_invocation(records(ROW, ROW, params={"simulated_time": "2013-08-01T12:00+02:00"}), 100)
    assert asked.times() == [one, one]
    both = ["2013-08-01T10:00Z", "2013-08-01T11:00Z"]
    asked = decode_invocation(records(ROW, ROW, params={"simulated_time": both}), 100)
    assert asked.times() == [one, one.replace(hour=11)]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"prediction_id": "", "value": 1, "known_at": "2013-08-01T10:00Z"}, "no prediction id"),
        ({"prediction_id": "x" * 65, "value": 1, "known_at": "2013-08-01T10:00Z"}, "no prediction id"),
        ({"prediction_id": "a\x00b", "value": 1, "known_at": "2013-08-01T10:00Z"}, "no prediction id"),
        ({"prediction_id": "a", "known_at": "2013-08-01T10:00Z"}, "value"),
        ({"prediction_id": "a", "value": None, "known_at": "2013-08-01T10:00Z"}, "value"),
        ({"prediction_id": "a", "value": "", "known_at": "2013-08-01T10:00Z"}, "value"),
        ({"prediction_id": "a", "value": 1, "known_at": "2013-08-01T10:00"}, "no time zone"),
        ({"prediction_id": "a", "value": 1}, "known_at is missing"),
        ({"prediction_id": "a", "value": 1, "known_at": "2013-08-01T10:00Z", "late": 1}, "late"),
    ],
)
def test_ground_truth_that_cannot_be_taken_is_refused(row: dict[str, object], says: str) -> None:
    with pytest.raises(Refused, match=says):
        decode_truth(json.dumps({"rows": [row]}).encode(), 100, None)


def test_ground_truth_is_known_now_unless_it_says_when() -> None:
    now = datetime(2013, 9, 1, tzinfo=UTC)
    body = json.dumps({"rows": [{"prediction_id": "a", "value": True}]}).encode()
    (row,) = decode_truth(body, 100, now)
    assert (row.value, row.known_at) == (1.0, now)
    with pytest.raises(Refused) as refused:
        decode_truth(body, 0, now)
    assert refused.value.status == 413
