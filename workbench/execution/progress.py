"""What a pipeline run tells while it goes; the command line and notebooks draw it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, Protocol

__all__ = ["OneAtATime", "PhaseResult", "PipelineResult", "Progress", "Quiet"]

PhaseStatus = Literal["finished", "failed", "killed", "up_to_date", "skipped"]


@dataclass(frozen=True)
class PhaseResult:
    """How one phase ended.

    Attributes
    ----------
    run_id, report
        Of the run, and the folder with its report; of the earlier run when the phase is up to date;
        empty when it was skipped.
    why : str
        One line: why it ran, or was skipped, or what failed.
    """

    phase: str
    status: PhaseStatus
    run_id: str = ""
    seconds: float = 0.0
    report: str = ""
    why: str = ""


@dataclass(frozen=True)
class PipelineResult:
    """How a pipeline run ended, phase by phase in the order of their needs.

    ``run_id`` is empty when everything was up to date, so that nothing was opened.
    """

    run_id: str
    status: Literal["finished", "failed", "killed"]
    phases: tuple[PhaseResult, ...]
    facts: dict[str, dict[str, object]]
    seconds: float = 0.0


class Progress(Protocol):
    """Callbacks in the order in which things happen, from one thread at a time; ``cell`` counts from 1."""

    def phase_started(self, phase: str, cells: int) -> None: ...

    def cell_started(self, phase: str, cell: int, cells: int) -> None: ...

    def output(self, phase: str, text: str) -> None:
        """What the notebook printed, as it comes."""

    def said(self, phase: str, line: str) -> None:
        """Something that a person should know, such as that an attempt failed and there will be another."""

    def phase_ended(self, result: PhaseResult) -> None: ...


class Quiet:
    """Tells nothing."""

    def phase_started(self, phase: str, cells: int) -> None: ...

    def cell_started(self, phase: str, cell: int, cells: int) -> None: ...

    def output(self, phase: str, text: str) -> None: ...

    def said(self, phase: str, line: str) -> None: ...

    def phase_ended(self, result: PhaseResult) -> None: ...


class OneAtATime:
    """Passes on what several threads tell, one call at a time; a listener that fails ends no run."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._lock = progress, threading.Lock()

    def _tell(self, what: Callable[..., None], *args: Any) -> None:
        with self._lock, suppress(Exception):
            what(*args)

    def phase_started(self, phase: str, cells: int) -> None:
        self._tell(self._progress.phase_started, phase, cells)

    def cell_started(self, phase: str, cell: int, cells: int) -> None:
        self._tell(self._progress.cell_started, phase, cell, cells)

    def output(self, phase: str, text: str) -> None:
        self._tell(self._progress.output, phase, text)

    def said(self, phase: str, line: str) -> None:
        self._tell(self._progress.said, phase, line)

    def phase_ended(self, result: PhaseResult) -> None:
        self._tell(self._progress.phase_ended, result)
