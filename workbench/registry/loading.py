"""Loading a model without trusting what its files say about themselves.

The files are copied to a place of our own and hashed; only if the hash is the one recorded when they were
written are they looked into. Then they have to be what the workbench writes for one of its kinds of models
(:mod:`workbench.tracking.flavors`), with nothing else in the folder, and the kind builds the model from data:
skops from our own allow-list and the project's, never from the list in the artifact. Nothing is ever
unpickled or imported from the folder.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from workbench.errors import DataError, RegistryError, UnsafeModel
from workbench.project import Project
from workbench.registry import cases
from workbench.registry.versions import ModelVersion
from workbench.store.hashing import hash_folder
from workbench.tracking import helpers, store
from workbench.tracking.flavors import KINDS, described
from workbench.tracking.flavors.description import PROBABILITIES, read_description
from workbench.tracking.flavors.scikit import is_regressor
from workbench.tracking.models import TrainedModel

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

__all__ = [
    "Answers",
    "answers",
    "evidence",
    "evidence_file",
    "helper_changes",
    "load",
    "recorded_cases",
    "registered_helpers",
]

# MLflow writes this one into the folder, beside the model, whenever its own API loads a version.
_LEFT_BY_MLFLOW = "registered_model_meta"
_ALWAYS = {"MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"}
_BESIDE = {*_ALWAYS, "input_example.json", "serving_input_example.json", _LEFT_BY_MLFLOW}
_PICKLES = {".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill", ".pth", ".pt", ".pt2"}
# Before anything is copied: a file may have holes and be larger than the disk.
_LARGEST = 8 * 2**30
_MOST_FILES = 100
_LARGEST_EVIDENCE = 64 * 2**20


def load(model: ModelVersion | TrainedModel, project: Project) -> Any:
    """The fitted estimator of a version, or of a model that was just trained.

    Raises
    ------
    UnsafeModel
        Its files are not the ones that were recorded, or not what the workbench writes; the message
        says what is wrong. Nothing of them was run.
    RegistryError
        Its files cannot be read.
    MissingExtra
        The library of its kind is not installed; the message is the command that installs it.
    """
    if not model.sha256:
        raise UnsafeModel(f"{_called(model)}: no hash of its files was recorded, so they cannot be checked")
    with tempfile.TemporaryDirectory(prefix="workbench-load-") as scratch:
        folder = Path(scratch) / "model"
        folder.mkdir()
        _fetch(model, project, folder)
        found = _hash(model, folder)
        if found != model.sha256:
            raise UnsafeModel(
                f"{_called(model)}: its files were changed since they were written "
                f"(SHA-256 {found[:12]}…, recorded {model.sha256[:12]}…)"
            )
        try:
            return _build(model, folder, project)
        except UnsafeModel as error:
            raise UnsafeModel(f"{_called(model)}: {error.message}", details=error.details) from error


def recorded_cases(version: ModelVersion, project: Project) -> pd.DataFrame:
    """The recorded cases of a version; see :mod:`workbench.registry.cases`.

    Raises
    ------
    RegistryError
        It has none, or they were changed.
    """
    return cases.read_cases(_evidence_text(version, project, "cases.json"), version.tag("cases_sha256"))


@dataclass(frozen=True)
class Answers:
    """How a version answers its recorded cases now.

    Attributes
    ----------
    cases : int
        How many there are.
    wrong : DataFrame
        Those answered otherwise than recorded, with the ``answer``.
    helpers : tuple of str
        What is otherwise with the project's helpers since it was registered, in words.
    from_requests : bool
        Whether the raw requests went through the features function, as they do when helpers changed and it
        looks up no data; else the recorded features were taken.
    """

    cases: int
    wrong: pd.DataFrame
    helpers: tuple[str, ...]
    from_requests: bool


def answers(
    version: ModelVersion, project: Project, estimator: Any, *, imported: Mapping[str, str] | None = None
) -> Answers:
    """Ask a loaded version its recorded cases, through the project's helpers if these have changed.

    Parameters
    ----------
    imported : mapping of str to str, optional
        Hashes of the helpers as this process has imported them; by default they are those on disk.

    Raises
    ------
    RegistryError
        It has no recorded cases, or they were changed.
    DataError
        The features function does not make the features any more that were recorded.
    """
    recorded = recorded_cases(version, project)
    changed = helper_changes(version, project, imported)
    # With a memory, the features depend on data that has moved on since.
    raw = bool(changed) and not project.model.memory and cases.inputs(recorded).shape[1] > 0
    wrong = cases.wrong_answers(estimator, recorded, _features_of(project) if raw else None)
    return Answers(len(recorded), wrong, tuple(changed), raw)


def helper_changes(
    version: ModelVersion, project: Project, imported: Mapping[str, str] | None = None
) -> list[str]:
    """What is otherwise with the helpers that the version needs, since it was registered; in words."""
    if not version.tag("helpers"):
        return [f"{version} was registered without the hashes of the helpers that it needs"]
    return helpers.differences(
        registered_helpers(version), helpers.helper_hashes(project) if imported is None else dict(imported)
    )


def registered_helpers(version: ModelVersion) -> dict[str, str]:
    """Hashes of the helpers that it was registered with, by their files; empty if they were not recorded."""
    return dict(json.loads(version.tag("helpers") or "{}"))


def _features_of(project: Project) -> Callable[[pd.DataFrame], pd.DataFrame]:
    build = project.resolve(project.model.features)

    def built(recorded: pd.DataFrame) -> pd.DataFrame:
        found: pd.DataFrame = build(cases.inputs(recorded), {}, recorded["asked_at"])
        return found

    return built


def evidence(version: ModelVersion, project: Project) -> dict[str, Any]:
    """The validation that the version was registered with, as :meth:`Validation.to_dict` gave it.

    Raises
    ------
    RegistryError
        It has none, or it was changed.
    """
    text = _evidence_text(version, project, "validation.json")
    if not (recorded := version.tag("validation_sha256")):
        raise RegistryError(f"{version} was registered without a hash of its validation; register it again")
    if hashlib.sha256(text.encode()).hexdigest() != recorded:
        raise RegistryError(f"the recorded validation of {version} was changed since it was registered")
    return dict(json.loads(text))


def _evidence_text(version: ModelVersion, project: Project, name: str) -> str:
    try:
        # As it was written: newlines count for the hash.
        return evidence_file(version, project, name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise RegistryError(f"{version}: {name} of its run cannot be read: {error}") from error


def evidence_file(version: ModelVersion, project: Project, name: str) -> bytes:
    """A file that was kept with the version when it was registered; whether it is the same is not checked.

    Raises
    ------
    RegistryError
        It cannot be read, or is no file of a size that evidence has.
    """
    from mlflow.exceptions import MlflowException

    folder, run_id = version.tag("evidence"), version.tag("run_id")
    if not folder or not run_id:
        raise RegistryError(f"{version} has no recorded evidence; register it through the workbench")
    try:
        if local := _local(_artifacts_of(store.client(project), run_id)):
            return _content(local / folder / name)
        with tempfile.TemporaryDirectory(prefix="workbench-load-") as scratch:
            path = store.client(project).download_artifacts(run_id, f"{folder}/{name}", dst_path=scratch)
            return _content(Path(path))
    except (MlflowException, OSError, ValueError) as error:
        raise RegistryError(f"{version}: {name} of its run {run_id} cannot be read: {error}") from error


@lru_cache(maxsize=256)
def _artifacts_of(client: MlflowClient, run_id: str) -> str:
    """Where a run keeps its files: fixed when it begins, and asked of the store once."""
    uri: str = client.get_run(run_id).info.artifact_uri
    return uri


def _content(path: Path) -> bytes:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"{path.name} is no plain file")
    if found.st_size > _LARGEST_EVIDENCE:
        raise OSError(f"{path.name} has {found.st_size:,} bytes, more than evidence has")
    return path.read_bytes()


def _called(model: ModelVersion | TrainedModel) -> str:
    return str(model) if isinstance(model, ModelVersion) else f"model {model.name!r} ({model.uri})"


def _fetch(model: ModelVersion | TrainedModel, project: Project, folder: Path) -> None:
    """Copy the model's files into ``folder``, so that nobody changes them between check and use."""
    import mlflow.artifacts
    from mlflow.exceptions import MlflowException

    try:
        if isinstance(model, ModelVersion):
            location = model.location
        else:
            location = store.client(project).get_logged_model(model.model_id).artifact_location
        if local := _local(location):
            _copy(model, local, folder)
        else:
            mlflow.artifacts.download_artifacts(
                artifact_uri=location, dst_path=str(folder), tracking_uri=project.tracking_uri
            )
    except (MlflowException, OSError) as error:
        raise RegistryError(f"{_called(model)}: its files cannot be read: {error}") from error


