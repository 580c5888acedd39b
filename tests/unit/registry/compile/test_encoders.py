"""Each encoder gives the numbers that scikit-learn's gives, and refuses what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from tests.unit.registry.compile.made import CATEGORIES, asked, compare, hard, rows, target
from workbench.registry.compile import NotCompiled, columns_of, compile_model
from workbench.registry.compile.steps import Flattening
from workbench.registry.compile.symbols import Coded, Raw


def encoded(encoder: Any, columns: list[str]) -> Any:
    """A pipeline with that encoder, and one number beside it."""
    chosen = ColumnTransformer([("encoder", encoder, columns), ("size", "passthrough", ["size"])])
    return make_pipeline(chosen, LinearRegression()).fit(rows(), target(0))


def mild(**options: Any) -> pd.DataFrame:
    return hard(finite=True, **options).assign(size=lambda frame: frame["size"].clip(-10, 10))


@pytest.mark.parametrize(
    "encoder",
    [
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-5, encoded_missing_value=-7),
        OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=99, encoded_missing_value=-1, dtype=np.int64
        ),
        OrdinalEncoder(
            handle_unknown="use_encoded_value",
            unknown_value=-1,
            encoded_missing_value=-2,
            min_frequency=40,
            max_categories=6,
        ),
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(handle_unknown="ignore", drop="first"),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.05, sparse_output=False),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3, drop="if_binary"),
        TargetEncoder(),
        TargetEncoder(smooth=10.0),
    ],
    ids=lambda encoder: type(encoder).__name__,
)
def test_encoders_of_text(encoder: Any) -> None:
    compare(encoded(encoder, CATEGORIES), mild())


@pytest.mark.parametrize(
    "encoder",
    [
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        OneHotEncoder(handle_unknown="ignore"),
        TargetEncoder(),
    ],
    ids=lambda encoder: type(encoder).__name__,
)
def test_encoders_of_numbers(encoder: Any) -> None:
    # 16777217.0 and the like are no hours, and a missing hour is unknown, since none was at fitting.
    compare(
        encoded(encoder, ["hour"]), mild().assign(hour=lambda frame: frame["hour"].where(frame["age"] > 1))
    )


def test_integers_that_were_fitted_are_known_as_numbers() -> None:
    whole = rows().astype({"hour": "int64"})
    chosen = ColumnTransformer([("hour", OneHotEncoder(handle_unknown="ignore"), ["hour"])])
    fitted = make_pipeline(chosen, LinearRegression()).fit(whole, target(0))
    compare(fitted, hard(finite=True))


def test_a_target_encoder_of_several_classes() -> None:
    from sklearn.linear_model import LogisticRegression

    chosen = ColumnTransformer([("towns", TargetEncoder(), CATEGORIES)])
    fitted = make_pipeline(chosen, LogisticRegression()).fit(rows(), target(3))
    compare(fitted, hard())


def test_gaps_are_filled_before_text_is_encoded() -> None:
    for imputer in (
        SimpleImputer(strategy="most_frequent"),
        SimpleImputer(strategy="constant", fill_value="?"),
    ):
        filled = make_pipeline(imputer, OneHotEncoder(handle_unknown="ignore"))
        compare(encoded(filled, CATEGORIES), mild())


def test_gaps_are_filled_before_numbers_are_encoded() -> None:
    filled = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    )
    compare(encoded(filled, ["wind", "hour"]), mild())


def test_codes_are_scaled_and_encoded_again() -> None:
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    compare(encoded(make_pipeline(codes, StandardScaler()), CATEGORIES), mild())
    compare(encoded(make_pipeline(codes, OneHotEncoder(handle_unknown="ignore")), CATEGORIES), mild())


def test_one_column_may_be_encoded_twice() -> None:
    chosen = ColumnTransformer(
        [
            ("code", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["colour"]),
            ("rate", TargetEncoder(), ["colour"]),
        ]
    )
    fitted = make_pipeline(chosen, LinearRegression()).fit(rows().fillna({"colour": "red"}), target(0))
    known = hard(known=True)
    found = compile_model(fitted)
    columns = columns_of(known)
    np.testing.assert_allclose(found(columns, len(known)), asked(fitted, columns), rtol=1e-12)


@pytest.mark.parametrize("encoder", [OrdinalEncoder(), OneHotEncoder(), OneHotEncoder(drop="first")])
def test_an_unknown_category_is_refused_where_the_encoder_refuses_it(encoder: Any) -> None:
    fitted = encoded(make_pipeline(SimpleImputer(strategy="most_frequent"), encoder), CATEGORIES)
    compiled, frame = compile_model(fitted), mild(known=True)
    compare(fitted, frame)
    for count in (1, 5):
        odd = columns_of(frame[:count])
        odd["town"] = np.array([*odd["town"][:-1], "nowhere"], dtype=object)
        with pytest.raises(ValueError, match="unknown categories"):
            asked(fitted, odd)
        with pytest.raises(ValueError, match="'town' holds a value that the model was not fitted with"):
            compiled(odd, count)


def test_an_infinite_number_is_refused_where_the_encoder_refuses_it() -> None:
    fitted = encoded(OneHotEncoder(handle_unknown="ignore"), ["hour"])
    compiled, odd = compile_model(fitted), columns_of(mild()[:4].assign(hour=[1.0, 2.0, np.inf, 4.0]))
    with pytest.raises(ValueError, match="infinity"):
        asked(fitted, odd)
    with pytest.raises(ValueError, match="hour"):
        compiled(odd, 4)


def test_a_table_names_each_value_once() -> None:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(rows()[["colour"]])
    (found,) = Flattening().transformed(encoder, [Raw("colour")])
    assert isinstance(found, Coded)
    assert found.values == {"blue": 0, "green": 1, "grey": 2, "red": 3, None: -1, "\0other": -1}


def test_float32_would_round() -> None:
    fitted = encoded(OneHotEncoder(handle_unknown="ignore", dtype=np.float32), CATEGORIES)
    with pytest.raises(NotCompiled, match="float32"):
        compile_model(fitted)
