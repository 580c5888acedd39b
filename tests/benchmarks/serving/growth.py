"""What a row of many columns costs."""

from __future__ import annotations

import statistics

from tests.benchmarks.execution.place import place
from tests.benchmarks.execution.table import Row, Table, in_turn
from tests.benchmarks.serving import projects
from tests.benchmarks.serving.load import generator
from tests.benchmarks.serving.options import Options
from tests.benchmarks.serving.rates import Stretch
from tests.benchmarks.serving.servers import ours, peer
from tests.benchmarks.serving.targets import PEERS, prepared

__all__ = ["measure"]

_COLUMNS = (10, 50, 200, 500)


def measure(repeats: int, options: Options) -> Table:
    """Median latency of one row at one connection, by the number of its columns."""
    rows: list[Row] = []
    medians: dict[str, list[float]] = {"ours": [], "plain": [], "mlflow": []}
    with place() as folder:
        for columns in _COLUMNS:
            given = prepared(projects.wide(folder / f"wide-{columns}", columns), folder / f"given-{columns}")
            with (
                ours(given) as (compiled, _),
                ours(given, models="plain") as (plain, _),
                peer("mlflow", given) as theirs,
            ):
                targets = {"ours": compiled, "plain": plain, "mlflow": theirs}
                taken = in_turn(
                    repeats, {name: Stretch(each, 1, options.seconds) for name, each in targets.items()}
                )
            p50 = {name: [load.p50_ms for load in loads] for name, loads in taken.items()}
            for name, values in p50.items():
                medians[name].append(statistics.median(values))
            rows.append(Row(f"{columns} columns", p50["ours"], p50["mlflow"], unit="ms"))
            rows.append(Row(f"{columns} columns, plain path", p50["plain"], p50["mlflow"], unit="ms"))
    grown = ", ".join(f"{name} {found[-1] / found[0]:.1f} times" for name, found in medians.items())
    return Table(
        f"median latency of one row, {repeats} in turn",
        rows,
        [
            f"peer: {PEERS['mlflow']}; load: {generator()}, 1 connection",
            f"from {_COLUMNS[0]} to {_COLUMNS[-1]} columns: {grown} as long",
        ],
    )
