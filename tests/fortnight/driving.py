"""The fortnight, hour by hour: the clock is set, flights are asked about, outcomes come in, all keep up."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import pandas as pd

from tests.fortnight.project import END, START, Place
from tests.scheduled import caught_up
from tests.unit.serving.tiny import until
from workbench import registry
from workbench.data.tables import Tables
from workbench.monitoring.baking import find
from workbench.project import Project
from workbench.serving import Server, attach
from workbench.tracking.inputs import is_published

__all__ = ["BAD", "drive"]

_HOUR = timedelta(hours=1)
#: When somebody takes late for punctual at the very end of training, and promotes what comes out by force.
BAD = datetime(2013, 12, 3, 15, tzinfo=UTC)
_FITTED, _MIXED_UP = 'known[\\"late\\"])', '1 - known[\\"late\\"])'
_PATIENCE = 300.0


def drive(place: Place, say: Callable[[str], None]) -> None:
    """Live through it; everything that was started has ended afterwards."""
    flights = _flights(place.project)
    place.clock.set(START)
    with ExitStack() as stack:
        server = stack.enter_context(_serving(place))
        for number in (1, 2):
            stack.enter_context(_process(place, f"scheduler-{number}", "schedule", "run"))
        traffic = _Traffic(server, flights)
        now = START.astimezone(UTC)
        while now < END:
            now += _HOUR
            place.clock.set(now)
            traffic.until(now)
            if now == BAD:
                say("somebody mixes up late and punctual, and promotes what comes out by force")
                _mix_up(place)
            _caught_up(place.project, server, now)
            if now.astimezone(START.tzinfo).hour == 0:
                day = (now - _HOUR).astimezone(START.tzinfo)
                say(f"{day:%a %d %b}: {traffic.asked:,} asked, {traffic.told:,} outcomes known")


def _mix_up(place: Place) -> None:
    notebook = place.root / "notebooks" / "4_train.ipynb"
    right = notebook.read_text()
    assert right.count(_FITTED) == 1
    notebook.write_text(right.replace(_FITTED, _MIXED_UP))
    place.command("run", "train", "validate")
    newest = registry.list_versions(place.project)[0].version
    place.command("promote", str(newest), "--force", "--reason", "I am sure that it is better")
    notebook.write_text(right)


class _Traffic:
    """Asks about flights as their time comes, and tells what became of them when they have landed."""

    def __init__(self, server: Server, flights: pd.DataFrame) -> None:
        self._server, self._columns = server, list(server.health().request)
        self._to_ask, self._in_the_air = flights, flights.head(0).assign(prediction_id="")
        self.asked = self.told = 0

    def until(self, now: datetime) -> None:
        """All that was to be asked and all that has landed by ``now``."""
        landed = self._in_the_air["landed_at"] <= now
        outcomes = self._in_the_air[landed]
        if len(outcomes):
            known = outcomes.rename(columns={"late": "value", "landed_at": "known_at"})
            self.told += self._server.truth(known.astype({"value": float}))
        due = self._to_ask["asked_at"] <= now
        asked = self._to_ask[due]
        if len(asked):
            answers = self._server.predict(asked[self._columns])
            self.asked += len(answers)
            asked = asked.assign(prediction_id=answers["prediction_id"])
        self._in_the_air = pd.concat([self._in_the_air[~landed], asked])
        self._to_ask = self._to_ask[~due]


def _flights(project: Project) -> pd.DataFrame:
    """Those of the fortnight, in the order of asking."""
    tables = Tables(project.data_uri)
    prepared = tables.read(tables.newest("prepared", lambda version: is_published(project, version)))
    within = prepared["asked_at"].between(START, END, inclusive="left")
    return prepared[within].sort_values("asked_at").reset_index(drop=True)


def _caught_up(project: Project, server: Server, now: datetime) -> None:
    """Until what was due is over, and the champion answers and, if it bakes, was looked at."""
    caught_up(project, now, seconds=_PATIENCE)

    def looked_at() -> bool:
        found = find(project)
        if found is None or found.status != "baking":
            return True
        return found.evidence.violation is None and (found.checked_at or START) >= now

    def answers() -> bool:
        champion = registry.champion(project)
        return champion is not None and server.health().champion == champion.version

    until(looked_at, seconds=_PATIENCE)
    until(answers, seconds=_PATIENCE)


@contextmanager
def _serving(place: Place) -> Iterator[Server]:
    with _process(place, "server", "serve", "--port", "0") as process:
        told = place.project.state / "server.json"
        until(lambda: told.exists() or process.poll() is not None, seconds=_PATIENCE)
        server = attach(place.project)
        assert server is not None, "the server has ended"
        with server:
            yield server


@contextmanager
def _process(place: Place, name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of ours that goes on until it is told to end; what it says is beside the project."""
    command = [sys.executable, "-m", "workbench", *arguments]
    with open(place.root.parent / f"{name}.log", "wb") as said:
        process = subprocess.Popen(command, cwd=place.root, env=place.environment, stdout=said, stderr=said)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE)
