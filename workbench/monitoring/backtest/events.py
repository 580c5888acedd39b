"""What was decided and told in a world, read back from its own stores."""

from __future__ import annotations

from collections.abc import Iterator

from workbench import registry
from workbench.monitoring.alerts import read as read_alerts
from workbench.monitoring.backtest.hindsight import Hindsight
from workbench.monitoring.backtest.outcome import Event, EventKind
from workbench.monitoring.backtest.stepping import Lived
from workbench.monitoring.baking.record import ACTOR
from workbench.monitoring.retraining import retrainings
from workbench.project import Project
from workbench.registry.aliases import CHAMPION, is_shadow
from workbench.store.database import open_database

__all__ = ["events_of"]

_ENDS: dict[str, EventKind] = {
    "promoted": "promoted",
    "proposed": "proposed",
    "refused": "refused",
    "failed": "failed",
}


def events_of(world: Project, lived: Lived, hindsight: Hindsight) -> tuple[Event, ...]:
    """Everything in the order of time; what happened at one moment in the order in which it follows.

    Parameters
    ----------
    hindsight : Hindsight
        What was really true: whether an alert mattered.
    """
    found = [*_alerts(world, lived, hindsight), *_retrainings(world), *_rollbacks(world)]
    return tuple(sorted(found, key=lambda event: event.at))  # which leaves equal ones in their order


def _alerts(world: Project, lived: Lived, hindsight: Hindsight) -> Iterator[Event]:
    database = open_database(world)
    try:
        with database.read() as connection:
            last = {alert.id: alert for alert in read_alerts(connection, lived.log, model=world.model.name)}
    finally:
        database.close()
    for told in lived.alerts:
        alert, end = told.alert, last[told.alert.id].cleared_at
        if alert.open or alert.raised_at == told.at:
            mattered = hindsight.mattered(alert.version, alert.first_start, end)
            says = f"{alert.severity} {alert.rule}, {alert.first_window}: {alert.says}"
            yield Event(told.at, "alert", alert.version, says, mattered)
        if not alert.open:
            says = f"{alert.rule} of {alert.first_window}: {alert.cleared}"
            yield Event(told.at, "cleared", alert.version, says)


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
