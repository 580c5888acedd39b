"""Alerts with what they were decided on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from workbench.registry.card.document import Block, Cell, Pill, Section, Table, Text, number

if TYPE_CHECKING:
    from workbench.monitoring.alerts import Alert

__all__ = ["alerts_section"]

# Older ones are in the database.
_MOST = 50
_SAYS = 120


def alerts_section(alerts: Sequence[Alert]) -> Section:
    """The open ones first, each with the windows that it stands on."""
    if not alerts:
        return Section("Alerts", (Text("No rule has been violated."),))
    ordered = sorted(alerts, key=lambda alert: not alert.open)[:_MOST]
    columns = ("state", "rule", "of", "signal", "windows", "what it says")
    blocks: list[Block] = [Table(columns, tuple(_row(alert) for alert in ordered))]
    blocks += [_evidence(alert) for alert in ordered if alert.open and alert.evidence.get("windows")]
    if len(alerts) > _MOST:
        blocks.append(Text(f"{len(alerts) - _MOST} more are in the workbench database."))
    return Section("Alerts", tuple(blocks))


def _row(alert: Alert) -> tuple[Cell, ...]:
    one = alert.first_window == alert.last_window
    windows = alert.first_window if one else f"{alert.first_window} to {alert.last_window}"
    state: Cell = Pill(alert.severity) if alert.open else alert.cleared
    # It may name fifty features; the windows below tell all of it.
    says = shorten(alert.says, _SAYS, placeholder=" …")
    return (state, alert.rule, alert.subject, alert.signal, windows, says)


def _evidence(alert: Alert) -> Table:
    looks: list[Mapping[str, Any]] = alert.evidence["windows"]
    rows = tuple(
        (
            str(look["window"]),
            _figure(look.get("value")),
            Pill("bad") if look["violates"] else "",
            str(look["says"]),
        )
        for look in reversed(looks)
    )
    return Table(
        ("window", "value", "violates", "what it says"),
        rows,
        frozenset({"value"}),
        folded=f"{alert.rule}, {alert.signal}: {alert.evidence.get('rule', 'its windows')}",
    )


def _figure(value: object) -> str:
    return number(value if isinstance(value, float | int) else math.nan)
