"""Policies side by side, and all that is known of each, folded away until it is wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.monitoring.backtest.choosing import Choice
from workbench.monitoring.backtest.page.answer import figure
from workbench.registry.card.document import (
    Block,
    Cell,
    Pill,
    Section,
    Table,
    Text,
    between,
    number,
)
from workbench.store.texts import storable
from workbench.tracking.page import duration, moment

if TYPE_CHECKING:
    import pandas as pd

    from workbench.monitoring.backtest.outcome import Backtest, EventKind, PolicyOutcome
    from workbench.registry.gates.bootstrap import Interval

__all__ = ["detail_sections", "ranked", "ranking"]

_MOST_EVENTS = 500
# The whole of it is in the file beside the page.
_LONGEST = 160
_BECAME: tuple[EventKind, ...] = ("promoted", "proposed", "refused", "failed", "rolled_back")


def ranking(backtest: Backtest, choice: Choice) -> Iterator[Block]:
    """All policies over all days, the best first."""
    what = backtest.unit or backtest.metric.replace("_", " ")
    paid = f", less {number(choice.retraining_costs)} for each retraining" if choice.retraining_costs else ""
    yield Text(f"Over {choice.whole.name}, in {what}{paid}:")
    than = f"{'more' if backtest.unit else 'better'} than {choice.plain} (95 %)"
    compared = (than, "lost to the best") if len(backtest.policies) > 1 else ()
    figures = ("worth" if backtest.unit else what, *compared)
    answers = ("answered",) if any(item.unanswered for item in backtest.policies) else ()
    columns = ("policy", *figures, *answers, "retrainings", "alerts that mattered", "computing")
    rows = []
    for standing in sorted(choice.whole.standings, key=lambda item: item.behind.value):
        item, gain = backtest.policy(standing.policy), standing.gain
        beyond = "–" if item.policy == choice.plain else f"{figure(choice, gain.value)}{_ends(choice, gain)}"
        against = (beyond, figure(choice, standing.behind.value)) if compared else ()
        chosen = item.policy == choice.policy and bool(compared)
        name: Cell = (item.policy, Pill("chosen")) if chosen else item.policy
        worth = figure(choice, standing.value, 4)
        got = (_answered(item),) if answers else ()
        did = (_retrainings(item), _alerts(item), duration(item.seconds))
        rows.append((name, worth, *against, *got, *did))
    yield Table(columns, tuple(rows), frozenset({*figures, *answers, "computing"}))


def ranked(backtest: Backtest, choice: Choice) -> pd.DataFrame:
    """The same as a table of texts, for a notebook and a terminal."""
    import pandas as pd

    (table,) = (block for block in ranking(backtest, choice) if isinstance(block, Table))
    rows = [
        [cell if isinstance(cell, str) else f"{choice.policy} (chosen)" for cell in row] for row in table.rows
    ]
    return pd.DataFrame(rows, columns=list(table.columns))


def detail_sections(backtest: Backtest, choice: Choice) -> Iterator[Section]:
    """Policy by policy: what it set, its windows, and everything that it did."""
    shown = choice.standing_out
    blocks = [block for name in shown for block in _details(backtest.policy(name), backtest)]
    if len(shown) < len(backtest.policies):
        blocks.append(
            Text(
                f"The other {len(backtest.policies) - len(shown)} policies are in the files beside this page."
            )
        )
    yield Section("Policy by policy", tuple(blocks))


def _answered(item: PolicyOutcome) -> str:
    asked = sum(day.asked for day in item.days)
    return f"{asked - item.unanswered:,} of {asked:,}"


def _retrainings(item: PolicyOutcome) -> str:
    """How many, and what became of them."""
    done = Counter(event.kind for event in item.events)
    said = [f"{done[kind]} {kind.replace('_', ' ')}" for kind in _BECAME if done[kind]]
    return f"{item.trainings}{': ' * bool(said)}{', '.join(said)}"


def _alerts(item: PolicyOutcome) -> str:
    alerts = [event.mattered for event in item.events if event.kind == "alert"]
    if not alerts:
        return "none raised"
    unknown = f", {alerts.count(None)} unknown" if None in alerts else ""
    return f"{alerts.count(True)} of {len(alerts)}{unknown}"


def _ends(choice: Choice, gain: Interval) -> str:
    return f" ({figure(choice, gain.low, 2)} to {figure(choice, gain.high, 2)})" if gain.known else ""


def _details(item: PolicyOutcome, backtest: Backtest) -> Iterator[Block]:
    yield Text(f"“{item.policy}”: {item.about}" if item.about else f"“{item.policy}”")
    if item.settings:
        yield Text("; ".join(f"{key} = {_text(value)}" for key, value in item.settings.items()))
    yield _windows(item, backtest)
    if item.events:
        yield _events(item)


def _windows(item: PolicyOutcome, backtest: Backtest) -> Table:
    worth = (backtest.unit,) if backtest.unit else ()
    columns = ("window", "asked", "answered", "labelled", backtest.metric, "95 % interval", *worth)
    rows = tuple(
        (
            span.name,
            f"{span.asked:,}",
            f"{span.answered:,}",
            f"{span.labelled:,}",
            number(span.metric),
            between(span.low, span.high),
            *((number(span.worth, 0),) if worth else ()),
        )
        for span in item.spans
    )
    return Table(columns, rows, frozenset(columns[1:]), folded=f"{item.policy}: {len(rows)} windows")


def _events(item: PolicyOutcome) -> Table:
    rows = tuple(
        (
            moment(event.at),
            Pill(event.kind.replace("_", " ")),
            "" if event.version is None else f"v{event.version}",
            storable(event.says, _LONGEST),
            "" if event.mattered is None else "it mattered" if event.mattered else "it did not matter",
        )
        for event in item.events[:_MOST_EVENTS]
    )
    more = f", the first {_MOST_EVENTS} of {len(item.events):,}" if len(item.events) > _MOST_EVENTS else ""
    columns = ("when", "what", "version", "why", "in hindsight")
    return Table(columns, rows, folded=f"{item.policy}: {len(item.events)} things that happened{more}")


def _text(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list | tuple) else str(value)
