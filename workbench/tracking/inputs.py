"""What a run depended on, held against what is there now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from workbench.config import Config
from workbench.data import sources
from workbench.data.labels import model as labels
from workbench.data.tables import DatasetVersion, Tables
from workbench.errors import DatasetNotFound, SourceError
from workbench.project import Project
from workbench.store import ledger
from workbench.store.hashing import hash_file, hash_value, stat_hint
from workbench.tracking import reports
from workbench.tracking.context import Input, note_input
from workbench.tracking.logs import log_identity
from workbench.tracking.models import TrainedModel
from workbench.tracking.reports import Manifest

__all__ = [
    "MODEL_NAME",
    "Now",
    "files",
    "is_published",
    "models_identity",
    "setting_identity",
    "unaccounted_in_words",
    "watched",
]

#: Sections of the project file that decide what comes out of a notebook. The others say where things
#: lie, how notebooks are run, or what a phase is, which is compared by itself.
_SETTINGS = ("gates", "model", "monitoring", "objective", "retraining")
#: Under what name versions are registered: whoever registers depends on that, and nobody who trains.
MODEL_NAME = "model.name"


class _Watched(Config):
    """A configuration that records which of its sections the notebook looks at."""

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name in _SETTINGS:
            note_input("setting", name, _setting(name, value))
        return value


def watched(project: Project) -> Project:
    """The project for a notebook: which settings it looks at becomes part of what its run depends on."""
    fields = {name: getattr(project.config, name) for name in Config.model_fields}
    return replace(project, config=_Watched.model_construct(**fields))


def setting_identity(config: Config, name: str) -> str:
    """What a run records of a setting: a section of the project file, or under what name it registers."""
    if name == MODEL_NAME:
        return config.model.name if config.model else ""
    return _setting(name, getattr(config, name, None))


def _setting(name: str, section: BaseModel | None) -> str:
    apart = {MODEL_NAME.partition(".")[2]} if name == "model" else None
    return hash_value(section.model_dump(mode="json", exclude=apart) if section is not None else None)


def models_identity(models: Mapping[str, TrainedModel]) -> str:
    """Equal when these are the same models of the same runs."""
    return hash_value({name: model.uri for name, model in models.items()})


def is_published(project: Project, version: DatasetVersion) -> bool:
    """Whether runs read a version by default: a finished run wrote it, which was no nested one.

    Or nobody's run did: labels are exported when people have settled them.
    """
    if not version.origin.default:
        return False
    if version.origin.phase == labels.PHASE and not version.origin.run_id:
        return True
    manifest = reports.find(project, version.origin.phase, version.origin.run_id)
    return manifest is not None and manifest.status == "finished"


def files(root: Path, patterns: Iterable[str]) -> tuple[Input, ...]:
    """The files below ``root`` that patterns name, each with its content, and which files those are."""
    found = []
    for pattern in patterns:
        paths = sorted(path for path in root.glob(pattern) if path.is_file())
        names = [path.relative_to(root).as_posix() for path in paths]
        found.append(Input(kind="files", name=pattern, identity=hash_value(names)))
        found += [
            Input(kind="file", name=name, identity=hash_file(path), hint=stat_hint(path))
            for name, path in zip(names, paths, strict=True)
        ]
    return tuple(found)


def unaccounted_in_words(phase: str, item: str) -> str:
    """What a run read past the workbench, and what to do about it."""
    kind, _, what = item.partition(":")
    if kind == "file":
        advice = f'declare it ([phases.{phase}] reads = ["{what}"]) or use phase.read'
        return f"it reads {what} by itself; {advice}"
    if kind == "address":
        return f"it reads from {what} by itself; declare a source, with a fingerprint, to have that checked"
    if kind == "torn":
        return "a line of its record was torn, so nobody can tell all that it read"
    if kind == "program":
        return f"it runs the program {what}, and nobody can tell what that reads"
    return what


@dataclass
class Now:
    """The present state of everything that runs depend on, looked up once each.

    ``datasets``, ``models`` and ``facts`` are what phases of the present pipeline run wrote: they come
    before what is published.
    """

    project: Project
    datasets: dict[str, DatasetVersion] = field(default_factory=dict)
    models: dict[str, TrainedModel] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    _looked_up: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)

    def hand_on(self, manifest: Manifest) -> None:
        """What a finished run wrote is what later runs of the same pipeline run, or trial, read."""
        self.datasets.update({item.name: item for item in manifest.writes})
        if manifest.models:
            self.models = {model.name: model for model in manifest.models}
        self.facts[manifest.phase] = dict(manifest.notes)

    def forget(self) -> None:
        """Look everything up anew: something has run in the meantime."""
        self._looked_up.clear()

    def differs(self, then: Input, reads: Iterable[DatasetVersion] = ()) -> str:
        """Why an input is no longer what it was, in words; empty when it is.

        Parameters
        ----------
        then : Input
            What the run recorded.
        reads : iterable of DatasetVersion
            The versions that it read, for words and for a look that needs no table.
        """
        if then.kind == "dataset":
            return self._dataset(then, {item.name: item for item in reads if item.content == then.identity})
        if then.kind == "file":
            return self._file(then)
        if not then.identity:
            return f"{then.kind} {then.name} has no fingerprint, so that it has to be looked at"
        key = (then.kind, then.name)
        if key not in self._looked_up or then.kind in ("models", "facts"):
            self._looked_up[key] = self._identity(then)
        now = self._looked_up[key]
        if now == then.identity:
            return ""
        if then.kind == "alias":
            return f"alias {then.name}: {_version(then.identity)} then, {_version(now)} now"
        named = {"setting": f"[{then.name}] in the project file", "facts": f"what {then.name} noted"}
        named |= {"models": f"the models of {then.name}", "files": f"which files {then.name} names"}
        return f"changed: {named.get(then.kind, f'{then.kind} {then.name}')}"

    def _identity(self, then: Input) -> str:
        if then.kind == "setting":
            return setting_identity(self.project.config, then.name)
        if then.kind == "alias":
            model, _, alias = then.name.partition("@")
            return str(ledger.current(self.project, model, alias))
        if then.kind == "source":
            try:
                return sources.fingerprint(self.project, then.name)
            except SourceError as error:
                return f"unknown: {error}"
        if then.kind == "files":
            return files(self.project.root, [then.name])[0].identity
        if then.kind == "log":
            return log_identity(Path(then.name))
        manifest = reports.latest(self.project, then.name)
        if then.kind == "models":
            found = self.models or {model.name: model for model in (manifest.models if manifest else ())}
            return models_identity(found)
        return hash_value(self.facts.get(then.name, dict(manifest.notes) if manifest else {}))

    def _file(self, then: Input) -> str:
        path = self.project.root / then.name
        if then.hint and stat_hint(path) == then.hint:
            return ""
        now = hash_file(path)
        if now == then.identity:
            return ""
        return f"file {then.name} {'changed' if now else 'is gone'}"

    def _dataset(self, then: Input, read: Mapping[str, DatasetVersion]) -> str:
        before = read.get(then.name)
        now = self.datasets.get(then.name)
        if now is None and before is not None and _is_newest(before):
            return ""
        if now is None:
            try:
                now = Tables(self.project.data_uri).newest(
                    then.name, lambda version: is_published(self.project, version)
                )
            except DatasetNotFound:
                return f"dataset {then.name} is gone"
        if now.content == then.identity:
            return ""
        old = f"v{before.version}" if before else "another"
        return f"dataset {then.name}: {old} then, v{now.version} now"


def _version(identity: str) -> str:
    return "none" if identity == "None" else f"v{identity}"


def _is_newest(version: DatasetVersion) -> bool:
    """Whether nothing was written after a version, told from the names of a local table's log."""
    log = Path(version.uri) / "_delta_log"
    try:
        return not (log / f"{version.version + 1:020}.json").exists() and log.is_dir()
    except OSError:
        return False
