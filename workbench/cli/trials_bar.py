"""The progress of a sweep or a search: a line for each trial, and one that says how far all is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from workbench.cli.output import Bar
from workbench.execution.progress import PhaseResult
from workbench.execution.sweep.results import in_words

if TYPE_CHECKING:
    from workbench.execution.sweep.trials import Objective, Tried

__all__ = ["TrialsBar"]

_MARKS = {"finished": ("✓", "green"), "pruned": ("✂", "dim"), "failed": ("✗", "red"), "killed": ("✗", "red")}
_WHY_SHOWN = 100


class TrialsBar:
    """Progress on standard error; in a terminal, the last line lives.

    Parameters
    ----------
    total : int
        Trials in all, those included that were there already.
    follow : bool
        Whether what notebooks print is shown as it comes.
    """

    def __init__(self, total: int, objectives: Sequence[Objective], *, follow: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._status = self._console.status("") if self._console.is_terminal else None
        self._total, self._objectives = total, tuple(objectives)
        self._shared = Bar(follow=follow)
        self._follow = follow
        self._running: set[str] = set()
        self._counts: dict[str, int] = {}
        self._began, self._run = time.monotonic(), 0
        self._best: Tried | None = None

    # -- what its notebooks do -------------------------------------------------------------------

    def phase_started(self, phase: str, cells: int) -> None:
        if "#" not in phase:  # one that all trials need
            self._shared.phase_started(phase, cells)
            return
        self._running.add(phase.partition("#")[2])
        self._draw()

    def cell_started(self, phase: str, cell: int, cells: int) -> None:
        if "#" not in phase:
            self._shared.cell_started(phase, cell, cells)
        self._draw()

    def output(self, phase: str, text: str) -> None:
        self._shared.output(phase, text)

    def said(self, phase: str, line: str) -> None:
        self._shared.said(phase, line)

    def phase_ended(self, result: PhaseResult) -> None:
        self._shared.phase_ended(result)

    # -- trials ----------------------------------------------------------------------------------

    def trial_ended(self, trial: Tried) -> None:
        self._counts[trial.status] = self._counts.get(trial.status, 0) + 1
        self._running.discard(str(trial.number))
        self._run += not trial.reused
        if len(self._objectives) == 1 and trial.status == "finished":
            from workbench.execution.sweep import trials

            self._best = trials.best([trial, *([self._best] if self._best else [])], self._objectives[0])
        mark, style = ("=", "dim") if trial.reused else _MARKS[trial.status]
        logged = [one.metric for one in self._objectives if one.metric in trial.metrics]
        values = "  ".join(f"{name} {trial.metrics[name]:.4f}" for name in logged)
        why = "" if trial.status == "finished" else trial.why
        told = values if trial.status == "finished" else f"{trial.status}: {why[:_WHY_SHOWN]}"
        seconds = "already there" if trial.reused else f"{trial.seconds:.1f} s"
        self._console.print(
            f"[{style}]{mark}[/] #{trial.number:<4} {escape(told)}  [dim]{seconds}[/]  "
            f"{escape(in_words(trial.parameters))}",
            soft_wrap=True,
        )
        self._draw()

    def close(self) -> None:
        """Take the living line away."""
        if self._status:
            self._status.stop()

    def _draw(self) -> None:
        if self._status is None:
            return
        ended = sum(self._counts.values())
        parts = [f"{ended} of {self._total} trials"]
        if self._running:
            parts.append(f"{len(self._running)} running")
        parts += [f"{self._counts[name]} {name}" for name in ("failed", "pruned") if name in self._counts]
        if self._best is not None:
            (one,) = self._objectives
            parts.append(f"best {one.metric} {self._best.value(one.metric):.4f} (#{self._best.number})")
        if self._run and ended < self._total:
            left = (time.monotonic() - self._began) / self._run * (self._total - ended)
            parts.append(f"about {left:.0f} s left" if left < 90 else f"about {left / 60:.0f} min left")
        self._status.update("  ·  ".join(parts))
        self._status.start()
