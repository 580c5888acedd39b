"""The retraining policy: when it fires, when it does not, and what it says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.monitoring import small
from tests.unit.registry.small import validation
from workbench.config import RetrainingConfig
from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.retraining import Decision, Situation, decide, explain
from workbench.registry.gates.bootstrap import Interval
from workbench.registry.gates.judging import Gate

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def _decide(
    findings: list[WindowFinding],
    *,
    now: datetime = NOW,
    situation: Situation | None = None,
    zone: str = "UTC",
    **policy: Any,
) -> Decision:
    return decide(
        findings,
        retraining=RetrainingConfig(**policy),
        monitoring=small.CONFIG.model_copy(update={"timezone": zone}),
        now=now,
        situation=situation or Situation(),
    )


@pytest.mark.practice("L8")
def test_a_drop_in_performance_calls_for_retraining_with_its_figures() -> None:
    found = _decide([small.finding(10), small.finding(11, verdict="dropped", value=0.68)], training_days=90)
    assert found.retrain
    assert (found.trigger, found.cause) == ("performance", ("2026-11",))
    assert found.reason == (
        "Retraining is called for: the champion's performance, of which a drop of 0.05 counts: in 2026-11 "
        "roc_auc 0.680 [0.660, 0.700] where 0.750 was expected (880 labels). The challenger learns from the "
        "90 days before 2026-11-01, as far as outcomes were known by then, and is judged on the 30 days that "
        "follow, as far as outcomes were known by 2026-12-01."
    )
    until = NOW - timedelta(days=30)
    assert (found.train_from, found.train_until, found.known_until) == (
        until - timedelta(days=90),
        until,
        NOW,
    )


def test_the_policy_judges_by_its_own_settings() -> None:
    strict = small.CONFIG.model_copy(update={"performance_drop": 0.02, "minimum_labels": 100})
    policy = RetrainingConfig()
    findings = [small.finding(11, value=0.72)]
    assert decide(findings, retraining=policy, monitoring=strict, now=NOW).trigger == "performance"
    assert not decide(findings, retraining=policy, monitoring=small.CONFIG, now=NOW).retrain


@pytest.mark.practice("L8")
def test_drift_of_enough_features_calls_for_retraining() -> None:
    found = _decide([small.finding(11, drifted=6, features=7)])
    assert found.trigger == "data_drift"
    assert "in 2026-11 6 of 7 features drifted (f0, f1, f2, f3 and 2 more)" in found.reason
    assert not _decide([small.finding(11, drifted=1)]).retrain
    assert _decide([small.finding(11, drifted=2)]).retrain  # exactly the share that counts


@pytest.mark.practice("L8")
def test_without_a_reason_nothing_is_retrained_and_the_figures_are_told() -> None:
    found = _decide([small.finding(11, drifted=1)])
    assert (found.retrain, found.trigger, found.cause) == (False, "", ())
    assert found.reason == (
        "No retraining; no trigger was reached: the champion's performance, of which a drop of 0.05 counts: "
        "in 2026-11 roc_auc 0.750 [0.730, 0.770] where 0.750 was expected (880 labels); data drift, of which "
        "a share of 50% counts: in 2026-11 1 of 4 features drifted (f0)."
    )


def test_of_two_triggers_the_drop_is_told() -> None:
    assert _decide([small.finding(11, drifted=4, verdict="dropped")]).trigger == "performance"


def test_a_trigger_that_is_not_declared_does_not_fire() -> None:
    findings = [small.finding(11, drifted=4, verdict="dropped")]
    assert _decide(findings, trigger=("data_drift",)).trigger == "data_drift"
    assert _decide(findings, trigger=()).reason == "No retraining: the policy declares no trigger."


def test_several_windows_in_a_row_are_asked_for() -> None:
    dropped = [small.finding(month, verdict="dropped") for month in (9, 11)]
    assert not _decide([dropped[0], small.finding(10), dropped[1]], windows_in_a_row=2).retrain
    found = _decide([small.finding(9), small.finding(10, verdict="dropped"), dropped[1]], windows_in_a_row=2)
    assert found.cause == ("2026-10", "2026-11")
    alone = _decide([dropped[1]], windows_in_a_row=2)
    assert not alone.retrain
    assert "no trigger was reached in 2 windows in a row" in alone.reason


def test_windows_that_could_not_be_judged_are_skipped_and_counted() -> None:
    findings = [small.finding(9, verdict="dropped"), small.finding(10, verdict="inconclusive")]
    assert _decide([*findings, small.finding(11, verdict=None)]).trigger == "performance"
    quiet = [small.finding(9), *findings[1:], small.finding(11, verdict=None)]
    assert "2 inconclusive windows left out" in _decide(quiet).reason


def test_the_order_of_the_findings_does_not_matter() -> None:
    findings = [small.finding(9, verdict="dropped"), small.finding(10), small.finding(11)]
    assert not _decide(findings[::-1]).retrain


@pytest.mark.practice("P12")
def test_what_is_not_over_yet_is_not_known_yet() -> None:
    findings = [small.finding(10), small.finding(11, verdict="dropped")]
    assert not _decide(findings, now=NOW - timedelta(seconds=1)).retrain
    assert _decide(findings).retrain


def test_nothing_found_yet_is_said() -> None:
    assert _decide([]).reason == (
        "No retraining; no trigger was reached: nothing can be said about performance yet; "
        "nothing can be said about data drift yet."
    )


def test_a_decision_is_plain_json() -> None:
    found = json.loads(json.dumps(_decide([small.finding(11, drifted=4)]).to_dict()))
    assert (found["retrain"], found["train_until"]) == (True, "2026-11-01T00:00:00+00:00")


@pytest.mark.practice("L8")
def test_what_became_of_it_stands_in_one_paragraph() -> None:
    called = _decide([small.finding(11, drifted=4)])
    told = explain(called, validation("passed"), promoted=True)
    assert told.startswith(called.reason)
    assert "Validated on 600 rows, 2026-07-01 to 2026-07-30, the challenger passed." in told
    assert "Against the baseline: roc_auc 0." in told
    assert told.endswith("The challenger is champion now.")
    assert "\n" not in told
    refused = explain(called, validation("failed"), promoted=False)
    assert "Besides, primary metric is failed (roc_auc" in refused
    assert refused.endswith("The challenger was refused; the champion stays.")
    waiting = explain(called, validation("passed"), promoted=False)
    assert waiting.endswith("may be promoted; the champion stays until somebody does.")
    assert explain(called, None, promoted=False).endswith("No challenger was trained yet.")


def test_the_comparison_with_the_champion_is_told_when_there_is_one() -> None:
    gates = (
        *validation("passed").gates,
        Gate("beats champion", "inconclusive", 0.0, 0.0, "a tie", Interval(0, -1, 1)),
    )
    judged = type(validation("passed"))(**{**validation("passed").__dict__, "gates": gates})
    told = explain(_decide([small.finding(11, drifted=4)]), judged, promoted=False)
    assert "the challenger was inconclusive. Against the champion: a tie." in told


def test_no_retraining_needs_no_more_words() -> None:
    quiet = _decide([small.finding(11)])
    assert explain(quiet, None, promoted=False) == quiet.reason


@pytest.mark.practice("C3")
def test_new_data_and_a_schedule_call_for_retraining_when_nothing_worse_does() -> None:
    policy: dict[str, Any] = {"trigger": ("performance", "schedule", "new_data")}
    quiet = _decide([], **policy)
    assert "no dataset is newer than what the champion was trained from; no schedule asks" in quiet.reason
    called = _decide([], situation=Situation(scheduled=True), **policy)
    assert (called.trigger, called.cause) == ("schedule", ("2026-12-01",))
    situation = Situation(("flights v3 (+100 rows) where v1 learnt from v2",), scheduled=True)
    newer = _decide([], situation=situation, **policy)
    assert (newer.trigger, newer.cause) == ("new_data", situation.new_data)
    dropped = [small.finding(11, verdict="dropped")]
    assert _decide(dropped, situation=situation, **policy).trigger == "performance"
    assert not _decide([], situation=situation, trigger=("performance",)).retrain


@pytest.mark.practice("L8")
def test_a_cooldown_holds_back_and_says_until_when() -> None:
    dropped = [small.finding(11, verdict="dropped")]
    policy: dict[str, Any] = {"cooldown": timedelta(days=7), "situation": Situation(last=NOW)}
    held = _decide(dropped, now=NOW + timedelta(days=7, seconds=-1), **policy)
    assert (held.retrain, held.trigger) == (False, "")
    assert held.reason.startswith("No retraining yet, although the champion's performance")
    assert held.reason.endswith(
        "the last one was decided on 2026-12-01, and its cooldown of 7 days ends on 2026-12-08 00:00 UTC."
    )
    assert _decide(dropped, now=NOW + timedelta(days=7), **policy).retrain
    assert _decide(dropped, cooldown=timedelta(days=7)).retrain  # the first


@pytest.mark.practice("L8", "P12")
def test_so_many_labels_are_waited_for() -> None:
    dropped = [small.finding(11, verdict="dropped")]
    held = _decide(dropped, minimum_labels=500, situation=Situation(labels=499))
    assert held.reason.endswith("499 labels came in since the last training, and 500 are asked.")
    assert _decide(dropped, minimum_labels=500, situation=Situation(labels=500)).retrain


@pytest.mark.practice("P12")
def test_windows_begin_and_end_with_days_of_the_project_whatever_its_clocks_do() -> None:
    dropped = [small.finding(11, verdict="dropped")]
    at = datetime(2026, 12, 1, 17, 30, tzinfo=UTC)
    found = _decide(dropped, now=at, zone="America/New_York", holdout_days=30, training_days=90)
    days = {"as_of": "2026-11-01", "known_until": "2026-12-01", "train_from": "2026-08-03"}
    assert found.parameters == days
    assert Decision.from_dict(json.loads(json.dumps(found.to_dict()))).parameters == days
    assert found.train_until == datetime(2026, 11, 1, 4, tzinfo=UTC)  # clocks go back that day
    assert found.known_until == datetime(2026, 12, 1, 5, tzinfo=UTC)
    expanding = _decide(dropped, window="expanding")
    assert expanding.train_from is None
    assert "train_from" not in expanding.parameters
    assert "learns from all that came before 2026-11-01" in expanding.reason
