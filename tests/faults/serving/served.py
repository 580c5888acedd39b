"""What tests of a served project under fault share: the project, requests, clients, and what they count."""

from __future__ import annotations

import http.client
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tests.unit.serving import tiny_helpers
from tests.unit.serving.tiny import make_tiny, port_of, rows
from workbench.project import Project, open_project
from workbench.serving import PredictionLog, Server
from workbench.serving.payload import requests_for

__all__ = [
    "BODY",
    "JSON",
    "PATHS",
    "SLOW",
    "SLOW_SECONDS",
    "Clients",
    "Given",
    "acknowledged",
    "body",
    "expected",
    "ids_in",
    "make_project",
    "post",
    "source",
    "state_of",
]

#: The two ways to an answer.
PATHS = ("plain", "compiled")
#: A version that takes its time, and how much.
SLOW, SLOW_SECONDS = 99, 0.2
JSON = {"Content-Type": "application/json"}
_LONGEST_SECONDS = 60.0


def source(path: str) -> str:
    """Where the models of a test come from."""
    return f"fault_models:{path.capitalize()}"


def make_project(root: Path, *, when_log_fails: str = "refuse", **aliases: int) -> Project:
    """The tiny project with models for these tests."""
    project = make_tiny(root, **aliases)
    shutil.copyfile(Path(__file__).with_name("fault_models.py"), project.helpers / "fault_models.py")
    (project.helpers / "fault_numbers.py").write_text(f"SLOW, SLOW_SECONDS = {SLOW}, {SLOW_SECONDS}\n")
    with (root / "workbench.toml").open("a") as config:
        config.write(f'\n[serving]\nwhen_log_fails = "{when_log_fails}"\n')
    return open_project(root)


def body(count: int = 1, version: int | None = None) -> bytes:
    """A request of so many rows, whose answer does not depend on when it is asked."""
    (encoded,) = requests_for(rows(count).assign(ordered=None), version=version)
    return encoded


BODY = body()


def expected(version: int, count: int) -> np.ndarray[Any, Any]:
    """What the estimator of a version gives for the rows of :func:`body`."""
    asked = rows(count).assign(ordered=np.datetime64("NaT", "us"))
    at = rows(count)["ordered"]
    features = tiny_helpers.build(asked.assign(ordered=asked["ordered"].dt.tz_localize("UTC")), {}, at)
    outputs: np.ndarray[Any, Any] = tiny_helpers.fitted(version).predict_proba(features)  # type: ignore[attr-defined]
    return outputs


def post(server: Server, content: bytes = BODY, path: str = "/invocations") -> tuple[int, Any]:
    """One request by a connection of its own: the status, and what the answer says."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=_LONGEST_SECONDS)
    try:
        connection.request("POST", path, content, JSON)
        answer = connection.getresponse()
        return answer.status, msgspec.json.decode(answer.read())
    finally:
        connection.close()


def state_of(server: Server) -> tuple[str, str, int]:
    """The state and the log's condition by ``/health``, and the status of ``/ping``."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=_LONGEST_SECONDS)
    try:
        connection.request("GET", "/ping")
        ping = connection.getresponse()
        ping.read()
    finally:
        connection.close()
    health = server.health()
    return health.state, health.log.condition, ping.status


@dataclass(frozen=True)
class Given:
    """An answer that a client got: for how many rows, the version, prediction ids and outputs."""

    rows: int
    version: int
    ids: list[str]
    outputs: list[list[float]]


@dataclass
class Clients:
    """Clients that ask all the time, every other one by a new connection for each request.

    Attributes
    ----------
    given : list of Given
        Answers with status 200.
    refused : list of (int, str)
        Other answers.
    broken : list of Exception
        What happened to requests on connections that had been opened, other than an answer.
    """

    server: Server
    count: int = 4
    a_second: float = 0.0
    most_rows: int = 3
    given: list[Given] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    broken: list[Exception] = field(default_factory=list)
    goes_on: bool = False  # after a connection broke, or was not to be had

    def __post_init__(self) -> None:
        self._port, self._over = port_of(self.server), threading.Event()
        self._bodies = [body(count) for count in range(1, self.most_rows + 1)]
        self._pause = self.count / self.a_second if self.a_second else 0.0
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(self.count)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Clients:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Let each finish its request."""
        self._over.set()
        self.wait()

    def wait(self) -> None:
        """Until all have seen that the server has gone."""
        for thread in self._threads:
            thread.join(_LONGEST_SECONDS)
            assert not thread.is_alive(), "a client waits for ever"

    def _ask(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_LONGEST_SECONDS)
        headers = JSON if number % 2 else {**JSON, "Connection": "close"}
        turn = number
        while not self._over.wait(self._pause):
            turn += 1
            count = turn % self.most_rows + 1
            try:
                if connection.sock is None:
                    connection.connect()
            except OSError:
                if self.goes_on:
                    continue
                break
            try:
                connection.request("POST", "/invocations", self._bodies[count - 1], headers)
                answer = connection.getresponse()
                self._take(answer.status, answer.read(), count)
            except (OSError, http.client.HTTPException) as error:
                self.broken.append(error)
                connection.close()
        connection.close()

    def _take(self, status: int, content: bytes, count: int) -> None:
        said = msgspec.json.decode(content)
        if status != 200:
            self.refused.append((status, said["message"]))
            return
        version = int(said["model_version"])
        self.given.append(Given(count, version, said["prediction_ids"], said["predictions"]))


def acknowledged(clients: Clients) -> list[str]:
    """The ids of all answered rows."""
    return [name for given in clients.given for name in given.ids]


def ids_in(log: PredictionLog, role: str = "champion") -> list[str]:
    """The ids in a log."""
    found: list[str] = log.read(role=role, columns=["prediction_id"])["prediction_id"].tolist()  # type: ignore[arg-type]
    return found
