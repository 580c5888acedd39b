"""``workbench models``, ``promote``, ``approve``, ``rollback``, ``retire`` and ``ledger``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.unit.registry import small
from tests.unit.tracking.published import leave_run
from workbench.cli import approve, models, promote, status
from workbench.project import Project
from workbench.registry import aliases
from workbench.tracking import environment, store


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Version 1 passed its gates and version 2 did not; their notebooks differ."""
    made = small.small_project(tmp_path / "project")
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("COLUMNS", "200")
    for cells, verdict in (("rate = 0.1", "passed"), ("rate = 0.3", "failed")):
        small.register(small.Run(made, leave_run(made, cells=[cells])), verdict=verdict)
    return made


def _call(command: Any, *arguments: str, status: int = 0) -> Result:
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == status, done.output
    return done


def _facts(command: Any, *arguments: str, status: int = 0) -> Any:
    return json.loads(_call(command, *arguments, "--json", status=status).stdout)


@pytest.mark.practice("L5")
def test_a_dry_run_shows_the_gates_and_exits_as_the_promotion_would(project: Project) -> None:
    shown = _call(promote.promote, "1", "--dry-run").stdout
    for said in (
        "nothing was changed",
        "primary metric",
        "0 of 0 needed",
        "8 as recorded",
        "would be promoted",
    ):
        assert said in shown
    assert "would move: champion  – → v1" in shown
    refused = _facts(promote.promote, "2", "--dry-run", status=1)
    assert refused["allowed"] is False
    assert "its gates are failed" in refused["refused"][0]
    assert _call(promote.promote, "2", "--dry-run", "--force").stdout.endswith("it would be promoted\n")
    assert aliases.held(project) == {"challenger": 2}
    assert "--reason is needed" in _call(promote.promote, "1", status=2).output


@pytest.mark.practice("C2")
def test_a_pipeline_promotes_what_passed_its_gates_and_nothing_else(project: Project) -> None:
    merged = ("challenger", "--if-passed", "--reason", "merged")
    said = _call(promote.promote, *merged).stdout
    assert said == "tiny-model v2 was not promoted: its gates are failed; workbench models show 2\n"
    assert _facts(promote.promote, *merged) is None
    assert "contradict" in _call(promote.promote, *merged, "--force", status=2).output
    assert _facts(promote.promote, "1", "--if-passed", "--reason", "merged")["to_version"] == 1
    _call(promote.retire, "2", "--reason", "enough")
    assert _call(promote.promote, *merged).stdout == "there is no challenger: nothing was promoted\n"
    assert aliases.held(project) == {"champion": 1}


@pytest.mark.practice("P2", "P4", "P5")
def test_a_version_goes_through_its_parts_and_the_ledger_tells(project: Project) -> None:
    me = environment.who()
    said = _call(promote.promote, "2", "--to", "shadow", "--reason", "a look").stdout
    assert f"shadow-1: no version → v2 by {me} (claimed): a look" in said
    _call(promote.promote, "1", "--reason", "good")
    assert "champion v1, challenger none, shadow-1 v2" in _call(status.status).stdout
    assert _facts(status.status)["shadows"] == {"shadow-1": 2}
    _call(promote.promote, "2", "--reason", "agreed", "--force")
    looked = _call(promote.rollback, "--dry-run").stdout
    assert "recorded cases: 8 as recorded" in looked
    assert "would move: champion  v2 → v1" in looked
    assert _facts(promote.rollback, "--dry-run")["moves"][0]["to_version"] == 1
    assert aliases.held(project)["champion"] == 2
    assert "--reason is needed" in _call(promote.rollback, status=2).output
    assert _facts(promote.rollback, "--to", "1", "--reason", "bad")["to_version"] == 1
    _call(promote.promote, "2", "--to", "challenger", "--reason", "again")
    assert _facts(promote.retire, "2", "--reason", "enough")[0]["evidence"]["action"] == "retire"
    moves = _facts(promote.ledger, "--alias", "champion")
    assert [(move["to_version"], move["authenticated"]) for move in moves] == [
        (1, False),
        (2, False),
        (1, False),
    ]
    assert "claimed: a login name that no database has checked" in _call(promote.ledger).stdout


@pytest.mark.practice("M5")
def test_an_approval_shows_the_difference_and_is_kept(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _call(promote.promote, "1", "--reason", "good")
    monkeypatch.setenv("LOGNAME", "grace")
    shown = _call(approve.approve, "2", "--note", "read it").stdout
    assert "-rate = 0.1" in shown
    assert "+rate = 0.3" in shown
    assert "grace (claimed): read it" in shown
    assert _facts(approve.approve, "2", "--note", "oh", "--withdraw")["state"] == "withdrawn"
    (vote,) = _facts(models.models, "show", "2")["approvals"]["found"]
    assert (vote["who"], vote["state"], vote["against"]) == ("grace (claimed)", "withdrawn", 1)


@pytest.mark.practice("M9")
def test_one_screen_shows_everything_about_a_version(project: Project) -> None:
    _call(promote.promote, "1", "--reason", "good")
    shown = _call(models.models, "show", "champion").stdout
    for said in (
        *("tiny-model v1  champion  passed", "primary metric", "roc_auc 0.8", "0 of 0 that champion needs"),
        *("champion: no version → v1", "trained by run", "notebooks/train.ipynb", "environment", "next"),
    ):
        assert said in shown
    facts = _facts(models.models, "show", "2")
    assert (facts["verdict"], facts["aliases"], facts["datasets"]) == (
        "failed",
        ["challenger"],
        {"prepared": 3},
    )
    assert facts["lineage"]["trained"]["notebook"] == "notebooks/train.ipynb"
    assert "workbench promote 2 --dry-run" in [step["command"] for step in facts["next"]]


def test_the_list_of_versions_stays_what_models_prints(project: Project) -> None:
    assert [version["version"] for version in _facts(models.models)] == [2, 1]
    assert "tiny-model v2" in _call(models.models).stdout
    assert "show" in _call(models.models, "--help").stdout


@pytest.mark.parametrize("command", [models.models, promote.ledger, status.status])
def test_an_alias_that_was_moved_by_hand_is_put_back_by_whoever_looks(project: Project, command: Any) -> None:
    _call(promote.promote, "1", "--reason", "good")
    store.client(project).set_registered_model_alias("tiny-model", "champion", "2")
    store.client(project).set_registered_model_alias("tiny-model", "shadow-7", "2")
    store.client(project).set_registered_model_alias("tiny-model", "my-own", "2")
    said = _call(command).stderr
    assert "MLflow's alias champion named v2, the ledger says v1: set back to that" in said
    assert "alias shadow-7 named v2, the ledger says no version: set back" in said
    found = store.client(project).get_registered_model("tiny-model").aliases
    assert {name: int(number) for name, number in found.items()} == {
        "champion": 1,
        "challenger": 2,
        "my-own": 2,
    }
    assert _call(command).stderr == ""
