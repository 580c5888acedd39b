"""What was decided and told in a world, read back from its own stores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench import registry
from workbench.monitoring.alerts import read as read_alerts
from workbench.monitoring.backtest.hindsight import Hindsight
from workbench.monitoring.backtest.outcome import Event, EventKind
from workbench.monitoring.baking.record import ACTOR
from workbench.monitoring.retraining import retrainings
from workbench.project import Project
from workbench.registry.aliases import CHAMPION, is_shadow
from workbench.store.database import open_database

if TYPE_CHECKING:
    from workbench.monitoring.alerts import Alert

__all__ = ["events_of"]

_ENDS: dict[str, EventKind] = {
    "promoted": "promoted",
    "proposed": "proposed",
    "refused": "refused",
    "failed": "failed",
}


def events_of(project: Project, log: str, hindsight: Hindsight) -> tuple[Event, ...]:
    """Everything in the order of time; what happened at one moment in the order in which it follows.

    Parameters
    ----------
    log : str
        Under which alerts are filed.
    hindsight : Hindsight
        What was really true: whether an alert mattered.
    """
    found = [*_alerts(project, log, hindsight), *_retrainings(project), *_rollbacks(project)]
    return tuple(sorted(found, key=lambda event: event.at))  # which leaves equal ones in their order


def _alerts(project: Project, log: str, hindsight: Hindsight) -> Iterator[Event]:
    database = open_database(project)
    try:
        with database.read() as connection:
            alerts = read_alerts(connection, log, model=project.model.name)
    finally:
        database.close()
    for alert in sorted(alerts, key=lambda each: each.id):
        mattered = hindsight.mattered(alert.version, alert.first_start, alert.cleared_at)
        yield Event(alert.raised_at, "alert", alert.version, _said(alert), mattered)
        if alert.cleared_at is not None:
            says = f"{alert.rule} of {alert.first_window}: {alert.cleared}"
            yield Event(alert.cleared_at, "cleared", alert.version, says)


def _said(alert: Alert) -> str:
    return f"{alert.severity} {alert.rule}, {alert.first_window}: {alert.says}"


def _retrainings(project: Project) -> Iterator[Event]:
    versions = {version.version: version for version in registry.list_versions(project)}
    shadows = {entry.to_version: entry.at for entry in registry.ledger(project) if is_shadow(entry.alias)}
    for item in reversed(retrainings(project)):
        yield Event(item.started_at, "retrained", None, item.reason)
        if item.version is not None:
            says = f"v{item.version}: gates {versions[item.version].verdict}"
            yield Event(item.started_at, "registered", item.version, says)
        if item.version in shadows:
            yield Event(shadows[item.version], "shadowing", item.version, f"v{item.version}: {item.in_short}")
        if item.decided_at is not None:
            yield Event(item.decided_at, _ENDS[item.decision], item.version, item.explanation)


def _rollbacks(project: Project) -> Iterator[Event]:
    for entry in registry.ledger(project, CHAMPION):
        if entry.actor == ACTOR:
            yield Event(entry.at, "rolled_back", entry.from_version, entry.reason)
