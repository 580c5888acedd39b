"""The model server, next to what people use today, on the same machine in the same run.

``make bench ARGS="serving"`` measures all, ``make bench ARGS="serving --only pipeline --quick"`` a part in
a short time. Each result is kept in the user's cache folder; ``--only readme`` measures nothing and prints
what is kept as the table of the README.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from unittest import mock

from tests.benchmarks.execution.place import quiet
from tests.benchmarks.execution.table import Table
from tests.benchmarks.serving import growth, parts, rates, readback, results, starting, workers
from tests.benchmarks.serving.options import Options
from tests.benchmarks.serving.servers import THREADS

__all__ = ["MEASURES", "main"]

_README = "readme"
_MEASURED: Mapping[str, Callable[[int, Options], Table]] = {
    "pipeline": rates.measure_pipeline,
    "raw": rates.measure_raw,
    "workers": workers.measure,
    "start": starting.measure,
    "log": readback.measure,
    "columns": growth.measure,
    "parts": parts.measure,
}
#: Names for ``--only``.
MEASURES = (*_MEASURED, _README)


def main(repeats: int, only: Sequence[str] = (), *, fast: bool = False, full: bool = False) -> None:
    """Measure and print, one table after the other, and in the end the table of the README."""
    options = Options.chosen(quick=fast, full=full)
    for name in only or _MEASURED:
        if name == _README:
            continue
        with mock.patch.dict(os.environ, THREADS), quiet():
            table = _MEASURED[name](repeats, options)
        results.keep(name, table)
        print(f"\n{name}: {table}", flush=True)
    if _README in only or not only:
        print(f"\n{results.readme(results.kept(_MEASURED))}", flush=True)
