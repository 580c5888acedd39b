"""A new champion in its baking period: looked at in simulated time, on a log that is written by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from tests.baked import answer, asked, log_of
from tests.unit.monitoring.baking.conftest import Make
from tests.unit.registry import small
from workbench.cli import monitor as command
from workbench.cli import status as status_command
from workbench.monitoring.alerts import read
from workbench.monitoring.baking import Baking, bake
from workbench.project import Project
from workbench.registry import aliases, promotion
from workbench.serving.protocol.truth import TruthRow
from workbench.serving.truth.recording import record
from workbench.store import backlog
from workbench.store.clock import SimulatedClock, SystemClock
from workbench.store.database import open_database
from workbench.tracking import store
from workbench.tracking.models import positive_scores

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Watched:
    """A project whose second version became champion at noon, after the first had answered for an hour."""

    def __init__(self, project: Project, *, second: bool = True) -> None:
        self.project = project
        promotion.promote(project, 1, reason="first", clock=SimulatedClock(NOON - 60 * MINUTE))
        if second:
            promotion.promote(project, 2, reason="next", clock=SimulatedClock(NOON))

    def look(self, minutes: float) -> Baking | None:
        return bake(self.project, *log_of(self.project), clock=SimulatedClock(NOON + minutes * MINUTE))

    @property
    def champions(self) -> list[int | None]:
        return [entry.to_version for entry in aliases.ledger(self.project, "champion")]

    def items(self) -> list[backlog.Item]:
        with open_database(self.project).read() as connection:
            return [item for item in backlog.items(connection, "tiny") if item.opened_by == "baking period"]

    def alerts(self) -> list[tuple[str, str]]:
        with open_database(self.project).read() as connection:
            return [(alert.rule, alert.signal) for alert in read(connection, log_of(self.project)[1])]


def scores(count: int, away: float = 0.0) -> np.ndarray:
    return np.clip(positive_scores(small.estimator(), asked(count)[small.FEATURES]) + away, 0, 1)


@pytest.mark.practice("C2", "P4")
def test_a_champion_that_cannot_answer_is_rolled_back_once_and_everybody_can_see_why(make: Make) -> None:
    watched = Watched(make())
    answer(watched.project, 2, NOON + MINUTE, rows=60, failed=40)
    found = watched.look(3)
    assert found is not None
    assert found.status == "rolled_back"
    assert watched.champions == [1, 2, 1]
    last = aliases.ledger(watched.project, "champion")[-1]
    assert (last.actor, last.evidence["action"], last.evidence["cases_answered"]) == (
        "baking period",
        "rollback",
        8,
    )
    says = "40 of 100 requests failed (40.00%), 1.00% may"
    assert last.reason == f"failed_share of the baking period: {says}"
    assert str(found) == f"v2 was rolled back while baking: {last.reason}"
    (item,) = watched.items()
    assert item.title == f"tiny-model v2 rolled back to v1 in its baking period: {says}"
    assert item.priority == "high"
    assert watched.alerts() == [("rolled-back", "health.failed_share")]
    for minutes in (4, 10, 3000):
        again = watched.look(minutes)
        assert again is not None
        assert again.status == "rolled_back"
    assert watched.champions == [1, 2, 1]
    assert len(watched.items()) == 1


@pytest.mark.practice("P4")
def test_a_champion_that_answers_well_passes_and_nobody_is_told(make: Make) -> None:
    watched = Watched(make('period = "1 h"\nscore_shift = 0.3\nslower_than_before = 3\np99_ms = 100'))
    answer(watched.project, 1, NOON - 30 * MINUTE, rows=300)
    answer(watched.project, 2, NOON + MINUTE, rows=300, seconds=300)
    first = watched.look(6)
    assert first is not None
    assert str(first) == ("v2 is baking until 2026-08-01 13:00 UTC, 300 answers so far, no guard violated")
    assert first.evidence.before is not None
    assert (first.evidence.before.version, first.evidence.before.rows) == (1, 300)
    answer(watched.project, 2, NOON + 40 * MINUTE, rows=250, seconds=300)
    between = watched.look(51)
    assert between is not None
    assert [(window.rows, window.end - window.start) for window in between.evidence.windows] == [
        (300, 10 * MINUTE),
        (250, 40 * MINUTE),
    ]
    last = watched.look(61)
    assert last is not None
    assert (last.status, last.evidence.ended) == ("passed", "no guard was violated")
    assert watched.champions == [1, 2]
    assert (watched.items(), watched.alerts()) == ([], [])


@pytest.mark.practice("P4")
def test_a_period_in_which_nobody_could_judge_anything_is_not_passed(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the server never put the champion in front."""
    watched = Watched(make('period = "1 h"'))
    answer(watched.project, 1, NOON + MINUTE, rows=300)
    assert watched.look(3).status == "baking"  # type: ignore[union-attr]
    last = watched.look(61)
    assert last is not None
    assert last.status == "inconclusive"
    says = "0 answers; not judged: failed_share (0 of 50 rows)"
    assert str(last) == f"v2 could not be judged in its baking period: {says}"
    assert str(watched.look(62)) == str(last)
    monkeypatch.chdir(watched.project.root)
    status = CliRunner().invoke(status_command.status, [], catch_exceptions=False).output
    assert "v2 could not be judged: too little was asked" in status
    assert watched.champions == [1, 2]


