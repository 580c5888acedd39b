"""The reference of a version: what was asked of it when it was validated, and its scores, in summary.

It is made once, at registration, and kept with the version's other evidence: what drift is measured against,
without any row of the data that it was made from.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.data.summary import PREDICTION, Summary
from workbench.data.summary import summarize as summary_of
from workbench.errors import DataError, RegistryError, UnknownName
from workbench.registry.loading import evidence_file
from workbench.tracking import models

if TYPE_CHECKING:
    import mlflow
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from workbench.project import Project
    from workbench.registry.versions import ModelVersion

__all__ = ["reference", "scored", "summarize", "write_reference"]

_FILE = "reference.arrows"


def reference(version: ModelVersion, project: Project) -> Summary | None:
    """The reference that a version was registered with, or None if it has none.

    Raises
    ------
    RegistryError
        It cannot be read, or was changed since the version was registered.
    """
    if not (recorded := version.tag("reference_sha256")):
        return None
    data = evidence_file(version, project, _FILE)
    if hashlib.sha256(data).hexdigest() != recorded:
        raise RegistryError(f"the reference of {version} was changed since it was registered")
    try:
        return Summary.from_bytes(data)
    except DataError as error:
        raise RegistryError(f"the reference of {version} cannot be read: {error.message}") from error


def summarize(frame: pd.DataFrame, model: Any, *, features: Sequence[str]) -> Summary:
    """A reference of one's own choice, for ``register(…, reference=…)``, such as a whole year.

    Parameters
    ----------
    frame : DataFrame
        Rows with the model's ``features``; any kind of model will do.
    model : estimator
        As :func:`~workbench.registry.load` gives it. The scores are what it answers: the probability of the
        positive class, of more than two that of the answered class, or a regressor's prediction.

    Raises
    ------
    UnknownName
        A feature is not in the frame.
    RegistryError
        The model is of no kind that can be kept.
    """
    for name in features:
        if name not in frame.columns:
            raise UnknownName("feature", name, map(str, frame.columns), where="the rows to summarise")
    asked = frame[list(features)]
    return scored(asked, models.scores_of(models.outputs(model, asked)))


def scored(features: pd.DataFrame, scores: NDArray[np.float64]) -> Summary:
    """The summary of features, and of the scores for them under the name :data:`PREDICTION`."""
    return summary_of(features.assign(**{PREDICTION: scores}))


def write_reference(client: mlflow.MlflowClient, run_id: str, folder: str, summary: Summary) -> str:
    """Keep a reference among the evidence in ``folder`` of a run; returns the SHA-256 of its file."""
    data = summary.to_bytes()
    with tempfile.TemporaryDirectory(prefix="workbench-reference-") as scratch:
        path = Path(scratch) / _FILE
        path.write_bytes(data)
        client.log_artifact(run_id, str(path), folder)
    return hashlib.sha256(data).hexdigest()
