"""One scoring request on its way through the server, and its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    """A decoded request, ``time.perf_counter()`` when it arrived, and who is told what came of it.

    Nobody waits for the rows of a file. ``size`` is that of the body in bytes; a text that many rows share
    counts for each of them. ``forget`` is called before anybody is told, and ``done`` when nobody holds the
    rows any more: that may be long after it was told that there is no answer.
    """

    asked: Asked
    arrived: float
    request_id: str
    tell: Callable[[Answer | Exception], None] | None = None
    done: Callable[[], None] | None = None
    size: int = 0
    forget: Callable[[Call], None] | None = None
    is_settled: bool = False

    def settle(self, outcome: Answer | Exception) -> None:
        """Tell it, if it was not given up, and that it is done; in the event loop's thread, once."""
        self.give_up(outcome)
        if self.done is not None:
            self.done()

    def give_up(self, outcome: Answer | Exception) -> None:
        """Tell it, once, though its rows may still be held; in the event loop's thread."""
        if not self.is_settled:
            self.is_settled = True
            if self.forget is not None:
                self.forget(self)
            if self.tell is not None:
                self.tell(outcome)
