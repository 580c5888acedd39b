"""What passes between the runner and the notebook: a context in, a record out.

The runner writes a context file before it starts a kernel and names it in ``WORKBENCH_CONTEXT``.
The notebook appends what it read, wrote and found to a record beside it, a JSON object a line,
which the runner turns into the report's manifest and hands on to later phases.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from workbench.data.tables import DatasetVersion
from workbench.tracking.models import TrainedModel

__all__ = ["CONTEXT_VARIABLE", "Record", "RunContext", "append", "read_record"]

CONTEXT_VARIABLE = "WORKBENCH_CONTEXT"
_RECORD = "record.jsonl"


class RunContext(BaseModel):
    """One execution of a notebook, as the notebook needs to know it.

    ``inputs``, ``models`` and ``facts`` hold what earlier phases of the same pipeline run wrote.
    """

    model_config = ConfigDict(frozen=True)

    project_root: Path
    phase: str
    run_id: str
    pipeline_run_id: str
    draft: bool = False
    default: bool = True
    data_root: str
    folder: Path
    inputs: dict[str, DatasetVersion] = {}
    models: dict[str, TrainedModel] = {}
    facts: dict[str, dict[str, Any]] = {}

    @property
    def record(self) -> Path:
        return self.folder / _RECORD

    def save(self) -> Path:
        """Write the context file into its folder, which is made."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "context.json"
        path.write_text(self.model_dump_json(indent=1), encoding="utf-8")
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


def append(context: RunContext, kind: str, value: Any) -> None:
    """Add a line to the record; it is on its way to disk when this returns."""
    with context.record.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"kind": kind, "value": value}, allow_nan=True, default=str) + "\n")


def read_record(context: RunContext) -> Record:
    """The record as far as it was written; a line torn by a kill ends it."""
    record = Record()
    if not context.record.is_file():
        return record
    for line in context.record.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            break
        value = entry["value"]
        if entry["kind"] == "read":
            record.reads.append(DatasetVersion.from_dict(value))
        elif entry["kind"] == "write":
            record.writes.append(DatasetVersion.from_dict(value))
        elif entry["kind"] == "model":
            record.models.append(TrainedModel.from_dict(value))
        elif entry["kind"] == "note":
            record.notes.update(value)
    return record
