"""Each model answers as scikit-learn does: trees to the last bit, linear models to 1e-12."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import linear_model
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tests.unit.registry.compile.made import CATEGORIES, NUMBERS, compare, hard, rows, target

FEW = {"max_iter": 20, "min_samples_leaf": 5, "early_stopping": False, "random_state": 0}


def coded(model: Any, *, numbers: Any = "passthrough") -> Any:
    """The pipeline of the flights project's boosted model."""
    missing = np.nan if numbers == "passthrough" else -2
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=missing
    )
    return make_pipeline(
        ColumnTransformer([("categories", codes, CATEGORIES), ("numbers", numbers, NUMBERS)]), model
    )


def scaled(model: Any) -> Any:
    """The pipeline of the flights project's baseline."""
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=40)
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = ColumnTransformer([("categories", one_hot, CATEGORIES), ("numbers", numbers, NUMBERS)])
    return make_pipeline(columns, model)


def moderate() -> pd.DataFrame:
    """Hard rows whose numbers do not run over in a weighted sum."""
    frame = hard(finite=True)
    return frame.assign(**{name: frame[name].clip(-1e6, 1e6) for name in NUMBERS})


# --- histogram gradient boosting --------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3, 11])
def test_histogram_gradient_boosting(classes: int) -> None:
    # With 11 classes the order in which softmax adds up depends on how the array lies in memory.
    found = compare(coded(HistGradientBoostingClassifier(**FEW)).fit(rows(), target(classes)), hard())
    assert found.exact
    assert (
        found.description == f"{20 * (1 if classes == 2 else classes)} trees of up to 31 leaves, 7 features"
    )
    assert set(found.columns) == {*NUMBERS, *CATEGORIES}


@pytest.mark.parametrize("leaves", [2, 64, 65])
def test_trees_of_any_size_answer_many_rows_as_they_do_each(leaves: int) -> None:
    # The leaves of up to 64 are the bits of a mask.
    model = HistGradientBoostingClassifier(**{**FEW, "max_leaf_nodes": leaves, "min_samples_leaf": 1})
    found = compare(coded(model).fit(rows(), target(3)), hard())
    assert f"up to {leaves} leaves" in found.description


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "poisson"])
def test_histogram_gradient_boosting_of_numbers(loss: str) -> None:
    wanted = np.abs(target(0)) if loss == "poisson" else target(0)
    compare(coded(HistGradientBoostingRegressor(loss=loss, **FEW)).fit(rows(), wanted), hard())


@pytest.mark.parametrize("classes", [2, 3])
def test_categorical_splits(classes: int) -> None:
    model = HistGradientBoostingClassifier(categorical_features=[0, 1], **FEW)
    found = compare(coded(model).fit(rows(), target(classes)), hard())
    assert len(found._parts[0].model.grove.bits) > 0  # there are such splits


def test_categorical_splits_of_the_models_own_encoder() -> None:
    frame = rows().astype(dict.fromkeys(CATEGORIES, "category"))
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", **FEW).fit(frame, target())
    found = compare(model, hard())
    assert len(found._parts[0].model.grove.bits) > 0


def test_numbers_as_categories() -> None:
    model = HistGradientBoostingRegressor(categorical_features=["hour"], **FEW)
    found = compare(model.fit(rows()[NUMBERS], target(0)), hard()[NUMBERS].replace([np.inf, -np.inf], 7.5))
    assert len(found._parts[0].model.grove.bits) > 0


# --- other trees --------------------------------------------------------------------------------------


def single(frame: pd.DataFrame) -> pd.DataFrame:
    """Numbers that float32 holds."""
    return frame.assign(**{name: frame[name].clip(-3e38, 3e38) for name in NUMBERS})


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
@pytest.mark.parametrize("classes", [2, 3])
def test_forests(kind: Any, classes: int) -> None:
    model = kind(20, min_samples_leaf=2, random_state=0, n_jobs=2)
    compare(coded(model).fit(rows(), target(classes)), single(hard()))


