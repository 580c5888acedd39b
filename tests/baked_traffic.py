"""``workbench serve`` of a baked project, and a client that asks all the time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pandas as pd

from tests.baked import asked
from tests.unit.serving.tiny import until
from workbench.errors import ServingError
from workbench.project import Project
from workbench.serving import Server, attach

__all__ = ["Client", "served"]

_ROWS = 20


@contextmanager
def served(project: Project) -> Iterator[Server]:
    """``workbench serve`` as a user starts it."""
    command = [sys.executable, "-m", "workbench", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=project.root, stdout=subprocess.DEVNULL) as process:
        try:
            until(lambda: (project.state / "server.json").exists() or process.poll() is not None, seconds=120)
            server = attach(project)
            assert server is not None
            with server:
                yield server
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


class Client:
    """Asks all the time; says what turned out to be true of what was answered.

    Attributes
    ----------
    given : list of (datetime, int)
        When an answer came, and by which version.
    """

    def __init__(self, server: Server) -> None:
        self._server, self._over = server, threading.Event()
        self.given: list[tuple[datetime, int]] = []
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Client:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)

    def answered_by(self, version: int, since: datetime) -> datetime | None:
        """When that version first answered after a moment, or None so far."""
        return next((at for at, by in list(self.given) if by == version and at > since), None)

    def _ask(self) -> None:
        turn = 0
        while not self._over.wait(0.05):
            turn += 1
            rows = asked(_ROWS, seed=turn)
            try:
                answered = self._server.predict(rows.drop(columns="late"))
            except ServingError:
                continue
            self.given.append((datetime.now(UTC), int(answered["model_version"].iloc[0])))
            told = pd.DataFrame(
                {
                    "prediction_id": answered["prediction_id"],
                    "value": rows["late"],
                    "known_at": pd.Timestamp.now(UTC),
                }
            )
            self._server.truth(told)
