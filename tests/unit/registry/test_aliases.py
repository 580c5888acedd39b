"""The ledger of aliases, and MLflow's aliases that follow it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from mlflow.exceptions import MlflowException

from tests.unit.registry import small
from workbench.errors import AliasMoved, RegistryError, UnknownName
from workbench.project import Project
from workbench.registry import aliases
from workbench.registry.aliases import Move
from workbench.store.clock import SimulatedClock
from workbench.tracking import store
from workbench.tracking.context import CONTEXT_VARIABLE, RunContext

NOON = SimulatedClock(datetime(2026, 7, 2, 12, tzinfo=UTC))


@pytest.fixture
def two(run: small.Run) -> Project:
    """A project with versions 1 and 2."""
    trained = small.train(run)
    small.register(run, trained)
    small.register(run, trained)
    return run.project


def _mlflow(project: Project, alias: str) -> int | None:
    found = store.client(project).get_registered_model("tiny-model").aliases.get(alias)
    return None if found is None else int(found)


@pytest.mark.practice("M9")
def test_an_entry_says_who_when_from_to_why_and_from_which_run(two: Project) -> None:
    assert aliases.current(two, "champion") is None
    entry = aliases.set_alias(
        two,
        "champion",
        1,
        expected_from=None,
        reason=" the first one ",
        actor="ada",
        run_id="r1",
        evidence={"value": float("nan"), "gates": ["rows"]},
        clock=NOON,
    )
    assert aliases.ledger(two, "champion") == [entry]
    assert (entry.position, entry.from_version, entry.to_version, entry.at) == (1, None, 1, NOON.time)
    assert (entry.actor, entry.reason, entry.run_id) == ("ada", "the first one", "r1")
    assert (entry.evidence["value"], entry.evidence["gates"]) == (None, ["rows"])
    assert str(entry) == "2026-07-02 12:00 champion: no version → v1 by ada (claimed): the first one"
    assert aliases.current(two, "champion") == _mlflow(two, "champion") == 1


def test_who_expects_another_version_is_told_and_changes_nothing(two: Project) -> None:
    aliases.set_alias(two, "champion", 1, expected_from=None, reason="x", actor="ada", clock=NOON)
    with pytest.raises(
        AliasMoved, match=r"champion of tiny-model is v1 since 2026-07-02 12:00:00 by ada \(claimed\), not no"
    ):
        aliases.set_alias(two, "champion", 2, expected_from=None, reason="y")
    assert aliases.current(two, "champion") == _mlflow(two, "champion") == 1
    assert len(aliases.ledger(two, "champion")) == 1


def test_several_aliases_move_together_or_not_at_all(two: Project) -> None:
    aliases.move(two, [Move("champion", None, 2), Move("challenger", 2, None)], reason="promoted")
    assert (aliases.current(two, "champion"), aliases.current(two, "challenger")) == (2, None)
    assert (_mlflow(two, "champion"), _mlflow(two, "challenger")) == (2, None)
    with pytest.raises(AliasMoved):
        aliases.move(two, [Move("champion", 2, 1), Move("challenger", 1, 2)], reason="stale")
    assert (aliases.current(two, "champion"), aliases.current(two, "challenger")) == (2, None)


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_move_without_a_reason_is_refused(two: Project, reason: str) -> None:
    with pytest.raises(RegistryError, match="needs a reason"):
        aliases.set_alias(two, "champion", 1, expected_from=None, reason=reason)
    assert aliases.current(two, "champion") is None


def test_a_version_that_is_not_there_is_refused_before_the_ledger_moves(two: Project) -> None:
    with pytest.raises(UnknownName, match="no model version '9' in tiny-model; there is: 1, 2, challenger"):
        aliases.set_alias(two, "champion", 9, expected_from=None, reason="x")
    assert aliases.ledger(two, "champion") == []


def test_an_alias_that_was_moved_by_hand_is_set_back_and_that_is_said(two: Project) -> None:
    aliases.set_alias(two, "champion", 1, expected_from=None, reason="x")
    store.client(two).set_registered_model_alias("tiny-model", "champion", "2")
    assert aliases.current(two, "champion") == 1
    assert aliases.repair(two) == ["MLflow's alias champion named v2, the ledger says v1: set back to that"]
    assert _mlflow(two, "champion") == 1
    assert aliases.repair(two) == []


def test_an_alias_that_was_removed_by_hand_follows_the_next_move(two: Project) -> None:
    aliases.set_alias(two, "champion", 1, expected_from=None, reason="x")
    store.client(two).delete_registered_model_alias("tiny-model", "champion")
    aliases.set_alias(two, "champion", 2, expected_from=1, reason="y")
    assert _mlflow(two, "champion") == 2


def test_a_champion_that_was_deleted_from_mlflow_is_said(two: Project) -> None:
    aliases.set_alias(two, "champion", 1, expected_from=None, reason="x")
    store.client(two).delete_model_version("tiny-model", "1")
    said = aliases.repair(two)
    assert len(said) == 1
    assert "the ledger says v1, which was deleted from MLflow" in said[0]


def test_when_mlflow_cannot_follow_the_ledger_stands_and_it_is_said(two: Project) -> None:
    # A name that the ledger takes and MLflow reserves for itself.
    with pytest.raises(
        RegistryError, match="latest is v1 now, as the ledger says, but MLflow's alias could not"
    ):
        aliases.set_alias(two, "latest", 1, expected_from=None, reason="x")
    assert aliases.current(two, "latest") == 1
    with pytest.raises(MlflowException):
        store.client(two).set_registered_model_alias("tiny-model", "latest", "1")


def test_the_ledger_of_another_model_is_not_seen(two: Project) -> None:
    other = two.config.model_copy(update={"model": two.config.model.model_copy(update={"name": "other"})})
    assert aliases.ledger(type(two)(two.root, other)) == []
    assert [entry.alias for entry in aliases.ledger(two)] == ["challenger", "challenger"]


def test_a_run_that_is_a_draft_moves_no_alias(two: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    run = small.start(two, draft=True)
    context = RunContext(
        run_id=run.run_id,
        pipeline_run_id=run.run_id,
        phase="train",
        data_root=two.data_uri,
        folder=two.root / "drafts",
        project_root=two.root,
        draft=True,
    )
    monkeypatch.setenv(CONTEXT_VARIABLE, str(context.save()))
    with pytest.raises(RegistryError, match="a draft moves no alias"):
        aliases.set_alias(two, "champion", 1, expected_from=None, reason="by hand")
    monkeypatch.delenv(CONTEXT_VARIABLE)
    assert aliases.ledger(two, "champion") == []
