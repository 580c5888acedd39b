"""The answer in words: what was chosen, how sure that is, and whether it held on days it had not seen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from workbench.monitoring.backtest.choosing import Choice, Standing
from workbench.registry.card.document import number

if TYPE_CHECKING:
    from workbench.registry.gates.bootstrap import Interval

__all__ = ["answer", "figure", "heading"]

_NAMED = 3


def heading(choice: Choice) -> str:
    """The recommendation in a few words."""
    if len(choice.whole.standings) == 1:
        return f"What “{choice.policy}” would have done"
    if choice.verdict == "did not hold":
        return f"“{choice.policy}” was chosen, and did not hold"
    if choice.policy == choice.plain:
        return f"“{choice.policy}” would have been enough"
    return f"“{choice.policy}” is the policy to take"


def answer(choice: Choice) -> str:
    """What was chosen and why; then what the unseen days say of it."""
    return f"{_chosen(choice)} {_checked(choice)}"


def _chosen(choice: Choice) -> str:
    """What the days that were chosen on speak for."""
    over, standing = f"Over {choice.seen.name}", choice.seen.of(choice.policy)
    if not choice.seen.days:
        return (
            f"{over} nobody knows what was true, so nothing speaks for more than “{choice.policy}”, which "
            f"retrains least."
        )
    if len(choice.whole.standings) == 1:
        whole = choice.whole.standings[0]
        return (
            f"Over {choice.whole.name} “{choice.policy}” {_came_to(choice, whole)}{_with(whole)}; no other "
            f"policy was there to compare it with."
        )
    if not any(item.retrainings for item in choice.seen.standings):
        return f"{over} no policy retrained, and all came to the same."
    if choice.policy != choice.plain:
        return (
            f"{over} “{choice.policy}” would have {_better(choice, standing.gain)} than “{choice.plain}”"
            f"{_range_of(choice, standing.gain)}{_with(standing)}.{_tied(choice)}"
        )
    rival = max(
        (item for item in choice.seen.standings if item.policy != choice.plain),
        key=lambda item: item.gain.value,
    )
    says = f"would have {_better(choice, rival.gain)}{_range_of(choice, rival.gain)}{_with(rival)}"
    if rival.gain.value > 0:
        return f"{over} the days cannot tell the best policy from “{choice.plain}”: “{rival.policy}” {says}."
    if rival.gain.value == 0:
        says = f"came to the same{_with(rival)}"
        return f"{over} no policy came to more than “{choice.plain}”: “{rival.policy}” {says}."
    return f"{over} no policy came to more than “{choice.plain}”: the next, “{rival.policy}”, {says}."


def _checked(choice: Choice) -> str:
    """What the days that the choice had not seen say of it."""
    if len(choice.whole.standings) == 1:
        return ""
    part = choice.unseen
    if part.since >= part.until:
        return "No days were left to check that on."
    over, standing = f"Over {part.name}, which the choice had not seen,", part.of(choice.policy)
    if choice.verdict == "unknown":
        return f"{over} too little is known of what was true to check it."
    there = f"{_better(choice, standing.gain)} than “{choice.plain}” there{_range_of(choice, standing.gain)}"
    if choice.verdict == "did not hold":
        lead = (
            f"{_better(choice, standing.behind)} than “{choice.policy}”{_range_of(choice, standing.behind)}"
        )
        return f"{over} it did not hold: “{part.best.policy}” would have {lead}{_with(part.best)}."
    if choice.verdict == "not confirmed":
        return f"{over} it was not confirmed: it would have {there}."
    if choice.policy == choice.plain:
        return f"{over} it held: no policy was surely better than “{choice.plain}”."
    return f"{over} it held: it would have {there}, and no policy was surely better."


def _better(choice: Choice, gain: Interval) -> str:
    """A gain in words, after "would have"."""
    size = figure(choice, abs(gain.value))
    if not choice.unit:
        metric = choice.metric.replace("_", " ")
        return f"had a {metric} that is {size} {'better' if gain.value >= 0 else 'worse'}"
    return f"brought about {size} {'more' if gain.value >= 0 else 'fewer'} {choice.unit}"


def _range_of(choice: Choice, gain: Interval) -> str:
    """Between what and what it lies, in brackets."""
    if not gain.known:
        return " (too few days to say how sure that is)"
    return f" (between {figure(choice, gain.low, 2)} and {figure(choice, gain.high, 2)})"


def figure(choice: Choice, value: float, digits: int = 3) -> str:
    """A worth in as many digits as people want to hear; a metric in four after the point."""
    return _about(value, digits) if choice.unit else number(value, 4).replace("-", "−")


def _about(value: float, digits: int = 3) -> str:
    """A figure in as many digits as people want to hear."""
    if not math.isfinite(value):
        return "–"
    if not value:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    places = min(places, 0) if abs(value) >= 100 else places
    return f"{round(value, places):,.{max(places, 0)}f}".replace("-", "−")


def _times(count: int) -> str:
    return f"{count} retraining{'' if count == 1 else 's'}"


def _came_to(choice: Choice, standing: Standing) -> str:
    if not choice.unit:
        return f"had a {choice.metric.replace('_', ' ')} of {figure(choice, standing.value)}"
    return f"came to about {_about(standing.value)} {choice.unit}"


def _with(standing: Standing) -> str:
    return f", with {_times(standing.retrainings)}"


def _tied(choice: Choice) -> str:
    """Who else could have been taken, and why it was not."""
    best, lead = choice.seen.best, choice.seen.of(choice.policy).behind
    if lead.value > 0:
        by = f"{figure(choice, lead.value)}{_range_of(choice, lead)}"
        takes = _times(best.retrainings)
        return f" “{best.policy}” came out ahead of it by {by}, which may be chance, and takes {takes}."
    count = len(choice.tied)
    if not count:
        return ""
    if count == 1:
        other = choice.seen.of(choice.tied[0])
        return f" “{other.policy}” cannot be told from it, and takes {_times(other.retrainings)}."
    names = [f"“{name}”" for name in choice.tied]
    who = f"{count} others" if count > _NAMED else f"{', '.join(names[:-1])} and {names[-1]}"
    return f" {who} cannot be told from it, and retrain no less often."
