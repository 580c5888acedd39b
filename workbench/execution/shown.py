"""Progress inside a notebook: a line for each phase that is run from it, kept up to date in place."""

from __future__ import annotations

import time
from html import escape
from typing import Any

from workbench.execution.progress import PhaseResult, Progress, Quiet

__all__ = ["Shown", "for_notebooks"]

_MARKS = {"finished": "✓", "up_to_date": "=", "skipped": "·"}
_SECONDS = 0.2


def for_notebooks() -> Progress:
    """What shows progress in this process: a display where there is a notebook, else nothing."""
    from IPython import get_ipython

    return Shown() if get_ipython() is not None else Quiet()


class Shown:
    """A small table that changes while the phases run, and stays in the report as it was at the end."""

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}
        self._handle: Any = None  # IPython ships no types
        self._drawn = 0.0

    def phase_started(self, phase: str, cells: int) -> None:
        self._say(phase, "starting a kernel")

    def cell_started(self, phase: str, cell: int, cells: int) -> None:
        self._say(phase, f"cell {cell} of {cells}", now=False)

    def output(self, phase: str, text: str) -> None: ...

    def said(self, phase: str, line: str) -> None:
        self._say(phase, line)

    def phase_ended(self, result: PhaseResult) -> None:
        seconds = f" in {result.seconds:.1f} s" if result.seconds else ""
        why = f": {result.why}" if result.status not in ("finished", "up_to_date") and result.why else ""
        status = result.status.replace("_", " ")
        self._say(result.phase, f"{_MARKS.get(result.status, '✗')} {status}{seconds}{why}")

    def _say(self, phase: str, what: str, *, now: bool = True) -> None:
        from IPython.display import HTML, DisplayHandle

        self._lines[phase] = what
        if not now and time.monotonic() - self._drawn < _SECONDS:
            return
        self._drawn = time.monotonic()
        rows = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in self._lines.items()
        )
        shown: Any = HTML(f"<table>{rows}</table>")  # type: ignore[no-untyped-call]
        if self._handle is None:
            self._handle = DisplayHandle()  # type: ignore[no-untyped-call]
            self._handle.display(shown)
        else:
            self._handle.update(shown)
