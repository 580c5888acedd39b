"""One scoring request on its way through the server, and its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from workbench.serving.protocol.asked import Asked

__all__ = ["Answer", "Call"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request.

    Attributes
    ----------
    outputs : ndarray
        Shape (rows, classes) of a classifier, (rows,) of a regressor.
    prediction_ids : list of str
        One a row; all of them are in the log.
    version : int
        The model version that gave all of it.
    classes : tuple of str
        The outputs' columns; none of a regressor.
    notes : mapping
        By row number, what was coerced or flagged.
    """

    outputs: NDArray[Any]
    prediction_ids: list[str]
    version: int
    classes: tuple[str, ...]
    notes: Mapping[int, tuple[str, ...]]


@dataclass(eq=False, slots=True)
class Call:
    """A decoded request, ``time.perf_counter()`` when it arrived, and where its answer is waited for.

    Nobody waits for the rows of a file.
    """

    asked: Asked
    arrived: float
    request_id: str
    answered: asyncio.Future[Answer] | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether it is still worth an answer: nobody has been told that there is none."""
        return self.answered is None or not self.answered.done()

    def settle(self, outcome: Answer | Exception) -> None:
        """In the event loop's thread; whoever went away in the meantime is not told."""
        if self.answered is None or self.answered.done():
            return
        if isinstance(outcome, Exception):
            self.answered.set_exception(outcome)
        else:
            self.answered.set_result(outcome)
