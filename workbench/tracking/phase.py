"""The handle that a notebook holds: it reads, writes and records through it."""

from __future__ import annotations

import atexit
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.data import changes, sources
from workbench.data.tables import DatasetVersion, Origin, Tables
from workbench.errors import DatasetNotFound, TrialPruned, UnknownName, UsageError
from workbench.project import Project, open_project
from workbench.store import trouble
from workbench.store.clock import project_clock
from workbench.store.hashing import hash_value
from workbench.tracking import context as contexts
from workbench.tracking import environment, inputs, reports, runs, secrets, store, studies, work
from workbench.tracking.models import TrainedModel, log_model

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Phase", "join"]


@dataclass(frozen=True)
class Phase:
    """One run of a phase's notebook, seen from inside.

    Attributes
    ----------
    context : RunContext
        The run's ids, where it writes, and what earlier phases of the same pipeline run wrote.
    project : Project
        The project that the notebook belongs to.
    """

    project: Project
    context: contexts.RunContext

    @property
    def name(self) -> str:
        return self.context.phase

    @property
    def run_id(self) -> str:
        return self.context.run_id

    @property
    def pipeline_run_id(self) -> str:
        return self.context.pipeline_run_id

    @property
    def draft(self) -> bool:
        """Whether this is a hand-run: isolated, read by no other run, never promotable."""
        return self.context.draft

    @property
    def folder(self) -> Path:
        """A folder of this run's own, for files that do not belong into a dataset."""
        return self.context.folder

    # -- data ------------------------------------------------------------------------------------

    def dataset(self, name: str) -> DatasetVersion:
        """The version to read, recorded as this run's lineage.

        That is what this run, or an earlier phase of its pipeline run, wrote; else the newest version
        of a finished run.

        Raises
        ------
        DatasetNotFound
            When no finished run wrote it yet.
        """
        own = self._own(name)
        version = own or self.context.inputs.get(name) or self._published(name)
        if own is None:
            contexts.note_input("dataset", name, version.content)
        contexts.append(self.context, "read", version.to_dict())
        return version

    def read(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Read a dataset: the rows of the version that :meth:`dataset` finds."""
        return Tables(self.project.data_uri).read(self.dataset(name), columns)

    def read_previous(self, name: str) -> pd.DataFrame | None:
        """The version with other content before the one that :meth:`read` reads, if there is one."""
        version = self._current(name)
        for older in Tables(self.project.data_uri).history(name):
            if older.version < version.version and older.content != version.content and self._readable(older):
                contexts.append(self.context, "read", older.to_dict())
                return Tables(self.project.data_uri).read(older)
        return None

    def write(
        self, name: str, frame: pd.DataFrame, *, key: tuple[str, ...] = (), description: str = ""
    ) -> DatasetVersion:
        """Write a dataset; the same content as the newest version makes no new one.

        Raises
        ------
        DataError
            When the frame cannot be stored, or ``key`` is absent or repeated.
        """
        return self._write(name, frame, tuple(key), description)

    def pull(self, name: str) -> sources.Pull:
        """Pull a declared source, check it, and only then keep it as a dataset version.

        Raises
        ------
        SourceError
            When the source cannot be pulled.
        CheckFailed
            When a sanity check refuses it; nothing is written.
        """
        declared = self.project.source(name)
        with contexts.accounted():
            contexts.note_input("source", name, sources.fingerprint(self.project, name))
            frame = sources.load(self.project, name)
        checks = sources.check(self.project, name, frame, project_clock().now())
        try:
            previous = self._published(name)
        except DatasetNotFound:
            previous = None
        version = self._write(name, frame, declared.key, declared.description)
        difference = None
        if previous is not None and previous.content != version.content:
            before = Tables(self.project.data_uri).read(previous)
            difference = changes.compare(before, frame, declared.key)
        return sources.Pull(name, declared.description, version, previous, difference, checks)

    def _write(
        self, name: str, frame: pd.DataFrame, key: tuple[str, ...], description: str
    ) -> DatasetVersion:
        origin = Origin(self.run_id, self.name, environment.who(), self.context.default)
        unless = None
        if not self.draft:
            try:
                unless = self._published(name)
            except DatasetNotFound:
                unless = None
        version = Tables(self.context.data_root).write(
            name, frame, origin=origin, key=key, description=description, unless=unless
        )
        contexts.append(self.context, "write", version.to_dict())
        return version

    def _current(self, name: str) -> DatasetVersion:
        return self._own(name) or self.context.inputs.get(name) or self._published(name)

    def _own(self, name: str) -> DatasetVersion | None:
        written = [item for item in contexts.read_record(self.context).writes if item.name == name]
        return written[-1] if written else None

    def _published(self, name: str) -> DatasetVersion:
        return Tables(self.project.data_uri).newest(name, self._readable)

    def _readable(self, version: DatasetVersion) -> bool:
        return inputs.is_published(self.project, version)

    def secret(self, reference: str) -> str:
        """A secret's value, from the environment or the keyring; reports and records show it as ``•••``.

        Parameters
        ----------
        reference : str
            ``secret:NAME``, as it is given for a parameter, or ``NAME``.

        Raises
        ------
        UsageError
            When there is no such secret, or it is too short to be hidden.
        """
        contexts.append(self.context, "secret", secrets.name_of(reference))
        return secrets.resolve(reference)

    # -- records ---------------------------------------------------------------------------------

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Around what the tracking store is told: its faults in one line (`TrackingError`, `DiskFull`)."""
        try:
            yield
        except Exception as error:
            plain = trouble.in_words(error, self.project.state)
            if plain is None:
                raise
            raise plain from error

    def log_params(self, params: dict[str, Any]) -> None:
        """Record parameters of this run (MLflow params)."""
        from mlflow.entities import Param

        hide = secrets.current().redact_text
        items = [Param(key, hide(str(value))) for key, value in params.items()]
        with self._telling():
            store.client(self.project).log_batch(self.run_id, params=items)

    def log_metrics(self, metrics: dict[str, float], step: int = 0) -> None:
        """Record metrics of this run (MLflow metrics)."""
        from mlflow.entities import Metric

        now = int(datetime.now(UTC).timestamp() * 1000)
        items = [Metric(key, float(value), now, step) for key, value in metrics.items()]
        with self._telling():
            store.client(self.project).log_batch(self.run_id, metrics=items)
        contexts.append(self.context, "metrics", {item.key: item.value for item in items})

    def report(self, step: int, value: float, name: str = "intermediate") -> None:
        """Record how good it is so far; a trial that is not worth going on with ends here.

        Parameters
        ----------
        step : int
            How far it is, such as the number of trees; each is told once, in rising order.
        value : float
            The objective's value by then, on the rows that the search judges on.
        name : str
            The metric under which MLflow shows the values by step.

        Raises
        ------
        TrialPruned
            In a trial of ``workbench tune`` that the others were better than by that step.
        """
        self.log_metrics({name: value}, step=step)
        trial = self.context.trial
        if trial is not None and trial.study is not None:
            with contexts.accounted():
                hopeless = studies.is_hopeless(trial.study, step, value)
            if hopeless:
                raise TrialPruned(f"{value:.6g} at step {step} is behind what other trials had by then")

    def judged_on(self, rows: pd.DataFrame, name: str, *, time: str = "") -> None:
        """Say on which rows this run judges what it has made: reports and searches tell people.

        Parameters
        ----------
        rows : DataFrame
            Such as the last weeks before the cut-off. Never the holdout of the gates, in a search.
        name : str
            What they are called.
        time : str
            The column with their times; by default that of ``[objective]``, if they have it.
        """
        objective = self.project.config.objective
        contexts.note_judged(contexts.judged(rows, name, time or (objective.time if objective else "")))

    def log_figure(self, figure: Figure, name: str) -> None:
        """Keep a matplotlib figure with the run, such as ``"roc.png"``."""
        with self._telling():
            store.client(self.project).log_figure(self.run_id, figure, f"figures/{name}")

    def log_artifact(self, name: str, content: str | bytes) -> None:
        """Keep a small file with the run."""
        path = self.folder / "artifacts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = content.encode() if isinstance(content, str) else content
        path.write_bytes(secrets.current().redact_bytes(content))
        parent = Path(name).parent.as_posix()
        with self._telling():
            store.client(self.project).log_artifact(self.run_id, str(path), None if parent == "." else parent)

    def log_model(
        self,
        name: str,
        estimator: Any,
        *,
        sample: pd.DataFrame,
        metrics: dict[str, float],
        trained_until: pd.Timestamp,
    ) -> TrainedModel:
        """Keep a fitted scikit-learn estimator through MLflow, in the skops format.

        Parameters
        ----------
        name : str
            What the model is called within this run, such as ``"baseline"``.
        sample : DataFrame
            A few rows of model input: they give the signature.
        trained_until : Timestamp
            The moment before which every row it learnt from was known.
        """
        trained = log_model(
            self.project,
            self.run_id,
            name,
            estimator,
            sample=sample,
            metrics=metrics,
            trained_until=trained_until.to_pydatetime(),
            datasets={item.name: item.version for item in contexts.read_record(self.context).reads},
        )
        contexts.append(self.context, "model", trained.to_dict())
        return trained

    def models(self, phase: str = "train") -> dict[str, TrainedModel]:
        """The models of this pipeline run; else those of the newest finished run of ``phase``."""
        found = dict(self.context.models)
        if not found:
            manifest = reports.latest(self.project, phase)
            if manifest is None or not manifest.models:
                raise UnknownName("trained model", phase, (), where="any finished run of that phase")
            found = {model.name: model for model in manifest.models}
        contexts.note_input("models", phase, inputs.models_identity(found))
        return found

    def note(self, key: str, value: Any) -> None:
        """Record a fact (any JSON value) in the manifest, for the summary and for later phases."""
        contexts.append(self.context, "note", {key: value})

    def facts(self, phase: str) -> dict[str, Any]:
        """The notes of another phase: of this pipeline run, else of its newest finished run."""
        self.project.phase(phase)
        if phase in self.context.facts:
            found = dict(self.context.facts[phase])
        else:
            manifest = reports.latest(self.project, phase)
            found = dict(manifest.notes) if manifest else {}
        contexts.note_input("facts", phase, hash_value(found))
        return found

    def _repr_html_(self) -> str:
        if self.draft:
            return (
                "<p style='border-left:4px solid #d97706;padding:.4em .8em'><b>Draft</b> of phase "
                f"<b>{escape(self.name)}</b>: a hand-run. What it writes stays apart in "
                f"<code>{escape(self.folder.name)}</code>, no other run reads it, and it cannot be promoted. "
                f"<code>workbench run {escape(self.name)}</code> makes it real.</p>"
            )
        return (
            "<p style='border-left:4px solid #2563eb;padding:.4em .8em'>Run <code>"
            f"{escape(self.run_id[:8])}</code> of phase <b>{escape(self.name)}</b> in project "
            f"<b>{escape(self.project.name)}</b>.</p>"
        )


def join(name: str) -> Phase:
    """Join the run that the runner opened, or open a draft when there is none."""
    given = contexts.RunContext.from_environment()
    if given is None:
        project = open_project()
        project.phase(name)
        return Phase(project, _open_draft(project, name))
    contexts.take_part(given)
    project = open_project(given.project_root)
    if given.phase != name:
        if not given.adhoc:
            raise UsageError(
                f"this run is of phase {given.phase!r}, but its notebook asks for phase {name!r}"
            )
        project.phase(name)
    return Phase(inputs.watched(project), given)


def _open_draft(project: Project, name: str) -> contexts.RunContext:
    # Held while this process lives: after a kill, the next command closes the run.
    held = work.claim(project, name)
    run_id = runs.start(project, name, draft=True, token=held.token)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = project.state / "drafts" / f"{name}-{stamp}-{uuid.uuid4().hex[:6]}"
    opened = contexts.RunContext(
        project_root=project.root,
        phase=name,
        run_id=run_id,
        pipeline_run_id=run_id,
        draft=True,
        default=False,
        data_root=str(folder / "data"),
        folder=folder,
    )
    opened.save()
    opened.save(held.folder)
    contexts.take_part(opened)
    os.environ.update(store.environment(project, run_id, store.experiment_id(project, draft=True)))
    atexit.register(_end_draft, project, run_id, held)
    return opened


def _end_draft(project: Project, run_id: str, held: work.Work) -> None:
    try:
        runs.end(project, run_id, "finished")
    finally:
        held.release()
