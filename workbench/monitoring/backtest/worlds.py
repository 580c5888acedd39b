"""Worlds: a project of its own for each policy, so that whatever it decides touches nobody else.

A backtest lies in a folder below the project's state. What its worlds share stands there as if it were a
project, too: the MLflow store, the datasets, and reports of trainings. A world has its own workbench database
(ledger, ground truth, findings, alerts, retrainings), its own prediction log and its own reports, and its
versions are registered under a name of its own. The user's stores are read once, when a backtest is made.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from workbench.config import StoresConfig
from workbench.data.tables import DatasetVersion, Tables
from workbench.errors import DatasetNotFound
from workbench.monitoring.backtest.history import Plan
from workbench.monitoring.backtest.policies import Policy
from workbench.monitoring.backtest.settings import as_toml, settings_of, slug
from workbench.project import CONFIG_NAME, Project, open_project
from workbench.store.files import link
from workbench.store.hashing import hash_file, hash_value
from workbench.tracking import reports, store
from workbench.tracking.environment import environment_hash
from workbench.tracking.inputs import is_published

__all__ = ["Place", "World"]

_FOLDER = "backtests"


@dataclass(frozen=True)
class World:
    """One policy's."""

    policy: Policy
    project: Project


@dataclass(frozen=True)
class Place:
    """The folder of one backtest of a project."""

    project: Project
    root: Path

    @classmethod
    def of(cls, project: Project, name: str) -> Place:
        return cls(project, project.state / _FOLDER / slug(name or "latest"))

    @property
    def shared(self) -> Project:
        """What worlds share: its tracking store, data and reports."""
        config = self.project.config.model_copy(update={"stores": StoresConfig()})
        return Project(self.root, config)

    def folder(self, policy: Policy) -> Path:
        """A world's."""
        return self.root / "worlds" / slug(policy.name)

    def prepare(self, *, again: bool) -> None:
        """Have what worlds share, once: the datasets that trainings begin with.

        The tracking store is made by the first world: a process keeps it open for as long as it lives, and
        would not see that it was removed to begin anew.

        Parameters
        ----------
        again : bool
            Remove what is there first.
        """
        shared, made_from = self.shared, self.root / "made-from"
        other = made_from.exists() and made_from.read_text(encoding="utf-8") != self.begins_with
        if self.root.exists() and (again or other):
            shutil.rmtree(self.root)
        self.root.mkdir(parents=True, exist_ok=True)
        for version in self._given:
            _have_table(version, Path(shared.data_uri))
            _have_report(self.project, version, shared.reports)
        made_from.write_text(self.begins_with, encoding="utf-8")

    @cached_property
    def begins_with(self) -> str:
        """A hash of the datasets that trainings begin with."""
        return hash_value([[version.name, version.version, version.content] for version in self._given])

    def key(self, policy: Policy, plan: Plan) -> str:
        """A hash of all that the outcome of a policy depends on.

        Raises
        ------
        UsageError
            The policy sets what there is not.
        """
        settings = settings_of(self.project, policy, {})
        code = {str(path.relative_to(self.project.root)): hash_file(path) for path in _code(self.project)}
        dataset = plan.dataset
        replayed = replace(plan, dataset=DatasetVersion(dataset.name, 0, "", dataset.rows, dataset.content))
        about = [settings, policy.schedule, policy.timezone, asdict(replayed), self.begins_with]
        return hash_value([about, code, environment_hash()])

    def make(self, policy: Policy) -> World:
        """A policy's world as it is on the first day; what a world of that policy had is removed.

        Raises
        ------
        UsageError
            The policy sets what there is not.
        """
        shared, root = self.shared, self.folder(policy)
        # What is cut short is lived again from its first day, so nothing has to be on disk before it goes on.
        database = f"sqlite:///{root / '.workbench' / 'workbench.db'}?synchronous=OFF"
        stores = {"tracking": shared.tracking_uri, "data": shared.data_uri, "database": database}
        settings = as_toml(settings_of(self.project, policy, stores))
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        _copy_code(self.project, root)
        (root / CONFIG_NAME).write_text(settings, encoding="utf-8")
        project = open_project(root)
        store.experiment_id(shared, draft=False)  # its artifacts lie there, whichever world writes the first
        _forget_versions(project)
        for version in self._given:
            _have_report(self.project, version, project.reports)
        return World(policy, project)

    @cached_property
    def _given(self) -> tuple[DatasetVersion, ...]:
        """The newest versions of what the policy's phases read, and do not write themselves."""
        phases = set(self.project.config.retraining.phases)
        names = dict[str, None]()
        for phase in self.project.order(phases):
            manifest = reports.latest(self.project, phase)
            read = manifest.reads if manifest is not None else ()
            names |= dict.fromkeys(item.name for item in read if item.origin.phase not in phases)
            for need in self.project.phase(phase).needs:
                before = None if need in phases else reports.latest(self.project, need)
                names |= dict.fromkeys(item.name for item in (before.writes if before else ()))
        found = (_newest(self.project, name) for name in names)
        return tuple(version for version in found if version is not None)


