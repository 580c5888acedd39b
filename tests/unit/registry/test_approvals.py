"""Approvals: whose, of what, and until when."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.unit.registry import small
from tests.unit.tracking.published import folder_of, leave_run
from workbench.errors import PromotionRefused, RegistryError
from workbench.project import Project, open_project
from workbench.registry import aliases, versions
from workbench.registry import promotion as checks
from workbench.registry.approvals import approvals, approve, review
from workbench.registry.promotion import promote, rollback
from workbench.tracking import store

NOTE = "read the notebook and the gates"


@pytest.fixture
def protected(tmp_path: Path) -> Project:
    """Versions 1 and 2 of notebooks that differ; a champion needs two approvals."""
    project = small.small_project(tmp_path / "project")
    file = project.root / "workbench.toml"
    file.write_text(file.read_text() + "\n[approvals]\nchampion = 2\n")
    project = open_project(project.root)
    for cells in (["rate = 0.1", "fit()"], ["rate = 0.3", "fit()"]):
        small.register(small.Run(project, leave_run(project, cells=cells)))
    return project


def _states(project: Project, version: int) -> list[tuple[str, str]]:
    return [(vote.actor, vote.state) for vote in approvals(project, version)]


@pytest.mark.practice("M5", "O3")
def test_a_protected_alias_takes_approvals_of_others_and_force_is_none(protected: Project) -> None:
    with pytest.raises(PromotionRefused, match=r"v1 has 0 of 2 approvals that champion needs: .*approve 1"):
        promote(protected, 1, reason="x", force=True)
    approve(protected, 1, note=NOTE, actor="ada")
    approve(protected, 1, note="once more", actor="ada")
    with pytest.raises(PromotionRefused, match="has 1 of 2 approvals"):
        promote(protected, 1, reason="x")
    approve(protected, 1, note=NOTE, actor="grace")
    entry = promote(protected, 1, reason="x")
    assert entry is not None
    assert [vote["actor"] for vote in entry.evidence["approvals"]] == ["ada", "grace"]
    assert promote(protected, 2, reason="a shadow is nobody's answer", to="shadow") is not None


def test_who_trained_or_registered_it_does_not_approve_it(protected: Project) -> None:
    author = aliases.ledger(protected)[0].actor
    with pytest.raises(RegistryError, match=rf"trained or registered by {author} \(claimed\)"):
        approve(protected, 1, note=NOTE, actor=author)
    run_id = leave_run(protected)
    store.client(protected).set_tag(run_id, "mlflow.user", "grace")
    made = versions.register(
        small.Run(protected, run_id),
        small.train(small.Run(protected, run_id)),
        small.validation(),
        small.recorded(),
        actor="ada",
    )
    assert made is not None
    for name in ("ada", "grace"):
        with pytest.raises(RegistryError, match="somebody else's to give"):
            approve(protected, made.version, note=NOTE, actor=name)
    assert approvals(protected, made.version) == ()


def test_an_approver_is_shown_the_cells_that_differ_from_the_champions(protected: Project) -> None:
    assert "no champion yet" in review(protected, 2).missing
    aliases.set_alias(protected, "champion", 1, expected_from=None, reason="x")
    seen = review(protected, 2)
    assert (seen.against, seen.missing) == (1, "")
    assert [cell.lines for cell in seen.cells] == [("-rate = 0.1", "+rate = 0.3")]
    assert approve(protected, seen, note=NOTE, actor="ada").against == 1


@pytest.mark.practice("M5")
@pytest.mark.parametrize("what", ["validation.json", "cases.json", "notebook", "sha256"])
def test_an_approval_lapses_when_what_it_was_given_for_changes(protected: Project, what: str) -> None:
    for name in ("ada", "grace"):
        approve(protected, 1, note=NOTE, actor=name)
    version = versions.get_version(protected, 1)
    if what == "sha256":
        store.client(protected).set_model_version_tag(version.model, "1", "workbench.sha256", "0" * 64)
    elif what == "notebook":
        file = folder_of(protected, version.run_id) / "notebook.ipynb"  # type: ignore[operator]
        notebook = nbformat.read(file, as_version=4)
        notebook.cells[-1].source = "fit(leak)"
        nbformat.write(notebook, file)
    else:
        file = protected.state / "artifacts" / version.run_id / "artifacts" / version.tag("evidence") / what
        told = json.loads(file.read_text())
        if what == "cases.json":
            # Whoever changes the cases has to change their hash as well.
            store.client(protected).set_model_version_tag(version.model, "1", "workbench.cases_sha256", "1")
        file.write_text(json.dumps(told | {"rows": []}))
    assert _states(protected, 1) == [("ada", "lapsed"), ("grace", "lapsed")]
    with pytest.raises(PromotionRefused) as refused:
        promote(protected, 1, reason="x")
    if what == "notebook":
        assert "has 0 of 2 approvals that champion needs; 2 lapsed since the evidence" in str(refused.value)
    else:
        assert "changed since it was registered" in str(refused.value)


def test_an_approval_can_be_withdrawn_and_given_again(protected: Project) -> None:
    with pytest.raises(RegistryError, match=r"ada \(claimed\) has not approved tiny-model v1"):
        approve(protected, 1, note="x", withdraw=True, actor="ada")
    for withdraw, state in ((False, "counts"), (True, "withdrawn"), (False, "counts")):
        approve(protected, 1, note=NOTE, withdraw=withdraw, actor="ada")
        assert _states(protected, 1) == [("ada", state)]
    with pytest.raises(RegistryError, match="needs a note"):
        approve(protected, 1, note=" ", actor="ada")


def test_one_that_is_withdrawn_while_its_answers_are_checked_does_not_count(
    protected: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ada", "grace"):
        approve(protected, 1, note=NOTE, actor=name)
    check = checks.check_answers

    def meanwhile(*given: Any) -> Any:
        approve(protected, 1, note="no", withdraw=True, actor="ada")
        return check(*given)

    monkeypatch.setattr(checks, "check_answers", meanwhile)
    with pytest.raises(PromotionRefused, match="has 1 of 2 approvals"):
        promote(protected, 1, reason="both agreed")
    assert aliases.ledger(protected, "champion") == []


def test_going_back_to_a_former_champion_needs_no_approval(protected: Project) -> None:
    for version in (1, 2):
        for name in ("ada", "grace"):
            approve(protected, version, note=NOTE, actor=name)
        promote(protected, version, reason="x")
    approve(protected, 1, note="oh", withdraw=True, actor="ada")
    assert rollback(protected, reason="y").to_version == 1  # type: ignore[union-attr]
