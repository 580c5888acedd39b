"""Who writes the log: whoever has predicted as long as it is quick, and a thread when it is not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from workbench.serving.answering import commit
from workbench.serving.answering.commit import Committer
from workbench.serving.log.batch import Batch, LogFailed
from workbench.serving.log.sqlite import SqliteWriter

WAITS_SECONDS = 10.0


class Watched(SqliteWriter):
    """A log that knows which thread wrote, and does something first."""

    is_local = True

    def __init__(self, folder: Path, first: Callable[[], object] = lambda: None) -> None:
        super().__init__(folder, "test")
        self.first = first
        self.threads: list[threading.Thread] = []

    def append(self, batches: Sequence[Batch]) -> None:
        self.threads.append(threading.current_thread())
        self.first()
        super().append(batches)


async def _try(committer: Committer, times: int) -> None:
    """Have the log tried so many times, one after the other."""
    for _ in range(times):
        done = asyncio.Event()
        committer.put([], asyncio.get_running_loop(), done.set)
        await done.wait()


def _written_by(log: Watched, times: int = 3) -> list[bool]:
    """For each commit whether the event loop's own thread wrote it."""

    async def run() -> None:
        committer = Committer(log, kept=lambda _: None, settled=lambda _, __, ___: None)
        committer.start()
        await _try(committer, times)
        await asyncio.to_thread(committer.stop, WAITS_SECONDS)

    asyncio.run(run())
    return [thread is threading.current_thread() for thread in log.threads]


def test_a_log_that_is_quick_is_written_by_who_predicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "_QUICK_SECONDS", WAITS_SECONDS)
    assert _written_by(Watched(tmp_path)) == [False, True, True]


def test_a_log_that_is_slow_holds_nobody_else_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "_QUICK_SECONDS", 0.0)
    assert _written_by(Watched(tmp_path)) == [False, False, False]


def test_a_log_across_a_network_is_written_by_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "_QUICK_SECONDS", WAITS_SECONDS)
    log = Watched(tmp_path)
    log.is_local = False
    assert _written_by(log) == [False, False, False]


def test_after_a_failure_the_log_is_tried_by_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "_QUICK_SECONDS", WAITS_SECONDS)
    wrong = iter([False, True, True, False, False])

    def fail() -> None:
        if next(wrong):
            raise LogFailed("no space left")

    assert _written_by(Watched(tmp_path, fail), 5) == [False, True, False, False, True]
