"""What a server says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

__all__ = ["Counts", "Health", "LogHealth", "Memory", "Problem"]


@dataclass(frozen=True)
class Problem:
    """Something that keeps a version, or the registry, from being followed."""

    what: str
    message: str
    since: datetime

    @property
    def of_version(self) -> bool:
        """Whether it is one version that it keeps from answering."""
        return self.what.startswith("version ")


@dataclass(frozen=True)
class Memory:
    """A point-in-time table that features are looked up in."""

    name: str
    version: int
    rows: int
    newest: datetime | None


@dataclass(frozen=True)
class LogHealth:
    """Whether answers are being kept.

    Attributes
    ----------
    condition : str
        ``ok``; or what happens to answers while the log cannot be written: ``refused``, ``spooled`` or
        ``unlogged``, with the ``error``.
    spooled_rows, unlogged_rows : int
        Answers that wait to be brought into the log, and answers that are kept nowhere.
    """

    ok: bool
    folder: str
    name: str
    error: str = ""
    condition: str = "ok"
    spooled_rows: int = 0
    unlogged_rows: int = 0


@dataclass(frozen=True)
class Counts:
    """Since the server started: requests ``answered``, ``refused`` (4xx) and ``failed`` (5xx), and rows.

    Of several workers each counts its own; ``/metrics`` has them together.
    """

    answered: int = 0
    rows: int = 0
    refused: int = 0
    failed: int = 0
    truth_rows: int = 0
    feedback_rows: int = 0
    shadow_rows: int = 0
    shadow_failed_rows: int = 0
    shadow_dropped_rows: int = 0


@dataclass(frozen=True)
class Health:
    """The answer of ``GET /health``.

    ``state`` is ``ready``, or ``no_champion`` while no version may answer, or ``log_failed`` while
    nothing is answered because the prediction log cannot be written. ``paths`` says of each loaded version
    whether it is asked by its compiled path, and if not, why.
    """

    state: Literal["ready", "no_champion", "log_failed"]
    project: str
    pid: int
    model: str
    champion: int | None
    shadows: tuple[int, ...]
    follows: bool
    simulated: bool
    started_at: datetime
    log: LogHealth
    counts: Counts
    request: tuple[str, ...] = ()
    memory: tuple[Memory, ...] = ()
    problems: tuple[Problem, ...] = field(default=())
    canary: int | None = None
    paths: Mapping[str, str] = field(default_factory=dict)