def _newest(project: Project, name: str) -> DatasetVersion | None:
    try:
        return Tables(project.data_uri).newest(name, lambda version: is_published(project, version))
    except DatasetNotFound:
        return None


def _have_table(version: DatasetVersion, folder: Path) -> None:
    """Have a dataset below a folder, too; files of this machine never change, so they are linked."""
    target = folder / version.name
    if target.exists():
        return
    draft = folder / f".{version.name}"
    shutil.rmtree(draft, ignore_errors=True)
    if "://" in version.uri:
        _fetch(version.uri, draft)
    else:
        shutil.copytree(version.uri, draft, copy_function=link)
    draft.rename(target)


def _fetch(uri: str, folder: Path) -> None:
    """Copy a Delta table from where only its own library reaches, such as object storage."""
    from deltalake.fs import DeltaStorageHandler
    from pyarrow import fs

    folder.mkdir(parents=True)
    fs.copy_files("", str(folder), source_filesystem=fs.PyFileSystem(DeltaStorageHandler(uri)))


def _have_report(project: Project, version: DatasetVersion, folder: Path) -> None:
    """Have the report of the run that wrote a version: only with it others read it."""
    origin = version.origin
    report = reports.folder_of(project, origin.phase, origin.run_id)
    if report is not None and not any((folder / origin.phase).glob(f"*-{origin.run_id[:8]}")):
        reports.adopt(folder, report)


def _copy_code(project: Project, root: Path) -> None:
    for path in _code(project):
        target = root / path.relative_to(project.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


def _code(project: Project) -> list[Path]:
    """The files that phases, helpers and gates need."""
    config = project.config
    found = {project.root / phase.notebook for phase in config.phases.values()}
    beside = (path for path in project.helpers.rglob("*") if path.suffix != ".ipynb")  # phases' are there
    found |= {path for path in beside if not _is_derived(path.relative_to(project.root))}
    if config.gates.regression_cases:
        found.add(project.root / config.gates.regression_cases)
    patterns = [pattern for phase in config.phases.values() for pattern in phase.reads]
    fingerprints = [source.fingerprint for source in config.sources.values() if source.fingerprint]
    patterns += [pattern for fingerprint in fingerprints for pattern in fingerprint.files]
    found |= {path for pattern in patterns for path in project.root.glob(pattern)}
    return sorted(path for path in found if path.is_file())


def _is_derived(path: Path) -> bool:
    return any(part == "__pycache__" or part.startswith(".") for part in path.parts)


def _forget_versions(project: Project) -> None:
    """Remove what a world that was cut short has registered: numbers count from 1."""
    from mlflow.exceptions import MlflowException

    try:
        store.client(project).delete_registered_model(project.model.name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
