"""The notebooks in JupyterLab, in a browser, as a person runs them by hand."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.lab import start_lab
from tests.flights import FlightsRun
from tests.projects import make_project
from workbench.project import Project, open_project
from workbench.tracking import runs, store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    yield context.new_page()
    context.close()


def _errors(cells: list[dict[str, Any]]) -> list[str]:
    found = [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]
    return [f"{output['ename']}: {output['evalue']}" for output in found]


# -- a notebook of the lifecycle -------------------------------------------------------------------


@pytest.fixture(scope="module")
def flights_copy(flights_run: FlightsRun, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after a run, copied because JupyterLab saves notebooks with their outputs."""
    root = tmp_path_factory.mktemp("lab") / "demo"
    shutil.copytree(flights_run.project.root, root, ignore=shutil.ignore_patterns("artifacts"))
    return open_project(root)


def test_train_runs_from_top_to_bottom_by_hand_as_a_draft(
    flights_copy: Project, page: Page, tmp_path: Path, screenshots: Path
) -> None:
    published = {run.run_id for run in runs.list_runs(flights_copy)}
    before = {run.run_id for run in runs.list_runs(flights_copy, drafts=True)}
    with start_lab(flights_copy.root, tmp_path) as lab:
        notebook = lab.open(page, "notebooks/4_train.ipynb")
        cells = notebook.run_all()
        page.screenshot(path=screenshots / "lab-train.png")
        assert _errors(cells) == []
        assert sorted(cell["count"] for cell in cells) == list(range(1, len(cells) + 1))
        outputs = [output for cell in cells for output in cell["outputs"]]
        drawn = [output for output in outputs if "image/png" in output.get("data", {})]
        assert drawn
        assert all(notebook.charts(expected=len(drawn)))
        notice = page.locator(".jp-OutputArea").get_by_text("Draft", exact=True)
        notice.scroll_into_view_if_needed()
        assert notice.is_visible()
        page.screenshot(path=screenshots / "lab-train-draft.png")
    assert {run.run_id for run in runs.list_runs(flights_copy)} == published
    (draft,) = [run for run in runs.list_runs(flights_copy, drafts=True) if run.run_id not in before]
    assert (draft.phase, draft.draft) == ("train", True)
    assert draft.metrics


# -- the compare panel -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def three_runs(repository_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A tiny project in which train ran three times, with the panel's notebook."""
    from mlflow.entities import Metric

    project = make_project(tmp_path_factory.mktemp("panel") / "tiny", {"train": []})
    for rounds, score in ((30, 0.70), (60, 0.72), (90, 0.71)):
        run_id = runs.start(project, "train", params={"rounds": rounds})
        store.client(project).log_batch(run_id, metrics=[Metric("boosting.roc_auc", score, 0, 0)])
        runs.end(project, run_id, "finished")
    panels = project.root / "notebooks" / "panels"
    panels.mkdir()
    shutil.copy(repository_root / "notebooks" / "panels" / "compare.ipynb", panels)
    return project


def _choose(page: Page, side: int, rounds: str, offered: list[runs.RunInfo]) -> None:
    run = next(run for run in offered if run.params["rounds"] == rounds)
    chooser = page.locator(".widget-dropdown select").nth(side)
    option = chooser.locator("option", has_text=run.run_id[:8]).inner_text()
    chooser.select_option(label=option)


def _row(page: Page, name: str) -> list[str]:
    row = page.locator(".jp-OutputArea .widget-html tr", has=page.get_by_role("cell", name=name, exact=True))
    return row.locator("td").all_inner_texts()[:3]


def test_choosing_other_runs_in_the_panel_changes_the_table(
    three_runs: Project, page: Page, tmp_path: Path, screenshots: Path
) -> None:
    offered = runs.list_runs(three_runs, phase="train")
    with start_lab(three_runs.root, tmp_path) as lab:
        cells = lab.open(page, "notebooks/panels/compare.ipynb").run_all()
        assert _errors(cells) == []
        table = page.locator(".jp-OutputArea .widget-html")
        table.get_by_text("better").or_(table.get_by_text("worse")).wait_for()
        assert _row(page, "rounds") == ["rounds", "60", "90"]
        assert _row(page, "boosting.roc_auc") == ["boosting.roc_auc", "0.7200", "0.7100"]
        _choose(page, 0, "30", offered)
        table.get_by_text("+0.0100 better").wait_for()
        assert _row(page, "rounds") == ["rounds", "30", "90"]
        page.get_by_role("button", name="Exchange").click()
        table.get_by_text("−0.0100 worse").wait_for()
        assert _row(page, "rounds") == ["rounds", "90", "30"]
        page.screenshot(path=screenshots / "lab-compare.png")
