"""A retraining from its trigger to its decision: trained and judged by notebooks, shadowed, decided once."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.monitoring.retrained import (
    NOW,
    asked,
    beside,
    call,
    champions,
    found,
    make,
    monitored,
    with_champion,
    with_policy,
)
from workbench import registry
from workbench.errors import LeaseHeld, UnknownName
from workbench.execution import pipeline
from workbench.monitoring.retraining import retrainings
from workbench.project import Project
from workbench.registry.plateau import plateau
from workbench.store import leases
from workbench.store.clock import SystemClock
from workbench.store.database import open_database

DAY = timedelta(days=1)
DROPPED = found(11, verdict="dropped")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A poor champion, whose performance has dropped; nobody has to be asked."""
    made = with_champion(make(tmp_path / "late"))
    monitored(made, [DROPPED])
    return made


@pytest.mark.practice("L8", "C3")
def test_a_drop_leads_to_a_challenger_that_is_judged_on_what_came_after_its_cut_off(project: Project) -> None:
    before = call(project, dry_run=True)
    assert "as_of=2026-11-01, known_until=2026-12-01" in before.would
    assert "run prepare, challenge" in before.would
    assert (retrainings(project), champions(project)) == ([], [1])
    done = call(project)
    assert done.retraining is not None
    assert (done.status, done.retraining.decision, done.retraining.version) == ("decided", "promoted", 2)
    assert champions(project) == [1, 2]
    version = registry.champion(project)
    assert version is not None
    assert version.trained_until is not None
    judged = registry.Validation.from_dict(registry.evidence(version, project))
    assert judged.start is not None
    assert judged.end is not None
    assert version.trained_until <= judged.start
    assert judged.end <= NOW - timedelta(hours=3)  # an outcome is known three hours later
    assert done.reason.startswith("Retraining is called for: the champion's performance")
    assert "Against the champion: roc_auc" in done.reason
    assert done.reason.endswith("The challenger is champion now.")
    assert all(
        Path(report, "report.html").is_file() for report in done.retraining.evidence["reports"].values()
    )
    assert asked(project) == []
    assert json.loads(json.dumps(done.to_dict()))["retraining"]["decision"] == "promoted"
    again = call(project, after=DAY)
    assert again.status == "nothing"  # what an earlier champion did is no reason any more
    assert champions(project) == [1, 2]


@pytest.mark.practice("L8")
def test_in_the_shadow_it_waits_for_time_and_labels_and_is_promoted_then(project: Project) -> None:
    project = with_policy(project, 'shadow_for = "3d"\nshadow_labels = 500')
    first = call(project)
    assert first.status == "shadowing"
    assert "it shadows until 2026-12-04 00:00 UTC, and 0 of 500 labels" in first.waits
    assert registry.get_version(project, 2).aliases == ("shadow-1",)
    monitored(project, [beside(11, shadow=2), beside(12, shadow=2, labelled=50)])
    later = call(project, after=4 * DAY)
    assert (later.status, later.waits) == ("shadowing", "450 of 500 labels of its answers are known")
    monitored(project, [beside(12, shadow=2, labelled=150)])
    assert call(project, after=5 * DAY, dry_run=True).would == "decide: its shadow is ok"
    done = call(project, after=5 * DAY)
    assert done.retraining is not None
    assert done.retraining.decision == "promoted"
    told = "in 2026-11 and 2026-12 together roc_auc of shadow v2 0.720 against 0.700 of v1, a difference of"
    assert f"In the champion's shadow: {told} 0.020 [0.013, 0.027]." in done.reason
    assert champions(project) == [1, 2]


@pytest.mark.practice("L8")
@pytest.mark.parametrize(("verdict", "asks"), [("bad", 0), ("inconclusive", 1)])
def test_a_shadow_that_is_no_better_is_refused_and_only_who_can_tell_more_is_asked(
    project: Project, verdict: str, asks: int
) -> None:
    project = with_policy(project, 'shadow_for = "3d"')
    call(project)
    monitored(project, [beside(12, shadow=2, difference=-0.05, verdict=verdict)])
    done = call(project, after=3 * DAY)
    assert done.retraining is not None
    assert done.retraining.decision == "refused"
    assert done.reason.endswith("The challenger was refused; the champion stays.")
    assert len(asked(project)) == asks
    assert champions(project) == [1]
    assert registry.get_version(project, 2).aliases == ()


@pytest.mark.practice("L8", "T2")
def test_what_a_person_has_to_decide_is_on_the_backlog(project: Project) -> None:
    done = call(with_policy(project, 'action = "propose"'))
    assert done.retraining is not None
    assert done.retraining.decision == "proposed"
    assert champions(project) == [1]
    assert [title.partition(":")[0] for title in asked(project)] == ["retraining 1 proposed"]


def test_a_challenger_that_somebody_promoted_meanwhile_is_not_promoted_again(project: Project) -> None:
    project = with_policy(project, 'shadow_for = "3d"')
    call(project)
    registry.promote(project, 2, reason="it is urgent")
    done = call(project, after=DAY)
    assert done.retraining is not None
    assert done.retraining.decision == "promoted"
    assert done.reason.endswith("promoted it: it is urgent.")
    assert champions(project) == [1, 2]


