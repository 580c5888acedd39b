"""The policy's decision inside a notebook: as ``workbench retrain`` comes to it, and never beside that."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.monitoring.retrained import (
    LOG,
    NOW,
    InProcess,
    beside,
    call,
    found,
    make,
    monitored,
    tell,
    with_champion,
    with_policy,
)
from workbench import monitoring
from workbench.errors import LeaseHeld
from workbench.monitoring.retraining import Decision
from workbench.project import Project
from workbench.tracking.context import RunContext, read_record
from workbench.tracking.phase import Phase

DAY = timedelta(days=1)
FINDINGS = [found(11, verdict="dropped")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A poor champion, whose performance has dropped."""
    made = with_champion(make(tmp_path / "late"))
    monitored(made, FINDINGS)
    return made


def _phase(project: Project, *, draft: bool = False) -> Phase:
    folder = project.root / "run"
    folder.mkdir(exist_ok=True)
    context = RunContext(
        project_root=project.root,
        phase="retrain",
        run_id="a-run",
        pipeline_run_id="a-run",
        data_root=project.data_uri,
        folder=folder,
        draft=draft,
    )
    return Phase(project, context)


def _decided(project: Project, *, after: timedelta = timedelta()) -> Decision:
    with monitoring.decide_within(_phase(project), FINDINGS, log=LOG, now=NOW + after) as decision:
        return decision


def test_nobody_else_retrains_until_it_is_over_but_for_a_draft(project: Project) -> None:
    about = {"log": LOG, "now": NOW}
    with monitoring.decide_within(_phase(project), FINDINGS, **about) as decision:  # type: ignore[arg-type]
        assert decision.reason == call(project, dry_run=True).reason
        assert decision.retrain
        with pytest.raises(LeaseHeld):
            call(project)
    assert not read_record(_phase(project).context).unaccounted
    draft = _phase(project, draft=True)
    with monitoring.decide_within(draft, FINDINGS, **about) as decision:  # type: ignore[arg-type]
        assert decision.retrain
        assert call(project, train=InProcess()).status == "decided"


@pytest.mark.practice("L8")
def test_beside_a_retraining_that_is_under_way_or_after_it_nothing_is_decided_again(project: Project) -> None:
    project = with_policy(project, 'shadow_for = "3d"')
    call(project, train=InProcess())
    decision = _decided(project, after=DAY)
    assert not decision.retrain
    assert decision.reason == (
        "No retraining beside the one that is under way: workbench retrain goes on with retraining 1, which "
        "is shadowing."
    )
    assert read_record(_phase(project).context).unaccounted  # so that the next run looks again
    monitored(project, [beside(12, shadow=2, difference=-0.05, verdict="bad")])
    call(project, after=3 * DAY)
    again = _decided(project, after=4 * DAY)
    assert not again.retrain
    assert again.reason.startswith("No retraining: 2026-11 led to retraining 1 already, which was refused")


def test_windows_of_another_version_than_the_champion_say_nothing_and_that_is_said(project: Project) -> None:
    others = [found(11, verdict="dropped", version=7)]
    about = {"log": LOG, "now": NOW}
    with monitoring.decide_within(_phase(project), others, **about) as decision:  # type: ignore[arg-type]
        assert not decision.retrain
    assert decision.reason.startswith("No retraining: none of 1 windows shows v1, the champion: another")
    assert not read_record(_phase(project).context).unaccounted


def test_what_holds_a_retraining_back_holds_the_notebook_back(project: Project) -> None:
    few = _decided(with_policy(project, "minimum_labels = 100"))
    assert not few.retrain
    assert few.reason.endswith("0 labels came in since the last training, and 100 are asked.")
    tell(project, 100, NOW + DAY / 2)
    assert _decided(with_policy(project, "minimum_labels = 100"), after=DAY).retrain
