"""The progress of a policy backtest: a line for each policy that is through, and how far all is."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from datetime import timedelta

    from workbench.monitoring.backtest import Progress

__all__ = ["BacktestBar"]

_NAMED = 3
_EVENT_SHOWN = 60
# Where nothing lives, a line for each so many of a hundred.
_EVERY = 10


class BacktestBar:
    """Progress on standard error; in a terminal, the last line lives.

    Parameters
    ----------
    policies : int
        In all, those included that were there already.
    """

    def __init__(self, policies: int) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._status = self._console.status("") if self._console.is_terminal else None
        self._policies, self._through = policies, 0
        self._running: dict[str, Progress] = {}
        self._told = 0

    def __enter__(self) -> BacktestBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status:
            self._status.stop()

    def __call__(self, progress: Progress) -> None:
        """Take notice of one step of one policy."""
        self._running[progress.policy] = progress
        if progress.done == progress.of:
            del self._running[progress.policy]
            self._through += 1
            done = f"[green]✓[/] {escape(progress.policy)}  {progress.of} steps"
            self._console.print(done, soft_wrap=True)
        self._draw(progress)

    def _draw(self, progress: Progress) -> None:
        parts = [f"{100 * progress.share:.0f} %"]
        if progress.left is not None and progress.share < 1:
            parts.append(f"{_in_words(progress.left)} left")
        if self._status is None:
            if (tenth := int(100 * progress.share) // _EVERY) > self._told:
                self._told = tenth
                self._console.print("  " + ", ".join(parts))
            return
        if self._policies > 1:
            parts.append(f"{self._through} of {self._policies} policies")
        shown = list(self._running.values())[:_NAMED]
        parts += [f"{escape(item.policy)} {item.day:%-d %b %Y}" for item in shown]
        if len(self._running) > _NAMED:
            parts.append(f"{len(self._running) - _NAMED} more running")
        if progress.event:
            parts.append(f"[dim]{escape(progress.event[:_EVENT_SHOWN])}[/]")
        self._status.update("  ·  ".join(parts))
        self._status.start()


def _in_words(left: timedelta) -> str:
    seconds = left.total_seconds()
    return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} min"
