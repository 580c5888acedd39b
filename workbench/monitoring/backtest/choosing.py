"""Which policy history would have chosen, how sure that is, and whether it held on days it had not seen.

All policies met the same rows on the same days, so their days are drawn together: what two of them differ by
is paired, as in the gates (:mod:`workbench.registry.gates.bootstrap`). Policies that the days cannot tell
from the best are tied with it, and of those the one that retrains least is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np

from workbench.errors import UsageError
from workbench.monitoring.backtest.outcome import Backtest, Day
from workbench.project import Project
from workbench.registry.gates.bootstrap import Days, Interval, interval
from workbench.tracking.metrics import LOWER_IS_BETTER

if TYPE_CHECKING:
    from workbench.registry.gates.bootstrap import Floats

__all__ = [
    "NEVER",
    "ROUNDS",
    "Choice",
    "Standing",
    "Stretch",
    "Verdict",
    "check_until",
    "choose",
    "recommend",
    "trained",
]

NEVER = "never"
ROUNDS = 2000
Verdict = Literal["held", "not confirmed", "did not hold", "unknown"]
# An interval drawn from fewer days says more than they know.
_FEWEST_DAYS = 14
_SEEN = 2 / 3
_MOST_OUT = 6


@dataclass(frozen=True)
class Standing:
    """How a policy did in a stretch of days.

    Attributes
    ----------
    value : float
        What its answers were worth less what its retrainings cost, rows without an answer counted as not
        flagged; without a declared utility the mean of the days' metrics by their labelled rows.
    retrainings : int
    gain : Interval
        How much better than the plain policy; above zero is better, whatever the metric.
    behind : Interval
        How much worse than the best one of the stretch.
    best : float
        In what share of the draws no other policy was better.
    """

    policy: str
    value: float
    retrainings: int
    gain: Interval
    behind: Interval
    best: float

    @property
    def surely_behind(self) -> bool:
        return self.behind.known and self.behind.low > 0


@dataclass(frozen=True)
class Stretch:
    """Days in ``[since, until)``, of which ``days`` have labels, and how each policy did in them."""

    since: date
    until: date
    days: int
    standings: tuple[Standing, ...]

    @property
    def best(self) -> Standing:
        return min(self.standings, key=lambda standing: standing.behind.value)

    @property
    def name(self) -> str:
        """``January to August 2013`` where it is whole months, else its first and its last day."""
        first, last = self.since, max(self.since, self.until - timedelta(days=1))
        months = self.since.day == self.until.day == 1 and self.since < self.until
        begin, end = (f"{day:%B}" if months else f"{day.day} {day:%B}" for day in (first, last))
        if first.year != last.year:
            return f"{begin} {first.year} to {end} {last.year}"
        if begin == end:
            return f"{end} {last.year}"
        begin = f"{first.day}" if first.month == last.month else begin
        return f"{begin} to {end} {last.year}"

    def of(self, policy: str) -> Standing:
        return next(standing for standing in self.standings if standing.policy == policy)


@dataclass(frozen=True)
class Choice:
    """The policy that the seen days speak for, and what the others say of it.

    Attributes
    ----------
    policy : str
    plain : str
        The one that retrains least, which the others are held against: ``never`` where it was run.
    unit, metric : str
        Of what is compared; ``unit`` is empty where no utility is declared, and the metric is compared.
    retraining_costs : float
        What each retraining was taken to cost, in the unit.
    tied : tuple of str
        The others that the seen days cannot tell from the best.
    whole, seen, unseen : Stretch
        All days; those that were chosen on; those that came after.
    """

    policy: str
    plain: str
    unit: str
    metric: str
    retraining_costs: float
    tied: tuple[str, ...]
    whole: Stretch
    seen: Stretch
    unseen: Stretch

    @property
    def standing_out(self) -> tuple[str, ...]:
        """The few that are worth a look: the chosen one, the best ones of the whole and of the unseen days,
        those that come next; the plain one last."""
        ranked = sorted(self.whole.standings, key=lambda item: item.behind.value)
        first = (self.policy, self.whole.best.policy, self.unseen.best.policy)
        others = dict.fromkeys((*first, *(item.policy for item in ranked)))
        names = [name for name in others if name != self.plain][: _MOST_OUT - 1]
        return (self.plain, *names) if self.policy == self.plain else (*names, self.plain)

    @property
    def verdict(self) -> Verdict:
        """Whether the choice held on the unseen days.

        It ``did not hold`` when another policy was surely better there, and is ``not confirmed`` when it is
        not surely worse than the best, but the gain for which it was chosen did not come again.
        """
        standing = self.unseen.of(self.policy)
        if not standing.behind.known:
            return "unknown"
        if standing.surely_behind:
            return "did not hold"
        return "held" if self.policy == self.plain or standing.gain.value > 0 else "not confirmed"


def choose(
    backtest: Backtest,
    *,
    until: date | None = None,
    retraining_costs: float = 0.0,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> Choice:
    """Choose on the days before ``until`` (by default two thirds of all), and check on those from then on.

    Parameters
    ----------
    retraining_costs : float
        What one costs, in the unit of the declared utility.
    """
    draw = _Drawing(backtest, retraining_costs if backtest.unit else 0.0, rounds, seed)
    middle = until or backtest.began + _SEEN * (backtest.until - backtest.began)
    middle = min(max(middle, backtest.began), backtest.until)
    seen = draw.stretch(backtest.began, middle)
    candidates = [standing for standing in seen.standings if not standing.surely_behind]
    # Of those that retrain as often and come to the same, the plain one is simpler still.
    chosen = min(
        candidates, key=lambda item: (item.retrainings, item.behind.value, item.policy != draw.plain)
    )
    return Choice(
        policy=chosen.policy,
        plain=draw.plain,
        unit=backtest.unit,
        metric=backtest.metric,
        retraining_costs=draw.costs,
        tied=tuple(item.policy for item in candidates if item is not chosen),
        whole=draw.stretch(backtest.began, backtest.until),
        seen=seen,
        unseen=draw.stretch(middle, backtest.until),
    )


def recommend(project: Project, backtest: Backtest, *, until: date | None = None) -> Choice:
    """Choose as ``[backtest]`` of the project says: until when, and what a retraining costs.

    Parameters
    ----------
    until : date, optional
        Instead of ``choose_until``, which counts where it lies within the backtest.

    Raises
    ------
    UsageError
        ``until`` is given and does not lie within.
    """
    config = project.config.backtest
    if until is not None:
        check_until(until, backtest.began, backtest.until)
    declared = config.choose_until
    if until is None and declared is not None and backtest.began < declared < backtest.until:
        until = declared
    return choose(backtest, until=until, retraining_costs=config.retraining_costs or 0.0)


def check_until(chosen: date, began: date, until: date) -> None:
    """Refuse a day up to which nothing could be chosen, or from which on nothing could be checked."""
    if not began < chosen < until:
        raise UsageError(
            f"choose until {chosen}: it is not between {began} and {until}, so that days before it could "
            f"be chosen on and the others check the choice"
        )


def trained(backtest: Backtest, policy: str) -> list[date]:
    """The days from which on each challenger that a policy trained could answer, whatever became of it.

    What is decided when the last day is over counts to that day.
    """
    last = backtest.until - timedelta(days=1)
    events = backtest.policy(policy).events
    return [min(backtest.day_of(event.at), last) for event in events if event.kind == "retrained"]


@dataclass(frozen=True)
class _Drawing:
    """How stretches of one backtest are measured, all alike."""

    backtest: Backtest
    costs: float
    rounds: int
    seed: int

    @property
    def plain(self) -> str:
        return min(
            self.backtest.policies,
            key=lambda item: (len(trained(self.backtest, item.policy)), item.policy != NEVER),
        ).policy

    def stretch(self, since: date, until: date) -> Stretch:
        policies = self.backtest.policies
        counts = [
            sum(since <= day < until for day in trained(self.backtest, item.policy)) for item in policies
        ]
        days, figures, weights = self._figures(since, until)
        lower = not self.backtest.unit and self.backtest.metric in LOWER_IS_BETTER
        paid = self.costs * np.array(counts, dtype=float)[:, None]
        sign = -1 if lower else 1
        value = sign * _added(np.ones((1, len(days))), figures, weights) - paid
        drawn = sign * _added(self._draws(days), figures, weights) - paid
        names = [item.policy for item in policies]
        plain, best = names.index(self.plain), int(np.argmax(value[:, 0]))
        leads = drawn >= drawn.max(axis=0)
        standings = (
            Standing(
                policy=name,
                value=float(sign * value[row, 0]),
                retrainings=counts[row],
                gain=interval(float(value[row, 0] - value[plain, 0]), drawn[row] - drawn[plain]),
                behind=interval(float(value[best, 0] - value[row, 0]), drawn[best] - drawn[row]),
                best=float(leads[row].mean()) if leads.size else float("nan"),
            )
            for row, name in enumerate(names)
        )
        return Stretch(since, until, len(days), tuple(standings))

    def _figures(self, since: date, until: date) -> tuple[list[date], Floats, Floats | None]:
        """The days on which every policy can be judged, its figure on each, and the weights of the days if
        these are averaged rather than added up."""
        by_policy = [
            {day.day: day for day in item.days if since <= day.day < until and self._known(day)}
            for item in self.backtest.policies
        ]
        days = sorted(set.intersection(*map(set, by_policy)))
        figures = np.array([[self._figure(found[day]) for day in days] for found in by_policy], dtype=float)
        if self.backtest.unit:
            return days, figures, None
        return days, figures, np.array([by_policy[0][day].labelled for day in days], dtype=float)

    def _known(self, day: Day) -> bool:
        return day.labelled > 0 and self._figure(day) is not None

    def _figure(self, day: Day) -> float | None:
        return day.worth if self.backtest.unit else day.metric

    def _draws(self, days: list[date]) -> Floats:
        """How often each round draws each day; no rounds where there are too few days."""
        import pandas as pd

        if len(days) < _FEWEST_DAYS:
            return np.zeros((0, len(days)))
        return Days.of(pd.Series(pd.to_datetime(days)), rounds=self.rounds, seed=self.seed).draws


def _added(draws: Floats, figures: Floats, weights: Floats | None) -> Floats:
    """Each policy's sum, or weighted mean, in each round: shape (policies, rounds).

    By einsum, which adds up in one order on any number of cores: a choice is repeatable to the bit.
    """
    of = np.ones(figures.shape[1]) if weights is None else weights
    sums: Floats = np.einsum("rd,pd->pr", draws, figures * of)
    with np.errstate(invalid="ignore"):
        return sums if weights is None else sums / (draws * of).sum(axis=1)
