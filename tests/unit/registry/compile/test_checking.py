"""What is compiled is held to the estimator, on ordinary rows and at the edges."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

from tests.unit.registry.compile.made import CATEGORIES, NUMBERS, rows, target
from workbench.registry.compile import (
    Compiled,
    NotCompiled,
    check,
    choose,
    columns_of,
    compile_model,
    edge_rows,
    frame_of,
)


def boosted() -> Any:
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("codes", codes, CATEGORIES)], remainder="passthrough")
    model = HistGradientBoostingClassifier(max_iter=10, early_stopping=False, random_state=0)
    return make_pipeline(columns, model).fit(rows(), target())


def straight() -> Any:
    return LinearRegression().fit(rows()[["size", "hour"]], target(0))


@contextmanager
def changed(array: Any, place: Any, value: float) -> Iterator[None]:
    """Another number in a compiled model, for as long as that lasts."""
    before = array[place]
    array[place] = value
    yield
    array[place] = before


def test_a_compiled_model_that_was_tampered_with_is_refused() -> None:
    fitted = boosted()
    compiled, frame = compile_model(fitted), rows()
    assert check(compiled, fitted, [frame, frame[:5]]) == len(frame) + 5
    nodes = compiled._parts[0].model.grove.nodes
    leaf = int(np.flatnonzero(nodes["left"] < 0)[0])
    with (
        changed(nodes["value"], leaf, nodes["value"][leaf] + 1e-12),
        pytest.raises(NotCompiled, match=r"differs on [\d,]+ of 800 rows, by up to \d"),
    ):
        check(compiled, fitted, [frame])
    leaves = compiled._parts[0].model.masks.leaves
    with changed(leaves, 0, leaves[0] + 1e-12), pytest.raises(NotCompiled, match="differs on"):
        check(compiled, fitted, [frame])
    tables = compiled._parts[0].inputs.tables  # of colours first: blue, green, grey, red
    with changed(tables, 3, 0.0), pytest.raises(NotCompiled, match="differs on"):
        check(compiled, fitted, [frame])
    check(compiled, fitted, [frame])


def test_weights_may_differ_by_rounding_and_no_more() -> None:
    fitted = straight()
    compiled, frame = compile_model(fitted), rows()[["size", "hour"]]
    intercept = compiled._parts[0].model.intercept
    with changed(intercept, 0, intercept[0] + 1e-14):
        check(compiled, fitted, [frame])
    with changed(intercept, 0, intercept[0] + 1e-10), pytest.raises(NotCompiled, match="by up to 1e-10"):
        check(compiled, fitted, [frame])


def test_a_difference_that_only_an_edge_shows_is_seen() -> None:
    # `<=` goes left; one that was `<` would be wrong at the threshold and nowhere else.
    fitted = boosted()
    compiled = compile_model(fitted)
    nodes = compiled._parts[0].model.grove.nodes
    split = int(np.flatnonzero((nodes["left"] >= 0) & (nodes["feature"] == 2))[0])  # by size
    threshold = nodes["value"][split]
    ordinary = rows()[np.abs(rows()["size"] - threshold) > 1e-6]
    with changed(nodes["value"], split, np.nextafter(threshold, -np.inf)):
        check(compiled, fitted, [ordinary, edge_rows(ordinary)])
        assert threshold in edge_rows(ordinary, compile_model(fitted))["size"].to_numpy()
        with pytest.raises(NotCompiled, match="differs on"):
            check(compiled, fitted, [edge_rows(ordinary, compile_model(fitted))])


def test_both_paths_refuse_the_same_rows() -> None:
    fitted = straight()
    frame = rows()[["size", "hour"]]
    assert check(compile_model(fitted), fitted, [edge_rows(frame)]) > 20

    class Lenient(Compiled):
        def __call__(self, features: Any, rows: int) -> Any:
            known = {name: np.nan_to_num(values) for name, values in features.items()}
            return super().__call__(known, rows)

    class Strict(Compiled):
        def __call__(self, features: Any, rows: int) -> Any:
            if any((values == 0).any() for values in features.values()):
                raise ValueError("a zero")
            return super().__call__(features, rows)

    found = compile_model(fitted)
    with pytest.raises(NotCompiled, match=r"answers rows that the estimator refuses: .*(NaN|infinity)"):
        check(Lenient(found._parts, ""), fitted, [edge_rows(frame)])
    with pytest.raises(NotCompiled, match="refuses a row that the estimator answers"):
        check(Strict(found._parts, ""), fitted, [edge_rows(frame)])


# --- edges ------------------------------------------------------------------------------------------------


def test_edges_of_each_column() -> None:
    frame = rows()[["size", "town"]].assign(when=pd.Timestamp("2026-07-01", tz="UTC"))
    found = edge_rows(frame)
    sizes = found["size"].to_numpy()
    assert np.isnan(sizes).any()
    assert {np.inf, -np.inf, 0.0, -1.0, 1e-310, 1.7e308} <= set(sizes.tolist())
    assert (np.signbit(sizes) & (sizes == 0)).any()
    assert found["town"].isna().any()
    assert not found["town"].dropna().isin(frame["town"]).all()
    assert found["when"].isna().any()
    assert (found.dtypes == frame.dtypes).to_list() == [True, True, True]
    # All else in such a row is ordinary.
    infinite = found[np.isinf(sizes)]
    assert infinite["town"].dropna().isin(frame["town"]).all()


# --- columns ----------------------------------------------------------------------------------------------


def test_columns_and_frames() -> None:
    frame = pd.DataFrame(
        {
            "whole": [1, 2],
            "gap": pd.array([1, None], dtype="Int64"),
            "truth": [True, False],
            "text": pd.Series(["a", None], dtype="str"),
            "kind": pd.Categorical(["x", None]),
            "code": pd.Categorical([3, 4]),
            "when": pd.to_datetime(["2026-07-01 02:00+02:00", None], utc=True),
        }
    )
    found = columns_of(frame)
    assert {name: values.dtype.str for name, values in found.items()} == {
        "whole": "<f8",
        "gap": "<f8",
        "truth": "<f8",
        "text": "|O",
        "kind": "|O",
        "code": "<f8",
        "when": "<M8[us]",
    }
    assert found["gap"].tolist()[0] == 1
    assert np.isnan(found["gap"][1])
    assert found["truth"].tolist() == [1.0, 0.0]
    assert found["text"].tolist() == ["a", None]
    assert found["kind"].tolist() == ["x", None]
    assert found["when"][0] == np.datetime64("2026-07-01T00:00:00")
    again = frame_of(found)
    assert again["text"].dtype == "str"
    assert str(again["when"].dtype) == "datetime64[us, UTC]"
    assert again["when"].isna().tolist() == [False, True]


def test_a_column_of_neither_numbers_nor_text() -> None:
    with pytest.raises(ValueError, match="column 'odd' holds a list, neither a number nor text"):
        columns_of(pd.DataFrame({"odd": ["a", []]}))


# --- choosing ---------------------------------------------------------------------------------------------


def test_the_compiled_path_is_chosen_when_it_agrees() -> None:
    path = choose(boosted(), [rows(), rows()[:20]])
    assert path.compiled is not None
    assert path.name == "compiled"
    said = r"10 trees of up to \d+ leaves, 7 features; equal to the last bit on [\d,]+ rows"
    assert pd.Series([path.reason]).str.fullmatch(said).all()
    columns = columns_of(rows())
    np.testing.assert_array_equal(path.compiled(columns, len(rows())), boosted().predict_proba(rows()))


def test_the_plain_path_says_why() -> None:
    assert choose(boosted(), []).reason == "there are no rows to compare it on"
    unknown = make_pipeline(FunctionTransformer(print), LogisticRegression())
    unknown.steps[-1] = ("model", LogisticRegression().fit(rows()[["size"]], target()))
    unknown.steps[0][1].fit(rows()[["size"]])
    path = choose(unknown, [rows()[["size"]]])
    assert path.name == "plain"
    assert "nobody declared builtins:print row-wise" in path.reason
    assert choose(boosted(), [rows()[NUMBERS]]).reason == "the rows to compare it on have no column 'colour'"


def test_a_random_function_is_found_out() -> None:
    # It was declared row-wise, and is not: each call gives something else.
    random = np.random.default_rng(0)

    def noisy(numbers: Any) -> Any:
        return numbers + random.normal(size=numbers.shape)

    step = FunctionTransformer(noisy, validate=True)
    fitted = make_pipeline(step, HistGradientBoostingClassifier(max_iter=5)).fit(rows()[["size"]], target())
    name = f"{noisy.__module__}:{noisy.__qualname__}"
    path = choose(fitted, [rows()[["size"]]], [name])
    assert path.compiled is None
    assert "differs on" in path.reason


def test_an_estimator_that_raises_is_asked_itself() -> None:
    fitted = boosted()
    del fitted[-1]._baseline_prediction
    path = choose(fitted, [rows()])
    assert path.compiled is None
    assert path.reason.startswith("a Pipeline cannot be followed: AttributeError: ")
