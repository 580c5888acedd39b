"""What is executed, wherever that is: a :class:`Job`, given to an :class:`Executor`, becomes an outcome.

A pipeline run, a sweep and a tuning all decide *what* runs next, and leave to an executor where it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from workbench.config import PhaseConfig
from workbench.data.tables import DatasetVersion
from workbench.execution.runner import Outcome
from workbench.tracking.context import RunContext, Trial
from workbench.tracking.models import TrainedModel

__all__ = ["Executor", "Job"]


@dataclass(frozen=True)
class Job:
    """One notebook to be executed as one run: plain data, so that it can travel to where that happens.

    Attributes
    ----------
    phase : PhaseConfig
        The notebook, what it takes of the machine, the limits that it is held to, and its retries.
    parameters : mapping
        Checked before.
    parent : str
        The run that its run is a child of.
    inputs, models, facts : dict
        What earlier phases have handed on.
    within : RunContext or None
        Of the draft that it is part of, if any.
    trial : Trial or None
        Which trial of which sweep it is, if any.
    """

    name: str
    phase: PhaseConfig
    parameters: Mapping[str, Any]
    parent: str
    default: bool = True
    adhoc: bool = False
    cores: int = 1
    inputs: dict[str, DatasetVersion] = field(default_factory=dict)
    models: dict[str, TrainedModel] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    within: RunContext | None = None
    trial: Trial | None = None

    @property
    def draft(self) -> bool:
        return self.within is not None and self.within.draft

    def context(
        self, run_id: str, folder: Path, *, project_root: Path, data_root: str, database: str
    ) -> RunContext:
        """What the notebook needs to know of its run, once that has been opened."""
        within = self.within if self.draft else None
        return RunContext(
            project_root=project_root,
            phase=self.name,
            run_id=run_id,
            pipeline_run_id=self.parent,
            draft=self.draft,
            default=self.default,
            adhoc=self.adhoc,
            cores=self.cores,
            data_root=within.data_root if within else data_root,
            database=database,
            folder=within.folder / f"{self.name}-{run_id[:8]}" if within else folder,
            notebook=self.phase.notebook,
            parameters=dict(self.parameters),
            inputs=self.inputs,
            models=self.models,
            facts=self.facts,
            trial=self.trial,
        )


class Executor(Protocol):
    """Executes jobs. All of it is called from one thread.

    A job's future has the outcome of its last attempt, however that ended; what died is told by
    ``outcome.manifest.error``. The future raises when there is no outcome: a fault of a store, of the
    disk, of the place where it ran.

    Attributes
    ----------
    cores : int
        What all jobs together may take.
    """

    @property
    def cores(self) -> int: ...

    def has_room(self, phase: PhaseConfig) -> bool:
        """Whether a job with these needs would start now."""

    def submit(self, job: Job) -> Future[Outcome]:
        """Start a job, and take room for it until it is done."""

    def cancel(self) -> None:
        """End what runs, soon and with a report, and attempt nothing again. Also amid anything else."""

    def close(self) -> None:
        """Wait for what runs, and let go of everything."""