@pytest.mark.practice("P4")
def test_a_guard_that_could_not_be_judged_is_told_when_the_period_passes(make: Make) -> None:
    watched = Watched(make('period = "1 h"\nperformance_drop = 0.05\nminimum_labels = 300'))
    ids = answer(watched.project, 2, NOON + MINUTE, rows=400)
    assert watched.look(2).status == "baking"  # type: ignore[union-attr]
    late = asked(400)["late"].to_numpy()
    truth(watched.project, ids[:212], late[:212], NOON + 30 * MINUTE)
    last = watched.look(61)
    assert last is not None
    assert (last.status, last.evidence.ended) == (
        "passed",
        "400 answers; no guard was violated; not judged: performance_drop (212 of 300 labels)",
    )


@pytest.mark.parametrize(
    ("baking", "how", "guard"),
    [
        ("p99_ms = 100", {"latency_ms": 400.0}, "p99_ms"),
        ("slower_than_before = 3", {"latency_ms": 9.0}, "slower_than_before"),
        ("score_shift = 0.5", {"scores": scores(300, 0.4)}, "score_shift"),
    ],
)
@pytest.mark.practice("P4")
def test_guards_that_are_declared_roll_back(make: Make, baking: str, how: dict[str, Any], guard: str) -> None:
    watched = Watched(make(baking))
    answer(watched.project, 1, NOON - 30 * MINUTE, rows=300)
    answer(watched.project, 2, NOON + MINUTE, **{"rows": 300, **how})
    found = watched.look(3)
    assert found is not None
    assert found.evidence.violation is not None
    assert (found.status, found.evidence.violation.guard) == ("rolled_back", guard)
    assert watched.champions == [1, 2, 1]