def test_it_replaces_no_other_champion_than_the_one_it_was_held_against(project: Project) -> None:
    project = with_policy(project, 'shadow_for = "3d"')
    call(project)
    pipeline.run(project, ("challenge",), {"quality": "good", "strength": 0.5})
    registry.promote(project, 3, reason="better", force=True)
    monitored(project, [beside(12, shadow=2)])
    done = call(project, after=4 * DAY)
    assert done.retraining is not None
    assert done.retraining.decision == "refused"
    assert "It was held against v1, but champion is v3 by now" in done.reason
    assert champions(project) == [1, 3]


@pytest.mark.practice("L8", "M10", "M4")
def test_the_same_cause_is_answered_once_and_a_plateau_is_said(project: Project) -> None:
    project = with_policy(project, '[retraining.parameters]\nquality = "poor"')
    first = call(project)
    assert first.retraining is not None
    assert first.retraining.decision == "refused"
    assert first.plateau is None
    again = call(project, after=DAY)
    assert again.status == "nothing"
    assert again.reason.startswith("No retraining: 2026-11 led to retraining 1 already, which was refused")
    for strength in (0.5, 0.2):
        pipeline.run(project, ("challenge",), {"quality": "poor", "strength": strength})
    flat = plateau(project)
    assert flat is not None
    assert [gain.version for gain in flat.gains] == [4, 3, 2]
    assert "A plateau: 3 challengers in a row gained nothing in roc_auc" in str(flat)
    assert set(flat.unused) >= {"signal"}  # it is asked with it, and makes nothing of it
    assert len(flat.worst) == 5
    assert {"score", "late", "asked_at"} <= set(flat.worst.columns)
    card = registry.write_card(project, 4).markdown.read_text()
    assert "v4, v3 and v2 in a row gained nothing" in card
    pipeline.run(project, ("challenge",), {"quality": "good"})
    assert plateau(project) is None


def test_a_phase_that_fails_is_told_and_may_be_tried_again(project: Project) -> None:
    broken = with_policy(project, '[retraining.parameters]\nquality = "broken"')
    done = call(broken)
    assert done.retraining is not None
    assert (done.retraining.decision, done.retraining.version) == ("failed", None)
    assert "cell 4 raised KeyError: 'broken'" in done.reason
    assert len(asked(project)) == 1
    mended = call(with_policy(project, ""), after=DAY)
    assert mended.retraining is not None
    assert (mended.retraining.id, mended.retraining.decision) == (2, "promoted")


@pytest.mark.practice("C3")
def test_a_cooldown_holds_back_what_a_schedule_asks_for(project: Project) -> None:
    project = with_policy(project, 'trigger = ["schedule"]\ncooldown = "7d"')
    assert "no schedule asks for it" in call(project).reason
    done = call(project, scheduled=True)
    assert done.retraining is not None
    assert (done.retraining.trigger, done.retraining.decision) == ("schedule", "promoted")
    held = call(project, after=6 * DAY, scheduled=True)
    assert held.status == "nothing"
    assert "its cooldown of 7 days ends on 2026-12-08" in held.reason
    assert "cooldown" not in call(project, after=7 * DAY, scheduled=True, dry_run=True).reason


def test_newer_data_than_the_champion_learnt_from_are_a_trigger(tmp_path: Path) -> None:
    policy = 'trigger = ["new_data"]\nphases = ["challenge"]\n[retraining.parameters]\nstrength = 0.5'
    project = make(tmp_path / "late", policy)
    pipeline.run(project, ("prepare", "challenge"), {"quality": "poor"})
    registry.promote(project, 1, reason="the first", force=True)
    assert "no dataset is newer" in call(project).reason
    pipeline.run(project, ("prepare",), {"as_of": "2026-11-01", "known_until": "2026-12-01"})
    done = call(project)
    assert done.retraining is not None
    assert "new data: prepared v1 (+0 rows) where v1 learnt from v0" in done.reason
    assert done.retraining.decision == "promoted"


def test_of_two_at_once_one_retrains(project: Project) -> None:
    together = threading.Barrier(2)

    def retrain(_: int) -> str:
        together.wait(60)
        try:
            return call(project).status
        except LeaseHeld:
            return "held"

    with ThreadPoolExecutor(2) as pool:
        found = sorted(pool.map(retrain, range(2)))
    assert found in (["decided", "held"], ["decided", "nothing"])
    assert len(retrainings(project)) == 1
    assert champions(project) == [1, 2]


def test_a_challenger_that_was_judged_on_what_it_learnt_from_is_refused(project: Project) -> None:
    done = call(with_policy(project, '[retraining.parameters]\nas_of = "2026-10-01"\nuntil = "2026-10-20"'))
    assert done.retraining is not None
    assert done.retraining.decision == "refused"
    assert "v2 was judged on rows of 2026-10-01, and had learnt until 2026-10-20" in done.reason
    assert champions(project) == [1]


def test_one_at_a_time_and_nothing_that_is_not_there(project: Project) -> None:
    database = open_database(project)
    with (
        leases.lease(database, "retraining tiny-model", "somebody", 60, SystemClock()),
        pytest.raises(LeaseHeld, match="is being done already by somebody"),
    ):
        call(project)
    database.close()
    with pytest.raises(UnknownName, match="strenght"):
        call(with_policy(project, "[retraining.parameters]\nstrenght = 2.0"))
    assert retrainings(project) == []
