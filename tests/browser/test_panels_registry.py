"""The registry and monitor panels in JupyterLab: what a person clicks, and what the ledger has then."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.lab import Lab
from tests.browser.looks import check_looks
from tests.unit.monitoring import watched
from tests.unit.panels.stores import away
from tests.unit.registry import small
from workbench.monitoring.findings import record
from workbench.project import Project, open_project
from workbench.registry import aliases, promotion
from workbench.store.database import open_database
from workbench.tracking import store

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

_HOSTILE = "<img src=x onerror=window.__pwned=1>"
_WAIT_MS = 120_000  # for a model to be loaded and asked on a busy machine


@pytest.fixture(scope="module")
def project(repository_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three versions, the first of them champion, four windows of findings, and the panels' notebooks."""
    made = small.small_project(tmp_path_factory.mktemp("panels") / "tiny")
    settings = made.root / "workbench.toml"
    settings.write_text(f'{settings.read_text()}\n[monitoring]\nwindow = "month"\n')
    run = small.start(made)
    trained = small.train(run)
    for _ in range(3):
        small.register(run, trained)
    promotion.promote(made, 1, reason="the first that passed")
    store.client(made).set_model_version_tag("tiny-model", "2", "workbench.name", _HOSTILE)
    database = open_database(made)
    with database.write() as connection:
        found = watched.year(windows=4, features=6, rename=["wind", _HOSTILE])
        record.add(connection, "predictions/live", "tiny-model", found)
    database.close()
    panels = made.root / "notebooks" / "panels"
    panels.mkdir()
    for name in ("registry", "monitor"):
        shutil.copy(repository_root / "notebooks" / "panels" / f"{name}.ipynb", panels)
    return open_project(made.root)


def _look(panel: Locator, action: str) -> None:
    panel.get_by_role("combobox", name="What").select_option(action)
    panel.get_by_role("button", name="Look first").click()


@pytest.mark.practice("P2", "P5")
def test_a_version_is_promoted_and_rolled_back_and_what_others_did_is_told(
    lab: Lab, project: Project, page: Page, screenshots: Path
) -> None:
    panel = lab.panel(page, "registry")
    panel.get_by_text("Champion v1 since").wait_for()
    panel.get_by_text(_HOSTILE).first.wait_for()
    panel.get_by_role("button", name="v2", exact=True).click()
    panel.get_by_text("tiny-model v2").first.wait_for()
    panel.get_by_text("at least 0.5 is asked").wait_for()

    panel.get_by_role("tab", name="Act").click()
    _look(panel, "promote to champion")
    panel.get_by_text("champion: v1 → v2").wait_for(timeout=_WAIT_MS)
    go = panel.get_by_role("button", name="Promote to champion")
    assert go.is_disabled()  # without a reason
    panel.get_by_role("textbox", name="Reason").fill(f"better on the last month {_HOSTILE}")
    go.click()
    panel.get_by_text("Champion v2 since").wait_for(timeout=_WAIT_MS)
    assert aliases.ledger(project, "champion")[-1].reason == f"better on the last month {_HOSTILE}"
    panel.get_by_role("tab", name="Ledger").click()
    panel.get_by_role("cell", name=f"better on the last month {_HOSTILE}").first.wait_for()
    check_looks(panel, screenshots, "lab-registry")

    panel.get_by_role("tab", name="Act").click()
    _look(panel, "roll back to the champion before")
    panel.get_by_text("Back to tiny-model v1").wait_for(timeout=_WAIT_MS)
    promotion.promote(project, 3, reason="ada was quicker")
    panel.get_by_role("textbox", name="Reason").fill("too many false alarms")
    back = panel.get_by_role("button", name="Roll back to the champion before")
    back.click()
    panel.get_by_text("somebody was quicker; nothing was changed").wait_for(timeout=_WAIT_MS)
    panel.get_by_text("Champion v3 since").wait_for()
    assert aliases.current(project, "champion") == 3
    panel.get_by_role("button", name="Look first").click()
    panel.get_by_text("Back to tiny-model v2").wait_for(timeout=_WAIT_MS)
    panel.get_by_role("textbox", name="Reason").fill("too many false alarms, still")
    back.click()
    panel.get_by_text("Champion v2 since").wait_for(timeout=_WAIT_MS)
    assert aliases.ledger(project, "champion")[-1].reason == "too many false alarms, still"
    assert page.evaluate("window.__pwned") is None


@pytest.mark.practice("M8")
def test_a_cell_of_the_grid_is_looked_into_and_a_store_that_was_away_is_asked_again(
    lab: Lab, project: Project, page: Page, screenshots: Path
) -> None:
    panel = lab.panel(page, "monitor")
    panel.get_by_text("tiny-model from 2013-01 to 2013-04").wait_for()
    panel.get_by_role("button", name="2013-02", exact=True).click()
    panel.get_by_role("button", name=_HOSTILE, exact=True).click()
    panel.get_by_text(f"{_HOSTILE} in 2013-02, v3: 9,000 rows").wait_for()
    chart = panel.locator("img").first
    chart.wait_for()
    assert chart.evaluate("picture => picture.naturalWidth") > 300
    panel.get_by_role("combobox", name="Feature").select_option("wind")
    panel.get_by_text("wind in 2013-02, v3").wait_for()
    check_looks(panel, screenshots, "lab-monitor")

    refresh = panel.get_by_role("button", name="Refresh")
    with away(project.state / "workbench.db"):
        refresh.click()
        panel.get_by_text("the workbench database does not answer").wait_for()
        retry = panel.get_by_role("button", name="Retry")
        retry.wait_for()
        assert page.get_by_text("Traceback").count() == 0
    retry.click()
    refresh.wait_for()
    panel.get_by_role("tab", name="Performance").click()
    panel.get_by_alt_text("The metric by window with intervals").wait_for()
    assert page.evaluate("window.__pwned") is None
