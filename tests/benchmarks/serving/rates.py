"""Requests a second, latencies and batches: ours, three peers, and a route that does nothing."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.execution.place import place
from tests.benchmarks.execution.table import Goal, Row, Table, in_turn
from tests.benchmarks.serving import projects
from tests.benchmarks.serving.environments import NotInstalled
from tests.benchmarks.serving.load import Load, generator
from tests.benchmarks.serving.options import Options
from tests.benchmarks.serving.servers import nothing, ours, peer
from tests.benchmarks.serving.targets import PEERS, Prepared, Target, first_answer, prepared

__all__ = ["Stretch", "measure_pipeline", "measure_raw"]

_CONNECTIONS = (1, 16, 64)
_TIMES = {1: 25.0, 16: 150.0, 64: 200.0}
_PLAIN_TIMES = {16: 15.0, 64: 30.0}
_KEPT = {16: 0.65, 64: 0.8}
#: A stretch is long enough for so many answers on each connection: a slow server's last ones are cut off.
_ANSWERS, _LONGEST_TIMES = 8, 4.0
_WARM_UP_SECONDS = 1.0


@dataclass
class Stretch:
    """One server under one kind of load, again and again; the first time warms it up and finds the length."""

    target: Target
    connections: int
    seconds: float
    batch: bool = False
    _length: float = field(default=_WARM_UP_SECONDS, init=False)

    def __call__(self) -> Load:
        load = self.target.put_load(self.connections, self._length, batch=self.batch)
        wanted = _ANSWERS * self.connections / load.requests_per_second
        self._length = max(self.seconds, min(_LONGEST_TIMES * self.seconds, wanted))
        return load


@dataclass(frozen=True)
class _Found:
    """Loads by server and connections; 0 connections stand for the batch."""

    loads: dict[int, dict[str, list[Load]]]
    notes: list[str]

    def rates(self, name: str, connections: int) -> list[float]:
        return [load.requests_per_second for load in self.loads[connections].get(name, [])]

    def p50(self, name: str, connections: int) -> list[float]:
        return [load.p50_ms for load in self.loads[connections].get(name, [])]

    def p99(self, name: str, connections: int) -> list[float]:
        return [load.p99_ms for load in self.loads[connections].get(name, [])]

    def better(self, names: Sequence[str], connections: int) -> str:
        """The fastest of them that was measured; empty when none was."""
        there = [name for name in names if self.rates(name, connections)]
        return max(there, key=lambda name: statistics.median(self.rates(name, connections)), default="")


def measure_pipeline(repeats: int, options: Options) -> Table:
    """The model's input in JSON: no helpers anywhere."""
    title = "one row as JSON, the model's input as it is"
    return _measure(title, repeats, options, lambda folder: projects.pipeline(folder / "project"))


def measure_raw(repeats: int, options: Options) -> Table:
    """Raw rows in JSON: each server builds the features with the project's helpers and memory tables."""
    return _measure("one raw row as JSON, features built", repeats, options, lambda _: projects.flights())


def _measure(title: str, repeats: int, options: Options, made: Callable[[Path], projects.Served]) -> Table:
    with place() as folder, contextlib.ExitStack() as stack:
        given = prepared(made(folder), folder / "prepared")
        found = _all_in_turn(given, repeats, options, stack)
    notes = [
        f"load: {generator()}, {options.seconds:g} s each (longer where a server gives few answers), "
        "the other servers stopped meanwhile",
        "one worker each, one thread in native libraries; each answer checked against the model before",
        "ours: default settings, every answer durable in the log before it leaves; "
        "the peers keep nothing of theirs",
        *found.notes,
    ]
    return Table(f"{title}, {repeats} in turn", _rows(found), notes)


