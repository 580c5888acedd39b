"""Summaries: what a column is, exact where it is small, and the same however the rows were cut."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.repeats import repeats
from workbench.data.summary import (
    CategorySummary,
    Counting,
    EmptySummary,
    NumberSummary,
    Summary,
    binning,
    categories,
    summarize,
)
from workbench.errors import DataError, UnknownName

RANDOM = np.random.default_rng(5)
ROWS = 4000
MOMENT = pd.Timestamp("2026-03-01", tz="UTC")


def _frame(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    numbers = random.lognormal(size=rows)
    numbers[::17] = np.nan
    numbers[5:6] = np.inf
    return pd.DataFrame(
        {
            "number": numbers,
            "few": random.integers(0, 3, rows),
            "integer": pd.array(np.where(random.random(rows) < 0.1, None, 7), dtype="Int64"),
            "category": random.choice(["EWR", "JFK", "LGA", None], rows),
            "flag": random.random(rows) < 0.5,
            "time": MOMENT + pd.to_timedelta(random.integers(0, 10**6, rows), "s"),
            "nothing": np.full(rows, np.nan),
        }
    )


def _one(values: Any) -> Any:
    return summarize(pd.DataFrame({"x": values})).columns["x"]


def _counted(reference: Any, *batches: Any) -> Any:
    counting = Counting(summarize(pd.DataFrame({"x": reference})))
    for batch in batches:
        counting.add(pd.DataFrame({"x": batch}))
    return counting.summary().columns["x"]


@pytest.mark.parametrize(
    ("values", "kind", "missing"),
    [
        pytest.param([1.5, np.nan, 2.0], "number", 1, id="floats"),
        pytest.param(pd.array([1.5, None, 2.0], dtype="Float64"), "number", 1, id="Float64"),
        pytest.param(pd.array([1, None, 2], dtype="Int64"), "number", 1, id="Int64"),
        pytest.param(pd.array([1, 2, 3], dtype="uint8"), "number", 0, id="small integers"),
        pytest.param(pd.array([1.5, None], dtype="double[pyarrow]"), "number", 1, id="Arrow's"),
        pytest.param([Decimal("1.5"), None, Decimal(2)], "number", 1, id="decimals"),
        pytest.param(pd.Series([1, 2.5, None], dtype=object), "number", 1, id="numbers as objects"),
        pytest.param([True, False], "number", 0, id="flags"),
        pytest.param(pd.array([True, None], dtype="boolean"), "number", 1, id="boolean"),
        pytest.param(["a", None, "b"], "category", 1, id="text"),
        pytest.param(pd.Categorical(["a", None, "b"]), "category", 1, id="categorical"),
        pytest.param(pd.Categorical([3, 1, 3]), "category", 0, id="categorical numbers"),
        pytest.param(pd.Series([1, "a", None, 2.5], dtype=object), "category", 1, id="mixed"),
        pytest.param(pd.Series([[1], {"a": 2}, None], dtype=object), "category", 1, id="containers"),
        pytest.param(pd.Series(["a", b"\xff\x00"], dtype=object), "category", 0, id="bytes"),
        pytest.param(pd.Series(["\ud800", "a"], dtype=object), "category", 0, id="half a surrogate"),
        pytest.param([1 + 2j, 3j], "category", 0, id="complex"),
        pytest.param(pd.to_timedelta([1, 2], "s"), "category", 0, id="durations"),
        pytest.param([MOMENT, pd.NaT], "time", 1, id="times"),
        pytest.param(pd.to_datetime(["2026-01-01"]), "time", 0, id="times without a zone"),
        pytest.param([datetime.date(2026, 1, 1), None], "time", 1, id="dates"),
        pytest.param([None, None], "missing", 2, id="None"),
        pytest.param([np.nan, np.nan], "missing", 2, id="NaN"),
        pytest.param(pd.array([None], dtype="Int64"), "missing", 1, id="NA"),
        pytest.param(pd.Series([], dtype=float), "missing", 0, id="no rows"),
        pytest.param([np.inf, -np.inf], "number", 0, id="infinities"),
    ],
)
def test_every_type_is_a_kind(values: Any, kind: str, missing: int) -> None:
    column = _one(values)
    assert (column.kind, column.missing, column.rows) == (kind, missing, len(values))
    assert isinstance(column, {"category": CategorySummary, "missing": EmptySummary}.get(kind, NumberSummary))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        pytest.param(pa.array([1.0, None, float("nan")]), "number", id="double"),
        pytest.param(pa.array([Decimal("1.10"), None]), "number", id="decimal"),
        pytest.param(pa.array(["a", None]).dictionary_encode(), "category", id="dictionary"),
        pytest.param(pa.array([True, None]), "number", id="bool"),
        pytest.param(pa.array([MOMENT.to_pydatetime(), None]), "time", id="timestamp"),
        pytest.param(pa.nulls(3), "missing", id="null"),
        pytest.param(pa.array([{"a": 1}, None]), "category", id="struct"),
        pytest.param(pa.chunked_array([], pa.string()), "missing", id="no chunk"),
        pytest.param(pa.chunked_array([], pa.float64()), "missing", id="no chunk of numbers"),
    ],
)
def test_arrow_tables_are_read_as_frames_are(values: Any, kind: str) -> None:
    assert summarize(pa.table({"x": values})).columns["x"].kind == kind


def test_a_flag_is_the_numbers_0_and_1_as_the_prediction_log_has_it() -> None:
    flags = [True, False, True]
    reference = summarize(pd.DataFrame({"x": flags}))
    for values in (flags, pd.Series(flags, dtype=object), pd.array(flags, dtype="boolean"), [1.0, 0.0, 1.0]):
        counting = Counting(reference)
        counting.add(pd.DataFrame({"x": values}))
        counting.add(pa.table({"x": pa.array(list(values))}))
        column = counting.summary().columns["x"]
        assert isinstance(column, NumberSummary)
        assert (column.points.tolist(), column.foreign) == ([2, 4], {})


def test_a_number_with_few_values_is_known_exactly() -> None:
    column = _one([3.0, 1.0, 3.0, np.nan, np.inf, -0.0])
    assert column.exact
    assert column.edges.tolist() == [0.0, 1.0, 3.0]
    assert column.points.tolist() == [1, 1, 2]
    assert not column.between.any()
    assert (column.finite, column.infinite, column.minimum, column.maximum) == (4, 1, 0.0, 3.0)
    assert (column.mean, column.std) == (1.75, np.std([3, 1, 3, 0]))


def test_a_number_with_many_values_is_counted_in_bins_of_bounded_size() -> None:
    values = RANDOM.standard_cauchy(50_000)
    column = _one(values)
    assert not column.exact
    assert len(column.edges) <= 1024
    assert column.edges[[0, -1]].tolist() == [values.min(), values.max()]
    assert column.points.sum() + column.between.sum() == 50_000
    assert column.std == pytest.approx(np.std(values))
    assert len(summarize(pd.DataFrame({"x": values})).to_bytes()) < 25_000


def test_what_lies_beyond_the_reference_and_between_its_points_is_kept_apart() -> None:
    column = _counted([0.0, 1.0, 2.0], [-3.0, -1.0, 0.0, 1.5, 1.25, 2.0, 7.0])
    assert column.points.tolist() == [1, 0, 1]
    assert column.between.tolist() == [2, 0, 2, 1]
    assert column.sums.tolist() == [-4.0, 0.0, 0.75, 5.0]
    assert (column.minimum, column.maximum) == (-3.0, 7.0)


@pytest.mark.parametrize("sizes", [[ROWS], [1] * 20 + [ROWS - 20], [0, 1000, 0, 3000], [250] * 16])
def test_batches_and_merged_days_equal_the_whole(sizes: list[int]) -> None:
    reference, window = summarize(_frame()), _frame(seed=1)
    whole, streamed = Counting(reference), Counting(reference, threads=2)
    whole.add(window)
    days, end = [], 0
    for size in sizes:
        part = window.iloc[end : end + size]
        end += size
        streamed.add(pa.Table.from_pandas(part) if size % 2 else part)
        day = Counting(reference)
        day.add(part)
        days.append(day.summary())
    merged = days[0]
    for day in days[1:]:
        merged += day
    for other in (streamed.summary(), merged):
        _assert_same(whole.summary(), other)


def _assert_same(first: Summary, second: Summary) -> None:
    assert first.rows == second.rows
    assert list(first.columns) == list(second.columns)
    for name, column in first.columns.items():
        other = second.columns[name]
        assert (column.kind, column.missing, column.foreign) == (other.kind, other.missing, other.foreign)
        for field in set(vars(column)) - {"values", "new", "foreign", "kind"}:
            ours, theirs = getattr(column, field), getattr(other, field)
            if isinstance(ours, np.ndarray | float):
                np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9, err_msg=f"{name}.{field}")
            else:
                assert ours == theirs, f"{name}.{field}"


def test_the_compiled_loop_and_numpy_count_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    values = np.round(RANDOM.normal(size=5000), 2)
    values[:3] = np.nan, np.inf, -np.inf
    values.flags.writeable = False
    for edges in (np.unique(np.round(RANDOM.normal(size=900), 2)), np.array([0.5])):
        found = []
        for least in (0, 10**15):
            monkeypatch.setattr(binning, "_WORTH_COMPILING", least)
            found.append(vars(binning.bin_numbers(values, edges, 0.1)))
        for name, compiled in found[0].items():
            np.testing.assert_allclose(compiled, found[1][name], atol=1e-9, err_msg=name)


def test_it_works_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "numba", None)
    monkeypatch.delitem(__import__("sys").modules, "workbench.data.summary.loop", raising=False)
    monkeypatch.setattr(binning, "_WORTH_COMPILING", 0)
    binning._compiled.cache_clear()
    try:
        assert _one(RANDOM.normal(size=2000)).finite == 2000
    finally:
        binning._compiled.cache_clear()


def test_a_value_of_another_kind_is_foreign() -> None:
    numbers, letters = [1.0, 2.0, None], ["a", "b", None]
    assert _counted(numbers, letters, numbers).foreign == {"category": 2}
    assert _counted(letters, letters, numbers).foreign == {"number": 2}
    assert _counted([None], letters, numbers).foreign == {"category": 2, "number": 2}
    turned = _counted(numbers, letters, numbers)
    assert (turned.rows, turned.missing, turned.present) == (6, 2, 2)
    assert _counted(numbers, [None, None]).foreign == {}


def test_new_categories_are_kept_apart_from_the_references() -> None:
    column = _counted(["a"] * 3 + ["b", None], ["b", "z", "z"], ["z", "y", None])
    assert (column.values.to_pylist(), column.counts.tolist()) == (["a", "b"], [0, 1])
    assert (column.new.to_pylist(), column.new_counts.tolist()) == (["z", "y"], [3, 1])
    assert (column.missing, column.rest) == (1, 0)


def test_beyond_a_hundred_thousand_categories_only_rows_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(categories, "_MOST_VALUES", 100)
    names = [f"n{number:03}" for number in range(300)]
    reference = summarize(pd.DataFrame({"x": names + names[:50]}))
    column = reference.columns["x"]
    assert isinstance(column, CategorySummary)
    assert (len(column.values), column.rest, column.whole) == (100, 200, False)
    counting = Counting(reference)
    for _ in range(5):
        counting.add(pd.DataFrame({"x": [*names, *(f"new{number}" for number in range(500))]}))
    window = counting.summary().columns["x"]
    assert isinstance(window, CategorySummary)
    assert window.counts.tolist() == [5] * 100
    assert len(window.new) == 100
    assert window.counts.sum() + window.new_counts.sum() + window.rest == window.present == 4000


def test_a_very_long_text_is_kept_by_its_beginning_and_a_hash() -> None:
    long = "x" * 10**6
    column = _one([long + "a", long + "b", long + "a", "ü" * 300])
    assert column.counts.tolist() == [2, 1, 1]
    assert max(len(value) for value in column.values.to_pylist()) < 200


def test_a_column_that_some_batches_lack_is_missing_there_and_one_that_all_lack_is_gone() -> None:
    counting = Counting(summarize(_frame()))
    counting.add(_frame(100).drop(columns=["few", "nothing", "category"]))
    counting.add(_frame(50).drop(columns=["nothing"]).assign(more=1))
    found = counting.summary()
    assert set(found.columns) == set(_frame(1)) - {"nothing"}
    assert (found.columns["few"].missing, found.columns["few"].present) == (100, 50)
    assert found.columns["category"].rows == found.rows == 150


def test_of_two_columns_with_one_name_the_first_counts() -> None:
    frame = pd.DataFrame([[1.0, "a"], [2.0, "b"]], columns=["x", "x"])
    assert summarize(frame).columns["x"].kind == "number"


def test_only_chosen_columns_are_summarised() -> None:
    assert list(summarize(_frame(), ["few", "number"]).columns) == ["few", "number"]
    with pytest.raises(UnknownName, match="'fewer'"):
        summarize(_frame(), ["fewer"])


def test_what_was_counted_against_different_references_does_not_add_up() -> None:
    one, other = summarize(_frame()), summarize(_frame(seed=1))
    with pytest.raises(DataError, match="different references"):
        one + other
    with pytest.raises(DataError, match=r"'x'.*different references"):
        summarize(pd.DataFrame({"x": [1]})) + summarize(pd.DataFrame({"x": ["a"]}))


def test_extreme_numbers_are_counted() -> None:
    extreme = np.array([1.7e308, -1.7e308, 5e-324, 0.0] * 600)
    column = _counted(RANDOM.normal(size=3000), extreme)
    assert column.between[0] == column.between[-1] == 600
    whole = _one(np.concatenate([extreme, RANDOM.normal(size=3000) * 1e308]))
    assert whole.points.sum() + whole.between.sum() == whole.finite


def test_bytes_and_back() -> None:
    reference = summarize(_frame())
    counting = Counting(reference)
    counting.add(_frame(seed=1).assign(number="text", category=lambda frame: frame["category"] + "?"))
    for summary in (reference, counting.summary(), Summary(0, {}), summarize(_frame(0))):
        data = summary.to_bytes()
        again = Summary.from_bytes(data)
        assert again.to_bytes() == data
        _assert_same(summary, again)
        assert pa.ipc.open_stream(data).read_all().num_rows == len(summary.columns)  # as other tools read it


def test_damage_is_noticed_wherever_it_is() -> None:
    data = summarize(_frame()).to_bytes()
    places = np.linspace(0, len(data) - 1, repeats(400)).astype(int)
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= 0x10
        with pytest.raises(DataError, match="damaged"):
            Summary.from_bytes(bytes(damaged))
    for end in (0, 10, 40, len(data) - 1):
        with pytest.raises(DataError, match="damaged"):
            Summary.from_bytes(data[:end])
