"""Steps between columns and model: what is followed, and what is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import AdaBoostClassifier, HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from tests.unit.registry.compile.helpers_of_a_project import of_frame, ratios
from tests.unit.registry.compile.made import CATEGORIES, NUMBERS, asked, compare, hard, rows, target
from workbench.registry.compile import NotCompiled, columns_of, compile_model
from workbench.registry.compile.functions import reference

FEW = {"max_iter": 10, "min_samples_leaf": 5, "early_stopping": False, "random_state": 0}


def boosted(*steps: Any, columns: list[str] = NUMBERS) -> Any:
    """Trees behind these steps: they show each bit of what a step makes."""
    return make_pipeline(*steps, HistGradientBoostingClassifier(**FEW)).fit(rows()[columns], target())


@pytest.mark.parametrize(
    "scaler",
    [
        StandardScaler(),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        RobustScaler(),
        MinMaxScaler((-1, 2)),
        MinMaxScaler(clip=True),
        MaxAbsScaler(),
    ],
)
def test_scalers(scaler: Any) -> None:
    frame = hard()[NUMBERS].replace([np.inf, -np.inf], np.nan)
    compare(boosted(scaler), frame)
    infinite = columns_of(frame[:3].assign(price=np.inf))
    with pytest.raises(ValueError, match="infinity"):
        asked(boosted(scaler), infinite)
    with pytest.raises(ValueError, match="'price' is infinite"):
        compile_model(boosted(scaler))(infinite, 3)


@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
@pytest.mark.parametrize("marked", [False, True])
def test_imputers(strategy: str, marked: bool) -> None:
    imputer = SimpleImputer(strategy=strategy, add_indicator=marked)
    compare(boosted(imputer, StandardScaler()), hard(finite=True)[NUMBERS])


def test_columns_are_passed_dropped_and_left_over() -> None:
    chosen = ColumnTransformer(
        [
            ("scaled", MinMaxScaler(), [4, 0]),
            ("dropped", "drop", ["wind"]),
            ("codes", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["colour"]),
            ("nothing", StandardScaler(), []),
            ("gaps", "passthrough", lambda frame: ["age"]),
        ],
        remainder="passthrough",
        transformer_weights={"scaled": 0.3},
    )
    fitted = make_pipeline(chosen, HistGradientBoostingClassifier(**FEW))
    fitted.fit(rows().drop(columns="town"), target())
    found = compare(fitted, hard(finite=True))
    assert set(found.columns) == {"size", "price", "colour", "age", "hour"}


def test_a_remainder_may_be_transformed_and_steps_may_be_nested() -> None:
    inner = Pipeline([("fill", SimpleImputer()), ("nothing", "passthrough"), ("scale", StandardScaler())])
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    first = ColumnTransformer([("codes", codes, CATEGORIES)], remainder=inner)
    second = ColumnTransformer([("all", RobustScaler(), slice(2, 7)), ("codes", "passthrough", [1, 0])])
    fitted = make_pipeline(first, second, HistGradientBoostingClassifier(**FEW)).fit(rows(), target())
    compare(fitted, hard(finite=True))
    first.set_output(transform="pandas")
    compare(make_pipeline(first, fitted[1], fitted[2]), hard(finite=True))


def test_unions_and_selections() -> None:
    union = FeatureUnion(
        [("scaled", StandardScaler()), ("plain", "passthrough"), ("none", "drop")],
        transformer_weights={"plain": 2.0},
    )
    compare(boosted(SimpleImputer(), union, VarianceThreshold(0.5)), hard(finite=True)[NUMBERS])
    compare(boosted(SimpleImputer(), SelectKBest(k=3)), hard(finite=True)[NUMBERS])


def test_linear_models_refuse_what_scikit_learn_refuses() -> None:
    fitted = make_pipeline(MaxAbsScaler(), LinearRegression()).fit(rows()[["size"]], target(0))
    compiled = compile_model(fitted)
    for odd in (np.nan, np.inf):
        columns = {"size": np.array([1.0, odd])}
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            asked(fitted, columns)
        with pytest.raises(ValueError, match="'size' is infinite, missing or too large"):
            compiled(columns, 2)


# --- functions ------------------------------------------------------------------------------------------


def test_a_function_of_numpy_needs_no_declaration() -> None:
    logs = ColumnTransformer(
        [("log", make_pipeline(FunctionTransformer(np.log1p), StandardScaler()), ["price"])],
        remainder="passthrough",
    )
    compare(boosted(logs), hard()[NUMBERS].assign(price=rows(2000)["price"]))
    filled = make_pipeline(SimpleImputer(), FunctionTransformer(np.sqrt))
    compare(boosted(ColumnTransformer([("root", filled, ["price", "age"])])), rows(500, 9)[NUMBERS])


@pytest.mark.parametrize(("function", "validate"), [(of_frame, False), (ratios, True)])
def test_a_function_is_called_once_it_is_declared_row_wise(function: Any, validate: bool) -> None:
    made = FunctionTransformer(function, validate=validate)
    chosen = ColumnTransformer([("made", made, ["size", "hour"])], remainder="passthrough")
    fitted = boosted(chosen)
    name = reference(function)
    assert name == f"tests.unit.registry.compile.helpers_of_a_project:{function.__name__}"
    with pytest.raises(NotCompiled, match=f"nobody declared {name} row-wise"):
        compile_model(fitted)
    compare(fitted, hard(finite=True)[NUMBERS], row_wise=[name])


# --- what is not followed -------------------------------------------------------------------------------


class Doubled(StandardScaler):
    """A subclass may do something else."""


class Stubborn:
    """No estimator at all."""


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: boosted(SimpleImputer(), PCA(2)), "pca|PCA.* is not known to the compiled path"),
        (lambda: boosted(Doubled()), "doubled.*Doubled.* is not known"),
        (lambda: boosted(SimpleImputer(missing_values=-1), columns=["size", "hour"]), "-1 for missing"),
        (
            lambda: make_pipeline(SimpleImputer(), KNeighborsClassifier()).fit(rows()[NUMBERS], target()),
            "KNeighborsClassifier: it is served on the plain path",
        ),
        (
            lambda: make_pipeline(SimpleImputer(), AdaBoostClassifier(n_estimators=2)).fit(
                rows()[NUMBERS], target()
            ),
            "AdaBoostClassifier: it is served on the plain path",
        ),
        (
            lambda: LinearRegression().fit(rows()[["size"]].to_numpy(), target(0)),
            "columns without names",
        ),
        (
            lambda: LinearRegression().fit(rows()[["size"]], np.stack([target(0)] * 2, axis=1)),
            "2 rows of weights",
        ),
        (Stubborn, "a Stubborn is served on the plain path"),
        (LogisticRegression, "without names"),
    ],
)
def test_the_reason_names_the_step(made: Any, reason: str) -> None:
    with pytest.raises(NotCompiled, match=reason) as refused:
        compile_model(made())
    assert "\n" not in str(refused.value)


def test_a_column_is_text_or_a_number() -> None:
    one_hot = OneHotEncoder(handle_unknown="ignore")
    fitted = make_pipeline(ColumnTransformer([("town", one_hot, ["town"])]), LogisticRegression())
    fitted.fit(rows(), target())
    fitted[0].transformers_.append(("again", StandardScaler().fit(rows()[["size"]]), ["town"]))
    fitted[0]._transformer_to_input_indices["again"] = [6]
    with pytest.raises(NotCompiled, match="'town' is taken as text and as a number"):
        compile_model(fitted)


def test_xgboost_is_served_on_the_plain_path() -> None:
    xgboost = pytest.importorskip("xgboost")
    fitted = xgboost.XGBClassifier(n_estimators=2).fit(rows()[NUMBERS], target() == "class 1")
    with pytest.raises(NotCompiled, match="a XGBClassifier is served on the plain path"):
        compile_model(fitted)
    piped = make_pipeline(SimpleImputer(), xgboost.XGBClassifier(n_estimators=2))
    with pytest.raises(NotCompiled, match="XGBClassifier: it is served on the plain path"):
        compile_model(piped.fit(rows()[NUMBERS], target() == "class 1"))
