"""Requests that are answered together."""

from __future__ import annotations

import json

import numpy as np
import pytest

from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.cells import Texts
from workbench.serving.protocol.mlflow import decode
from workbench.serving.protocol.schema import Refused, RequestSchema

SCHEMA = RequestSchema({"colour": "category", "size": "number"})


def asked(*rows: tuple[str, float], **params: object) -> Asked:
    split = {"columns": ["colour", "size"], "data": rows}
    body = json.dumps({"dataframe_split": split, "params": params}).encode()
    return decode(body, "application/json", tuple(SCHEMA.columns), 100)


def test_merged_rows_come_in_order_and_are_typed_as_one_by_one() -> None:
    parts = [asked(("red", 1)), asked(("blue", 2), ("red", 3)), asked(("green", 4))]
    assert len({part.group for part in parts}) == 1
    merged = Asked.merged(parts)
    assert merged.rows == 4
    columns = SCHEMA.typed(merged.columns).columns
    for name, column in columns.items():
        alone = np.concatenate([SCHEMA.typed(part.columns).columns[name] for part in parts])
        np.testing.assert_array_equal(column, alone)
    assert merged.user_groups() == [""] * 4
    assert merged.simulated() is None


def test_one_request_is_not_copied() -> None:
    alone = asked(("red", 1))
    assert Asked.merged([alone]) is alone


def test_what_asks_for_something_else_is_answered_apart() -> None:
    plain = asked(("red", 1))
    texts = Asked({"colour": Texts(["red"]), "size": Texts(["1"])}, 1)
    arrays = Asked({"colour": np.array(["red"], object), "size": np.array([1.0])}, 1)
    others = [plain, asked(("red", 1), version=2), asked(("red", 1), simulated_time="2013-08-01T10:00Z")]
    assert len({one.group for one in [*others, texts, arrays]}) == 5


def test_text_and_arrays_are_merged_as_what_they_are() -> None:
    texts = Asked.merged([Asked({"size": Texts([str(number)])}, 1) for number in range(3)])
    size = RequestSchema({"size": "number"})
    assert size.typed(texts.columns).columns["size"].tolist() == [0.0, 1.0, 2.0]
    arrays = Asked.merged([Asked({"size": np.array([number])}, 1) for number in range(3)])
    assert size.typed(arrays.columns).columns["size"].tolist() == [0.0, 1.0, 2.0]
    times = Asked({"size": np.array(["2013-08-01"], "datetime64[us]")}, 1)
    with pytest.raises(Refused, match="times in one request"):
        Asked.merged([arrays, times])


def test_each_row_keeps_its_simulated_time_and_its_user_group() -> None:
    first = asked(("red", 1), ("red", 2), simulated_time="2013-08-01T12:00+02:00", user_group="west")
    second = asked(("red", 3), simulated_time=["2013-08-01T11:00Z"])
    merged = Asked.merged([first, second])
    simulated = merged.simulated()
    assert simulated is not None
    expected = ["2013-08-01T10:00", "2013-08-01T10:00", "2013-08-01T11:00"]
    assert (simulated == np.array(expected, "datetime64[us]")).all()
    assert simulated.dtype == np.dtype("datetime64[us]")
    assert merged.user_groups() == ["west", "west", ""]
    alone = first.simulated()
    assert alone is not None
    assert (alone == simulated[:2]).all()


@pytest.mark.parametrize("times", ["yesterday", "", "2013-08-01", ["2013-08-01T10:00Z"] * 3, []])
def test_simulated_times_have_to_be_times_one_a_row(times: object) -> None:
    given = asked(("red", 1), ("red", 2), simulated_time=times)
    with pytest.raises(Refused, match=r"simulated_time"):
        given.simulated()


def test_user_groups_have_to_be_one_a_row() -> None:
    with pytest.raises(Refused, match=r"params.user_group has 1 groups for 2 rows"):
        asked(("red", 1), ("red", 2), user_group=["a"]).user_groups()
