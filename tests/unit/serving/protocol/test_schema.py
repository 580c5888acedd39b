"""What a raw row may hold, and what becomes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.errors import ConfigError
from workbench.serving.protocol.cells import Texts
from workbench.serving.protocol.ranges import unquoted
from workbench.serving.protocol.schema import Range, Refused, RequestSchema

SCHEMA = RequestSchema({"colour": "category", "size": "number", "ordered": "time"})


def one(**cells: Any) -> dict[str, list[Any]]:
    return {name: [cell] for name, cell in cells.items()}


RAW = {
    "ordered": ["2013-08-01T12:00:00.000001+02:00", None, "2013-08-01T10:00Z"],
    "colour": ["red", None, ""],
    "size": [1, None, 2.5],
}


def test_rows_get_their_types_and_a_frame_has_those_of_training() -> None:
    typed = SCHEMA.typed(RAW)
    assert typed.notes == {}
    assert list(typed.columns) == list(SCHEMA.columns)
    assert typed.columns["colour"].tolist() == ["red", None, ""]
    assert typed.columns["size"].dtype == np.float64
    np.testing.assert_array_equal(typed.columns["size"], [1.0, np.nan, 2.5])
    times = np.array(["2013-08-01T10:00:00.000001", "NaT", "2013-08-01T10:00"], "datetime64[us]")
    assert typed.columns["ordered"].dtype == times.dtype
    np.testing.assert_array_equal(typed.columns["ordered"], times)
    frame = SCHEMA.frame(typed.columns)
    expected = pd.DataFrame(
        {
            "colour": pd.array(["red", None, ""], dtype="str"),
            "size": [1.0, None, 2.5],
            "ordered": pd.Series(times).dt.tz_localize("UTC"),
        }
    )
    pd.testing.assert_frame_equal(frame, expected)
    assert RequestSchema.of(frame) == SCHEMA


def test_what_is_typed_already_stays_as_it_is() -> None:
    columns = SCHEMA.typed(RAW).columns
    again = SCHEMA.typed(columns).columns
    for name, column in columns.items():
        np.testing.assert_array_equal(again[name], column)


def test_cells_that_are_text_only_are_read_by_the_kind_of_their_column() -> None:
    texts = {
        "size": Texts(["1.5", None, "NA", " 2"]),
        "colour": Texts(["3", "NA", None, "nan"]),
        "ordered": Texts(["2013-08-01T10:00Z", None, "NaN", "2013-08-01T10:00Z"]),
    }
    columns = SCHEMA.typed(texts).columns
    np.testing.assert_array_equal(columns["size"], [1.5, np.nan, np.nan, 2.0])
    assert columns["colour"].tolist() == ["3", "NA", None, "nan"]
    assert np.isnat(columns["ordered"]).tolist() == [False, True, True, False]


@pytest.mark.parametrize("text", ["1_000", "٣", "inf", "-Infinity", "1e400", "one", "0x10", "True", "1,5"])
def test_a_text_that_is_no_number_is_none(text: str) -> None:
    with pytest.raises(Refused, match="expected a number"):
        RequestSchema({"size": "number"}).typed({"size": Texts([text])})


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({}, "missing column 'colour', 'size', 'ordered'"),
        (one(colour="a", size=1), "missing column 'ordered'"),
        (one(color="a", size=1, ordered=None), "unknown column 'color'; did you mean 'colour'?"),
        (one(colour="a", size=1, ordered=None, x=1), "unknown column 'x'; known are 'colour', 'size'"),
        (one(colour="a", size="1", ordered=None), "column 'size', row 0: expected a number, got '1'"),
        (one(colour="a", size=True, ordered=None), "expected a number, got True"),
        (one(colour="a", size=10**400, ordered=None), "too large"),
        (one(colour=3, size=1, ordered=None), "expected text, got 3"),
        (one(colour="a", size=1, ordered=3), "expected an ISO time, got 3"),
        (one(colour="a", size=1, ordered="soon"), "'soon' is no ISO time"),
        (one(colour="a", size=1, ordered="2013-08-01T10:00"), "row 0: '2013-08-01T10:00' has no time zone"),
        (one(colour="a", size=1, ordered="2013-08-01"), "no time zone"),
        (one(colour="a", size=1, ordered="0001-01-01T00:00+23:59"), "no ISO time"),
        (one(colour="a", size=1, ordered="9999-12-31T23:59-23:59"), "no ISO time"),
        (one(colour="a", size=1, ordered="x" * 5000), "…"),
        ({"colour": ["a"], "size": [1, 2], "ordered": [None]}, "'size' has 2 rows, the first one has 1"),
        (one(colour="a", ordered=None) | {"size": np.array([np.inf])}, "row 0: expected a finite number"),
        (one(colour="a", ordered=None) | {"size": np.array(["1"])}, "expected numbers"),
        (one(colour="a", ordered=None) | {"size": np.array([True])}, "expected numbers"),
        (one(size=1, ordered=None) | {"colour": np.array([1.5])}, "expected text"),
        (one(colour="a", size=1) | {"ordered": np.array([1.5])}, "expected times"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_one_line(raw: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused) as refused:
        SCHEMA.typed(raw)
    assert refused.value.status == 400
    assert says in refused.value.message
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 400


def test_a_refusal_names_a_few_of_many_columns() -> None:
    wide = RequestSchema({f"column_{number}": "number" for number in range(50)})
    with pytest.raises(Refused, match=r"'column_7' and 42 more \(send null"):
        wide.typed({})


def declared(**more: object) -> RequestSchema:
    return RequestSchema.declared(
        {
            "km": {"kind": "number", "minimum": 0, "maximum": 100, **more},
            "side": {"kind": "category", "values": ["left", "right"], **more},
            "at": "time",
        },
        "m:REQUEST",
    )


BEYOND = {"km": [-1, 50, 101.5, None], "side": ["left", "up", "right", None], "at": [None] * 4}


def test_a_value_out_of_range_is_rejected_by_default() -> None:
    with pytest.raises(Refused, match="row 0, column 'km': -1 is below 0"):
        declared().typed(BEYOND)
    with pytest.raises(Refused, match="row 1, column 'side': unknown value 'up'"):
        declared().typed({**BEYOND, "km": [0, 100, None, 1]})


def test_a_value_out_of_range_is_coerced_with_a_note() -> None:
    typed = declared(outside="coerce").typed(BEYOND)
    np.testing.assert_array_equal(typed.columns["km"], [0, 50, 100, np.nan])
    assert typed.columns["side"].tolist() == ["left", None, "right", None]
    assert typed.notes == {
        0: ("column 'km': -1 is below 0; taken as 0",),
        1: ("column 'side': unknown value 'up'; taken as missing",),
        2: ("column 'km': 101.5 is above 100; taken as 100",),
    }


def test_a_value_out_of_range_is_flagged_and_taken_as_it_is() -> None:
    typed = declared(outside="flag").typed(BEYOND)
    np.testing.assert_array_equal(typed.columns["km"], [-1, 50, 101.5, np.nan])
    assert typed.columns["side"].tolist() == BEYOND["side"]
    assert [typed.notes[row][0] for row in (0, 2)] == [
        "column 'km': -1 is below 0",
        "column 'km': 101.5 is above 100",
    ]


@pytest.mark.parametrize("outside", ["reject", "coerce", "flag"])
def test_what_is_said_of_a_personal_column_does_not_have_the_value(outside: str) -> None:
    schema = declared(outside=outside)
    schema = replace(schema, ranges=unquoted(schema.ranges, ["km", "side", "absent"]))
    if outside == "reject":
        with pytest.raises(Refused, match="row 0, column 'km': the value is below 0"):
            schema.typed(BEYOND)
        with pytest.raises(Refused, match=r"row 1, column 'side': unknown value$"):
            schema.typed({**BEYOND, "km": [0] * 4})
        return
    taken = {"coerce": ("; taken as 0", "; taken as missing", "; taken as 100"), "flag": ("",) * 3}[outside]
    said = ("'km': the value is below 0", "'side': unknown value", "'km': the value is above 100")
    assert schema.typed(BEYOND).notes == {
        row: (f"column {what}{how}",) for row, (what, how) in enumerate(zip(said, taken, strict=True))
    }


def test_unknown_columns_can_be_left_out_with_a_note_but_never_hide_a_typo() -> None:
    lenient = RequestSchema.declared({"size": "number", "*": "ignore"}, "m:REQUEST")
    typed = lenient.typed({"size": [1, 2], "id": ["a", "b"]})
    assert list(typed.columns) == ["size"]
    assert typed.notes == dict.fromkeys((0, 1), ("unknown column 'id' was left out",))
    with pytest.raises(Refused, match="did you mean 'size'"):
        lenient.typed({"sizes": [1]})


def test_true_and_false_are_numbers_where_training_had_them() -> None:
    learnt = RequestSchema.of(pd.DataFrame({"member": [True, False], "size": [1.0, 2.0]}))
    typed = learnt.typed({"member": [True, None], "size": [1, 2]})
    np.testing.assert_array_equal(typed.columns["member"], [1.0, np.nan])
    assert learnt.typed({"member": Texts(["False"]), "size": Texts(["1"])}).columns["member"] == [0.0]
    with pytest.raises(Refused, match="column 'size', row 0: expected a number, got True"):
        learnt.typed({"member": [True], "size": [True]})


def test_a_range_can_be_declared_as_one() -> None:
    both = {"km": Range(0, 9, outside="flag"), "side": Range(values=("a",))}
    schema = RequestSchema.declared(both, "m:REQUEST")
    assert schema.columns == {"km": "number", "side": "category"}
    assert schema.ranges == both


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({}, "has to name columns"),
        ({"*": "ignore"}, "has to name columns"),
        (["a"], "has to name columns"),
        ({"a": "float"}, "column 'a' is 'float'; known kinds: number, category, time"),
        ({"a": "time", "*": "maybe"}, "\"\\*\" is 'maybe'"),
        ({"a": {"kind": "float"}}, "column 'a': Invalid enum value 'float'"),
        ({"a": {"minimum": 1}}, "kind"),
        ({"a": {"kind": "number", "min": 1}}, "unknown field `min`"),
        ({"a": {"kind": "number", "minimum": 2, "maximum": 1}}, "minimum 2 is above the maximum 1"),
        ({"a": {"kind": "number", "outside": "drop"}}, "outside is 'drop'"),
        ({"a": {"kind": "time", "minimum": 1}}, "are for numbers"),
        ({"a": {"kind": "category", "booleans": True}}, "are for numbers"),
        ({"a": {"kind": "number", "values": ["x"]}}, "that a category may be"),
        ({"a": {"kind": "category", "values": []}}, "that a category may be"),
    ],
)
def test_a_request_that_is_declared_wrongly_is_said_so(columns: object, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        RequestSchema.declared(columns, "m:REQUEST")


def test_the_example_is_taken() -> None:
    schema = declared(outside="reject")
    row = json.loads(schema.example())["dataframe_records"][0]
    assert schema.typed({name: [cell] for name, cell in row.items()}).notes == {}
