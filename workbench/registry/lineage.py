"""The way back from a model version, and forwards from a run.

From a version: the run that trained it and the run that validated it, and of each its report, notebook, code,
parameters, dataset versions and environment, as they were recorded. Each of these is a :class:`Link`, which
also says in a word whether it is there now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench.data.tables import DatasetVersion, Tables
from workbench.errors import NotebookError
from workbench.execution.notebook.parameters import read_parameters
from workbench.execution.rerun import code, record
from workbench.execution.rerun.pins import is_readable
from workbench.locate import LOCK_NAMES
from workbench.project import Project
from workbench.registry.versions import ModelVersion, get_version, list_versions
from workbench.store.hashing import hash_file
from workbench.tracking import environment, reports, store

if TYPE_CHECKING:
    from workbench.tracking.reports import Manifest

__all__ = ["CameOf", "Lineage", "Link", "TracedRun", "came_of", "of"]

LinkKind = Literal["run", "report", "notebook", "code version", "helper", "dataset", "environment", "lock"]
#: The words for a link that leads to what it led to then.
_THERE = frozenset({"there", "kept", "in MLflow", "unchanged", "in the repository", "readable", "the same"})


@dataclass(frozen=True)
class Link:
    """One thing that a run is traced to.

    Attributes
    ----------
    name : str
        Such as a path below the project's folder, or ``prepared v3``.
    identity : str
        What it was: a hash, a commit, an id; empty where nothing was recorded.
    state : str
        In a word, what has become of it: ``there``, ``kept``, ``in MLflow``, ``unchanged``,
        ``in the repository``, ``readable``, ``the same``; or ``gone``, ``changed``, ``deleted``,
        ``not in the repository``, ``unreadable``, ``unknown``.
    where : str
        Where to find it, if it has a place.
    """

    kind: LinkKind
    name: str
    identity: str
    state: str
    where: str = ""

    @property
    def there(self) -> bool:
        """Whether it leads to what it led to then."""
        return self.state in _THERE


@dataclass(frozen=True)
class TracedRun:
    """A run that a version came out of.

    Attributes
    ----------
    role : str
        What it did: ``trained`` or ``validated``.
    report, html : str
        The folder of its report and the page in it; empty when they are gone from this machine.
    code_version : str
        The commit, with ``+changed`` when files differed from it.
    helpers : dict
        Project files that it imported, to their SHA-256.
    parameters : dict
        Those that were given, over the notebook's own values.
    datasets : tuple of DatasetVersion
        What it read.
    links : tuple of Link
        All of this, each with what has become of it.
    """

    role: str
    run_id: str
    phase: str = ""
    pipeline_run_id: str = ""
    started_at: datetime | None = None
    report: str = ""
    html: str = ""
    notebook: str = ""
    notebook_hash: str = ""
    code_version: str = ""
    helpers: dict[str, str] | None = None
    parameters: dict[str, Any] | None = None
    datasets: tuple[DatasetVersion, ...] = ()
    environment_hash: str = ""
    links: tuple[Link, ...] = ()

    @property
    def commit(self) -> str:
        return code.commit_of(self.code_version)


@dataclass(frozen=True)
class Lineage:
    """Where a model version came from; ``trained`` or ``validated`` is None if no run was recorded."""

    model: str
    version: int
    sha256: str
    trained: TracedRun | None
    validated: TracedRun | None

    @property
    def runs(self) -> tuple[TracedRun, ...]:
        """The runs that are known, the one that trained it first."""
        return tuple(run for run in (self.trained, self.validated) if run is not None)

    @property
    def broken(self) -> tuple[Link, ...]:
        """The links that do not lead to what they led to then, each once."""
        return tuple(dict.fromkeys(link for run in self.runs for link in run.links if not link.there))

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it; of each link also whether it is ``there``."""
        told = asdict(self)
        for name, run in (("trained", self.trained), ("validated", self.validated)):
            if run is not None:
                told[name]["started_at"] = run.started_at.isoformat() if run.started_at else None
                told[name]["datasets"] = [item.to_dict() for item in run.datasets]
                told[name]["links"] = [asdict(link) | {"there": link.there} for link in run.links]
        return told


@dataclass(frozen=True)
class CameOf:
    """A version that came out of a run, and in words how, such as ``learnt from its prepared v3``."""

    version: ModelVersion
    how: str


def of(project: Project, version: ModelVersion | int | str) -> Lineage:
    """The whole way back from a version, which is given by number, alias or as it was found.

    Raises
    ------
    UnknownName
        There is no such version.
    """
    found = version if isinstance(version, ModelVersion) else get_version(project, version)
    look = _Look(project)
    validated = found.tag("run_id")
    return Lineage(
        model=found.model,
        version=found.version,
        sha256=found.sha256,
        trained=look.trace("trained", found.run_id) if found.run_id else None,
        validated=look.trace("validated", validated) if validated else None,
    )


def came_of(project: Project, run: str) -> list[CameOf]:
    """The versions that came out of a run, the newest first.

    Parameters
    ----------
    run : str
        Its id, the beginning of it, or the folder of its report. A pipeline run counts as well.

    Raises
    ------
    UnknownName
        There is no such run, or there are several.
    """
    run_id = _run_id(project, run)
    found = []
    for version in list_versions(project):
        if how := _how(project, version, run_id):
            found.append(CameOf(version, how))
    return found


