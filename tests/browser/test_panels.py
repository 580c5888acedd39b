"""The panels in JupyterLab, in a browser: what a person clicks and types, and what is in the store then."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.lab import Lab
from tests.browser.looks import check_looks
from tests.projects import make_project
from workbench.project import Project
from workbench.tracking import runs

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

_HOSTILE = "<img src=x onerror=window.__pwned=1>"
_WAIT_MS = 120_000  # for a notebook to run on a busy machine


@pytest.fixture(scope="module")
def project(repository_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A tiny project in which train ran three times, with the panels' notebooks."""
    made = make_project(
        tmp_path_factory.mktemp("panels") / "tiny",
        {"train": ["phase.log_metrics({'boosting.roc_auc': 0.7 + rounds / 10_000})", "'trained'"]},
        parameters={"train": "rounds: int = 60  # how many trees\nnote: str = ''"},
    )
    for rounds, score, note in ((30, 0.70, _HOSTILE), (60, 0.72, "usual"), (90, 0.71, "usual")):
        run_id = runs.start(made, "train", params={"rounds": rounds, "note": note})
        runs.end(made, run_id, "finished", metrics={"boosting.roc_auc": score})
    panels = made.root / "notebooks" / "panels"
    panels.mkdir()
    for name in ("compare", "launch"):
        shutil.copy(repository_root / "notebooks" / "panels" / f"{name}.ipynb", panels)
    return made


def _column(panel: Locator, at: int) -> list[str]:
    return panel.locator("table").first.locator(f"tr td:nth-child({at + 1})").all_inner_texts()


def test_runs_are_found_sorted_chosen_and_one_is_run_again_with_other_parameters(
    lab: Lab, project: Project, page: Page, screenshots: Path
) -> None:
    panel = lab.panel(page, "compare")
    panel.get_by_text("runs 1–3 of 3").wait_for()
    # Its parameters stand there as text, and none of them ran.
    panel.get_by_text(_HOSTILE).first.wait_for()
    assert page.evaluate("window.__pwned") is None

    where = panel.get_by_role("textbox", name="Runs where")
    where.fill("rounds > much")
    where.press("Enter")
    panel.get_by_text("takes a number").wait_for()
    where.fill("rounds >= 60")
    where.press("Enter")
    panel.get_by_text("runs 1–2 of 2 (3 in all)").wait_for()

    heads = panel.locator("button.jupyter-button").all_inner_texts()
    rounds = [head.strip() for head in heads if head.strip()].index("rounds") - 1  # after Refresh
    panel.get_by_role("button", name="rounds").click()
    panel.get_by_role("button", name="rounds ▼").click()
    panel.get_by_role("button", name="rounds ▲").wait_for()
    assert _column(panel, rounds) == ["60", "90"]

    row = panel.locator(".widget-tab tr", has=page.get_by_role("cell", name="rounds", exact=True))
    row.wait_for()
    assert row.locator("td").all_inner_texts() == ["rounds", "60", "90"]
    panel.get_by_role("button", name="Exchange").click()
    panel.get_by_text("+0.0100 better").wait_for()
    check_looks(panel, screenshots, "lab-compare")
    where.fill("")
    where.press("Enter")
    panel.get_by_text("runs 1–3 of 3").wait_for()
    panel.locator(".widget-checkbox input").nth(2).uncheck()  # sorted by rounds: 30, 60, 90
    panel.get_by_text("Choose two runs").wait_for()

    panel.get_by_role("tab", name="Act").click()
    panel.get_by_role("button", name="Run with other parameters").click()
    form = panel.get_by_role("textbox", name="rounds")
    form.fill("120")
    form.press("Enter")
    panel.get_by_text("train runs with 2 changed parameters").wait_for()
    panel.locator("button.mod-primary").click()
    panel.get_by_text("train finished").wait_for(timeout=_WAIT_MS)
    (newest, *_) = runs.list_runs(project, phase="train")
    assert newest.params == {"rounds": "120", "note": "usual"}
    assert newest.metrics["boosting.roc_auc"] == pytest.approx(0.712)
    panel.get_by_role("button", name="Refresh").click()
    panel.get_by_text("runs 1–4 of 4").wait_for()


def test_a_notebook_is_swept_from_its_form(lab: Lab, project: Project, page: Page, screenshots: Path) -> None:
    panel = lab.panel(page, "launch")
    panel.get_by_text("how many trees · a whole number").wait_for()
    rounds = panel.get_by_role("textbox", name="rounds")
    rounds.fill("many")
    rounds.press("Enter")
    panel.get_by_text("parameter 'rounds' is a whole number (default 60), not 'many'").wait_for()
    assert panel.locator("button.mod-primary").is_disabled()
    panel.get_by_role("button", name="sweep").click()
    rounds.fill("10, 20")
    rounds.press("Enter")
    panel.get_by_text("train runs 2 times").wait_for()
    panel.locator("button.mod-primary").click()
    panel.get_by_text(re.compile("sweep [0-9a-f]{8} finished")).wait_for(timeout=_WAIT_MS)
    panel.get_by_role("button", name="Show report").click()
    report = panel.frame_locator("iframe")
    report.get_by_role("heading", level=1).wait_for()
    check_looks(panel, screenshots, "lab-launch")
    sweep = next(run for run in runs.list_runs(project) if run.phase == "train-sweep")
    assert {run.params["rounds"] for run in runs.list_runs(project, sweep=sweep.run_id)} == {"10", "20"}
