"""Labelling: from a key to the next row, as JupyterLab paints it, and what each label costs the processor."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from tests.benchmarks.execution.place import place
from tests.benchmarks.execution.table import Goal, Row, Table
from tests.benchmarks.panels import notebook
from tests.contract.labelling import CHOICES, NOW
from tests.projects import make_project, write_notebook
from workbench.data.labels import queues
from workbench.data.labels.model import NewRow
from workbench.panels.label.panel import LabelPanel, label
from workbench.project import Project
from workbench.registry.identity import Identity
from workbench.store import label_tables as tables
from workbench.store.database import open_database

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["MEASURES", "main"]

_QUEUE, _ROWS, _COLUMNS = "many", 10_000, 12
_KEYS = 20
_WAIT_MS = 60_000
_READING_MS = 250  # nobody reads a row in less, and the panel takes no key sooner
# From the key's event to the frame after the one in which another row stands there.
_WATCH = """() => {
  const row = () => [...document.querySelectorAll('.widget-html-content')]
    .map(each => each.textContent).find(text => /^row \\d+/.test(text));
  let last = row(), pressed = null;
  window.taken = [];
  document.addEventListener('keydown', () => { pressed = performance.now(); }, true);
  new MutationObserver(() => {
    if (pressed === null || row() === last) return;
    const since = pressed;
    [last, pressed] = [row(), null];
    requestAnimationFrame(() => requestAnimationFrame(() => window.taken.push(performance.now() - since)));
  }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


def keys(repeats: int) -> None:
    """Print what a person waits for the next row in the panel: the median, and the worst of all keys."""
    count = repeats * _KEYS
    with place() as scratch:
        project = _project(scratch / "labelled")
        with _notebook(project, scratch) as page:
            page.evaluate(_WATCH)
            for number in range(1, count + 4):
                page.wait_for_timeout(_READING_MS)
                page.keyboard.press("lo"[number % 2])
                page.wait_for_function("count => window.taken.length >= count", arg=number, timeout=_WAIT_MS)
            taken = [each / 1000 for each in page.evaluate("window.taken")][3:]  # the first ones import
    rows = [
        Row("key to next row, median", taken, goal=Goal(most=0.1), digits=3),
        Row("key to next row, the worst", [max(taken)], digits=3),
    ]
    print(Table(f"label panel in JupyterLab, {count} keys, a queue of {_ROWS:,} rows, two people each", rows))


def cost(repeats: int) -> None:
    """Print what a label costs the processor, without a browser: the write, and the rows behind it."""
    with place(started=False) as scratch:
        panel = label(_QUEUE, of=_project(scratch / "labelled"))
        taken = _pressed(panel, repeats)
        if panel.problem:
            raise RuntimeError(panel.problem)
    rows = [Row("processor time of a label", taken, goal=Goal(most=0.05), digits=4)]
    print(Table(f"a label on SQLite, a queue of {_ROWS:,} rows, {repeats} x {_KEYS} labels", rows))


def decide(repeats: int) -> None:
    """Print what a decision costs the processor, with the search for the next row in dispute."""
    with place(started=False) as scratch:
        project = _project(scratch / "labelled")
        _disagree(project)
        panel = label(_QUEUE, adjudicate=True, of=project)
        taken = _pressed(panel, repeats)
        if panel.problem or panel.shown is None:
            raise RuntimeError(panel.problem or "there are too few rows in dispute")
    rows = [Row("processor time of a decision", taken, goal=Goal(most=0.1), digits=4)]
    print(Table(f"a decision on SQLite, a queue of {_ROWS:,} rows, {repeats} x {_KEYS} decisions", rows))


def _pressed(panel: LabelPanel, repeats: int) -> list[float]:
    """Processor seconds of a key and of the rows fetched behind it, round by round after one to warm up."""
    panel.ticks = map(float, itertools.count()).__next__
    panel.start()
    taken = []
    for _ in range(repeats + 1):
        before = time.process_time()
        for _ in range(_KEYS):
            panel.press("l")
            panel.refill()
        taken.append((time.process_time() - before) / _KEYS)
    return taken[1:]


#: What there is to measure, by name.
MEASURES: dict[str, Callable[[int], None]] = {"keys": keys, "cost": cost, "decide": decide}


def main(repeats: int, only: list[str]) -> None:
    """Print the measures named (default: all)."""
    for name, measure in MEASURES.items():
        if not only or name in only:
            measure(repeats)


def _project(root: Path) -> Project:
    project = make_project(root, {"train": []})
    made = [
        NewRow({"x": number}, {f"column {place}": f"{number}-{place}" for place in range(_COLUMNS)})
        for number in range(_ROWS)
    ]
    by = Identity("ada")
    more: dict[str, Any] = {"how": "random", "double_rate": 1.0, "seed": 0, "by": by, "at": NOW}
    with open_database(project).write() as connection:
        queue = queues.make(connection, project.name, _QUEUE, "Late?", CHOICES, by=by, at=NOW)
        queues.add_rows(connection, queue, made, source={"dataset": "numbers", "version": 0}, **more)
    cells = [f"from workbench import panels\npanels.label({_QUEUE!r})"]
    write_notebook(root / "notebooks" / "look.ipynb", cells, kernel="workbench")
    return project


def _disagree(project: Project) -> None:
    """Two people have labelled every row, and disagree about each tenth."""
    places, rows = tables.label_places, tables.label_rows
    said = {"status": "labelled", "guidelines": 0, "labelled_at": NOW, "revision": 1}
    with open_database(project).write() as connection:
        found = connection.execute(select(rows.c.queue, rows.c.id.label("row"), rows.c.number)).all()
        labels = [
            {**said, "queue": queue, "row": row, "person": person, "seat": seat, "label": chosen}
            for queue, row, number in found
            for seat, person, chosen in ((1, "grace", "0"), (2, "mary", "0" if number % 10 else "1"))
        ]
        connection.execute(insert(places), labels)


@contextlib.contextmanager
def _notebook(project: Project, scratch: Path) -> Iterator[Page]:
    with notebook(project, scratch) as page:
        page.locator(".jp-OutputArea button.mod-primary").click()
        page.get_by_text("row 1", exact=True).wait_for(timeout=_WAIT_MS)
        page.wait_for_function("document.activeElement?.placeholder === 'press a key here'")
        yield page
