"""What persons, killed calls and earlier retrainings have done to a challenger before it is decided on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.monitoring.retrained import (
    LOG,
    NOW,
    InProcess,
    beside,
    call,
    champions,
    found,
    make,
    monitored,
    tell,
    with_champion,
    with_policy,
)
from workbench import registry
from workbench.execution.progress import PhaseResult, PipelineResult
from workbench.monitoring.retraining import retrainings
from workbench.monitoring.retraining.situation import look_around
from workbench.project import Project
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database

DAY = timedelta(days=1)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A poor champion, whose performance has dropped."""
    made = with_champion(make(tmp_path / "late"))
    monitored(made, [found(11, verdict="dropped")])
    return made


@pytest.mark.practice("L8", "T2")
@pytest.mark.parametrize("until", ['shadow_for = "3d"', "shadow_labels = 500"])
def test_a_shadow_that_somebody_retired_is_not_promoted_and_nothing_waits_for_it(
    project: Project, until: str
) -> None:
    project, train = with_policy(project, until), InProcess()
    assert call(project, train=train).status == "shadowing"
    monitored(project, [beside(11, shadow=2)])  # it is surely better, and 500 labels will never be known
    registry.retire(project, 2, reason="it leaks", actor="ada", clock=SimulatedClock(NOW + DAY))
    before = call(project, after=3 * DAY, dry_run=True)
    assert (before.status, before.would) == ("shadowing", "end it as refused")
    done = call(project, after=3 * DAY)
    assert done.retraining is not None
    assert done.retraining.decision == "refused"
    assert "v2 is shadow-1 no longer: ada (claimed) took it out on 2026-12-02: it leaks." in done.reason
    assert champions(project) == [1]
    assert call(project, after=4 * DAY).status == "nothing"  # and the next may begin


def test_a_refusal_is_on_record_before_the_challenger_leaves_the_shadow(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = with_policy(project, 'shadow_for = "3d"')
    call(project, train=InProcess())
    monitored(project, [beside(12, shadow=2, difference=-0.05, verdict="bad")])

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(registry, "retire", killed)
        with pytest.raises(KeyboardInterrupt):
            call(project, after=3 * DAY)
    monitored(project, [beside(12, shadow=2, difference=0.05)])  # it would be promoted now
    assert registry.get_version(project, 2).aliases == ("shadow-1",)
    assert call(project, after=4 * DAY).status == "nothing"
    assert [item.decision for item in retrainings(project)] == ["refused"]
    assert registry.get_version(project, 2).aliases == ()
    registry.promote(project, 2, to="shadow", reason="look again", clock=SimulatedClock(NOW + 5 * DAY))
    call(project, after=6 * DAY)
    assert registry.get_version(project, 2).aliases == ("shadow-1",)  # which a person may want


@pytest.mark.practice("C3")
def test_what_failed_starts_no_cooldown(project: Project) -> None:
    def fails(_: Project, phases: Sequence[str], *__: Any) -> PipelineResult:
        return PipelineResult("a-run", "failed", (PhaseResult(phases[0], "failed", why="no disk"),), {})

    project = with_policy(project, 'cooldown = "7d"')
    call(project, train=fails)
    mended = call(project, after=timedelta(minutes=10), train=InProcess())
    assert [item.decision for item in retrainings(project)] == ["promoted", "failed"], mended.reason
    monitored(project, [found(11, version=2, verdict="dropped")])
    assert "its cooldown of 7 days ends on 2026-12-08" in call(project, after=DAY).reason


@pytest.mark.practice("L8", "P12")
def test_labels_that_a_training_has_seen_do_not_count_as_new(project: Project) -> None:
    project, train = with_policy(project, "minimum_labels = 100"), InProcess()
    hour = timedelta(hours=1)
    tell(project, 200, NOW - 10 * DAY)  # v1 was judged on rows of all November
    assert "0 labels came in since the last training, and 100 are asked" in call(project, train=train).reason
    tell(project, 60, NOW + hour)
    assert "60 labels came in" in call(project, after=2 * hour, train=train).reason
    assert "60 labels came in" in call(project, after=2 * hour, dry_run=True).reason
    tell(project, 40, NOW + 2 * hour)
    done = call(project, after=DAY, train=train)
    assert (done.status, champions(project)) == ("decided", [1, 2])
    monitored(project, [found(11, version=2, verdict="dropped")])
    tell(project, 30, NOW + DAY + hour)
    assert "30 labels came in" in call(project, after=2 * DAY, train=train).reason  # it saw all of that day


@pytest.mark.practice("P12")
def test_before_a_later_training_its_labels_count_as_new(project: Project) -> None:
    """As in a replay of last year, or when a clock that was ahead is set back."""
    project = with_policy(project, "minimum_labels = 100")
    first = registry.get_version(project, 1).trained_until
    assert first is not None
    tell(project, 30, first - DAY)
    tell(project, 50, first + 9 * DAY)
    InProcess()(project, (), {"as_of": "2026-11-01", "known_until": "2026-12-01"})
    database = open_database(project)
    news = [look_around(project, database, LOG, 1, now, scheduled=False) for now in (first + 20 * DAY, NOW)]
    database.close()
    assert [each.labels for each in news] == [50, 0]


@pytest.mark.parametrize("rolled_back", [True, False])
def test_phases_that_are_up_to_date_bring_nothing_newer_to_judge(project: Project, rolled_back: bool) -> None:
    days = '[retraining.parameters]\nas_of = "2026-11-01"\nknown_until = "2026-12-01"'
    project, train = with_policy(project, f'trigger = ["schedule"]\n{days}'), InProcess()
    call(project, scheduled=True, train=train)
    if rolled_back:
        registry.rollback(project, reason="it did worse", clock=SimulatedClock(NOW + DAY))
    before = champions(project)
    done = call(project, after=2 * DAY, scheduled=True, train=train)
    assert done.retraining is not None
    assert (done.retraining.decision, done.retraining.version) == ("refused", None)
    made = "for retraining 1, which was promoted" if rolled_back else "which is the champion"
    told = "There is nothing newer to learn from: its phases are up to date, and they made tiny-model v2"
    assert f"{told}{'' if rolled_back else ','} {made}." in done.reason
    assert champions(project) == before


def test_a_version_that_was_champion_before_it_began_is_not_told_to_be_promoted(project: Project) -> None:
    train, day = InProcess(), SimulatedClock(NOW - DAY)
    train(project, (), {"as_of": "2026-11-01", "known_until": "2026-12-01"})
    registry.promote(project, 2, reason="by hand", force=True, clock=day)
    registry.rollback(project, reason="it did worse", clock=day)
    done = call(project, train=train)
    assert done.retraining is not None
    assert (done.retraining.decision, done.retraining.version) == ("refused", None)
    assert "became champion on 2026-11-30 and is it no longer" in done.reason
