"""Promoting from the compare panel: looked at first, then done, and only with a reason."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pandas as pd
import pytest

from tests.pages import parse, shown
from tests.projects import make_project, write_notebook
from tests.unit.panels.recorded import record
from tests.unit.panels.widgets import find
from tests.unit.registry import small
from workbench.execution import plan
from workbench.panels.acting import Promotion
from workbench.panels.compare import reading
from workbench.panels.compare.actions import Actions
from workbench.panels.compare.fairness import table
from workbench.panels.compare.figures import compared_slices
from workbench.panels.compare.panel import ComparePanel, compare
from workbench.panels.compare.parts import SLICES
from workbench.panels.launch.panel import LaunchPanel
from workbench.project import Project
from workbench.registry import aliases
from workbench.tracking import reports, runs


@pytest.fixture
def run(tmp_path: Path) -> small.Run:
    return small.start(small.small_project(tmp_path / "project"))


def test_a_version_is_promoted_once_it_was_looked_at_and_there_is_a_reason(run: small.Run) -> None:
    small.register(run)
    promotion = Promotion(run.project)
    assert not promotion.do(1, "champion", "it is good")
    assert "look first" in promotion.told
    found = promotion.look(1, "champion")
    assert found is not None
    assert "8 cases as recorded" in promotion.told
    assert aliases.current(run.project, "champion") is None
    assert not promotion.may(1, "champion", "  ")
    assert not promotion.may(1, "shadow", "it is good")
    assert promotion.do(1, "champion", "it is good")
    (entry,) = aliases.ledger(run.project, "champion")
    assert (entry.to_version, entry.reason) == (1, "it is good")


def test_what_is_refused_is_told_and_not_done(run: small.Run) -> None:
    small.register(run, verdict="failed")
    promotion = Promotion(run.project)
    promotion.look(1, "champion")
    assert "refused" in promotion.told
    assert not promotion.do(1, "champion", "I like it")
    assert aliases.current(run.project, "champion") is None
    assert promotion.look(7, "champion") is None
    assert "img" not in {element.tag for element in parse(promotion.told)}


@pytest.fixture
def trained(tmp_path: Path) -> small.Run:
    """A run of train, which validate needs, in a project where somebody ran something else as well."""
    project = make_project(
        tmp_path / "project",
        {"train": [], "validate": [], "other": []},
        parameters={"train": "rate: float = 0.1"},
        needs={"validate": ["train"]},
    )
    record(project, "other")
    return small.start(project)


def _acting_on(panel: ComparePanel, run_id: str) -> Actions:
    actions = Actions(panel, panel.refresh)
    panel.choose(run_id)
    actions.tell()
    return actions


def test_a_run_that_made_a_model_is_registered_by_the_phases_that_need_it(
    trained: small.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small.train(trained)
    panel = compare(trained.project)
    other = next(run.run_id for run in panel.chosen if run.phase == "other")
    assert _acting_on(panel, other).register.layout.display == "none"
    actions = _acting_on(panel, trained.run_id)
    actions._changed = lambda: (panel.refresh(), actions.tell())
    assert actions.register.layout.display == ""
    actions.register.click()
    *_, form = actions.form.children
    assert "validate runs" in form.children[3].children[1].value  # after train, which it needs
    assert [row.children[0].description for row in form.children[1].children] == ["rate"]
    monkeypatch.setattr(LaunchPanel, "run", lambda panel, draw: small.register(trained, model))
    find(form, "Run").click()
    assert actions.register.layout.display == "none"
    assert [label for label, _ in actions.version.options] == ["tiny-model v1"]
    assert form in actions.form.children  # it says what came of it


def test_a_button_opens_its_own_form_whichever_is_open(trained: small.Run) -> None:
    small.train(trained)
    actions = _acting_on(compare(trained.project), trained.run_id)

    def title() -> list[str]:
        return [form.children[0].value for form in actions.form.children[-1:]]

    for button, opened in (
        (actions.again, ["<b>train</b>"]),
        (actions.register, ["<b>validate</b>"]),
        (actions.again, ["<b>train</b>"]),
        (actions.again, []),
    ):
        button.click()
        assert title() == opened


def test_another_model_than_that_of_the_run_is_told_before_it_is_registered(
    trained: small.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.train(trained)
    actions = _acting_on(compare(trained.project), trained.run_id)

    def warned() -> str:
        actions.register.click()
        told = [item.value for item in actions.form.children[:-1]]
        actions.register.click()
        return " ".join(told)

    assert "train is trained anew, and that model is registered" in warned()
    assert "it has never finished" in warned()  # a run that left no report
    for latest, says in (
        ("f" * 32, "registered is the model of the latest run ffffffff of train"),
        (trained.run_id, ""),
    ):
        step = plan.Step("train", "up_to_date", (), _manifest(trained.project, "train.ipynb", latest))
        monkeypatch.setattr(plan, "explain", lambda *_, step=step: [step])
        assert says in warned()
        assert bool(warned()) == bool(says)


def test_a_run_that_is_of_no_phase_is_run_again_from_its_notebook_if_that_is_there(
    trained: small.Run, tmp_path: Path
) -> None:
    project = trained.project
    write_notebook(project.root / "explore.ipynb", [], "depth: int = 3")
    summary = tmp_path / "summary.ipynb"
    write_notebook(summary, [], "sweep: str = ''")
    ids = {}
    for name, notebook in (
        ("explore", "explore.ipynb"),
        ("gone", "gone.ipynb"),
        ("train-sweep", str(summary)),
    ):
        report = tmp_path / name
        report.mkdir()
        ids[name] = runs.start(project, name, params={"depth": 5})
        written = _manifest(project, notebook, ids[name]).model_dump_json()
        (report / reports.MANIFEST).write_text(written)
        runs.end(project, ids[name], "finished", tags={"workbench.report": str(report)})
    panel = compare(project)
    actions = _acting_on(panel, ids["explore"])
    actions.again.click()
    assert find(actions.form, "depth").value == "5"
    for name in ("gone", "train-sweep"):
        actions = _acting_on(panel, ids[name])
        assert actions.again.disabled
        assert f"{name} is no phase of this project" in actions.why_not.value


def test_the_run_that_is_acted_on_stays_when_another_is_chosen(trained: small.Run) -> None:
    panel = compare(trained.project)
    actions = _acting_on(panel, trained.run_id)
    actions.again.click()
    panel.choose(*(run_id for run_id in panel.table.row_of if run_id != trained.run_id), trained.run_id)
    actions.tell()
    assert actions.run.value == trained.run_id
    assert actions.form.children


def test_the_store_is_asked_about_a_run_once_and_again_when_runs_are_read_anew(
    trained: small.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(reading, "made_model", lambda project, run_id: asked.append(run_id))
    panel = compare(trained.project)
    actions = _acting_on(panel, trained.run_id)
    panel.sort_by("seconds")
    actions.tell()
    assert asked == [trained.run_id]
    panel.refresh()
    actions.tell()
    assert asked == [trained.run_id] * 2


def _manifest(project: Project, notebook: str, run_id: str) -> reports.Manifest:
    return reports.Manifest(
        run_id=run_id,
        pipeline_run_id="",
        project=project.name,
        phase="train",
        notebook=notebook,
        status="finished",
        started_at=small.CUT_OFF,
        ended_at=small.CUT_OFF,
        seconds=0,
    )


def test_runs_of_a_version_are_told_what_was_validated(run: small.Run) -> None:
    small.register(run)
    panel = compare(run.project, part=SLICES)
    panel.choose(run.run_id)
    assert panel.table.columns["model"].values.tolist() == ["v1 challenger"]
    assert "Fairness was not judged" in panel._repr_html_()


def test_slices_and_gaps_stand_side_by_side() -> None:
    rows = [("colour", "red", 0.7, 0.6, 0.8), ("colour", "<img>", 0.8, math.nan, math.nan)]
    slices = pd.DataFrame(rows, columns=["column", "slice", "value", "low", "high"])
    assert compared_slices("roc_auc", {"v1": slices, "v2": slices.head(1)}) is not None
    assert compared_slices("roc_auc", {"v1": slices.head(0)}) is None
    gap = {"column": "colour", "rate": "recall", "lowest": "red", "highest": "<img>", "gap": 0.25}
    judged = dataclasses.replace(small.validation(), fairness=pd.DataFrame([{**gap, "verdict": "failed"}]))
    page = table({"v1": judged, "v2": small.validation()})
    assert [row.text for row in shown(page, "tr")][1:] == ["recall by colour0.250 red to <img> failed–"]
