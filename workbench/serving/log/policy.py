"""What becomes of answers while the log cannot be written: refused, spooled, or given unlogged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.errors import ServingError
from workbench.serving.log.batch import Batch, LogFailed, Writer
from workbench.serving.log.read import PredictionLog
from workbench.serving.log.spool import bring_back, default_spool, rows_in
from workbench.serving.log.sqlite import SqliteWriter
from workbench.serving.log.targets import is_database, open_writer

__all__ = ["Keeper", "LogState", "WhenLogFails"]

WhenLogFails = Literal["refuse", "spool", "unlogged"]

# A try may take a second (a locked file), and answers wait for it.
_RETRY_SECONDS = 5.0


@dataclass(frozen=True)
class LogState:
    """How a log is, for people and monitors.

    Attributes
    ----------
    condition : str
        ``ok``, or what happens to answers: they are ``refused``, ``spooled`` or ``unlogged``.
    error : str
        Why the log cannot be written, or what is spooled cannot be brought into it; else empty.
    spooled_rows : int
        Predictions that wait to be brought into the log.
    unlogged_rows : int
        Predictions that were answered and are kept nowhere, since the server was started.
    """

    condition: Literal["ok", "refused", "spooled", "unlogged"]
    error: str
    spooled_rows: int
    unlogged_rows: int


class Keeper:
    """A log's writer that does as configured when it fails.

    One thread appends; :meth:`bring_back` and :attr:`state` are for any.

    Parameters
    ----------
    target, purpose : str
        As for :func:`~workbench.serving.log.targets.open_writer`.
    when_it_fails : str
        ``refuse``, ``spool`` or ``unlogged``.
    spool : Path, optional
        The folder of the spool, one for each log, on another disk if possible. Default: in the system's
        folder for temporary files.
    folder : Path, optional
        The folder of the compacted table of a log in a database.
    clock : callable
        Seconds, monotonic.

    Raises
    ------
    LogFailed
        When the log cannot be written and answers are refused then.
    """

    def __init__(
        self,
        target: str,
        purpose: str,
        when_it_fails: WhenLogFails = "refuse",
        *,
        spool: Path | None = None,
        folder: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._target, self._purpose, self._policy = target, purpose, when_it_fails
        self._log = PredictionLog(folder or Path(target), target if is_database(target) else "")
        self._clock = clock
        self._writer: Writer | None = None
        self._spool: SqliteWriter | None = None
        self._lock = threading.Lock()  # who brings back must not close a spool that is appended to
        self._helper: threading.Thread | None = None
        self._error, self._try_again_at = "", 0.0
        self._spool_error, self._bring_again_at = "", 0.0
        self._unlogged = self._spooled = 0
        self._spool_folder: Path | None = None
        try:
            if when_it_fails == "spool":
                self._spool_folder = spool or default_spool(target)
                self._spooled = rows_in(self._spool_folder)
            self._writer = open_writer(target, purpose)
        except LogFailed as error:
            if when_it_fails == "refuse":
                raise
            self._note(error)
        if self._spooled and not self._error:
            self._bring_back_beside()

    @property
    def place(self) -> str:
        return self._writer.place if self._writer else self._target

    @property
    def is_local(self) -> bool:
        return self._writer is not None and self._writer.is_local and not self._error

    @property
    def state(self) -> LogState:
        """How the log is now."""
        words: dict[WhenLogFails, Literal["refused", "spooled", "unlogged"]] = {
            "refuse": "refused",
            "spool": "spooled",
            "unlogged": "unlogged",
        }
        return LogState(
            words[self._policy] if self._error else "ok",
            self._error or self._spool_error,
            self._spooled,
            self._unlogged,
        )

    def append(self, batches: Sequence[Batch]) -> None:
        """Write batches into the log, or do with them what is configured.

        Raises
        ------
        LogFailed
            When they may not be answered: they are kept nowhere.
        """
        if self._policy == "refuse" or not self._error or self._clock() >= self._try_again_at:
            try:
                self._append(batches)
                return
            except LogFailed as error:
                self._note(error)
                if self._policy == "refuse":
                    raise
        rows = sum(len(batch.prediction_ids) for batch in batches)
        if not rows:
            return  # nothing but a try of the log
        if self._policy == "unlogged":
            self._unlogged += rows
            return
        with self._lock:
            if self._spool_folder is None:
                raise LogFailed(self._error)
            self._spool = self._spool or SqliteWriter(self._spool_folder, self._purpose)
            self._spool.append(batches)
            self._spooled += rows

    def bring_back(self) -> None:
        """Bring what is spooled into the log, if it can be written again; to be called now and then.

        Each append that succeeds after a failure starts this too. What cannot be brought yet stays.
        """
        if self._spool_folder is None:
            return
        with self._lock:
            if self._spool is not None:
                self._spool.close()
                self._spool = None
        try:
            bring_back(self._spool_folder, self._log)
            self._spool_error = ""
        except ServingError as error:
            self._spool_error = error.message
        self._bring_again_at = self._clock() + _RETRY_SECONDS
        with self._lock:
            self._spooled = rows_in(self._spool_folder)

    def close(self) -> None:
        """Close the log. What is spooled is brought into it if it can be; else the next server does that."""
        if self._helper is not None:
            self._helper.join()
        if self._spooled or self._spool is not None:
            self.bring_back()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _append(self, batches: Sequence[Batch]) -> None:
        self._writer = self._writer or open_writer(self._target, self._purpose)
        self._writer.append(batches)
        self._error = ""
        if self._spooled and self._clock() >= self._bring_again_at:
            self._bring_back_beside()

    def _note(self, error: ServingError) -> None:
        self._error, self._try_again_at = error.message, self._clock() + _RETRY_SECONDS

    def _bring_back_beside(self) -> None:
        """In a thread: answers do not wait for it."""
        if self._helper is None or not self._helper.is_alive():
            self._helper = threading.Thread(target=self.bring_back, name="log-spool", daemon=True)
            self._helper.start()
