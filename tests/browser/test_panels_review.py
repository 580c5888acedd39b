"""The review panel in JupyterLab: what a person clicks and types, and what is in the store then."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest

from tests.browser.lab import Lab
from tests.browser.looks import check_looks
from tests.pages import code, manifest, notebook
from tests.unit.monitoring.judged.asked import CLOCK, HOSTILE, LOG, ask, know, make
from workbench.monitoring import judged
from workbench.project import Project
from workbench.registry import reviews
from workbench.store import backlog
from workbench.store.database import open_database
from workbench.tracking import environment, reports
from workbench.tracking.html import render

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def project(repository_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that answered twelve requests, with a report, an alert and the panel's notebook."""
    made = make(tmp_path_factory.mktemp("review") / "late")
    ask(made)
    know(made, **{f"p0_{number}": 1.0 for number in range(12)})
    ran, nb = manifest(project=made.name, phase="x"), notebook(code("1"), code("2"))
    reports.publish(made.reports, ran, nbformat.writes(nb), render(nb, title="x", manifest=ran))
    with open_database(made).write() as connection:
        backlog.add(connection, made.name, f"look at June {HOSTILE}", by="ada", at=CLOCK.now(), kind="alert")
    panels = made.root / "notebooks" / "panels"
    panels.mkdir(parents=True)
    template = nbformat.read(repository_root / "notebooks" / "panels" / "review.ipynb", as_version=4)
    for cell in template.cells:
        cell.source = cell.source.replace('run: str = ""', 'run: str = "x"')
    nbformat.write(template, panels / "review.ipynb")
    return made


@pytest.mark.practice("P7", "T2", "T3")
def test_rows_are_judged_a_report_is_signed_and_an_item_closed(
    lab: Lab, project: Project, page: Page, screenshots: Path
) -> None:
    panel = lab.panel(page, "review")
    _judge_three(project, panel)
    check_looks(panel, screenshots, "lab-review")
    _review_the_report(project, panel)
    _close_the_alert(project, panel)
    check_looks(panel, screenshots, "lab-backlog")
    # Rows, remarks and titles stood there as text, and none of them ran.
    assert page.evaluate("window.__pwned") is None


def _judge_three(project: Project, panel: Locator) -> None:
    panel.get_by_text("row 1 of 12 · 20 at random (there are no more) · 0 judged by you").wait_for()
    assert panel.get_by_text("turned out").count() == 0  # as long as it is not judged
    panel.get_by_role("button", name="Right").click()
    panel.get_by_text("row 2 of 12").wait_for()
    panel.get_by_text("it turned out late").wait_for()
    panel.get_by_role("textbox", name="Remark").fill(f"it snowed {HOSTILE}")
    panel.get_by_role("button", name="Wrong").click()
    panel.get_by_text("row 3 of 12").wait_for()
    panel.get_by_role("button", name="Put it on the backlog").click()
    panel.get_by_text("It is item 2 of the backlog").wait_for()
    # The second click of two does not judge the row that it never saw.
    panel.get_by_role("button", name="Can't say").dblclick()
    panel.get_by_text("row 4 of 12").wait_for()
    panel.get_by_text("3 judged by you").wait_for()
    found = judged.judged(project, LOG)
    assert [each.verdict for each in found] == ["right", "wrong", "can't say"]
    assert found[1].remark == f"it snowed {HOSTILE}"
    counted = re.compile(
        r"drawn: random\s*3\s*1\s*1\s*1\s*0\s*50 %"
    )  # judged, right, wrong, unsure, disputed
    panel.locator("tr", has_text=counted).wait_for()


def _review_the_report(project: Project, panel: Locator) -> None:
    panel.get_by_role("tab", name="Reports").click()
    panel.get_by_text("Nobody has said anything of it").wait_for()
    panel.locator("textarea").fill("why two cells?")
    panel.get_by_role("spinbutton", name="Cell").fill("2")
    panel.get_by_text("put it on the backlog", exact=False).last.click()
    panel.get_by_role("button", name="Remark").click()
    panel.get_by_text("on cell 2 · backlog 3: open").wait_for()
    panel.get_by_role("button", name="Sign off").click()
    panel.get_by_text("signed off").first.wait_for()
    seen = reviews.look(project, "x")
    assert [(each.said.text, each.said.cell, each.said.item) for each in seen.remarks] == [
        ("why two cells?", 2, 3)
    ]
    assert [each.signed.actor for each in seen.signed] == [environment.who()]
    assert "why two cells?" in (seen.folder / reports.HTML).read_text()


def _close_the_alert(project: Project, panel: Locator) -> None:
    panel.get_by_role("tab", name="Backlog").click()
    panel.get_by_text("look at June").first.wait_for()
    panel.get_by_role("combobox", name="Item").select_option(label=f"1  look at June {HOSTILE}")
    panel.get_by_role("button", name="Assign to me").click()
    panel.get_by_text("assigned by").wait_for()
    with open_database(project).write() as connection:  # somebody else is quicker
        backlog.remark(
            connection, backlog.find(connection, project.name, 1), "mine", by="grace", at=CLOCK.now()
        )
    panel.get_by_role("textbox", name="Reason").fill("the sensor was broken")
    panel.get_by_role("button", name="Close").click()
    panel.get_by_text("item 1 was changed by grace in the meantime (remark); nothing was done").wait_for()
    panel.get_by_role("button", name="Close").click()
    panel.get_by_text("look at June").first.wait_for(state="detached")
    panel.get_by_role("textbox", name="New").fill(f"look at July {HOSTILE}")
    panel.get_by_role("button", name="Add").click()
    panel.get_by_role("cell", name=f"look at July {HOSTILE}").wait_for()
    with open_database(project).read() as connection:
        item = backlog.find(connection, project.name, 1)
    assert (item.status, item.assignee, item.closed_why) == (
        "closed",
        environment.who(),
        "the sensor was broken",
    )
