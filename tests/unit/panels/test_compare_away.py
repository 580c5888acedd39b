"""The compare panel when a store is away, or there is no model: the runs are shown all the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.projects import make_project
from tests.unit.panels.conftest import Recorded
from tests.unit.panels.recorded import record
from tests.unit.panels.stores import away
from tests.unit.panels.widgets import find
from workbench.errors import RegistryError, UnknownName
from workbench.panels.compare.panel import ComparePanel, compare
from workbench.project import Project, open_project
from workbench.registry import versions


@pytest.fixture
def panel(recorded: Recorded) -> ComparePanel:
    return compare(recorded.project)


def _ids(panel: ComparePanel) -> list[str]:
    return panel.table.columns["run_id"].values[panel.shown.rows].tolist()


def _unreachable(project: Project) -> Project:
    """The same project, with a tracking store that does not answer."""
    stores = project.config.stores.model_copy(update={"tracking": "http://127.0.0.1:9"})
    return dataclasses.replace(project, config=project.config.model_copy(update={"stores": stores}))


# -- without a model -------------------------------------------------------------------------------


def test_a_project_that_declares_no_model_has_runs_to_compare(tmp_path: Path) -> None:
    root = tmp_path / "plain"
    make_project(root, {"train": []})
    settings = root / "workbench.toml"
    before, _, after = settings.read_text().partition("[model]\n")
    settings.write_text(before + after[after.index("[sources") :])
    project = open_project(root)
    assert project.config.model is None
    first, second = (record(project, metrics={"m": value}) for value in (1.0, 2.0))
    panel = compare(project)
    assert panel.problem == ""
    assert _ids(panel) == [second, first]
    assert panel.registering(panel.chosen[0]) == []


def test_a_fault_of_the_registry_is_told_beside_the_runs(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(project: Project) -> None:
        raise RegistryError("the ledger is torn")

    with monkeypatch.context() as patch:
        patch.setattr(versions, "list_versions", fail)
        panel = compare(recorded.project)
        assert "registered versions cannot be read: the ledger is torn" in panel.problem
        assert recorded.second in _ids(panel)
    panel.refresh()
    assert panel.problem == ""


# -- while a store is away -------------------------------------------------------------------------


def test_a_tracking_store_that_is_away_is_told_and_what_is_known_stays(
    panel: ComparePanel, recorded: Recorded
) -> None:
    before = _ids(panel)
    settings = recorded.project.root / "workbench.toml"
    text = settings.read_text()
    settings.write_text(text + '\n[stores]\ntracking = "http://127.0.0.1:9"\n')
    elsewhere = compare(open_project(recorded.project.root))
    settings.write_text(text)
    assert "the tracking store does not answer" in elsewhere.problem
    assert "try again with Refresh" in elsewhere._repr_html_()
    assert _ids(elsewhere) == before
    assert elsewhere.comparison is not None


def test_a_database_that_is_away_is_told_in_one_line(panel: ComparePanel, recorded: Recorded) -> None:
    before = _ids(panel)
    with away(recorded.project.state / "workbench.db"):
        panel.refresh()
        assert panel.problem.startswith("the runs cannot be read: the workbench database does not answer")
        fresh = compare(recorded.project, where="rate > 0.05", sort="-roc_auc")
        assert "\n" not in fresh.problem
        assert "Refresh" in fresh._repr_html_()
    assert _ids(panel) == before


def test_a_run_that_is_deleted_meanwhile_is_chosen_no_more(tmp_path: Path) -> None:
    from workbench.tracking import store

    project = make_project(tmp_path / "less", {"train": []})
    first, second = (record(project, params={"rate": rate}, metrics={"m": 1.0}) for rate in (1, 2))
    panel = compare(project, left=first, right=second)
    store.client(project).delete_run(first)
    panel.refresh()
    assert [run.run_id for run in panel.chosen] == [second]
    assert panel.comparison is None
    assert "Choose two runs" in panel._repr_html_()


@pytest.mark.parametrize(
    "asked", [{"where": "tags.team = blue"}, {"where": "model ~ champion"}, {"sort": "model"}]
)
def test_a_report_made_meanwhile_says_so_instead_of_failing(
    recorded: Recorded, asked: dict[str, str]
) -> None:
    panel = compare(_unreachable(recorded.project), **asked)
    assert "the tracking store does not answer" in panel.problem
    assert ("tags cannot be asked for" in panel.problem) == ("tags" in asked.get("where", ""))
    assert "try again with Refresh" in panel._repr_html_()


def test_a_model_can_be_asked_for_before_the_first_is_registered(recorded: Recorded) -> None:
    assert _ids(compare(recorded.project, where="model ~ champion")) == []
    assert len(_ids(compare(recorded.project, sort="-model", group="model"))) == 5
    with pytest.raises(UnknownName):
        compare(recorded.project, sort="-modell")


def test_what_could_not_be_asked_for_is_asked_for_again_with_refresh(recorded: Recorded) -> None:
    panel = compare(_unreachable(recorded.project), where="tags.team = blue")
    assert find(panel.widget, "Runs where").value == "tags.team = blue"
    panel.project = recorded.project
    find(panel.widget, "Refresh").click()
    assert panel.problem == ""
    assert _ids(panel) == [recorded.first]
    panel.project = _unreachable(recorded.project)
    find(panel.widget, "Refresh").click()
    assert "tags cannot be asked for" in panel.problem
    assert "the tracking store does not answer" in panel.problem
    assert [run.run_id for run in panel.chosen] == []
