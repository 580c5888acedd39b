"""The label panel in JupyterLab: two people label with keys, and it is all in the store."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.lab import Lab
from tests.browser.looks import check_looks
from tests.contract.labelling import CHOICES, NOW
from tests.projects import make_project, migrated_database, write_notebook
from workbench.data.labels import queues, results, saying
from workbench.data.labels.model import NewRow, Queue
from workbench.data.labels.results import Result
from workbench.project import Project
from workbench.registry.identity import Identity
from workbench.store.database import open_database

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900), pytest.mark.practice("L9", "D5")]

HOSTILE = "<img src=x onerror=window.__pwned=1>"
GUIDELINES = f"# Late or not\n\n**Late** is more than fifteen minutes. {HOSTILE}"
_SHORTCUTS = "window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.type).join()"


@pytest.fixture(scope="module")
def project(repository_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A queue of six rows that two people label, and a notebook for each who does."""
    made = make_project(tmp_path_factory.mktemp("label") / "tiny", {"train": []})
    shutil.copyfile(migrated_database(), made.state / "workbench.db")
    with open_database(made).write() as connection:
        by = Identity("ada")
        queue = queues.make(connection, made.name, "late", "Late, or on time?", CHOICES, by=by, at=NOW)
        queues.revise_guidelines(connection, queue, GUIDELINES, by=by, at=NOW)
        rows = [
            NewRow({"x": number}, {"flight": f"UA {1500 + number}", "note": HOSTILE}) for number in range(6)
        ]
        more = {"source": {"dataset": "numbers", "version": 0}, "double_rate": 1.0, "seed": 0}
        queues.add_rows(connection, queue, rows, how="random", by=by, at=NOW, **more)  # type: ignore[arg-type]
    for name in ("ada", "grace"):
        # Who somebody is on SQLite is their login name, which is in the environment of their kernel.
        cells = [
            f"import os\nos.environ['LOGNAME'] = {name!r}",
            "from workbench import panels\npanel = panels.label('late')\npanel",
        ]
        write_notebook(made.root / "notebooks" / f"{name}.ipynb", cells, kernel="workbench")
    return made


def _sit_down(lab: Lab, browser: Browser, name: str) -> tuple[Page, Locator]:
    """A person's own browser, with the panel started."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    cells = lab.open(page, f"notebooks/{name}.ipynb").run_all()
    assert [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"] == []
    panel = page.locator(".jp-OutputArea .widget-vbox").first
    panel.get_by_role("button", name="Start").click()
    panel.get_by_role("textbox", name="Keys").wait_for()
    page.wait_for_function("document.activeElement?.placeholder === 'press a key here'")
    return page, panel


def _press(panel: Locator, row: int, key: str, then: str) -> None:
    """Press a key once the row is there and could have been read, and wait for what is said of it."""
    panel.get_by_text(f"row {row}", exact=True).wait_for()
    panel.page.evaluate("() => new Promise(done => setTimeout(done, 200))")
    panel.page.keyboard.press(key)
    panel.get_by_text(then).first.wait_for()


def _results(project: Project) -> tuple[Queue, list[Result]]:
    with open_database(project).read() as connection:
        queue = queues.find(connection, project.name, "late")
        return queue, results.results(connection, queue)


def test_two_label_with_keys_and_do_not_see_what_the_other_says(
    lab: Lab, project: Project, browser: Browser, screenshots: Path
) -> None:
    page, panel = _sit_down(lab, browser, "ada")
    before = page.evaluate(_SHORTCUTS)
    panel.get_by_text("You label as ada (claimed)").wait_for()
    panel.get_by_text(HOSTILE).first.wait_for()
    assert page.evaluate("window.__pwned") is None
    _press(panel, 1, "l", "row 1: late")
    _press(panel, 2, "x", "the key 'x' means nothing here")
    _press(panel, 2, "o", "row 2: on time")
    _press(panel, 3, "s", "row 3 is left to others")
    _press(panel, 4, "b", "Looking back: you skipped it.")
    _press(panel, 3, "b", "Looking back: you said on time.")
    _press(panel, 2, "l", "row 2: late")
    _press(panel, 3, "s", "row 4")
    _press(panel, 4, "l", "row 4: late")
    _press(panel, 5, "u", "row 4: taken back")
    panel.get_by_role("textbox", name="Remark").fill(HOSTILE)
    panel.get_by_role("textbox", name="Remark").press("Enter")
    page.wait_for_function("document.activeElement?.placeholder === 'press a key here'")
    _press(panel, 4, "o", "row 4: on time")
    panel.get_by_text("row 5", exact=True).wait_for()
    check_looks(panel, screenshots, "lab-label")
    # None of the keys was a shortcut of JupyterLab's, which would have made, cut or turned cells.
    assert page.evaluate(_SHORTCUTS) == before

    other, theirs = _sit_down(lab, browser, "grace")
    for row, key in enumerate("llolol", start=1):
        _press(theirs, row, key, f"row {row}: {'late' if key == 'l' else 'on time'}")
    theirs.get_by_text("There is no row for you now").wait_for()
    assert "row 1: late" not in panel.inner_text()  # what others say is not told

    for row in (5, 6):
        _press(panel, row, "o", f"row {row}: on time")
    queue, found = _results(project)
    assert [[(given.person, given.label) for given in each.labels] for each in found] == [
        [("ada", "1"), ("grace", "1")],
        [("ada", "1"), ("grace", "1")],
        [("grace", "0")],
        [("ada", "0"), ("grace", "1")],
        [("ada", "0"), ("grace", "0")],
        [("ada", "0"), ("grace", "1")],
    ]
    with open_database(project).read() as connection:
        said = saying.history(connection, queue, found[3].row)
    assert [(each.actor, each.what, each.before, each.after) for each in said] == [
        ("ada", "labelled", None, "1"),
        ("ada", "undone", "1", None),
        ("ada", "labelled", None, "0"),
        ("grace", "labelled", None, "1"),
    ]
    assert said[2].remark == HOSTILE
    other.context.close()

    page.context.close()
