"""How long and how much is measured."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """``seconds`` of each stretch of load, and ``log_rows`` of the log that is read back."""

    seconds: float = 4.0
    log_rows: int = 1_000_000

    @classmethod
    def chosen(cls, *, quick: bool, full: bool) -> Options:
        return cls(1.5 if quick else 4.0, 10_000_000 if full else 100_000 if quick else 1_000_000)