def _run_id(project: Project, run: str) -> str:
    from workbench.tracking import runs

    manifest = reports.read(Path(run)) if (Path(run) / reports.MANIFEST).is_file() else None
    return manifest.run_id if manifest is not None else runs.find(project, run).run_id


def _how(project: Project, version: ModelVersion, run_id: str) -> str:
    if version.run_id == run_id:
        return "trained and validated by it" if version.tag("run_id") == run_id else "trained by it"
    if version.tag("run_id") == run_id:
        return "validated by it"
    if version.tag("pipeline_run_id") == run_id:
        return "registered in it"
    trained = record.of_run(project, version.run_id) if version.run_id else None
    if trained is None:
        return ""
    if trained.manifest.pipeline_run_id == run_id:
        return "trained in it"
    written = [str(item) for item in trained.manifest.reads if item.origin.run_id == run_id]
    return f"learnt from its {', '.join(dict.fromkeys(written))}" if written else ""


class _Look:
    """Looks up what has become of things, each once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._has_commit = cache(lambda commit: code.has_commit(project.root, commit))
        self._history = cache(lambda name: Tables(project.data_uri).history(name))

    def trace(self, role: str, run_id: str) -> TracedRun:
        """A run with all its links; with that to itself only, when nothing else is left of it."""
        itself = Link("run", run_id, run_id, self._run_state(run_id))
        found = record.of_run(self._project, run_id)
        if found is None:
            return TracedRun(role, run_id, links=(itself, Link("report", run_id[:8], "", "gone")))
        manifest, kept = found.manifest, found.state == "kept"
        folder = str(found.report) if kept else ""
        html = str(found.report / reports.HTML) if kept else ""
        report = Link("report", run_id[:8], manifest.run_id, found.state, html)
        return TracedRun(
            role=role,
            run_id=run_id,
            phase=manifest.phase,
            pipeline_run_id=manifest.pipeline_run_id,
            started_at=manifest.started_at,
            report=folder,
            html=html,
            notebook=manifest.notebook,
            notebook_hash=manifest.notebook_hash,
            code_version=manifest.code_version,
            helpers=dict(manifest.code),
            parameters=_parameters(found),
            datasets=manifest.reads,
            environment_hash=manifest.environment_hash,
            links=(itself, report, *self._links(manifest)),
        )

    def _run_state(self, run_id: str) -> str:
        from mlflow.exceptions import MlflowException

        try:
            stage = store.client(self._project).get_run(run_id).info.lifecycle_stage
        except MlflowException as error:
            return "gone" if error.error_code == "RESOURCE_DOES_NOT_EXIST" else "unknown"
        return "there" if stage == "active" else "deleted"

    def _links(self, manifest: Manifest) -> Iterator[Link]:
        yield self._notebook(manifest)
        commit = code.commit_of(manifest.code_version)
        known = "in the repository" if self._has_commit(commit) else "not in the repository"
        yield Link("code version", manifest.code_version, commit, known if commit else "unknown")
        for name, then in sorted(manifest.code.items()):
            yield self._helper(name, then)
        for version in manifest.reads:
            yield Link("dataset", str(version), version.content, self._dataset(version), version.uri)
        same = manifest.environment_hash == environment.environment_hash()
        yield Link("environment", "packages", manifest.environment_hash, "the same" if same else "changed")
        yield from self._lock(commit)

    def _notebook(self, manifest: Manifest) -> Link:
        path = self._project.root / manifest.notebook
        if not path.is_file():
            state = "gone"
        elif not manifest.notebook_hash:
            state = "unknown"
        else:
            state = "unchanged" if _notebook_hash(path) == manifest.notebook_hash else "changed"
        return Link("notebook", manifest.notebook, manifest.notebook_hash, state, str(path))

    def _helper(self, name: str, then: str) -> Link:
        path = self._project.root / name
        now = environment.code_hash(path) if name.endswith(".ipynb") else hash_file(path)
        state = "unchanged" if now == then else "changed" if path.is_file() else "gone"
        return Link("helper", name, then, state, str(path))

    def _dataset(self, version: DatasetVersion) -> str:
        return "readable" if is_readable(version, self._history(version.name)) else "gone"

    def _lock(self, commit: str) -> Iterator[Link]:
        """The lock beside the project file: what it was at the commit, against what it is."""
        import hashlib

        for name in LOCK_NAMES:
            then = code.file_at(self._project.root, commit, name)
            path = self._project.root / name
            if then is None and not path.is_file():
                continue
            identity = hashlib.sha256(then).hexdigest() if then is not None else ""
            same = hash_file(path) == identity
            state = "unknown" if not identity else "the same" if same else "changed"
            yield Link("lock", name, identity, state, str(path))
            return


def _parameters(found: record.Recorded) -> dict[str, Any]:
    given = dict(found.manifest.parameters)
    try:
        declared = read_parameters(found.report / reports.NOTEBOOK)
    except NotebookError:
        return given
    return {name: item.default for name, item in declared.items()} | given


def _notebook_hash(path: Path) -> str:
    try:
        return environment.notebook_hash(path)
    except (OSError, ValueError):
        return ""
