"""How long a connection waits for its client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["Patience"]


class Patience:
    """One timer for all that a connection waits for, one thing after the other.

    What is waited for changes several times with each request. To set a timer and to cancel it takes
    microseconds; here the timer that is set stays, and looks when it goes off whether there is still cause.
    """

    __slots__ = ("_at", "_loop", "_then", "_timer", "_until")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._then: Callable[[], None] | None = None
        self._until = self._at = 0.0

    def wait(self, seconds: float, then: Callable[[], None]) -> None:
        """Call ``then`` in so many seconds. To wait for the same anew changes nothing.

        So a byte now and then buys nobody time.
        """
        if then == self._then:
            return
        self._then, self._until = then, self._loop.time() + seconds
        if self._timer is None or self._until < self._at:
            self._set()

    def rest(self) -> None:
        """Nothing is waited for."""
        self._then = None

    def end(self) -> None:
        """The connection has ended."""
        self._then = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._at = self._until
        self._timer = self._loop.call_at(self._at, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._then is None:
            return
        if self._loop.time() < self._until:
            self._set()
        else:
            then, self._then = self._then, None
            then()
