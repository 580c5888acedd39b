"""What passes between the runner and the notebook: a context in, a record out.

The runner writes a context file before it starts a kernel and names it in ``WORKBENCH_CONTEXT``.
The notebook appends what it read, wrote and found to a record beside it, a JSON object a line,
which the runner turns into the report's manifest and hands on to later phases.

Whatever a run's result depends on is an :class:`Input`. When all of a run's inputs are what they were,
its phase is up to date: see :mod:`workbench.execution.plan`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from workbench.data.tables import DatasetVersion
from workbench.tracking.models import TrainedModel

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CONTEXT_VARIABLE",
    "FILE",
    "Input",
    "InputKind",
    "Judged",
    "Record",
    "RunContext",
    "StudyTrial",
    "Trial",
    "accounted",
    "alias_then",
    "append",
    "is_accounted",
    "judged",
    "note_input",
    "note_judged",
    "read_record",
    "take_part",
]

CONTEXT_VARIABLE = "WORKBENCH_CONTEXT"
FILE = "context.json"
_RECORD = "record.jsonl"


InputKind = Literal["dataset", "source", "alias", "facts", "models", "setting", "file", "files", "log"]


class Input(BaseModel):
    """One thing that a run's result depends on, and what it was.

    Attributes
    ----------
    name : str
        Such as a dataset's name, ``model@alias``, or a path below the project's folder.
    identity : str
        Equal exactly when the thing is: a content hash, a version. Empty if nobody can tell.
    hint : str
        What a file looked like from outside (size and time); while that is equal it need not be read.
    """

    model_config = ConfigDict(frozen=True)

    kind: InputKind
    name: str
    identity: str
    hint: str = ""


class StudyTrial(BaseModel):
    """Where a trial is told of: its study in Optuna's storage, and who decides whether it goes on.

    Attributes
    ----------
    storage : str
        Address of the database.
    trial_id : int
        Optuna's id of the trial, not its number.
    pruner : str
        One of :data:`workbench.tracking.studies.PRUNERS`; empty when no trial is ended early.
    """

    model_config = ConfigDict(frozen=True)

    storage: str
    name: str
    trial_id: int
    pruner: str = ""


class Trial(BaseModel):
    """Which trial a run is: its number in the sweep or in the study, and that sweep's own run."""

    model_config = ConfigDict(frozen=True)

    sweep: str
    number: int
    study: StudyTrial | None = None


class Judged(BaseModel):
    """Rows on which a run judged what it had made.

    Attributes
    ----------
    name : str
        What they are called, such as ``"develop"``.
    first, last : str
        The earliest and the latest time among them, as ISO text; empty where they have no time.
    gates : bool
        Whether they are the holdout of the gates, which no search may look at.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int
    first: str = ""
    last: str = ""
    gates: bool = False


class RunContext(BaseModel):
    """One execution of a notebook, as the notebook needs to know it.

    ``inputs``, ``models`` and ``facts`` hold what earlier phases of the same pipeline run wrote.
    ``aliases`` is given to a run that is repeated: what each alias that it looked up named then.
    ``adhoc`` is a notebook that is no phase of the project; ``cores`` what it may take of the machine;
    ``parent`` the run of which others are children, such as a pipeline run's.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    project_root: Path
    phase: str
    run_id: str
    pipeline_run_id: str
    draft: bool = False
    default: bool = True
    adhoc: bool = False
    parent: bool = False
    trial: Trial | None = None
    cores: int = 1
    data_root: str
    database: str = ""
    folder: Path
    notebook: str = ""
    parameters: dict[str, Any] = {}
    inputs: dict[str, DatasetVersion] = {}
    models: dict[str, TrainedModel] = {}
    facts: dict[str, dict[str, Any]] = {}
    aliases: dict[str, str] = {}

    @property
    def label(self) -> str:
        """What people call it: its phase, and which trial it is."""
        return f"{self.phase} #{self.trial.number}" if self.trial else self.phase

    @property
    def record(self) -> Path:
        return self.folder / _RECORD

    @property
    def path(self) -> Path:
        """Where :meth:`save` writes it."""
        return self.folder / FILE

    def save(self, folder: Path | None = None) -> Path:
        """Write the context file, whole or not at all, into its folder (or another one), which is made."""
        path = (folder or self.folder) / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_text(self.model_dump_json(indent=1), encoding="utf-8")
        os.replace(draft, path)
        return path

    @classmethod
    def from_environment(cls) -> RunContext | None:
        """The context that the runner named, or None in a notebook explored by hand."""
        path = os.environ.get(CONTEXT_VARIABLE)
        return cls.model_validate_json(Path(path).read_text(encoding="utf-8")) if path else None


