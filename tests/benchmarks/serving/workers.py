"""Two workers against one."""

from __future__ import annotations

from tests.benchmarks.execution.place import place
from tests.benchmarks.execution.table import Goal, Row, Table, in_turn
from tests.benchmarks.serving import projects
from tests.benchmarks.serving.load import generator
from tests.benchmarks.serving.options import Options
from tests.benchmarks.serving.rates import Stretch
from tests.benchmarks.serving.servers import ours
from tests.benchmarks.serving.targets import prepared

__all__ = ["measure"]


def measure(repeats: int, options: Options) -> Table:
    """The same project with one and with two workers, on the compiled path and on the plain one."""
    title = f"two workers against one, 64 connections, {repeats} in turn"
    rows = []
    with place() as folder:
        given = prepared(projects.pipeline(folder / "project"), folder / "prepared")
        for path, models in (("compiled", ""), ("plain", "plain")):
            with ours(given, models=models) as (one, _), ours(given, models=models, workers=2) as (two, _):
                ways = {name: Stretch(each, 64, options.seconds) for name, each in (("1", one), ("2", two))}
                taken = in_turn(repeats, ways)
            rates = {name: [load.requests_per_second for load in loads] for name, loads in taken.items()}
            goal = Goal(times=1.7) if path == "compiled" else Goal()
            what = f"two workers, {path} path, vs one"
            rows.append(Row(what, rates["2"], rates["1"], goal, unit="/s", digits=0, more_is_better=True))
    return Table(title, rows, [f"load: {generator()}; it needs a core that the second worker would use"])