@pytest.mark.parametrize(
    ("baking", "how", "rolled_back"),
    [
        ("slower_than_before = 3", {"rows": 66, "latency_ms": 900.0, "together": 66}, False),
        ("p99_ms = 100", {"rows": 660, "latency_ms": 900.0, "together": 66}, False),
        ("p99_ms = 100", {"rows": 1320, "latency_ms": 900.0, "together": 66}, True),
        ("", {"rows": 600, "failed": 66, "together": 66}, False),
        ("", {"rows": 66, "failed": 132, "together": 66}, True),
    ],
)
@pytest.mark.practice("P4")
def test_rows_that_were_asked_together_are_slow_or_lost_together(
    make: Make, baking: str, how: dict[str, Any], rolled_back: bool
) -> None:
    """One request in which something went wrong says no more for its many rows."""
    watched = Watched(make(baking))
    answer(watched.project, 1, NOON - 30 * MINUTE, rows=300)
    answer(watched.project, 2, NOON + MINUTE, **how)
    found = watched.look(3)
    assert found is not None
    assert (found.status == "rolled_back") is rolled_back
    running = found.evidence.running
    assert running is not None
    asked_for = how["rows"] + how.get("failed", 0)
    assert (running.asked, running.requests + running.failed_requests) == (asked_for, -(-asked_for // 66))


def test_a_window_goes_on_until_its_guards_can_judge_it(make: Make) -> None:
    """Scores are compared from 200 on, and requests from 20 on, however few are asked in ten minutes."""
    watched = Watched(make("score_shift = 0.5\np99_ms = 100"))
    answer(watched.project, 1, NOON - 30 * MINUTE, rows=300)
    for hour in range(3):
        answer(watched.project, 2, NOON + (1 + 60 * hour) * MINUTE, scores=scores(70, 0.4), together=10)
        found = watched.look(60 * hour + 2)
        assert found is not None
        assert (found.status, found.evidence.windows) == ("baking" if hour < 2 else "rolled_back", ())
    assert found is not None
    assert found.evidence.violation is not None
    assert found.evidence.violation.guard == "score_shift"


@pytest.mark.practice("P4")
def test_as_labels_arrive_a_worse_champion_is_rolled_back(make: Make) -> None:
    watched = Watched(make("performance_drop = 0.05\nminimum_labels = 300"))
    late, good = asked(600)["late"].to_numpy(), scores(600)
    ids = answer(watched.project, 2, NOON + MINUTE, seconds=3000, scores=1 - good)
    first = watched.look(55)
    assert first is not None
    assert first.evidence.outcome is None
    truth(watched.project, ids[:200], late[:200], NOON + 56 * MINUTE)
    few = watched.look(57)
    assert few is not None
    assert few.evidence.outcome is not None
    assert (few.status, few.evidence.outcome.labelled) == ("baking", 200)
    # Of those that came later nine in ten are not known, and what is known of them tells nothing.
    truth(watched.project, ids[300::4], late[300::4], NOON + 58 * MINUTE)
    assert watched.look(59).evidence.outcome.labelled == 200  # type: ignore[union-attr]
    truth(watched.project, ids, late, NOON + 60 * MINUTE)
    found = watched.look(61)
    assert found is not None
    assert found.status == "rolled_back"
    assert found.evidence.outcome is not None
    assert found.evidence.outcome.bar_of == "where v1 had at its validation"
    assert "on 600 labels, where v1 had at its validation" in found.evidence.ended


def test_what_everybodys_answers_suffer_from_is_no_reason_to_go_back(make: Make) -> None:
    """The champion before was no better lately, whatever it was at its validation."""
    watched = Watched(make("performance_drop = 0.05\nminimum_labels = 300"))
    chance = np.random.default_rng(0).random(600) < 0.5
    before = answer(watched.project, 1, NOON - 50 * MINUTE, seconds=2400, scores=scores(600))
    now = answer(watched.project, 2, NOON + MINUTE, seconds=2400, scores=scores(600))
    truth(watched.project, [*before, *now], np.concatenate([chance, chance]), NOON + 45 * MINUTE)
    found = watched.look(50)
    assert found is not None
    assert found.evidence.outcome is not None
    assert (found.status, found.evidence.outcome.bar_of) == ("baking", "where v1 lately had")


@pytest.mark.practice("P4")
def test_somebodys_later_promotion_is_left_alone(make: Make) -> None:
    watched = Watched(make())
    answer(watched.project, 2, NOON + MINUTE, rows=60, failed=40)
    answer(watched.project, 2, NOON + 30 * MINUTE, rows=60, failed=40)
    promotion.rollback(
        watched.project, reason="I saw it", actor="ada", clock=SimulatedClock(NOON + 2 * MINUTE)
    )
    found = watched.look(3)
    assert found is None  # nobody had looked before, and a rollback has no baking period
    promotion.promote(watched.project, 2, reason="again", clock=SimulatedClock(NOON + 10 * MINUTE))
    assert watched.look(11).status == "baking"  # type: ignore[union-attr]
    promotion.rollback(watched.project, reason="no", actor="ada", clock=SimulatedClock(NOON + 20 * MINUTE))
    found = watched.look(32)
    assert found is not None
    assert (found.status, found.evidence.ended) == ("superseded", "v1 by ada at 2026-08-01 12:20 UTC: no")
    assert watched.champions == [1, 2, 1, 2, 1]
    assert watched.items() == []


@pytest.mark.practice("P4")
@pytest.mark.parametrize("second", [False, True])
def test_without_a_way_back_the_champion_stays_and_somebody_is_called(make: Make, second: bool) -> None:
    watched = Watched(make('period = "1 h"'), second=second)
    bad = 2 if second else 1
    if second:
        client = store.client(watched.project)
        client.set_model_version_tag("tiny-model", "1", "workbench.sha256", "0" * 64)
    answer(watched.project, bad, NOON - 10 * MINUTE if bad == 1 else NOON, rows=60, failed=40)
    found = watched.look(-1 if bad == 1 else 2)
    assert found is not None
    assert (found.status, found.evidence.refused) != ("rolled_back", "")
    says = "its files changed since it was registered" if second else "there is no champion before v1"
    assert says in found.evidence.refused
    assert f"40 of 100 requests failed (40.00%), 1.00% may; not rolled back: {found.evidence.refused}" in str(
        found
    )
    (item,) = watched.items()
    assert "is a bad champion and stays" in item.title
    assert watched.alerts() == [("not-rolled-back", "health.failed_share")]
    last = watched.look(90)
    assert last is not None
    assert last.status == "failed"
    assert len(watched.items()) == 1
    assert watched.champions == ([1, 2] if second else [1])


def test_what_was_promoted_long_ago_is_not_watched(make: Make) -> None:
    watched = Watched(make('period = "1 h"'))
    answer(watched.project, 2, NOON, rows=60, failed=40)
    assert watched.look(61) is None
    assert watched.champions == [1, 2]


def test_a_project_may_do_without(make: Make) -> None:
    watched = Watched(make("enabled = false"))
    answer(watched.project, 2, NOON, rows=60, failed=40)
    assert watched.look(2) is None
    assert watched.champions == [1, 2]


def truth(project: Project, ids: list[str], values: Any, known_at: datetime) -> None:
    rows = [
        TruthRow(prediction_id=name, value=bool(value), known_at=known_at)
        for name, value in zip(ids, values, strict=True)
    ]
    record(open_database(project), log_of(project)[1], rows, SimulatedClock(known_at))


def test_workbench_monitor_looks_too(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make()
    for version in (1, 2):
        promotion.promote(project, version, reason="x")
    answer(project, 2, SystemClock().now(), seconds=0.001, rows=60, failed=40)
    monkeypatch.chdir(project.root)
    done = CliRunner().invoke(command.monitor, [], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "v2 was rolled back while baking: failed_share" in done.output
    facts = json.loads(CliRunner().invoke(command.monitor, ["--json"], catch_exceptions=False).stdout)
    assert (facts["baking"]["status"], facts["baking"]["version"]) == ("rolled_back", 2)
    assert aliases.current(project, "champion") == 1
