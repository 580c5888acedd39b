"""What is measured: a server that answers, the rows that it is asked, and that it answers right."""

from __future__ import annotations

import contextlib
import itertools
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import joblib
import numpy as np

from tests.benchmarks.serving import bodies
from tests.benchmarks.serving.load import Load, put_load
from tests.benchmarks.serving.processes import signal_all
from tests.benchmarks.serving.projects import Served

__all__ = [
    "PEERS",
    "SCRIPTS",
    "START_SECONDS",
    "Prepared",
    "Target",
    "first_answer",
    "prepared",
    "wait_until_right",
]

#: What runs in the peers' servers.
SCRIPTS = Path(__file__).with_name("peers")
#: Name -> what it is called in tables.
PEERS = {"mlflow": "mlflow models serve", "bentoml": "BentoML, batching", "litserve": "LitServe, batching"}
START_SECONDS = 120.0
_LOOK_SECONDS = 0.05
_SAME = 1e-9
_JSON = {"Content-Type": "application/json"}
#: A server is quiet when two answers in a row take hardly longer than the fastest of all.
_QUIET, _SETTLE_SECONDS = 2.0, 15.0


@dataclass(frozen=True)
class Target:
    """A server that answers: where, and files with what it is sent.

    Between its turns it is stopped by signal: some servers take processor time while they have nothing to do.
    """

    name: str
    url: str
    single: Path
    batch: Path
    pid: int

    def put_load(self, connections: int, seconds: float, *, batch: bool = False) -> Load:
        """Load by single rows, or by the batch; see :func:`~tests.benchmarks.serving.load.put_load`."""
        with self.going():
            self._settle()
            return put_load(self.name, self.url, self.batch if batch else self.single, connections, seconds)

    @contextlib.contextmanager
    def going(self) -> Iterator[None]:
        """While its turn is."""
        signal_all(self.pid, signal.SIGCONT)
        try:
            yield
        finally:
            signal_all(self.pid, signal.SIGSTOP)

    def _settle(self) -> None:
        """Wait until it has worked off what the load before left behind: requests that nobody waits for."""
        body = self.single.read_bytes().splitlines()[0]
        until = time.monotonic() + _SETTLE_SECONDS
        fastest, last = math.inf, math.inf
        with httpx.Client(trust_env=False, timeout=START_SECONDS) as client:
            for _ in itertools.count():
                begun = time.monotonic()
                client.post(self.url, content=body, headers=_JSON)
                before, last = last, time.monotonic() - begun
                fastest = min(fastest, last)
                if max(before, last) < _QUIET * fastest or time.monotonic() > until:
                    return


@dataclass(frozen=True)
class Prepared:
    """One model for all: its rows, their scores, and a folder that the peers load it from."""

    served: Served
    folder: Path
    scores: list[float]


def prepared(served: Served, folder: Path) -> Prepared:
    """Write the model down for the peers, and let it score the rows as they do."""
    folder.mkdir(parents=True)
    joblib.dump(served.estimator, folder / "estimator.joblib")
    if served.memory:
        joblib.dump(served.memory, folder / "memory.joblib")
    sys.path.append(str(SCRIPTS))
    from scorer import Scorer

    scores = Scorer(str(folder))(served.rows)
    for name, encode in (("split", bodies.split), ("records", bodies.records)):
        bodies.write_bodies(folder / name, served.rows, encode)
    return Prepared(served, folder, scores)


def wait_until_right(given: Prepared, target: Target, ended: Callable[[], None]) -> None:
    """Wait for the first answer; it, and those to the other rows, have to be the model's own.

    Raises
    ------
    RuntimeError
        When another answer comes, or none in time.
    """
    lines = target.single.read_bytes().splitlines()
    first_answer(given, target, ended)
    with httpx.Client(trust_env=False, timeout=START_SECONDS) as client:
        found = [bodies.scores(_post(client, target, line).content) for line in lines[:20]]
        whole = bodies.scores(_post(client, target, target.batch.read_bytes().strip()).content)
    wanted = given.scores[: len(whole)]
    if not np.allclose(whole, wanted, rtol=0, atol=_SAME) or not np.allclose(
        np.ravel(found), wanted[: len(found)], rtol=0, atol=_SAME
    ):
        raise RuntimeError(f"{target.name} answers other than the model:\n{whole[:5]}\n{wanted[:5]}")


def first_answer(_: Prepared, target: Target, ended: Callable[[], None]) -> None:
    """Ask until it answers."""
    body = target.single.read_bytes().splitlines()[0]
    until = time.monotonic() + START_SECONDS
    last = "no answer at all"
    with httpx.Client(trust_env=False, timeout=START_SECONDS) as client:
        while time.monotonic() < until:
            ended()
            with contextlib.suppress(httpx.TransportError):
                answer = _post(client, target, body)
                if answer.status_code == 200:
                    return
                last = f"{answer.status_code}: {answer.text[:500]}"
                # While a server of theirs starts it may say 5xx; 4xx will not get better.
                if answer.status_code < 500:
                    break
            time.sleep(_LOOK_SECONDS)
    raise RuntimeError(f"{target.name} does not answer; the last was {last}")


def _post(client: httpx.Client, target: Target, body: bytes) -> httpx.Response:
    return client.post(target.url, content=body, headers=_JSON)
