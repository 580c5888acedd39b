"""ploomber-engine, which has no kernel at all: it runs cells in the process that asks."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.benchmarks.execution.notebook import execute
from tests.benchmarks.execution.place import IMPORTS, OURS, place
from tests.benchmarks.execution.table import Row, Table, in_turn
from tests.projects import write_notebook

__all__ = ["measure"]

#: With what it needs beyond our own environment; nothing else is to change there.
_PACKAGES = ("ploomber-engine", "ploomber-core", "ploomber-extension", "debuglater", "posthog", "monotonic")
_HELLO = "print('hello')"
_FRESH = 3


def _import_it(site: str, home: str) -> None:
    os.environ.update(PLOOMBER_STATS_ENABLED="false", HOME=home)  # it writes down there who uses it
    sys.path.insert(0, site)
    importlib.import_module("ploomber_engine")


def _execute(notebook: Path) -> float:
    execute_notebook = importlib.import_module("ploomber_engine").execute_notebook
    started = time.perf_counter()
    execute_notebook(str(notebook), str(notebook.with_suffix(".in-process.ipynb")), progress_bar=False)
    return time.perf_counter() - started


def _install(folder: Path) -> str:
    """Put it into a folder of its own; returns what pip said if that fails."""
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(folder), *_PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["pip failed"])[-1]


def measure(repeats: int) -> Table:
    """The notebook of imports and one that prints a word; papermill or ploomber-engine imported already."""
    title = f"without a kernel: ploomber-engine, {repeats} repeats in turn"
    with place() as folder:
        if problem := _install(folder / "site"):
            return Table(title, [], [f"left out: it cannot be installed: {problem}"])
        notebooks = {"imports": folder / "imports.ipynb", "hello": folder / "hello.ipynb"}
        write_notebook(notebooks["imports"], [IMPORTS])
        write_notebook(notebooks["hello"], [_HELLO])
        site = (str(folder / "site"), str(folder))

        def new_pool() -> ProcessPoolExecutor:
            return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _import_it, site)

        def in_new_process() -> float:
            with new_pool() as pool:
                pool.submit(os.getpid).result()  # it has imported the engine
                return pool.submit(_execute, notebooks["imports"]).result()

        def ours(which: str) -> float:
            return execute(notebooks[which], OURS, our_engine=True)

        first = in_turn(
            min(repeats, _FRESH), {"ours": lambda: ours("imports"), "peer": in_new_process}, warm_up=True
        )
        with new_pool() as pool:
            again = in_turn(
                repeats,
                {
                    "ours imports": lambda: ours("imports"),
                    "peer imports": lambda: pool.submit(_execute, notebooks["imports"]).result(),
                    "ours hello": lambda: ours("hello"),
                    "peer hello": lambda: pool.submit(_execute, notebooks["hello"]).result(),
                },
            )
    return Table(
        title,
        [
            Row("imports, first notebook of a process", first["ours"], first["peer"], digits=3),
            Row("imports, a later one in it", again["ours imports"], again["peer imports"], digits=3),
            Row("one print, a later one in it", again["ours hello"], again["peer hello"], digits=3),
        ],
        [
            "it wins where its process has imported everything before: no kernel, so nothing to start",
            "the price: modules, settings and memory of one notebook stay for the next, "
            "and one that crashes takes the process with it",
        ],
    )
