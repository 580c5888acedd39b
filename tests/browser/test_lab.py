"""The notebooks in JupyterLab, in a browser, as a person runs them by hand."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.lab import start_lab
from tests.browser.pictures import take_picture
from tests.flights import FlightsRun
from workbench.project import Project, open_project
from workbench.tracking import runs

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


def _errors(cells: list[dict[str, Any]]) -> list[str]:
    found = [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]
    return [f"{output['ename']}: {output['evalue']}" for output in found]


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
        take_picture(page, screenshots / "lab-train.png")
        assert _errors(cells) == []
        assert sorted(cell["count"] for cell in cells) == list(range(1, len(cells) + 1))
        outputs = [output for cell in cells for output in cell["outputs"]]
        drawn = [output for output in outputs if "image/png" in output.get("data", {})]
        assert drawn
        assert all(notebook.charts(expected=len(drawn)))
        notice = page.locator(".jp-OutputArea").get_by_text("Draft", exact=True)
        notice.scroll_into_view_if_needed()
        assert notice.is_visible()
        take_picture(page, screenshots / "lab-train-draft.png")
    assert {run.run_id for run in runs.list_runs(flights_copy)} == published
    (draft,) = [run for run in runs.list_runs(flights_copy, drafts=True) if run.run_id not in before]
    assert (draft.phase, draft.draft) == ("train", True)
    assert draft.metrics
