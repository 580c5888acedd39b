"""Trained models: kept through MLflow, in a format that is data and not code."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import DataError, RegistryError, UnsafeModel
from workbench.project import Project
from workbench.store.hashing import hash_folder
from workbench.tracking import store
from workbench.tracking.flavors import Kind, adapted, kind_of
from workbench.tracking.flavors.kind import Keeping
from workbench.tracking.flavors.scikit import TRUSTED_TYPES, trusted_types
from workbench.tracking.locked import requirements

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "MODEL_URI",
    "TRUSTED_TYPES",
    "TrainedModel",
    "log_model",
    "outputs",
    "positive_scores",
    "scores_of",
    "trusted_types",
]

MODEL_URI = "models:/"
# What any of them takes to load again, beside what its kind does.
_REQUIRED = (("mlflow",), ("numpy",), ("pandas",))
_EXAMPLE_ROWS = 5


@dataclass(frozen=True)
class TrainedModel:
    """A model that a run trained, before anybody registers it.

    Attributes
    ----------
    name : str
        What it is called within its run, such as ``"baseline"``.
    uri : str
        Where MLflow keeps it: ``models:/m-…``.
    trained_until : datetime
        Aware; every row it learnt from was known before this moment.
    metrics : dict
        Its metrics; those that are not a number are left out.
    sha256 : str
        :func:`~workbench.store.hashing.hash_folder` of its files when they were written.
    datasets : dict
        Versions of the datasets it was trained from.
    """

    name: str
    uri: str
    run_id: str
    trained_until: datetime
    metrics: dict[str, float] = field(default_factory=dict)
    sha256: str = ""
    size_bytes: int = 0
    datasets: dict[str, int] = field(default_factory=dict)

    @property
    def model_id(self) -> str:
        return self.uri.removeprefix(MODEL_URI)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "trained_until": self.trained_until.isoformat()}

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> TrainedModel:
        return cls(**{**raw, "trained_until": datetime.fromisoformat(raw["trained_until"])})


def outputs(estimator: Any, features: pd.DataFrame) -> NDArray[np.float64]:
    """What a model answers, whatever kind of model it is.

    Returns
    -------
    array of float64
        Of a classifier its probabilities, shape (rows, classes), in the order of its ``classes_``; of a
        regressor its predictions, shape (rows,).

    Raises
    ------
    RegistryError
        The model is of no kind that can be kept, is a classifier without probabilities, or answers more
        than one question a row.
    """
    model = adapted(estimator)
    classifies = hasattr(model, "predict_proba")
    if not classifies and hasattr(model, "classes_"):
        raise RegistryError(f"a {type(model).__name__} is a classifier that gives no probabilities")
    answered = model.predict_proba(features) if classifies else model.predict(features)
    # Several questions: scikit-learn's classifiers then give a list, and its regressors a column each.
    found = None if isinstance(answered, list) else np.asarray(answered, dtype=float)
    if found is not None and not classifies and found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found is None or found.ndim != (2 if classifies else 1):
        raise RegistryError(f"a {type(model).__name__} that answers more than one question a row")
    return found


def scores_of(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """One number a row out of what :func:`outputs` gives.

    That is the probability of the positive (the larger) class where there are two, that of the answered (the
    most probable) class where there are more, and the prediction itself of a regressor.
    """
    if outputs.ndim == 1:
        return outputs
    found: NDArray[np.float64] = outputs[:, 1] if outputs.shape[1] == 2 else outputs.max(axis=1)
    return found


def positive_scores(estimator: Any, features: pd.DataFrame) -> NDArray[np.float64]:
    """Probability of the positive class, one for each row, whatever kind of model it is.

    Raises
    ------
    RegistryError
        The model is of no kind that can be kept, gives no probabilities, or not those of two classes.
    """
    found = outputs(estimator, features)
    if found.ndim != 2 or found.shape[1] != 2:
        said = "is no classifier" if found.ndim != 2 else f"knows {found.shape[1]} classes"
        raise RegistryError(f"a {type(estimator).__name__} {said}; a positive class takes two of them")
    return found[:, 1]


def log_model(
    project: Project,
    run_id: str,
    name: str,
    estimator: Any,
    *,
    sample: pd.DataFrame,
    metrics: dict[str, float],
    trained_until: datetime,
    datasets: dict[str, int] | None = None,
) -> TrainedModel:
    """Keep a fitted model as an MLflow logged model of the run, in the format of its kind.

    ``sample`` holds rows as the model takes them. The requirements are the versions in the project's lock,
    not guessed: MLflow's guess takes many seconds. The metrics are recorded as ``<name>.<metric>``.

    Raises
    ------
    UnsafeModel
        It holds a type that nobody declared harmless; the message names it.
    RegistryError
        It cannot be written as data at all, or does not take what ``sample`` holds.
    MissingExtra
        What its kind needs is not installed.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Metric

    if trained_until.tzinfo is None:
        raise RegistryError(f"model {name!r}: trained_until {trained_until} has no time zone; give it one")
    kind = _kind(name, estimator)
    needs = requirements(project.root, (*_REQUIRED, *kind.required))
    client = store.client(project)
    experiment = client.get_run(run_id).info.experiment_id
    logged = client.create_logged_model(experiment, name=name, source_run_id=run_id)
    trained = TrainedModel(
        name=name,
        uri=f"{MODEL_URI}{logged.model_id}",
        run_id=run_id,
        trained_until=trained_until.astimezone(UTC),
        metrics={key: float(value) for key, value in metrics.items() if np.isfinite(value)},
        datasets=dict(datasets or {}),
    )
    with tempfile.TemporaryDirectory(prefix="workbench-model-") as scratch:
        folder = Path(scratch) / "model"
        try:
            _save(project, trained, kind, estimator, sample, folder, logged.artifact_location, needs.pins)
        except Exception:
            client.finalize_logged_model(logged.model_id, LoggedModelStatus.FAILED)
            raise
        size = sum(file.stat().st_size for file in folder.rglob("*"))
        trained = replace(trained, sha256=hash_folder(folder), size_bytes=size)
        client.log_model_artifacts(logged.model_id, str(folder))
    tags = {"kind": kind.name, "sha256": trained.sha256, **needs.tags}
    tags = {f"workbench.{key}": text for key, text in tags.items()}
    client.set_logged_model_tags(logged.model_id, tags)
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    now = int(datetime.now(UTC).timestamp() * 1000)
    client.log_batch(
        run_id,
        metrics=[
            Metric(f"{name}.{key}", value, now, 0, model_id=logged.model_id)
            for key, value in trained.metrics.items()
        ],
    )
    return trained


def _kind(name: str, estimator: Any) -> Kind:
    try:
        return kind_of(estimator)
    except RegistryError as error:
        raise RegistryError(f"model {name!r}: {error.message}") from error


def _save(
    project: Project,
    trained: TrainedModel,
    kind: Kind,
    estimator: Any,
    sample: pd.DataFrame,
    folder: Path,
    location: str,
    pins: list[str],
) -> None:
    from mlflow.models import Model

    about = Model(artifact_path=location, run_id=trained.run_id, model_id=trained.model_id)
    try:
        kind.save(estimator, Keeping(project, folder, about, sample, sample.head(_EXAMPLE_ROWS), pins))
    except (RegistryError, DataError) as error:
        refused = UnsafeModel if isinstance(error, UnsafeModel) else RegistryError
        raise refused(f"model {trained.name!r}: {error.message}", details=error.details) from error
