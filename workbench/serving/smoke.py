"""Smoke test: does a server answer the recorded cases of a version, and how fast."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ServingError
from workbench.registry.cases import inputs
from workbench.serving.client import Server
from workbench.serving.payload import requests_for

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["request_latencies", "smoke_test"]

# Other processors and library builds differ in the last digits.
_TOLERANCE = 1e-6
_LOADED_SECONDS = 15.0
_LOOK_SECONDS = 0.2


def smoke_test(server: Server, cases: pd.DataFrame, version: int | None = None) -> pd.DataFrame:
    """Send the recorded cases of a version through a server, raw rows in, as a client would.

    A server started for a replay is asked as of the time each case was recorded at, and has to give the
    recorded score. A live one looks features up as of now, so it only has to give a probability.

    Returns
    -------
    DataFrame
        ``prediction_id``, ``recorded``, ``answered`` and ``ok`` for each case.

    Raises
    ------
    ServingError
        When the version is not served, or the server refuses a case.
    """
    if version is not None:
        _wait_until_loaded(server, version)
    simulated = server.health().simulated
    answers = server.predict(
        inputs(cases), simulated_time=cases["asked_at"] if simulated else None, version=version
    )
    score = answers["score"]
    ok = (score - cases["score"]).abs() <= _TOLERANCE if simulated else score.between(0, 1)
    return answers[["prediction_id"]].assign(recorded=cases["score"], answered=score, ok=ok)


def request_latencies(server: Server, cases: pd.DataFrame, *, requests: int = 100) -> NDArray[np.float64]:
    """Milliseconds that single-row requests take one after the other, as their sender sees them."""
    simulated = server.health().simulated
    rows = inputs(cases)
    taken = []
    for number in range(requests):
        at = number % len(cases)
        moment = cases["asked_at"].iloc[at] if simulated else None
        (body,) = requests_for(rows.iloc[[at]], simulated_time=moment)
        begun = time.perf_counter()
        server.invoke(body)
        taken.append((time.perf_counter() - begun) * 1000)
    return np.array(taken)


def _wait_until_loaded(server: Server, version: int) -> None:
    """A server that follows the registry needs about a second to see that an alias moved."""
    end = time.monotonic() + _LOADED_SECONDS
    while True:
        health = server.health()
        if version == health.champion or version in health.shadows:
            return
        if not health.follows or time.monotonic() > end:
            reasons = [problem.message for problem in health.problems if problem.what == f"version {version}"]
            why = f": {reasons[0]}" if reasons else ""
            raise ServingError(f"the server at {server.url} has not loaded version {version}{why}")
        time.sleep(_LOOK_SECONDS)
