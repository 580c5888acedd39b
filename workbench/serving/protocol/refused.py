"""What a client is told when its request cannot be answered as it is."""

from __future__ import annotations

__all__ = ["Refused", "shown"]

_MOST_SHOWN = 60


class Refused(Exception):
    """A request that cannot be answered as it is: an HTTP status and one line that says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def shown(value: object) -> str:
    """A value of the client's in one short line, whatever it holds."""
    text = repr(value[: _MOST_SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 3] + "…"
