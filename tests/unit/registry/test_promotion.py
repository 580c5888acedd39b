"""Promotion and rollback, and all that is refused."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlparse

import mlflow
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from tests.unit.registry import small
from tests.unit.tracking.published import leave_run
from workbench.errors import AliasMoved, ConfigError, PromotionRefused, RegistryError, UnknownName
from workbench.project import Project, open_project
from workbench.registry import aliases, versions
from workbench.registry.promotion import Preview, promote, retire, rollback, way_back
from workbench.registry.succession import champion_before
from workbench.tracking import store


def _register(run: small.Run, count: int = 1, verdict: str = "passed") -> Project:
    trained = small.train(run)
    for _ in range(count):
        small.register(run, trained, verdict)
    return run.project


@pytest.mark.practice("P2", "L5")
def test_a_version_that_passed_becomes_champion_with_its_evidence(run: small.Run) -> None:
    project = _register(run)
    entry = promote(project, "challenger", reason="first to pass", phase=run, actor="ada")
    assert entry is not None
    assert (entry.from_version, entry.to_version, entry.actor, entry.run_id) == (None, 1, "ada", run.run_id)
    assert entry.evidence["action"] == "promote"
    assert entry.evidence["verdict"] == "passed"
    assert entry.evidence["forced"] is False
    assert entry.evidence["cases_answered"] == 8
    assert entry.evidence["datasets"] == {"prepared": 3}
    assert [gate["name"] for gate in entry.evidence["gates"]][:2] == ["rows", "primary metric"]
    assert versions.get_version(project, "champion").aliases == ("champion",)
    assert aliases.current(project, "challenger") is None


def test_the_challenger_stays_when_another_version_is_promoted(run: small.Run) -> None:
    project = _register(run, 2)
    promote(project, 1, reason="the older one")
    assert (aliases.current(project, "champion"), aliases.current(project, "challenger")) == (1, 2)


@pytest.mark.parametrize("verdict", ["failed", "inconclusive"])
def test_gates_that_did_not_pass_refuse_and_only_force_overrules_them(run: small.Run, verdict: str) -> None:
    project = _register(run, verdict=verdict)
    with pytest.raises(
        PromotionRefused, match=f"tiny-model v1: its gates are {verdict}, not passed"
    ) as refused:
        promote(project, 1, reason="I like it")
    assert verdict in refused.value.details
    assert aliases.ledger(project, "champion") == []
    entry = promote(project, 1, reason="agreed with the owner", force=True)
    assert entry is not None
    assert entry.evidence["forced"] is True
    assert entry.evidence["verdict"] == verdict


def test_force_without_a_reason_is_refused(run: small.Run) -> None:
    project = _register(run, verdict="failed")
    with pytest.raises(PromotionRefused, match="takes force and a reason"):
        promote(project, 1, reason=" ", force=True)


def test_a_promotion_without_a_reason_is_refused(run: small.Run) -> None:
    project = _register(run)
    with pytest.raises(RegistryError, match="needs a reason"):
        promote(project, 1, reason="")
    assert aliases.current(project, "champion") is None


def test_the_champion_and_unknown_versions_are_refused(run: small.Run) -> None:
    project = _register(run)
    promote(project, 1, reason="x")
    with pytest.raises(PromotionRefused, match="tiny-model v1 is the champion already"):
        promote(project, "champion", reason="x")
    with pytest.raises(UnknownName, match="no model version '5'"):
        promote(project, 5, reason="x")


def test_a_draft_promotes_nothing_and_says_so(run: small.Run, capsys: pytest.CaptureFixture[str]) -> None:
    project = _register(run, 2)
    promote(project, 1, reason="x")
    promote(project, 2, reason="y")
    draft = small.start(project, draft=True)
    capsys.readouterr()
    assert promote(project, 1, reason="x", phase=draft) is None
    assert rollback(project, reason="x", phase=draft) is None
    said = capsys.readouterr().out.splitlines()
    assert [line.startswith("draft: ") for line in said] == [True, True]
    assert aliases.current(project, "champion") == 2


def test_a_drafts_model_registered_by_hand_is_refused(project: Project) -> None:
    draft = small.start(project, draft=True)
    trained = small.train(draft)
    mlflow.set_tracking_uri(project.tracking_uri)
    mlflow.register_model(trained.uri, "tiny-model")
    with pytest.raises(PromotionRefused, match="was not registered through the workbench"):
        promote(project, 1, reason="x", force=True)
    # Somebody gives it the tags that ours have, too.
    real = small.register(small.start(project))
    for name, value in real.tags.items():
        store.client(project).set_model_version_tag("tiny-model", "1", name, value)
    with pytest.raises(PromotionRefused, match=f"was trained in a draft, run {draft.run_id}"):
        promote(project, 1, reason="x", force=True)


def _folder(project: Project, version: int) -> Path:
    location = versions.get_version(project, version).location
    return Path(urlparse(location).path)


@pytest.mark.practice("L8")
def test_a_version_whose_files_were_changed_is_refused_even_by_force(run: small.Run) -> None:
    project = _register(run)
    with (_folder(project, 1) / "model.skops").open("ab") as file:
        file.write(b"!")
    for force in (False, True):
        with pytest.raises(PromotionRefused, match=r"cannot be served: .* its files were changed"):
            promote(project, 1, reason="x", force=force)
    assert aliases.ledger(project, "champion") == []


def test_a_version_that_answers_otherwise_than_recorded_is_refused(run: small.Run) -> None:
    other = make_pipeline(
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), LogisticRegression()
    )
    rows = small.rows()[small.FEATURES].fillna({"age": 0.0})
    trained = small.train(run, other.fit(rows, small.rows()["late"]))
    small.register(run, trained)
    with pytest.raises(
        PromotionRefused, match=r"answers \d of 8 recorded cases differently; the worst: 0\.\d+ where"
    ):
        promote(run.project, 1, reason="x")


def test_a_version_that_raises_on_its_cases_is_refused(run: small.Run) -> None:
    trained = small.train(run)
    cases = small.recorded().drop(columns="feature.age")
    assert versions.register(run, trained, small.validation(), cases) is not None
    with pytest.raises(PromotionRefused, match="cannot answer its recorded cases") as refused:
        promote(run.project, 1, reason="x")
    assert "age" in refused.value.details


@pytest.mark.parametrize("name", ["cases.json", "validation.json"])
def test_evidence_that_is_gone_or_was_changed_refuses(run: small.Run, name: str) -> None:
    project = _register(run)
    file = next((project.state / "artifacts").rglob(name))
    whole = file.read_text()
    file.write_text(whole[:-20])
    if name == "cases.json":
        with pytest.raises(PromotionRefused, match="changed since they were recorded"):
            promote(project, 1, reason="x")
    file.unlink()
    with pytest.raises(PromotionRefused, match=f"{name} of its run .* cannot be read"):
        promote(project, 1, reason="x")
    file.write_text(whole)
    assert promote(project, 1, reason="x") is not None


@pytest.mark.practice("L8", "P4")
def test_rollback_returns_to_the_champion_before_and_twice_to_the_one_before_that(run: small.Run) -> None:
    project = _register(run, 3)
    for version in (1, 2, 3):
        promote(project, version, reason=f"v{version}")
    first, second = rollback(project, reason="bad"), rollback(project, reason="worse", phase=run)
    assert first is not None
    assert second is not None
    assert [(entry.from_version, entry.to_version) for entry in (first, second)] == [(3, 2), (2, 1)]
    assert second.run_id == run.run_id
    assert second.evidence["action"] == "rollback"
    with pytest.raises(PromotionRefused, match="there is no champion before v1"):
        rollback(project, reason="and again")
    assert versions.get_version(project, "champion").version == 1
    promote(project, 3, reason="repaired")
    assert rollback(project, reason="still bad").to_version == 1  # type: ignore[union-attr]


def test_rollback_without_any_champion_is_refused(project: Project) -> None:
    with pytest.raises(PromotionRefused, match="there is no champion before the first"):
        rollback(project, reason="x")


def test_rollback_checks_what_it_returns_to(run: small.Run) -> None:
    small.register(run)
    small.register(run)
    promote(run.project, 1, reason="x")
    promote(run.project, 2, reason="y")
    (_folder(run.project, 1) / "model.skops").unlink()
    with pytest.raises(PromotionRefused, match="tiny-model v1 cannot be served"):
        rollback(run.project, reason="z")
    assert aliases.current(run.project, "champion") == 2


@pytest.mark.parametrize(
    ("moves", "before"),
    [
        ([], None),
        ([(1, "promote")], None),
        ([(1, "promote"), (2, "promote")], 1),
        ([(1, "promote"), (2, "promote"), (1, "rollback")], None),
        ([(1, "promote"), (2, "promote"), (3, "promote"), (2, "rollback")], 1),
        ([(1, "promote"), (2, "promote"), (1, "rollback"), (2, "promote")], 1),
        ([(1, "promote"), (2, "promote"), (1, "promote")], 2),
        ([(1, "promote"), (2, "promote"), (None, "retire")], 2),
        ([(1, "promote"), (None, "retire"), (2, "promote")], 1),
        ([(1, "promote"), (2, "promote"), (7, "rollback")], 2),
    ],
)
def test_the_champion_before_is_read_from_the_line_of_promotions(
    moves: list[tuple[int | None, str]], before: int | None
) -> None:
    assert champion_before(moves) == before


@pytest.mark.practice("P5")
def test_shadows_take_the_first_free_alias_and_leave_it(run: small.Run) -> None:
    project = _register(run, 4)
    for version in (1, 2, 3):
        promote(project, version, to="shadow", reason="look at it")
    assert aliases.held(project) == {"challenger": 4, "shadow-1": 1, "shadow-2": 2, "shadow-3": 3}
    retire(project, 2, reason="seen enough", actor="ada")
    promote(project, 4, to="shadow", reason="another look")
    promote(project, 3, to="challenger", reason="the best of them")
    assert aliases.held(project) == {"challenger": 3, "shadow-1": 1, "shadow-2": 4}
    promote(project, 1, reason="even better")
    assert aliases.held(project) == {"challenger": 3, "champion": 1, "shadow-2": 4}
    found = store.client(project).get_registered_model("tiny-model").aliases
    assert {name: int(number) for name, number in found.items()} == aliases.held(project)


def test_what_a_version_is_already_or_cannot_be_is_refused(run: small.Run) -> None:
    project = _register(run, 2)
    promote(project, 1, reason="x")
    for to in ("challenger", "shadow"):
        with pytest.raises(PromotionRefused, match="v1 is the champion; promote another version, or"):
            promote(project, 1, to=to, reason="x")  # type: ignore[call-overload]
    with pytest.raises(PromotionRefused, match="v2 is the challenger already"):
        promote(project, 2, to="challenger", reason="x")
    promote(project, 2, to="shadow", reason="x")
    with pytest.raises(PromotionRefused, match="v2 is shadow-1 already"):
        promote(project, 2, to="shadow", reason="x")
    with pytest.raises(PromotionRefused, match="v1 is the champion: promote another"):
        retire(project, 1, reason="x")
    retire(project, 2, reason="x")
    with pytest.raises(PromotionRefused, match="v2 is neither canary nor challenger nor shadow"):
        retire(project, 2, reason="x")


def test_a_shadow_needs_no_gates_but_has_to_load(run: small.Run) -> None:
    project = _register(run, verdict="failed")
    assert promote(project, 1, to="shadow", reason="why does it fail?") is not None
    retire(project, 1, reason="x")
    (_folder(project, 1) / "model.skops").unlink()
    with pytest.raises(PromotionRefused, match="cannot be served"):
        promote(project, 1, to="shadow", reason="x")


def test_a_dry_run_says_all_that_stands_in_the_way_and_changes_nothing(run: small.Run) -> None:
    project = _register(run, verdict="failed")
    (_folder(project, 1) / "model.skops").unlink()
    before = aliases.ledger(project)
    found = promote(project, 1, dry_run=True)
    assert isinstance(found, Preview)
    assert [why.partition(":")[0] for why in found.refused] == [
        "tiny-model v1",
        "tiny-model v1 cannot be served",
    ]
    assert (found.verdict, found.cases_answered, found.to_dict()["allowed"]) == ("failed", 0, False)
    assert aliases.ledger(project) == before


def test_a_dry_run_says_what_would_move(run: small.Run) -> None:
    project = _register(run)
    found = promote(project, "challenger", dry_run=True)
    assert [(move.alias, move.expected_from, move.to_version) for move in found.moves] == [
        ("champion", None, 1),
        ("challenger", 1, None),
    ]
    assert (found.refused, found.verdict, found.cases_answered) == ((), "passed", 8)
    assert aliases.held(project) == {"challenger": 1}


@pytest.mark.practice("P4")
def test_rollback_to_any_earlier_champion_and_to_nothing_else(run: small.Run) -> None:
    project = _register(run, 4)
    for version in (1, 2, 3):
        promote(project, version, reason="x")
    assert rollback(project, reason="y", to=1).to_version == 1  # type: ignore[union-attr]
    with pytest.raises(PromotionRefused, match="v4 was never champion"):
        rollback(project, reason="y", to=4)
    with pytest.raises(PromotionRefused, match="v1 is the champion already"):
        rollback(project, reason="y", to=1)
    assert rollback(project, reason="z", to=3).to_version == 3  # type: ignore[union-attr]
    assert rollback(project, reason="back").to_version == 1  # type: ignore[union-attr]


@pytest.mark.practice("P4")
def test_a_rollback_of_a_certain_promotion_happens_once_and_never_to_a_later_one(run: small.Run) -> None:
    project = _register(run, 3)
    for version in (1, 2, 3):
        promote(project, version, reason="x")
    assert rollback(project, reason="v3 is bad", position=3).to_version == 2  # type: ignore[union-attr]
    with pytest.raises(AliasMoved, match="champion was moved since"):
        rollback(project, reason="v3 is bad", position=3)
    promote(project, 3, reason="it is not")
    with pytest.raises(AliasMoved, match="champion was moved since"):
        rollback(project, reason="v3 is bad", position=3)
    # Who read the ledger before somebody moved it there and back is refused as well.
    with pytest.raises(AliasMoved, match="look at it and try again"):
        aliases.move(project, [aliases.Move("champion", 3, 2, 3)], reason="v3 is bad")
    assert aliases.held(project)["champion"] == 3


@pytest.mark.practice("P4")
def test_the_way_back_is_checked_and_nothing_moves(run: small.Run) -> None:
    project = _register(run, 2)
    for version in (1, 2):
        promote(project, version, reason="x")
    before = aliases.ledger(project)
    found = way_back(project)
    assert (found.version.version, found.answered.cases) == (1, 8)
    assert found.to_dict()["moves"] == [
        {"alias": "champion", "expected_from": 2, "to_version": 1, "position": None}
    ]
    with pytest.raises(PromotionRefused, match="v2 is the champion already"):
        way_back(project, to=2)
    assert aliases.ledger(project) == before


@pytest.mark.parametrize("tag", ["verdict", "sha256", "cases_sha256"])
def test_tags_that_were_changed_in_mlflow_talk_nobody_into_a_bad_model(run: small.Run, tag: str) -> None:
    project = _register(run, 1, "failed")
    value = "passed" if tag == "verdict" else "0" * 64
    store.client(project).set_model_version_tag("tiny-model", "1", f"workbench.{tag}", value)
    said = "its gates are failed" if tag == "verdict" else "changed since it was registered"
    with pytest.raises(PromotionRefused, match=said):
        promote(project, 1, reason="x")
    if tag != "verdict":
        with pytest.raises(PromotionRefused, match=said):
            promote(project, 1, reason="x", force=True)


@pytest.mark.practice("M9")
def test_an_entry_leads_to_notebook_code_and_report_of_its_runs(project: Project) -> None:
    trained = small.Run(project, leave_run(project, code_version="c0ffee", notebook_hash="ab12"))
    version = small.register(trained)
    assert promote(project, version.version, reason="x") is not None
    for entry in aliases.ledger(project):
        if entry.to_version is None:
            continue
        told = entry.evidence["trained"]
        assert (told["run_id"], told["notebook"]) == (trained.run_id, "notebooks/train.ipynb")
        assert entry.evidence["datasets"] == {"prepared": 3}
        assert set(told) >= {"code_version", "report", "notebook_hash"}


def test_a_shared_mlflow_with_a_ledger_on_this_machine_registers_and_moves_nothing(run: small.Run) -> None:
    trained = small.train(run)
    small.register(run, trained)
    file = run.project.root / "workbench.toml"
    text = file.read_text()
    said = r"example.org\S* are shared, .* \[stores\] database"
    for uri in ("http://ada:secret@mlflow.example.org:5000", "postgresql://ada:secret@example.org/mlflow"):
        file.write_text(f'{text}\n[stores]\ntracking = "{uri}"\n')
        apart = open_project(file.parent)
        with pytest.raises(ConfigError, match=said) as refused:
            aliases.move(apart, [aliases.Move("champion", None, 1)], reason="x")
        assert "secret" not in str(refused.value)
        with pytest.raises(ConfigError, match=said):
            small.register(small.Run(apart, run.run_id), trained)
    assert aliases.held(run.project) == {"challenger": 1}
    assert len(versions.list_versions(run.project)) == 1


def test_what_was_looked_at_is_done_only_if_it_would_still_be_the_same(run: small.Run) -> None:
    project = _register(run, 3)
    promote(project, 1, reason="first")
    seen = promote(project, 2, dry_run=True)
    aside = promote(project, 2, to="challenger", dry_run=True)
    promote(project, 3, reason="somebody was quicker")
    with pytest.raises(AliasMoved, match="champion was v1 when it was looked at, and is v3 by now"):
        promote(project, 2, reason="as I saw it", still=seen)
    with pytest.raises(AliasMoved, match="challenger was v3 when it was looked at, and is no version by now"):
        promote(project, 2, to="challenger", reason="as I saw it", still=aside)
    assert aliases.current(project, "champion") == 3
    again = promote(project, 2, dry_run=True)
    assert promote(project, 2, reason="looked again", still=again) is not None
    assert aliases.current(project, "champion") == 2
