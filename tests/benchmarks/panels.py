"""The panels: many runs in the compare panel, seen in a browser; the difference of two large notebooks."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.execution.place import place
from tests.benchmarks.execution.table import Goal, Row, Table
from tests.benchmarks.index import add_runs, search_all
from tests.browser.lab import start_lab
from tests.projects import make_project, write_notebook
from workbench.project import Project
from workbench.tracking import cell_diff, index, output_diff, runs, store

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["MEASURES", "main", "notebook"]

_PHASES = ("gather", "train", "validate", runs.PIPELINE)
_VALUES = 10
_CELLS = 20
_WAIT_MS = 60_000
# From a click or a key to the moment at which the browser has painted what came of it.
_PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
_PAGES = "text=/^runs 1–20 of /"
_OTHER_RUNS = """before => {
  const told = [...document.querySelectorAll('.widget-html-content')].map(each => each.textContent);
  return told.some(text => text.startsWith('runs 1–20 of ') && text !== before);
}"""
_RUN = """at => {
  window.jupyterapp.shell.currentWidget.content.activeCellIndex = at;
  window.jupyterapp.commands.execute('notebook:run-cell');
}"""


def compare(repeats: int, count: int) -> None:
    """Print what a person waits for in the compare panel with so many runs."""
    first_goal = Goal(most=1.0, times=10) if count <= 10_000 else Goal(most=3.0)
    quick = Goal(most=0.2) if count <= 10_000 else Goal(most=1.0)
    with place() as scratch:
        project = _project(scratch / "many", count)
        peer = [_timed(lambda: search_all(project, count)) for _ in range(min(repeats, 3))]
        with notebook(project, scratch) as page:
            first, filtered, sorted_ = [], [], []
            for _ in range(repeats + 1):  # the first one imports, and does not count
                first.append(_first_paint(page))
                filtered.append(_filter(page))
                sorted_.append(_sort(page))
    rows = [
        Row("first paint, from running the cell", first[1:], peer, first_goal),
        Row("filter, from Enter", filtered[1:], goal=quick),
        Row("sort, from a click on a head", sorted_[1:], goal=quick),
    ]
    title = (
        f"compare panel in JupyterLab, {count:,} runs, {_VALUES} params and metrics each, {repeats} repeats"
    )
    print(Table(title, rows, ["peer: MlflowClient.search_runs over all, before anything is drawn"]))


def diff(repeats: int, count: int) -> None:
    """Print what it takes to tell apart two executed notebooks with large outputs."""
    rows = []
    with place(started=False) as scratch:
        for megabytes in (4, 16):
            pair = [_executed(scratch / f"{side}.ipynb", megabytes, side) for side in (0, 1)]
            taken = [_timed(lambda pair=pair: _difference(*pair)) for _ in range(repeats + 1)][1:]
            rows.append(Row(f"{megabytes} MB of outputs each", taken, goal=Goal(most=2.0)))
    print(Table(f"difference of two executed notebooks, {_CELLS} cells, {repeats} repeats", rows))


#: What there is to measure, by name.
MEASURES: dict[str, Callable[[int, int], None]] = {"compare": compare, "diff": diff}


def main(repeats: int, only: list[str], *, full: bool = False) -> None:
    """Print the measures named (default: all); ``full`` takes ten times as many runs as well."""
    for name, measure in MEASURES.items():
        if not only or name in only:
            measure(repeats, 10_000)
    if full and (not only or "compare" in only):
        compare(repeats, 100_000)


def _project(root: Path, count: int) -> Project:
    project = make_project(root, {phase: [] for phase in _PHASES[:3]})
    store.experiment_id(project, draft=False)
    add_runs(project, count, time.time() - 3600, apart=60)
    index.rebuild(project)
    cells = ["from workbench import panels", "panels.compare()"]
    write_notebook(root / "notebooks" / "look.ipynb", cells, kernel="workbench")
    return project


@contextlib.contextmanager
def notebook(project: Project, scratch: Path) -> Iterator[Page]:
    """``notebooks/look.ipynb`` in JupyterLab, after all its cells have run."""
    from playwright.sync_api import sync_playwright

    os.environ.pop("MPLBACKEND", None)
    silent = contextlib.redirect_stdout(io.StringIO())  # what JupyterLab logged is printed at its end
    with silent, start_lab(project.root, scratch / "lab") as lab, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        lab.open(page, "notebooks/look.ipynb").run_all()
        yield page
        browser.close()


def _chromium() -> str:
    names = ("chromium", "google-chrome", "chromium-browser")
    return next(path for name in names if (path := shutil.which(name)))


def _first_paint(page: Page) -> float:
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.locator(".jp-OutputArea .widget-tab").wait_for(state="detached", timeout=_WAIT_MS)
    return _painted(page, lambda: page.evaluate(_RUN, 2), _PAGES)


def _filter(page: Page) -> float:
    field = page.get_by_role("textbox", name="Runs where")
    field.fill(f"phase = train and param_3 > {random.random() / 2}")
    before = page.locator(_PAGES).first.inner_text()

    def wait() -> None:
        field.press("Enter")
        page.wait_for_function(_OTHER_RUNS, arg=before, timeout=_WAIT_MS)
        page.evaluate(_PAINTED)

    return _timed(wait)


def _sort(page: Page) -> float:
    head = page.get_by_role("button", name="metric_4", exact=True)
    return _painted(page, head.click, "button:has-text('metric_4 ▼')")


def _painted(page: Page, act: Callable[[], object], appears: str) -> float:
    def wait() -> None:
        act()
        page.locator(appears).first.wait_for(timeout=_WAIT_MS)
        page.evaluate(_PAINTED)

    return _timed(wait)


def _timed(what: Callable[[], object]) -> float:
    started = time.perf_counter()
    what()
    return time.perf_counter() - started


def _executed(path: Path, megabytes: int, side: int) -> Path:
    """A notebook of which every seventh source differs between the sides, and every output."""
    cells = []
    for number in range(_CELLS):
        data = base64.b64encode(random.randbytes(megabytes * 750_000 // _CELLS)).decode()
        outputs = [
            {"output_type": "display_data", "metadata": {}, "data": {"image/png": data}},
            {"output_type": "stream", "name": "stdout", "text": [f"{data}\n"]},
        ]
        source = f"step({number})\nshow({side if number % 7 == 0 else 'all'})"
        cells.append(
            {
                "cell_type": "code",
                "metadata": {},
                "execution_count": number + 1,
                "source": source,
                "outputs": [outputs[number % 2]],
            }
        )
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def _difference(left: Path, right: Path) -> None:
    changes = cell_diff.diff_notebooks(left, right)
    if len(output_diff.diff_outputs(left, right, changes)) < _CELLS - 2 * len(changes):
        raise RuntimeError("not all outputs that differ were found")
