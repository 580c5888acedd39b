"""How far runs are that a panel started: a line for each phase, and how many trials are done."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape

from workbench.execution.progress import PhaseResult
from workbench.execution.sweep.trials import Tried

__all__ = ["PanelProgress"]

_MARKS = {"finished": "✓", "up_to_date": "=", "skipped": "·"}
_SECONDS = 0.2
_SHOWN_TRIALS = 6


class PanelProgress:
    """What a pipeline run or a sweep tells, as lines and as a share.

    Parameters
    ----------
    draw : callable
        Called when there is something new to see, not more often than a person can follow.
    trials : int
        How many there will be; 0 for a run that is no sweep.
    """

    def __init__(self, draw: Callable[[PanelProgress], None], trials: int = 0) -> None:
        self._draw, self._drawn = draw, 0.0
        self.trials = trials
        self.lines: dict[str, str] = {}
        self.ended: list[str] = []
        self._cells: dict[str, tuple[int, int]] = {}

    @property
    def share(self) -> float:
        """How much is done, 0 to 1: of the trials, else of the cells of what was begun."""
        if self.trials:
            return len(self.ended) / self.trials
        cells = sum(cells for _, cells in self._cells.values())
        return sum(done for done, _ in self._cells.values()) / cells if cells else 0.0

    def phase_started(self, phase: str, cells: int) -> None:
        self._cells[phase] = (0, cells)
        self._say(phase, "starting a kernel")

    def cell_started(self, phase: str, cell: int, cells: int) -> None:
        self._cells[phase] = (cell - 1, cells)
        self._say(phase, f"cell {cell} of {cells}", now=False)

    def output(self, phase: str, text: str) -> None: ...

    def said(self, phase: str, line: str) -> None:
        self._say(phase, line)

    def phase_ended(self, result: PhaseResult) -> None:
        done, cells = self._cells.get(result.phase, (0, 0))
        self._cells[result.phase] = (cells if result.status == "finished" else done, cells)
        seconds = f" in {result.seconds:.1f} s" if result.seconds else ""
        why = f": {result.why}" if result.status not in ("finished", "up_to_date") and result.why else ""
        status = result.status.replace("_", " ")
        self._say(result.phase, f"{_MARKS.get(result.status, '✗')} {status}{seconds}{why}")

    def trial_ended(self, trial: Tried) -> None:
        values = ", ".join(f"{name}={value}" for name, value in trial.parameters.items())
        why = f": {trial.why}" if trial.status == "failed" else ""
        mark = _MARKS.get(trial.status, "✗")
        own = f" #{trial.number}"  # its notebooks go on no more
        self.lines = {phase: line for phase, line in self.lines.items() if not phase.endswith(own)}
        self.ended.append(f"{mark} #{trial.number} {values}{' (was there)' * trial.reused}{why}")
        self._tell()

    def html(self) -> str:
        """The lines as a table."""
        more = len(self.ended) - _SHOWN_TRIALS
        rows = [
            f"<tr><td><b>{escape(name)}</b></td><td>{escape(line)}</td></tr>"
            for name, line in self.lines.items()
        ]
        if self.trials:
            rows.append(f"<tr><td><b>trials</b></td><td>{len(self.ended)} of {self.trials}</td></tr>")
        rows += [f"<tr><td></td><td>{escape(line[:160])}</td></tr>" for line in self.ended[-_SHOWN_TRIALS:]]
        rows += [f"<tr><td></td><td>… and {more} before these</td></tr>"] if more > 0 else []
        return f"<table>{''.join(rows)}</table>"

    def _say(self, phase: str, line: str, *, now: bool = True) -> None:
        self.lines[phase] = line
        if now or time.monotonic() - self._drawn >= _SECONDS:
            self._tell()

    def _tell(self) -> None:
        self._drawn = time.monotonic()
        self._draw(self)
