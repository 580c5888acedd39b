"""Trained models: kept through MLflow, in a format that is data and not code."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import RegistryError, UnsafeModel
from workbench.project import CONFIG_NAME, Project
from workbench.store.hashing import hash_folder
from workbench.tracking import store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MODEL_URI", "TRUSTED_TYPES", "TrainedModel", "log_model", "positive_scores", "trusted_types"]

MODEL_URI = "models:/"
#: What scikit-learn's models need beyond what skops trusts by itself: data, or functions that check data.
#: A crafted tree could still crash the process that asks it; what keeps that out is the hash of the files.
TRUSTED_TYPES = (
    "functools.partial",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)
# What it takes to load a model again, with the versions that are installed now.
_REQUIRED = ("mlflow", "numpy", "pandas", "scikit-learn", "scipy", "skops")
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


def trusted_types(project: Project) -> list[str]:
    """Our allow-list and the project's own, never the model file's."""
    own = project.config.model.trusted_types if project.config.model else ()
    return sorted({*TRUSTED_TYPES, *own})


def positive_scores(estimator: Any, features: pd.DataFrame) -> NDArray[np.float64]:
    """Probability of the positive class, one for each row."""
    return np.asarray(estimator.predict_proba(features), dtype=float)[:, 1]


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
    """Keep a fitted scikit-learn estimator as an MLflow logged model of the run, in the skops format.

    The requirements are the installed versions, not guessed: MLflow's guess takes many seconds. The
    metrics are recorded as ``<name>.<metric>``.

    Raises
    ------
    UnsafeModel
        It holds a type that nobody declared harmless; the message names it.
    RegistryError
        It cannot be written as data at all.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Metric

    if trained_until.tzinfo is None:
        raise RegistryError(f"model {name!r}: trained_until {trained_until} has no time zone; give it one")
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
            _save(project, trained, estimator, sample, folder, logged.artifact_location)
        except Exception:
            client.finalize_logged_model(logged.model_id, LoggedModelStatus.FAILED)
            raise
        size = sum(file.stat().st_size for file in folder.rglob("*"))
        trained = replace(trained, sha256=hash_folder(folder), size_bytes=size)
        client.log_model_artifacts(logged.model_id, str(folder))
    client.set_logged_model_tags(logged.model_id, {"workbench.sha256": trained.sha256})
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


def _save(
    project: Project, trained: TrainedModel, estimator: Any, sample: pd.DataFrame, folder: Path, location: str
) -> None:
    import mlflow.sklearn
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model, infer_signature
    from skops.io.exceptions import UntrustedTypesFoundException

    example = sample.head(_EXAMPLE_ROWS)
    try:
        mlflow.sklearn.save_model(
            estimator,
            str(folder),
            mlflow_model=Model(artifact_path=location, run_id=trained.run_id, model_id=trained.model_id),
            serialization_format="skops",
            skops_trusted_types=trusted_types(project),
            signature=infer_signature(example, estimator.predict(example)),
            input_example=example,
            pip_requirements=[f"{package}=={version(package)}" for package in _REQUIRED],
        )
    except MlflowException as error:
        cause = error.__cause__ or error.__context__
        if isinstance(cause, UntrustedTypesFoundException):
            raise UnsafeModel(
                f"model {trained.name!r} is not known to be harmless. {str(cause).splitlines()[0]} "
                f"If they are, name them in {CONFIG_NAME}: [model] trusted_types",
                details=str(cause),
            ) from error
        raise RegistryError(f"model {trained.name!r} cannot be kept as data: {cause or error}") from error
