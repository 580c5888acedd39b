"""What commands share: JSON, tables, and the progress of a run."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from workbench.execution.progress import PhaseResult

if TYPE_CHECKING:
    from workbench.execution.plan import Step
    from workbench.project import Project

__all__ = ["STATUS_STYLE", "Bar", "age", "print_json", "print_steps", "print_table", "tell_tidied"]

STATUS_STYLE = {
    "finished": "green",
    "passed": "green",
    "failed": "red",
    "killed": "red",
    "running": "cyan",
    "inconclusive": "yellow",
    "skipped": "dim",
    "up_to_date": "dim",
}
_VERDICTS = {
    "up_to_date": ("=", "up to date", "dim"),
    "run": ("▶", "would run", "cyan"),
    "depends": ("?", "may run", "yellow"),
}
_ENDLESS = 10_000  # characters
_MARK = {"finished": "✓", "failed": "✗", "killed": "✗", "skipped": "·", "up_to_date": "="}


def print_json(value: Any) -> None:
    """One JSON document on standard output; times as ISO strings."""
    print(json.dumps(value, indent=2, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table; values are shown as text, never read as markup. In a pipe a row is one line."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")  # a path or a name is of no use without its end
    for row in rows:
        texts = ["" if value is None else str(value) for value in row]
        table.add_row(*(_styled(text) for text in texts))
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _ENDLESS
    console.print(table)


def _styled(text: str) -> str:
    style = STATUS_STYLE.get(text)
    return f"[{style}]{escape(text)}[/]" if style else escape(text)


def age(moment: datetime, now: datetime) -> str:
    """How long ago, in the largest fitting unit."""
    seconds = max(0.0, (now - moment).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def print_steps(steps: Iterable[Step]) -> None:
    """What a run would do with each phase, and why, a reason a line."""
    console = Console(highlight=False, soft_wrap=True)
    for step in steps:
        mark, said, style = _VERDICTS[step.verdict]
        first, *rest = step.reasons or ("",)
        console.print(f"[{style}]{mark} {step.phase:<10} {said:<10}[/]  {escape(first)}".rstrip())
        for reason in rest:
            console.print(f"{'':<25}{escape(reason)}")


def tell_tidied(project: Project) -> None:
    """Put in order what a kill or a store that was away has left open, and say so on standard error."""
    left = (*project.state.glob("work/*/"), *project.state.glob("outbox/*.path"))
    if left:
        from workbench.execution import recover

        for line in recover.tidy(project):
            print(f"workbench: {line}", file=sys.stderr)


class Bar:
    """Progress of a pipeline run on standard error.

    In a terminal, a live line names every phase that runs and its cell; else there is a line for the
    start and the end of each. With ``follow``, what notebooks print stands above it as it comes.
    """

    def __init__(self, *, follow: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._status = self._console.status("") if self._console.is_terminal else None
        self._follow = follow
        self._live: dict[str, tuple[float, str]] = {}
        self._half: dict[str, str] = {}

    def phase_started(self, phase: str, cells: int) -> None:
        self._live[phase] = (time.monotonic(), "starting a kernel")
        if self._status:
            self._status.start()
            self._draw()
        else:
            self._console.print(f"  {phase:<10} {cells} cells …")

    def cell_started(self, phase: str, cell: int, cells: int) -> None:
        started, _ = self._live.get(phase, (time.monotonic(), ""))
        self._live[phase] = (started, f"cell {cell} of {cells}")
        self._draw()

    def output(self, phase: str, text: str) -> None:
        if self._follow:
            *whole, self._half[phase] = (self._half.get(phase, "") + text).split("\n")
            for line in whole:
                self._console.print(f"[dim]{phase:<10} │[/] {escape(line)}", soft_wrap=True)

    def said(self, phase: str, line: str) -> None:
        self._console.print(f"[yellow]![/] {phase:<10} {escape(line)}", soft_wrap=True)

    def phase_ended(self, result: PhaseResult) -> None:
        if half := self._half.pop(result.phase, ""):
            self.output(result.phase, f"{half}\n")
        self._live.pop(result.phase, None)
        if self._status and not self._live:
            self._status.stop()
        self._draw()
        style, status = STATUS_STYLE[result.status], result.status.replace("_", " ")
        seconds = f"{result.seconds:6.1f} s" if result.seconds else " " * 8
        last = result.report if result.status != "skipped" else result.why
        self._console.print(
            f"[{style}]{_MARK[result.status]}[/] {result.phase:<10} [{style}]{status:<10}[/] {seconds}"
            f"  [dim]{escape(last)}[/]",
            soft_wrap=True,
        )

    def _draw(self) -> None:
        if self._status and self._live:
            now = time.monotonic()
            parts = [f"{phase} {what} [dim]{now - at:.0f} s[/]" for phase, (at, what) in self._live.items()]
            self._status.update("  ·  ".join(parts))
