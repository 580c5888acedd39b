"""Arrow streams in and out."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import ipc

from workbench.serving.protocol.arrow import decode, encode
from workbench.serving.protocol.schema import Refused, RequestSchema

SCHEMA = RequestSchema({"colour": "category", "size": "number", "ordered": "time"})
FRAME = pd.DataFrame(
    {
        "colour": pd.array(["red", None, "blue"], dtype="str"),
        "size": [1.0, None, 3.0],
        "ordered": pd.to_datetime(["2013-08-01T12:00+02:00", None, "2013-08-01T10:00Z"], utc=True),
    }
)
NAMES = tuple(SCHEMA.columns)
TABLE = pa.Table.from_pandas(FRAME, preserve_index=False)


def written(table: Any, batch: int = 100, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema, options=ipc.IpcWriteOptions(**options)) as stream:
        stream.write_table(table, batch)
    body: bytes = sink.getvalue().to_pybytes()
    return body


def one(column: Any, name: str = "size") -> bytes:
    return written(pa.table({name: column}))


def growing() -> bytes:
    """Two batches, of which the second has a word more in its dictionary."""
    sink = pa.BufferOutputStream()
    words = [pa.array(["red"]).dictionary_encode(), pa.array(["red", "blue"]).dictionary_encode()]
    schema = pa.schema({"colour": words[0].type})
    with ipc.new_stream(sink, schema, options=ipc.IpcWriteOptions(emit_dictionary_deltas=True)) as stream:
        for column in words:
            stream.write_batch(pa.record_batch([column], schema=schema))
    body: bytes = sink.getvalue().to_pybytes()
    return body


@pytest.mark.parametrize("batch", [1, 2, 100])
@pytest.mark.parametrize(
    "table",
    [
        TABLE,
        TABLE.set_column(0, "colour", TABLE["colour"].dictionary_encode()),
        TABLE.set_column(0, "colour", TABLE["colour"].cast(pa.large_string())),
        TABLE.set_column(1, "size", TABLE["size"].cast(pa.int8())),
        TABLE.set_column(1, "size", TABLE["size"].cast(pa.float32())),
        TABLE.set_column(2, "ordered", TABLE["ordered"].cast(pa.timestamp("ns", "Europe/Berlin"))),
        TABLE.set_column(2, "ordered", TABLE["ordered"].cast(pa.timestamp("s", "UTC"))),
        TABLE.select(["size", "ordered", "colour"]),
    ],
)
def test_columns_come_with_their_types_in_any_number_of_batches(table: Any, batch: int) -> None:
    asked = decode(written(table, batch), NAMES, 100)
    assert asked.rows == 3
    frame = SCHEMA.frame(SCHEMA.typed(asked.columns).columns)
    pd.testing.assert_frame_equal(frame, FRAME)


def test_columns_without_a_value_and_of_booleans() -> None:
    typed = RequestSchema({"size": "number"}, booleans=frozenset({"size"})).typed
    assert np.isnan(typed(decode(one(pa.nulls(2)), NAMES, 9).columns).columns["size"]).all()
    booleans = decode(one(pa.array([True, None])), NAMES, 9)
    np.testing.assert_array_equal(typed(booleans.columns).columns["size"], [1.0, np.nan])


def test_parameters_are_in_the_metadata() -> None:
    table = TABLE.replace_schema_metadata({"params": '{"version": 3, "user_group": "west"}'})
    asked = decode(written(table), NAMES, 100)
    assert (asked.version, asked.user_groups()) == (3, ["west"] * 3)
    with pytest.raises(Refused, match="no version number"):
        decode(written(TABLE.replace_schema_metadata({"params": '{"version": "x"}'})), NAMES, 100)
    with pytest.raises(Refused, match="not JSON"):
        decode(written(TABLE.replace_schema_metadata({"params": "{"})), NAMES, 100)


HUGE = pa.array(["x" * 1_000_000])


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "no Arrow IPC stream"),
        (b"{}", 400, "no Arrow IPC stream"),
        (written(TABLE)[:200], 400, "no Arrow IPC stream"),
        (written(TABLE, compression="zstd"), 400, "compressed"),
        (written(TABLE, compression="lz4"), 400, "compressed"),
        (written(pa.table({"a": HUGE.dictionary_encode()}), compression="zstd"), 400, "compressed"),
        (written(TABLE.slice(0, 0)), 400, "no rows"),
        (written(pa.table({})), 400, "no rows"),
        (one(pa.nulls(77)).replace(b"\x4d" + b"\0" * 7, (2**40).to_bytes(8, "little")), 413, "at most 100"),
        (written(pa.concat_tables([TABLE] * 40), 60), 413, "at most 100"),
        (one(pa.array([[1]])), 400, "'size' has the type list<item: int64>, which is not taken"),
        (one(pa.array([b"1"])), 400, "binary"),
        (one(pa.array(["1"], pa.string_view())), 400, "string_view"),
        (one(pa.array(["1"], pa.string_view()).dictionary_encode()), 400, "string_view"),
        (written(pa.concat_tables([TABLE] * 30), 1), 400, "more than 64 record batches"),
        (growing(), 400, "grows by parts"),
        (one(pa.array([1], pa.date32())), 400, "date32"),
        (one(pa.array([1], pa.timestamp("us"))), 400, "times without a zone"),
        (one(pa.array([2**62], pa.timestamp("s", "UTC"))), 400, "years 1 to 9999"),
        (one(pa.array([np.inf])), 400, "finite"),
        (one(pa.array(["1"])), 400, "expected a number"),
        (written(pa.Table.from_arrays([pa.array([1])] * 2, ["size", "size"])), 400, "given twice"),
    ],
)
def test_what_cannot_be_taken_is_refused(body: bytes, status: int, says: str) -> None:
    with pytest.raises(Refused) as refused:
        RequestSchema({"size": "number"}).typed(decode(body, NAMES, 100).columns)
    assert refused.value.status == status
    assert says in refused.value.message


def test_a_text_that_a_dictionary_holds_once_is_not_copied_for_every_row() -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 16, pa.int8()), HUGE)
    texts = decode(one(column, "colour"), NAMES, 1000).columns["colour"]
    assert len(texts) == 16
    assert len({id(text) for text in texts}) == 1


def test_columns_that_no_version_knows_are_named_and_stay_packed() -> None:
    """Ten thousand nulls take a few bytes in a stream, and 80 kB as objects."""
    nulls = {f"column {number}": pa.nulls(10_000) for number in range(900)}
    body = written(pa.table({"size": range(10_000), **nulls}), 10_000)
    columns = decode(body, NAMES, 10_000).columns
    assert sum(len(column) for column in columns.values()) == 10_000
    with pytest.raises(Refused, match="unknown column 'column 0'"):
        SCHEMA.typed(columns)
    kept = RequestSchema({"size": "number"}, unknown="ignore").typed(columns)
    assert kept.columns["size"].tolist() == list(range(10_000))
    assert "unknown column 'column 0' was left out" in kept.notes[9_999]


@pytest.mark.parametrize("places", [pa.int8(), pa.uint8(), pa.int32()])
def test_a_dictionary_may_have_as_many_words_as_its_places_can_name(places: Any) -> None:
    words = [f"word {number}" for number in range(128)]
    column = pa.DictionaryArray.from_arrays(pa.array([127, None], places), pa.array(words))
    assert decode(one(column, "colour"), NAMES, 100).columns["colour"].tolist() == ["word 127", None]


@pytest.mark.parametrize("place", [2, -1])
def test_a_place_that_leads_out_of_its_dictionary_is_refused(place: int) -> None:
    words = pa.array(["red", "blue"])
    column = pa.DictionaryArray.from_arrays(pa.array([place], pa.int8()), words, safe=False)
    with pytest.raises(Refused, match="out of its dictionary"):
        decode(one(column, "colour"), NAMES, 100)


def test_offsets_that_lead_out_of_the_bytes_are_refused() -> None:
    plain = one(pa.array(["red", "blue"]), "colour")
    offsets = np.array([0, 3, 7], "<i4").tobytes()
    assert plain.count(offsets) == 1
    for hostile in ([0, 3, 2**31 - 1], [0, -5, 7], [3, 2, 1]):
        with pytest.raises(Refused):
            decode(plain.replace(offsets, np.array(hostile, "<i4").tobytes()), NAMES, 100)


def test_any_bytes_are_rows_or_refused() -> None:
    bodies = [
        written(TABLE),
        written(TABLE.set_column(0, "colour", TABLE["colour"].dictionary_encode())),
    ]
    chance = random.Random(7)
    refusals = []
    for _ in range(1500):
        body = bytearray(chance.choice(bodies))
        for _ in range(chance.choice((1, 1, 2, 8))):
            body[chance.randrange(len(body))] = chance.randrange(256)
        try:
            SCHEMA.typed(decode(bytes(body[: chance.choice((None, None, None, 300))]), NAMES, 100).columns)
        except Refused as refusal:
            refusals.append(refusal)
    assert 0 < len(refusals) < 1500
    assert {refusal.status for refusal in refusals} <= {400, 413}
    assert not any("\n" in refusal.message for refusal in refusals)


def test_an_answer_is_a_stream_of_one_batch() -> None:
    outputs = np.array([[0.25, 0.75], [0.5, 0.5]])
    more = {"score": outputs[:, 1], "classes": ("no", "yes")}
    table = ipc.open_stream(encode(outputs, ["a", "b"], 3, **more)).read_all()
    assert table.to_pydict() == {
        "prediction_id": ["a", "b"],
        "score": [0.75, 0.5],
        "probability_no": [0.25, 0.5],
        "probability_yes": [0.75, 0.5],
        "model_version": ["3", "3"],
    }
    table = ipc.open_stream(encode(outputs[:, 1], ["a", "b"], 3, score=outputs[:, 1], notes={1: ("x",)}))
    assert table.read_all().to_pydict()["notes"] == [[], ["x"]]