def _local(location: str) -> Path | None:
    """The folder on this machine that an artifact address names, or None when it lies elsewhere."""
    parts = urlparse(location)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return None if parts.scheme else Path(location)


def _copy(model: ModelVersion | TrainedModel, source: Path, folder: Path) -> None:
    if not source.is_dir():
        raise RegistryError(f"{_called(model)}: its files are gone: there is no folder {source}")
    total = 0
    for count, file in enumerate(sorted(source.rglob("*")), start=1):
        name, found = file.relative_to(source), file.lstat()
        total += found.st_size
        if stat.S_ISLNK(found.st_mode):
            raise UnsafeModel(f"{_called(model)}: {name} is a link; only plain files are loaded")
        if count > _MOST_FILES or total > _LARGEST:
            raise UnsafeModel(f"{_called(model)}: holds {count} files of {total:,} bytes, more than a model")
        if stat.S_ISDIR(found.st_mode):
            (folder / name).mkdir()
        elif stat.S_ISREG(found.st_mode):
            shutil.copyfile(file, folder / name, follow_symlinks=False)
        else:
            raise UnsafeModel(f"{_called(model)}: {name} is neither a file nor a folder")


def _hash(model: ModelVersion | TrainedModel, folder: Path) -> str:
    try:
        return hash_folder(folder, ignore={_LEFT_BY_MLFLOW})
    except DataError as error:
        raise UnsafeModel(f"{_called(model)}: {error}") from error


