"""Loading a model without trusting what its files say about themselves.

The files are copied to a place of our own and hashed; only if the hash is the one recorded when they were
written are they looked into. Then they have to be what the workbench writes (a scikit-learn model in the
skops format, nothing else in the folder), and skops builds it from our own allow-list of types and the
project's, never from the list in the artifact. Nothing is ever unpickled or imported from the folder.
"""

from __future__ import annotations

import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from workbench.errors import DataError, RegistryError, UnsafeModel
from workbench.project import CONFIG_NAME, Project
from workbench.registry.cases import read_cases
from workbench.registry.versions import ModelVersion
from workbench.store.hashing import hash_folder
from workbench.tracking import store
from workbench.tracking.models import TrainedModel, trusted_types

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["evidence", "load", "recorded_cases"]

_MODEL = "model.skops"
# MLflow writes this one into the folder, beside the model, whenever its own API loads a version.
_LEFT_BY_MLFLOW = "registered_model_meta"
_FILES = {
    *("MLmodel", _MODEL, "conda.yaml", "python_env.yaml", "requirements.txt"),
    *("input_example.json", "serving_input_example.json", _LEFT_BY_MLFLOW),
}
_PICKLES = {".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill"}
# An archive may be small and unpack to more than the machine holds.
_LARGEST_UNPACKED = 4 * 2**30


def load(model: ModelVersion | TrainedModel, project: Project) -> Any:
    """The fitted estimator of a version, or of a model that was just trained.

    Raises
    ------
    UnsafeModel
        Its files are not the ones that were recorded, or not what the workbench writes; the message
        says what is wrong. Nothing of them was run.
    RegistryError
        Its files cannot be read.
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
        _check_folder(model, folder)
        return _build(model, folder / _MODEL, trusted_types(project))


def recorded_cases(version: ModelVersion, project: Project) -> pd.DataFrame:
    """The recorded cases of a version; see :mod:`workbench.registry.cases`.

    Raises
    ------
    RegistryError
        It has none, or they were changed.
    """
    return read_cases(_evidence_file(version, project, "cases.json"), version.tag("cases_sha256"))


def evidence(version: ModelVersion, project: Project) -> dict[str, Any]:
    """The validation that the version was registered with, as :meth:`Validation.to_dict` gave it."""
    import json

    return dict(json.loads(_evidence_file(version, project, "validation.json")))


def _evidence_file(version: ModelVersion, project: Project, name: str) -> str:
    from mlflow.exceptions import MlflowException

    folder, run_id = version.tag("evidence"), version.tag("run_id")
    if not folder or not run_id:
        raise RegistryError(f"{version} has no recorded evidence; register it through the workbench")
    try:
        root = store.client(project).get_run(run_id).info.artifact_uri
        if local := _local(root):
            return (local / folder / name).read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory(prefix="workbench-load-") as scratch:
            path = store.client(project).download_artifacts(run_id, f"{folder}/{name}", dst_path=scratch)
            return Path(path).read_text(encoding="utf-8")
    except (MlflowException, OSError) as error:
        raise RegistryError(f"{version}: {name} of its run {run_id} cannot be read: {error}") from error


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
    for file in sorted(source.rglob("*")):
        name = file.relative_to(source)
        kind = file.lstat().st_mode
        if stat.S_ISLNK(kind):
            raise UnsafeModel(f"{_called(model)}: {name} is a link; only plain files are loaded")
        if stat.S_ISDIR(kind):
            (folder / name).mkdir()
        elif stat.S_ISREG(kind):
            shutil.copyfile(file, folder / name, follow_symlinks=False)
        else:
            raise UnsafeModel(f"{_called(model)}: {name} is neither a file nor a folder")


def _hash(model: ModelVersion | TrainedModel, folder: Path) -> str:
    try:
        return hash_folder(folder, ignore={_LEFT_BY_MLFLOW})
    except DataError as error:
        raise UnsafeModel(f"{_called(model)}: {error}") from error


def _check_folder(model: ModelVersion | TrainedModel, folder: Path) -> None:
    from mlflow.models import Model

    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.is_dir():
            raise UnsafeModel(f"{_called(model)}: holds a folder {name}/, from which code could be imported")
        if file.suffix in _PICKLES:
            raise UnsafeModel(f"{_called(model)}: holds a pickle, {name}, which runs code when it is loaded")
        if name not in _FILES:
            raise UnsafeModel(f"{_called(model)}: holds {name}, which the workbench does not write")
    try:
        flavor = dict(Model.load(str(folder / "MLmodel")).flavors["sklearn"])
    except Exception as error:  # whatever a crafted file makes MLflow raise
        raise UnsafeModel(
            f"{_called(model)}: its MLmodel describes no scikit-learn model", details=str(error)
        ) from error
    written, where = flavor.get("serialization_format"), flavor.get("pickled_model")
    if (written, where) != ("skops", _MODEL):
        raise UnsafeModel(f"{_called(model)}: its MLmodel says {written} in {where}, not skops in {_MODEL}")
    if flavor.get("code"):
        raise UnsafeModel(f"{_called(model)}: its MLmodel names code to import: {flavor['code']}")


def _build(model: ModelVersion | TrainedModel, file: Path, trusted: list[str]) -> Any:
    import zipfile

    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
        if unpacked > _LARGEST_UNPACKED:
            raise UnsafeModel(f"{_called(model)}: unpacks to {unpacked / 2**30:.1f} GiB")
        estimator = skops.io.load(file, trusted=trusted)
    except UnsafeModel:
        raise
    except UntrustedTypesFoundException as error:
        raise UnsafeModel(
            f"{_called(model)}: holds types that nobody declared harmless. {str(error).splitlines()[0]} "
            f"If they are, name them in {CONFIG_NAME}: [model] trusted_types",
            details=str(error),
        ) from error
    except Exception as error:  # a crafted file makes skops raise whatever it likes
        raise UnsafeModel(
            f"{_called(model)}: {_MODEL} is no model that skops can read", details=str(error)
        ) from error
    if not hasattr(estimator, "predict_proba"):
        raise UnsafeModel(f"{_called(model)}: is a {type(estimator).__name__}, which gives no probabilities")
    return estimator
