"""What a pipeline run tells while it goes; the command line and notebooks draw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = ["PhaseResult", "PipelineResult", "Progress", "Quiet"]

PhaseStatus = Literal["finished", "failed", "killed", "up_to_date", "skipped"]


@dataclass(frozen=True)
class PhaseResult:
    """How one phase ended; ``report`` is the folder with its three files (empty if it never ran)."""

    phase: str
    status: PhaseStatus
    run_id: str = ""
    seconds: float = 0.0
    report: str = ""


@dataclass(frozen=True)
class PipelineResult:
    """How a pipeline run ended, phase by phase in the order they ran."""

    run_id: str
    status: Literal["finished", "failed", "killed"]
    phases: tuple[PhaseResult, ...]
    facts: dict[str, dict[str, object]]

    @property
    def seconds(self) -> float:
        return sum(phase.seconds for phase in self.phases)


class Progress(Protocol):
    """Callbacks in the order in which things happen; ``cell`` counts from 1."""

    def phase_started(self, phase: str, cells: int) -> None: ...

    def cell_started(self, phase: str, cell: int, cells: int) -> None: ...

    def phase_ended(self, result: PhaseResult) -> None: ...


class Quiet:
    """Tells nothing."""

    def phase_started(self, phase: str, cells: int) -> None: ...

    def cell_started(self, phase: str, cell: int, cells: int) -> None: ...

    def phase_ended(self, result: PhaseResult) -> None: ...