def _build(model: ModelVersion | TrainedModel, folder: Path, project: Project) -> Any:
    """The model in a folder of our own, by its kind; the messages of what is wrong begin with a verb."""
    names = _plain_names(folder)
    description = read_description(folder)
    kind = described(description)
    recorded = model.tag("kind") if isinstance(model, ModelVersion) else ""
    if recorded and recorded != kind.name:
        raise UnsafeModel(f"its MLmodel describes a model of kind {kind.name}, but {recorded} was registered")
    file = kind.file(description)
    description.check_python_function(kind.loader_module, file)
    for name in sorted(names - _BESIDE - {file}):
        raise UnsafeModel(f"holds {name}, which the workbench does not write for {kind.name}")
    for name in sorted((_ALWAYS | {file}) - names):
        raise UnsafeModel(f"lacks {name}, which the workbench writes for {kind.name}")
    found = kind.load(folder / file, description, project)
    if not hasattr(found, "predict_proba"):
        said = f"is a {type(found).__name__}, which gives no probabilities"
        if description.predict_fn == PROBABILITIES:
            raise UnsafeModel(f"{said}, but a classifier was written")
        if not is_regressor(found):
            raise UnsafeModel(f"{said} and is no regressor")
    return found


def _plain_names(folder: Path) -> set[str]:
    known = _BESIDE.union(*(kind.files for kind in KINDS))
    names = set()
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.is_dir():
            raise UnsafeModel(f"holds a folder {name}/, from which code could be imported")
        if file.suffix in _PICKLES:
            raise UnsafeModel(f"holds a pickle, {name}, which runs code when it is loaded")
        if name not in known:
            raise UnsafeModel(f"holds {name}, which the workbench does not write")
        names.add(name)
    return names