def _all_in_turn(given: Prepared, repeats: int, options: Options, stack: contextlib.ExitStack) -> _Found:
    targets: dict[str, Target] = {}
    notes: list[str] = []
    for name in PEERS:
        try:
            targets[name] = stack.enter_context(peer(name, given))
        except NotInstalled as problem:
            notes.append(f"{PEERS[name]}: left out, it cannot be installed: {problem}")
    for name in ("plain", "unlogged"):
        targets[name] = stack.enter_context(ours(given, f"ours, {name}", models=name))[0]
    targets["idle"] = stack.enter_context(ours(given, "ours, idle", models="idle", check=first_answer))[0]
    targets["ours"], server = stack.enter_context(ours(given))
    notes.append(f"path of the model in ours: {', '.join(server.health().paths.values())}")
    targets["nothing"] = stack.enter_context(nothing(given))
    loads: dict[int, dict[str, list[Load]]] = {}
    for connections in _CONNECTIONS:
        stretches = {name: Stretch(target, connections, options.seconds) for name, target in targets.items()}
        loads[connections] = in_turn(repeats, stretches)
    batches = {
        name: Stretch(target, 1, options.seconds, batch=True)
        for name, target in targets.items()
        if name not in ("idle", "nothing")
    }
    loads[0] = in_turn(repeats, batches)
    return _Found(loads, notes)


def _rows(found: _Found) -> list[Row]:
    return [*_against_mlflow(found), *_against_batching(found), *_of_ours(found), *_batch(found)]


def _at(connections: int) -> str:
    return "1 connection" if connections == 1 else f"{connections} connections"


def _rate(what: str, ours: Sequence[float], peer: Sequence[float], times: float | None = None) -> Row:
    return Row(what, ours, peer, Goal(times=times), unit="/s", digits=0, more_is_better=True)


def _against_mlflow(found: _Found) -> list[Row]:
    name = PEERS["mlflow"]
    rows = [
        _rate(f"{_at(count)}, vs {name}", found.rates("ours", count), found.rates("mlflow", count), times)
        for count, times in _TIMES.items()
    ]
    rows += [
        _rate(
            f"{_at(count)}, plain path, vs {name}",
            found.rates("plain", count),
            found.rates("mlflow", count),
            _PLAIN_TIMES.get(count),
        )
        for count in _CONNECTIONS
    ]
    p50, p99 = found.p50("ours", 1), found.p99("ours", 64)
    rows.append(Row("p50, 1 connection", p50, found.p50("mlflow", 1), Goal(most=1.0), unit="ms"))
    rows.append(
        Row("p99, 64 connections", p99, found.p99("mlflow", 64), Goal(most=25.0), unit="ms", digits=1)
    )
    return rows


def _against_batching(found: _Found) -> list[Row]:
    rows = [
        _rate(
            f"{_at(count)}, vs {PEERS[name]}",
            found.rates("ours", count),
            found.rates(name, count),
            20.0 if count == 64 and name == found.better(("bentoml", "litserve"), 64) else None,
        )
        for name in ("bentoml", "litserve")
        for count in _CONNECTIONS
        if found.rates(name, count)
    ]
    if better := found.better(("bentoml", "litserve"), 64):
        what = f"64 connections, plain path, vs {PEERS[better]}"
        rows.append(_rate(what, found.rates("plain", 64), found.rates(better, 64), 3.5))
    return rows


def _of_ours(found: _Found) -> list[Row]:
    rows = [
        _rate(
            f"{_at(count)}, {what}, vs a route that does nothing",
            found.rates(name, count),
            found.rates("nothing", count),
            goal,
        )
        for name, what, goal in (
            ("unlogged", "unlogged", 0.6),
            ("idle", "unlogged, a model that does nothing", None),
        )
        for count in _CONNECTIONS
    ]
    rows += [
        _rate(
            f"{_at(count)}, log on, vs off",
            found.rates("ours", count),
            found.rates("unlogged", count),
            _KEPT.get(count),
        )
        for count in _CONNECTIONS
    ]
    pairs = zip(found.p99("ours", 16), found.p99("unlogged", 16), strict=True)
    added = [on - off for on, off in pairs]
    rows.append(Row("p99 that the log adds, 16 connections", added, goal=Goal(most=5.0), unit="ms"))
    return rows


def _batch(found: _Found) -> list[Row]:
    def row(what: str, ours: str, other: str, times: float | None = None) -> Row:
        return Row(what, found.p50(ours, 0), found.p50(other, 0), Goal(times=times), unit="ms", digits=1)

    rows = [
        row(f"a batch of 1,000 rows, vs {PEERS['mlflow']}", "ours", "mlflow", 4.0),
        row(f"a batch of 1,000 rows, plain path, vs {PEERS['mlflow']}", "plain", "mlflow"),
    ]
    return rows + [
        row(f"a batch of 1,000 rows, vs {PEERS[name]}", "ours", name)
        for name in ("bentoml", "litserve")
        if found.p50(name, 0)
    ]
