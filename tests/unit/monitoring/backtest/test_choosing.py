"""Which policy history chooses: by days drawn together, the simplest of equals, checked on days unseen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from tests.unit.monitoring.backtest import invented
from tests.unit.monitoring.backtest.invented import BEGAN, UNTIL, Policy, backtest
from workbench.monitoring.backtest.choosing import Choice, choose, trained
from workbench.monitoring.backtest.outcome import Backtest

SEPTEMBER = date(2013, 9, 1)
_MARCH, _OCTOBER = date(2013, 3, 1), date(2013, 10, 1)


def _chosen(found: Backtest, **options: float) -> Choice:
    return choose(found, until=SEPTEMBER, **options)  # type: ignore[arg-type]


def test_of_those_that_the_days_cannot_tell_apart_the_one_that_retrains_least_is_chosen() -> None:
    choice = _chosen(invented.four(noise=250.0))
    assert choice.seen.best.policy == "monthly"
    assert (choice.policy, choice.tied, choice.plain) == ("drift", ("monthly",), "never")
    assert (choice.seen.of("drift").retrainings, choice.seen.of("monthly").retrainings) == (2, 7)


def test_one_that_is_surely_better_is_chosen_however_often_it_retrains() -> None:
    choice = _chosen(invented.four())
    often = backtest([Policy("never"), Policy("weekly", {_MARCH: 100.0}, [_MARCH] * 30)])
    assert _chosen(often).policy == "weekly"
    assert choice.seen.of("never").surely_behind


def test_a_policy_that_came_to_more_by_chance_is_not_taken_for_better() -> None:
    noisy = backtest([Policy("never"), Policy("drift", {_MARCH: 1.0}, [_MARCH])], noise=800.0)
    choice = _chosen(noisy)
    assert not choice.seen.of("never").surely_behind
    assert choice.policy == "never"


def test_what_retrainings_cost_is_paid_where_they_were_made() -> None:
    found = invented.four()
    dear = _chosen(found, retraining_costs=10_000.0)
    free = _chosen(found)
    assert dear.policy == "never"
    for part in ("seen", "unseen", "whole"):
        for name in ("drift", "monthly"):
            paid, unpaid = getattr(dear, part).of(name), getattr(free, part).of(name)
            assert unpaid.value - paid.value == pytest.approx(10_000 * paid.retrainings)
            assert paid.gain.high < unpaid.gain.high


def test_the_interval_of_a_difference_is_that_of_days_drawn_together() -> None:
    found = invented.four()
    gain = choose(found, rounds=500, seed=3).whole.of("drift").gain
    worth = {item.policy: np.array([day.worth for day in item.days], float) for item in found.policies}
    difference, draw = worth["drift"] - worth["never"], np.random.default_rng(8)
    rounds = [difference[draw.integers(0, 365, 365)].sum() for _ in range(4000)]
    assert gain.value == pytest.approx(difference.sum())
    assert (gain.low, gain.high) == pytest.approx(np.quantile(rounds, [0.025, 0.975]), rel=0.03)
    # Drawn apart, the weather of the days would hide the difference.
    assert gain.high - gain.low < 0.1 * 4 * 600 * np.sqrt(2 * 365)


def test_the_same_seed_chooses_the_same_to_the_bit() -> None:
    found = invented.many()
    assert choose(found) == choose(Backtest.from_json(found.to_json()))
    assert choose(found, seed=1).whole.of("never") != choose(found).whole.of("never")


@pytest.mark.parametrize(
    ("at", "timezone", "day"),
    [
        (datetime(2013, 8, 31, 22, tzinfo=UTC), "Europe/Berlin", SEPTEMBER),
        (datetime(2013, 9, 1, 3, 59, tzinfo=UTC), "America/New_York", date(2013, 8, 31)),
        (datetime(2013, 9, 1, 4, tzinfo=UTC), "America/New_York", SEPTEMBER),
    ],
)
def test_a_retraining_is_paid_on_the_day_of_the_place(at: datetime, timezone: str, day: date) -> None:
    once = backtest([Policy("never"), Policy("drift", {_MARCH: 100.0}, [_MARCH])])
    found = invented.moved(once, at, timezone)
    choice = _chosen(found, retraining_costs=500.0)
    assert trained(found, "drift") == [day]
    assert choice.seen.of("drift").retrainings == (day < SEPTEMBER)
    assert choice.unseen.of("drift").retrainings == (day >= SEPTEMBER)


# -- whether it held on days that it had not seen ----------------------------------------------------------


def test_a_choice_holds_where_it_gains_again_and_no_other_is_surely_better() -> None:
    assert _chosen(invented.four()).verdict == "held"


def test_a_choice_does_not_hold_where_another_is_surely_better() -> None:
    turned = backtest(
        [
            Policy("never"),
            Policy("drift", {_MARCH: 100.0, SEPTEMBER: 0.1}, [_MARCH]),
            Policy("weekly", {SEPTEMBER: 90.0}, [_MARCH] * 9),
        ]
    )
    choice = _chosen(turned)
    assert (choice.policy, choice.unseen.best.policy, choice.verdict) == ("drift", "weekly", "did not hold")


def test_a_gain_that_does_not_come_again_is_not_confirmed() -> None:
    gone = backtest([Policy("never"), Policy("drift", {_MARCH: 100.0, SEPTEMBER: -12.0}, [_MARCH])])
    choice = _chosen(gone)
    assert (choice.policy, choice.verdict) == ("drift", "not confirmed")


@pytest.mark.parametrize(
    "found",
    [
        invented.four(unlabelled=(date(2013, 9, 10), UNTIL)),
        replace(invented.four(), until=date(2013, 9, 10)),
        replace(invented.four(), until=SEPTEMBER),
    ],
)
def test_of_too_few_days_nothing_is_said(found: Backtest) -> None:
    choice = _chosen(found)
    assert choice.policy == "drift"
    assert choice.verdict == "unknown"


def test_without_any_label_the_plainest_is_taken() -> None:
    choice = _chosen(invented.four(unlabelled=(BEGAN, UNTIL)))
    assert (choice.policy, choice.seen.days, choice.verdict) == ("never", 0, "unknown")


# -- other projects ----------------------------------------------------------------------------------------


def test_without_a_utility_the_metric_is_compared_and_costs_nothing() -> None:
    choice = _chosen(invented.four(unit=""), retraining_costs=1e9)
    assert (choice.policy, choice.unit, choice.retraining_costs) == ("drift", "", 0)
    assert choice.seen.of("never").value == pytest.approx(0.7183, abs=1e-3)
    assert choice.seen.of("drift").gain.low > 0


def test_of_a_metric_that_is_better_when_low_the_lowest_is_best() -> None:
    choice = _chosen(invented.four(unit="", metric="brier"))
    assert choice.whole.best.policy == "performance"
    assert choice.whole.of("monthly").gain.high < 0 < choice.whole.of("performance").gain.value


def test_where_never_was_not_run_the_one_that_retrains_least_is_plain() -> None:
    found = invented.four()
    choice = _chosen(replace(found, policies=found.policies[1:]))
    assert (choice.plain, choice.policy) == ("performance", "drift")


def test_one_policy_is_chosen_among_itself() -> None:
    found = invented.four()
    choice = choose(replace(found, policies=found.policies[2:3]))
    assert (choice.policy, choice.plain, choice.tied, choice.verdict) == ("drift", "drift", (), "held")
    assert (choice.seen.until - BEGAN).days == 243  # two thirds


def test_those_that_stand_out_are_the_chosen_the_best_and_the_plain_one() -> None:
    choice = choose(invented.many())
    assert len(choice.standing_out) == 6
    assert (choice.standing_out[0], choice.standing_out[-1]) == (choice.policy, "never")
    assert {choice.whole.best.policy, choice.unseen.best.policy} <= {*choice.standing_out}
