"""What commands share: JSON, tables, and the progress of a run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from workbench.execution.progress import PhaseResult

__all__ = ["STATUS_STYLE", "Bar", "age", "print_json", "print_table"]

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
_MARK = {"finished": "✓", "failed": "✗", "killed": "✗", "skipped": "·", "up_to_date": "="}


def print_json(value: Any) -> None:
    """One JSON document on standard output; times as ISO strings."""
    print(json.dumps(value, indent=2, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table; values are shown as text, never read as markup."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    for row in rows:
        texts = ["" if value is None else str(value) for value in row]
        table.add_row(*(_styled(text) for text in texts))
    Console().print(table)


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


class Bar:
    """Progress of a pipeline run on standard error: a live line per phase in a terminal, else a line each."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._status = self._console.status("") if self._console.is_terminal else None
        self._started = time.monotonic()

    def phase_started(self, phase: str, cells: int) -> None:
        self._started = time.monotonic()
        if self._status:
            self._status.start()
            self._status.update(f"{phase:<10} starting a kernel")
        else:
            self._console.print(f"  {phase:<10} {cells} cells …")

    def cell_started(self, phase: str, cell: int, cells: int) -> None:
        if self._status:
            seconds = time.monotonic() - self._started
            self._status.update(f"{phase:<10} cell {cell} of {cells}  [dim]{seconds:.0f} s[/]")

    def phase_ended(self, result: PhaseResult) -> None:
        if self._status:
            self._status.stop()
        style = STATUS_STYLE[result.status]
        seconds = f"{result.seconds:6.1f} s" if result.seconds else " " * 8
        self._console.print(
            f"[{style}]{_MARK[result.status]}[/] {result.phase:<10} [{style}]{result.status:<9}[/] {seconds}"
            f"  [dim]{escape(result.report)}[/]",
            soft_wrap=True,
        )
