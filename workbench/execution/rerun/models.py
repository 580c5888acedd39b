"""Whether two trained models are the same: by what their files hold, else by what they answer."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from workbench.errors import WorkbenchError
from workbench.project import Project
from workbench.store.hashing import hash_value
from workbench.tracking import store
from workbench.tracking.models import TrainedModel, positive_scores

__all__ = ["ModelChange", "compare", "files_of"]

Load = Callable[[TrainedModel], Any]
#: Beside the model itself: these name the run, or the environment, which are compared by themselves.
_ABOUT = {
    *("MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", "registered_model_meta"),
    *("input_example.json", "serving_input_example.json"),
}
_LARGEST_SCHEMA = 256 * 2**20


@dataclass(frozen=True)
class ModelChange:
    """A model whose files hold something else, or that one of the runs did not train.

    Attributes
    ----------
    left, right : str
        SHA-256 of what the files hold; empty where there is no such model.
    largest : float or None
        The largest difference of an answer on its sample; None where it could not be asked.
    why : str
        Why it could not.
    """

    name: str
    left: str
    right: str
    largest: float | None = None
    why: str = ""


def compare(
    project: Project, left: Mapping[str, TrainedModel], right: Mapping[str, TrainedModel], load: Load | None
) -> tuple[ModelChange, ...]:
    """The models of two runs that are not the same to the bit.

    Parameters
    ----------
    load : callable, optional
        Loads a model safely, so that the two can be asked; without it they are not.
    """
    found = []
    for name in sorted({*left, *right}):
        one, other = left.get(name), right.get(name)
        then, now = (_content(project, model) if model else "" for model in (one, other))
        if then == now != "":
            continue
        change = ModelChange(name, then, now)
        if one is not None and other is not None:
            change = _asked(project, change, one, other, load)
        found.append(change)
    return tuple(found)


@contextmanager
def files_of(project: Project, model: TrainedModel) -> Iterator[Path]:
    """The folder with a model's files; it is only to be read."""
    import mlflow.artifacts

    location = store.client(project).get_logged_model(model.model_id).artifact_location
    parts = urlparse(location)
    if parts.scheme in ("", "file"):
        yield Path(url2pathname(parts.path))
        return
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with tempfile.TemporaryDirectory(prefix="workbench-model-") as scratch:
        yield Path(
            mlflow.artifacts.download_artifacts(
                artifact_uri=location, dst_path=scratch, tracking_uri=project.tracking_uri
            )
        )


def _content(project: Project, model: TrainedModel) -> str:
    """SHA-256 of what a model's files hold, whenever and by whomever they were written; empty if gone."""
    from mlflow.exceptions import MlflowException

    try:
        with files_of(project, model) as folder:
            files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in _ABOUT]
            return hash_value({path.name: _file(path) for path in files}) if files else ""
    except (MlflowException, OSError, ValueError, KeyError, zipfile.BadZipFile):
        return ""


def _file(path: Path) -> str:
    if path.suffix != ".skops":
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    # skops names things after their addresses in memory; what is told of here is their order.
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo("schema.json").file_size > _LARGEST_SCHEMA:
            raise ValueError("a schema larger than any model's")
        schema = json.loads(archive.read("schema.json"))
        return hash_value(_named_in_order(schema, archive, {}))


def _named_in_order(node: Any, archive: zipfile.ZipFile, order: dict[Any, int]) -> Any:
    if isinstance(node, list):
        return [_named_in_order(item, archive, order) for item in node]
    if not isinstance(node, dict):
        return node
    named: dict[str, Any] = {}
    for name, value in node.items():
        if name == "__id__":
            named[name] = order.setdefault(value, len(order))
        elif name == "file" and isinstance(value, str):
            with archive.open(value) as member:
                named[name] = hashlib.file_digest(member, "sha256").hexdigest()  # type: ignore[arg-type]
        else:
            named[name] = _named_in_order(value, archive, order)
    return named


def _asked(
    project: Project, change: ModelChange, one: TrainedModel, other: TrainedModel, load: Load | None
) -> ModelChange:
    """The change with how much the two models' answers differ on the sample that they came with."""
    import numpy as np
    import pandas as pd
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    if load is None:
        return change
    try:
        with files_of(project, one) as folder:
            sample = Model.load(str(folder)).load_input_example(str(folder))
        if not isinstance(sample, pd.DataFrame):
            return replace(change, why="it came with no sample of its input")
        answers = [positive_scores(load(model), sample) for model in (one, other)]
        largest = float(np.max(np.abs(answers[0] - answers[1])))
        return replace(change, largest=largest)
    except (MlflowException, WorkbenchError, OSError, ValueError, KeyError, TypeError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return replace(change, why=why)