@dataclass
class Record:
    """What a notebook read, wrote and found, in order."""

    reads: list[DatasetVersion] = field(default_factory=list)
    writes: list[DatasetVersion] = field(default_factory=list)
    models: list[TrainedModel] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    inputs: dict[tuple[str, str], Input] = field(default_factory=dict)  # of each the first
    code: dict[str, str] = field(default_factory=dict)
    unaccounted: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    judged: list[Judged] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)
    watched: bool = False


_joined: RunContext | None = None
_accounted: list[None] = []


@contextlib.contextmanager
def accounted() -> Iterator[None]:
    """What this process reads in this block is recorded by who called it, not noticed as read by itself."""
    _accounted.append(None)  # one step, so that threads need no lock
    try:
        yield
    finally:
        _accounted.pop()


def is_accounted() -> bool:
    """Whether somebody is within :func:`accounted`."""
    return bool(_accounted)


def take_part(context: RunContext) -> None:
    """From now on this process, a kernel, records what it depends on in the run's record."""
    global _joined
    _joined = context


def note_input(kind: InputKind, name: str, identity: str | Callable[[], str], hint: str = "") -> None:
    """Record what the notebook's run depends on; nothing happens in a process that is no kernel of a run.

    An identity that takes time to tell is asked for only then.
    """
    if _joined is not None:
        told = identity if isinstance(identity, str) else identity()
        given = Input(kind=kind, name=name, identity=told, hint=hint)
        append(_joined, "input", given.model_dump())


def alias_then(name: str) -> str | None:
    """What an alias (``model@alias``) named when the run that is repeated here looked it up, as recorded.

    None where nothing is repeated, or where that run did not look.
    """
    return _joined.aliases.get(name) if _joined is not None else None


def judged(rows: pd.DataFrame, name: str, time: str, *, gates: bool = False) -> Judged:
    """What there is to say of the rows that something was judged on; ``time`` may be no column of them."""
    if time not in rows.columns or rows.empty:
        return Judged(name=name, rows=len(rows), gates=gates)
    first, last = rows[time].min(), rows[time].max()
    return Judged(name=name, rows=len(rows), first=_iso(first), last=_iso(last), gates=gates)


def _iso(moment: Any) -> str:
    return str(moment.isoformat()) if hasattr(moment, "isoformat") else str(moment)


def note_judged(rows: Judged) -> None:
    """Record on which rows the notebook's run judged; nothing happens in a process that is no kernel."""
    if _joined is not None:
        append(_joined, "judged", rows.model_dump())


def append(context: RunContext, kind: str, value: Any) -> None:
    """Add a line to the record; it is on its way to disk when this returns."""
    line = json.dumps({"kind": kind, "value": value}, allow_nan=True, default=str)
    handle = os.open(context.record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        # In one piece, as several may write; and on a line of its own, should the last one be torn.
        content = f"\n{line}\n".encode()
        if os.write(handle, content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(context.record))
    finally:
        os.close(handle)


def read_record(context: RunContext) -> Record:
    """The record as far as it was written; a torn line makes the run one that nobody can rely on."""
    record = Record()
    if not context.record.is_file():
        return record
    for line in filter(None, context.record.read_bytes().split(b"\n")):
        try:
            entry = json.loads(line)
        except ValueError:  # the disk was full, or a kill came
            record.unaccounted.append("torn:its record could not be written in full")
            continue
        value = entry["value"]
        if entry["kind"] == "read":
            record.reads.append(DatasetVersion.from_dict(value))
        elif entry["kind"] == "write":
            record.writes.append(DatasetVersion.from_dict(value))
        elif entry["kind"] == "model":
            record.models.append(TrainedModel.from_dict(value))
        elif entry["kind"] == "note":
            record.notes.update(value)
        elif entry["kind"] == "input":
            given = Input.model_validate(value)
            record.inputs.setdefault((given.kind, given.name), given)
        elif entry["kind"] == "metrics":
            record.metrics.update({name: float(number) for name, number in value.items()})
        elif entry["kind"] == "judged":
            record.judged.append(Judged.model_validate(value))
        elif entry["kind"] == "code":
            record.code.update(value)
        elif entry["kind"] == "secret":
            record.secrets.add(value)
        elif entry["kind"] == "watched":
            record.watched = True
        elif entry["kind"] in ("unaccounted", "warning"):
            said = record.unaccounted if entry["kind"] == "unaccounted" else record.warnings
            if value not in said:
                said.append(value)
    return record
