"""What a run looked up, so that its repetition is given the same: datasets, models, facts, aliases."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from workbench.data.tables import DatasetVersion, Tables
from workbench.errors import UsageError
from workbench.project import Project
from workbench.store.hashing import hash_value
from workbench.tracking import reports
from workbench.tracking.context import Input
from workbench.tracking.inputs import Now, models_identity
from workbench.tracking.models import TrainedModel
from workbench.tracking.reports import Manifest

__all__ = ["Pinned", "is_readable", "pin"]


@dataclass(frozen=True)
class Pinned:
    """What the repetition reads instead of what is newest now.

    Attributes
    ----------
    differences : tuple of str
        What cannot be held to what it was, in words.
    """

    datasets: dict[str, DatasetVersion] = field(default_factory=dict)
    models: dict[str, TrainedModel] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    differences: tuple[str, ...] = ()


def pin(project: Project, manifest: Manifest) -> Pinned:
    """All of that, looked for among what is still there.

    Raises
    ------
    UsageError
        Something is gone; the message says what, and nothing has been started.
    """
    history = Tables(project.data_uri).history
    for version in manifest.reads:
        if version.origin.run_id != manifest.run_id and not is_readable(version, history(version.name)):
            raise _gone(manifest, f"read {version}, whose rows are gone (vacuumed, removed or overwritten)")
    found = Pinned()
    for item in manifest.inputs:
        if item.kind == "dataset":
            found.datasets[item.name] = _dataset(manifest, item, history)
        elif item.kind == "models":
            found.models.update(_models(project, manifest, item))
        elif item.kind == "facts":
            found.facts[item.name] = _facts(project, manifest, item)
        elif item.kind == "alias":
            found.aliases[item.name] = item.identity
    now = Now(project)
    loose = (now.differs(item) for item in manifest.inputs if item.kind in ("source", "log"))
    return Pinned(found.datasets, found.models, found.facts, found.aliases, tuple(filter(None, loose)))


def is_readable(version: DatasetVersion, history: list[DatasetVersion]) -> bool:
    """Whether the rows of a dataset version are those that they were, and all there.

    Parameters
    ----------
    history : list of DatasetVersion
        Of that dataset, as it is now.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    if {item.version: item.content for item in history}.get(version.version) != version.content:
        return False
    try:
        files = DeltaTable(version.uri, version=version.version).file_uris()
    except (DeltaError, OSError):
        return False
    # A vacuum leaves the log, and takes the files that it speaks of.
    local = (file.removeprefix("file://") for file in files)
    return all(os.path.exists(file) for file in local if "://" not in file)


def _dataset(
    manifest: Manifest, item: Input, history: Callable[[str], list[DatasetVersion]]
) -> DatasetVersion:
    """The version with that content: what the run read itself, or, of a nested run's, any."""
    for version in manifest.reads:
        if version.name == item.name and version.content == item.identity:
            return version
    versions = history(item.name)
    for version in versions:
        if version.content == item.identity and is_readable(version, versions):
            return version
    raise _gone(manifest, f"read a version of dataset {item.name} that is not there any more")


def _models(project: Project, manifest: Manifest, item: Input) -> dict[str, TrainedModel]:
    for other in _others(project, item.name):
        models = {model.name: model for model in other.models}
        if models_identity(models) == item.identity:
            return models
    raise _gone(manifest, f"used models of {item.name}, and the report of the run that trained them is gone")


def _facts(project: Project, manifest: Manifest, item: Input) -> dict[str, Any]:
    if item.identity == hash_value({}):
        return {}
    for other in _others(project, item.name):
        if hash_value(dict(other.notes)) == item.identity:
            return dict(other.notes)
    raise _gone(manifest, f"used what {item.name} had noted, and the report of that run is gone")


def _others(project: Project, phase: str) -> Iterator[Manifest]:
    """The manifests of all runs of a phase, those of trials last."""
    usual = sorted((project.reports / phase).glob(f"[!.]*/{reports.MANIFEST}"), reverse=True)
    trials = project.reports.glob(f"trials/*/[!.]*-{phase}-*/{reports.MANIFEST}")
    for path in (*usual, *trials):
        if manifest := reports.read(path.parent):
            yield manifest


def _gone(manifest: Manifest, why: str) -> UsageError:
    return UsageError(f"run {manifest.run_id[:8]} of {manifest.phase} cannot be repeated: it {why}")
