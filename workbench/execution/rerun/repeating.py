"""Repeat a run from its record, as a draft that nobody reads, and compare what comes out."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.config import PhaseConfig
from workbench.errors import UsageError
from workbench.execution.progress import OneAtATime, PhaseResult, Progress, Quiet
from workbench.execution.rerun import comparison, files, pins, surroundings
from workbench.execution.rerun.comparison import Comparison
from workbench.execution.rerun.files import Files
from workbench.execution.rerun.models import Load
from workbench.execution.rerun.pins import Pinned
from workbench.execution.rerun.record import Recorded
from workbench.execution.runner import Outcome, PhaseRun
from workbench.project import Project
from workbench.tracking import runs, secrets, store, work
from workbench.tracking.context import RunContext
from workbench.tracking.redaction import MARK
from workbench.tracking.reports import Manifest

__all__ = ["RERUN_OF", "Rerun", "repeat"]

#: The tag that names the run that was repeated.
RERUN_OF = "workbench.rerun_of"


@dataclass(frozen=True)
class Rerun:
    """A run, its repetition, and what came of holding them against each other.

    Attributes
    ----------
    report : Path
        The folder of the repetition's report, among the drafts.
    differences : tuple of str
        What the repetition started from that is not what the run had: files, environment, sources.
    files : Path or None
        Where the files lie that it was run on, if they were kept.
    """

    original: Manifest
    repeated: Manifest
    report: Path
    differences: tuple[str, ...]
    comparison: Comparison
    files: Path | None = None

    @property
    def same(self) -> bool:
        """Whether what others build upon came out the same."""
        return self.comparison.result != "differs"

    @property
    def verdict(self) -> str:
        return self.comparison.verdict

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        runs_told = {
            name: {
                "run_id": manifest.run_id,
                "status": manifest.status,
                "started_at": manifest.started_at.isoformat(),
                "seconds": manifest.seconds,
                "code_version": manifest.code_version,
                "environment_hash": manifest.environment_hash,
            }
            for name, manifest in (("original", self.original), ("repeated", self.repeated))
        }
        return {
            "phase": self.original.phase,
            "parameters": self.original.parameters,
            "verdict": self.verdict,
            "result": self.comparison.result,
            "same": self.same,
            **runs_told,
            "report": str(self.report),
            "files": str(self.files) if self.files else None,
            "differences": list(self.differences),
            **asdict(self.comparison),
        }


def repeat(
    project: Project,
    recorded: Recorded,
    progress: Progress | None = None,
    *,
    load: Load | None = None,
    keep: bool = False,
) -> Rerun:
    """Execute a run once more, from its record.

    It gets the notebook, helpers and settings that the run had, its parameters, and exactly the dataset
    versions, models and facts that it read; the environment is the present one. It is a draft: it
    registers and promotes nothing, and nobody reads what it writes.

    Parameters
    ----------
    load : callable, optional
        Loads a model safely, to compare the answers of two whose files differ.
    keep : bool
        Whether the datasets that it writes and the files that it ran on stay, beside its report.

    Raises
    ------
    UsageError
        It cannot be repeated, for what is gone or was hidden; nothing was started.
    """
    _refuse(recorded.manifest)
    pinned = pins.pin(project, recorded.manifest)
    with tempfile.TemporaryDirectory(prefix="workbench-rerun-") as scratch:
        root = Path(scratch).resolve() / "project"
        root.mkdir()
        laid = files.lay_out(project, recorded, root)
        outcome, context = _execute(project, recorded.manifest, laid, pinned, progress or Quiet())
        differences = [
            surroundings.other_environment(project, recorded.manifest),
            *laid.differences,
            *pinned.differences,
            *_looked_up(recorded.manifest, outcome.manifest),
        ]
        compared = comparison.compare(
            project,
            recorded.manifest,
            outcome.manifest,
            (recorded.report, outcome.report),
            same=_same_names(project, recorded.manifest, outcome.manifest, root),
            load=load,
        )
        kept = context.folder / "files" if keep else None
        if kept is not None:
            shutil.copytree(root, kept, symlinks=True)
        else:
            shutil.rmtree(context.data_root, ignore_errors=True)
    said = tuple(dict.fromkeys(filter(None, differences)))
    return Rerun(recorded.manifest, outcome.manifest, outcome.report, said, compared, kept)


def _refuse(manifest: Manifest) -> None:
    """What has no result of its own, or cannot be given again."""
    short = f"run {manifest.run_id[:8]} of {manifest.phase}"
    if manifest.error is not None and manifest.error.reason == "pruned":
        raise UsageError(
            f"{short} cannot be repeated: other trials ended it early, and they are not repeated"
        )
    if manifest.status == "killed":
        raise UsageError(f"{short} cannot be repeated: it was cut short from outside, so it has no result")
    if MARK in json.dumps(manifest.parameters, default=str, ensure_ascii=False):
        raise UsageError(f"{short} cannot be repeated: a parameter's value was hidden, being a secret's")
    for name in secrets.names_in(manifest.parameters):
        secrets.resolve(name)


def _execute(
    project: Project, manifest: Manifest, laid: Files, pinned: Pinned, progress: Progress
) -> tuple[Outcome, RunContext]:
    """Run the notebook on these files, as a draft."""
    phase, told = _phase(laid, manifest), OneAtATime(progress)
    held = work.claim(project, manifest.phase)
    try:
        context = _open(project, manifest, laid, pinned, held)
        with _no_agent_of_its_own(laid):
            outcome = PhaseRun(laid.project, context, phase, manifest.parameters, told).run()
    except BaseException:
        held.leave()
        raise
    if outcome.undelivered:
        told.said(manifest.phase, f"the tracking store was not told ({outcome.undelivered})")
        held.leave()
    else:
        held.release()
    again = outcome.manifest
    why = again.error.message if again.error else ""
    told.phase_ended(
        PhaseResult(again.phase, again.status, again.run_id, again.seconds, str(outcome.report), why)
    )
    return outcome, context


def _phase(laid: Files, manifest: Manifest) -> PhaseConfig:
    """The limits that the phase had; once, whatever it says of retries."""
    known = laid.project.config.phases.get(manifest.phase)
    if known is None:
        return PhaseConfig(notebook=laid.notebook)
    return known.model_copy(update={"notebook": laid.notebook, "retries": 0})


def _open(project: Project, manifest: Manifest, laid: Files, pinned: Pinned, held: work.Work) -> RunContext:
    """Open a draft run that says what it repeats, with a folder for what it writes."""
    phase = manifest.phase
    run_id = runs.start(project, phase, draft=True, params=dict(manifest.parameters), token=held.token)
    store.client(project).set_tag(run_id, RERUN_OF, manifest.run_id)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = project.state / "drafts" / f"{phase}-{stamp}-{uuid.uuid4().hex[:6]}"
    cores = laid.project.config.phases[phase].cores if phase in laid.project.config.phases else 1
    context = RunContext(
        project_root=laid.project.root,
        phase=phase,
        run_id=run_id,
        pipeline_run_id=run_id,
        draft=True,
        default=False,
        adhoc=phase not in laid.project.config.phases,
        trial=manifest.trial,
        cores=min(cores, os.cpu_count() or 1),
        data_root=str(folder / "data"),
        database=project.database_url,
        folder=folder,
        notebook=laid.notebook,
        parameters=dict(manifest.parameters),
        inputs=pinned.datasets,
        models=pinned.models,
        facts=pinned.facts,
        aliases=pinned.aliases,
    )
    context.save()
    context.save(held.folder)
    return context


@contextmanager
def _no_agent_of_its_own(laid: Files) -> Iterator[None]:
    """A project that says what to import ahead would have an agent started for a folder that soon goes."""
    name = "WORKBENCH_AGENT"
    if laid.project.config.execution.preload is None or name in os.environ:
        yield
        return
    os.environ[name] = "0"
    try:
        yield
    finally:
        with suppress(KeyError):
            del os.environ[name]


def _looked_up(then: Manifest, now: Manifest) -> Iterator[str]:
    """What the repetition was given otherwise, by its own record."""
    before = {(item.kind, item.name): item.identity for item in then.inputs}
    for item in now.inputs:
        identity = before.get((item.kind, item.name))
        if item.kind == "alias" and identity is not None and identity != item.identity:
            yield f"alias {item.name} named {_version(identity)} then, and {_version(item.identity)} now"
        elif item.kind in ("dataset", "models", "facts") and identity not in (None, item.identity):
            yield f"{item.kind} {item.name} could not be held to what it was"


def _version(identity: str) -> str:
    return "no version" if identity == "None" else f"v{identity}"


def _same_names(project: Project, left: Manifest, right: Manifest, root: Path) -> dict[str, str]:
    """Texts in outputs that differ whatever the run does: longer ones first, as they hold shorter ones."""
    names = {str(root): str(project.root)}
    for manifest in (left, right):
        names |= {manifest.run_id: "RUN", manifest.run_id[:8]: "RUN"}
    return dict(sorted(names.items(), key=lambda item: -len(item[0])))
