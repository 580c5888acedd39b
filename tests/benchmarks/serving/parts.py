"""Where the time of one request goes: clocks around what each part does, in the server under load."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.execution.place import place
from tests.benchmarks.execution.table import Row, Table, in_turn
from tests.benchmarks.serving import projects
from tests.benchmarks.serving.options import Options
from tests.benchmarks.serving.rates import Stretch
from tests.benchmarks.serving.servers import ours
from tests.benchmarks.serving.targets import prepared
from tests.benchmarks.serving.variants import PARTS
from tests.unit.serving.tiny import until

__all__ = ["measure"]

_CONNECTIONS = (1, 64)
_REST = "HTTP, and the way through the server"


@dataclass
class _Timed:
    """A stretch of load on a server with clocks: microseconds a request by part, and what remains."""

    stretch: Stretch
    clocks: Path

    def __call__(self) -> dict[str, float]:
        before = self._read()
        load = self.stretch()
        ended = time.time()
        # The server writes its clocks down ten times a second, as long as it is not stopped.
        with self.stretch.target.going():
            until(lambda: self.clocks.exists() and self.clocks.stat().st_mtime > ended)
        after = self._read()
        spent = {
            part: (seconds - before.get(part, 0.0)) / load.requests * 1e6 for part, seconds in after.items()
        }
        whole = 1e6 / load.requests_per_second
        return {**spent, _REST: whole - sum(spent.values()), "whole": whole}

    def _read(self) -> Mapping[str, float]:
        if not self.clocks.exists():
            return {}
        return {part: found["seconds"] for part, found in json.loads(self.clocks.read_text()).items()}


def _whole(stretch: Stretch) -> dict[str, float]:
    return {"whole": 1e6 / stretch().requests_per_second}


def measure(repeats: int, options: Options) -> Table:
    """Raw rows of the flights project, the log on, at 1 and at 64 connections."""
    rows: list[Row] = []
    with place() as folder:
        given = prepared(projects.flights(), folder / "prepared")
        with ours(given) as (bare, _), ours(given, models="timed") as (timed, server):
            for count in _CONNECTIONS:
                clocks = server.log.folder / "parts.json"
                ways: dict[str, Callable[[], dict[str, float]]] = {
                    "bare": functools.partial(_whole, Stretch(bare, count, options.seconds)),
                    "timed": _Timed(Stretch(timed, count, options.seconds), clocks),
                }
                taken = in_turn(repeats, ways)
                rows += _rows(count, taken["timed"], [one["whole"] for one in taken["bare"]])
    notes = [
        "a request's share of its batch; at 64 connections parts run at the same time as the load itself",
        "ratio: the whole with clocks, against without",
    ]
    return Table(f"where the time of one request goes, {repeats} repeats", rows, notes)


def _rows(count: int, timed: list[dict[str, float]], bare: list[float]) -> list[Row]:
    names = ["whole", _REST, *PARTS]
    return [
        Row(
            f"{count} {'connection' if count == 1 else 'connections'}: {name}",
            [one[name] for one in timed],
            bare if name == "whole" else (),
            unit="µs",
            digits=0,
        )
        for name in names
    ]