@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesRegressor])
def test_forests_of_numbers(kind: Any) -> None:
    compare(coded(kind(20, random_state=0)).fit(rows(), target(0)), single(hard()))


def test_single_trees() -> None:
    compare(coded(DecisionTreeClassifier(max_depth=6)).fit(rows(), target(3)), single(hard()))
    compare(coded(DecisionTreeRegressor(max_depth=6)).fit(rows(), target(0)), single(hard()))


@pytest.mark.parametrize(
    ("model", "classes"),
    [
        (GradientBoostingClassifier(n_estimators=20, subsample=0.7, random_state=0), 2),
        (GradientBoostingClassifier(n_estimators=8, random_state=0), 11),
        (GradientBoostingClassifier(n_estimators=20, loss="exponential", random_state=0), 2),
        (GradientBoostingClassifier(n_estimators=20, init="zero", random_state=0), 2),
        (GradientBoostingRegressor(n_estimators=20, loss="huber", random_state=0), 0),
    ],
    ids=["binary", "classes", "exponential", "from zero", "numbers"],
)
def test_gradient_boosting(model: Any, classes: int) -> None:
    filled = make_pipeline(SimpleImputer(strategy="mean"))
    compare(coded(model, numbers=filled).fit(rows(), target(classes)), single(hard(finite=True)))


# --- linear models ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "classes"),
    [
        (linear_model.LogisticRegression(C=0.3), 2),
        (linear_model.LogisticRegression(), 4),
        (linear_model.SGDClassifier(loss="log_loss", random_state=0), 2),
        (linear_model.SGDClassifier(loss="log_loss", random_state=0), 3),
        (linear_model.SGDClassifier(loss="modified_huber", random_state=0), 2),
        (linear_model.SGDClassifier(loss="modified_huber", random_state=0), 3),
        (linear_model.LinearRegression(), 0),
        (linear_model.Ridge(), 0),
        (linear_model.ElasticNet(alpha=0.01), 0),
        (linear_model.Lasso(alpha=0.01), 0),
        (linear_model.SGDRegressor(random_state=0), 0),
        (linear_model.BayesianRidge(), 0),
        (linear_model.HuberRegressor(max_iter=1000), 0),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else str(value),
)
def test_linear_models(model: Any, classes: int) -> None:
    found = compare(scaled(model).fit(rows(), target(classes)), moderate())
    assert not found.exact
    assert "weights" in found.description


def test_a_generalized_linear_model() -> None:
    frame = rows()[NUMBERS].fillna(0.0).clip(-10, 30)
    fitted = make_pipeline(StandardScaler(), linear_model.PoissonRegressor()).fit(frame, np.abs(target(0)))
    compare(fitted, frame)


# --- calibrated classifiers ---------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("classes", [2, 3])
def test_calibrated_trees(method: str, classes: int) -> None:
    model = CalibratedClassifierCV(HistGradientBoostingClassifier(**FEW), method=method, cv=3)
    found = compare(coded(model).fit(rows(), target(classes)), hard())
    assert found.exact
    assert found.description.startswith("calibrated, mean of 3: ")


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_forests_and_whole_pipelines(method: str) -> None:
    whole = coded(RandomForestClassifier(10, min_samples_leaf=3, random_state=0))
    compare(
        CalibratedClassifierCV(whole, method=method, cv=2).fit(rows(), target(2)),
        single(hard()),
    )


def test_calibrated_linear_models() -> None:
    compare(scaled(CalibratedClassifierCV(LinearSVC(), cv=2)).fit(rows(), target(3)), moderate())
    fitted = scaled(linear_model.LogisticRegression()).fit(rows(), target(2))
    compare(CalibratedClassifierCV(FrozenEstimator(fitted)).fit(rows(), target(2)), moderate())
