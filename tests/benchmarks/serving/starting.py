"""From starting a server to its first answer."""

from __future__ import annotations

import os
import time
from unittest import mock

from tests.benchmarks.execution.place import place
from tests.benchmarks.execution.table import Goal, Row, Table, in_turn
from tests.benchmarks.serving import projects
from tests.benchmarks.serving.options import Options
from tests.benchmarks.serving.servers import ours, peer
from tests.benchmarks.serving.targets import PEERS, Prepared, first_answer, prepared

__all__ = ["measure"]


def _ours(given: Prepared, *, agent: bool) -> float:
    with mock.patch.dict(os.environ, {} if agent else {"WORKBENCH_AGENT": "0"}):
        begun = time.perf_counter()
        with ours(given, check=first_answer):
            return time.perf_counter() - begun


def _theirs(given: Prepared) -> float:
    begun = time.perf_counter()
    with peer("mlflow", given, check=first_answer):
        return time.perf_counter() - begun


def measure(repeats: int, options: Options) -> Table:
    """The flights project from its registry, memory tables read and recorded cases answered."""
    with place() as folder:
        given = prepared(projects.flights(), folder / "prepared")
        taken = in_turn(
            repeats,
            {
                "forked": lambda: _ours(given, agent=True),
                "alone": lambda: _ours(given, agent=False),
                "mlflow": lambda: _theirs(given),
            },
        )
    rows = [
        Row("forked from the agent", taken["forked"], taken["mlflow"], Goal(most=2.0)),
        Row("without an agent", taken["alone"], taken["mlflow"], Goal(most=8.0)),
    ]
    return Table(
        f"from the start of a server to its first answer, {repeats} in turn",
        rows,
        [f"peer: {PEERS['mlflow']} with the same model and memory tables, already on this disk"],
    )
