"""A champion that the live server does not put in front: an alert from then on, until it is or another is.

The server knows (:mod:`workbench.store.standing`) and goes on with the version before. As servers on several
machines may write one log, nobody takes back what another of them has to say: while one refuses the champion
it confirms the alert, and only one that nobody confirms any longer is cleared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from workbench.config.alerts import AlertConfig
from workbench.monitoring.alerts import records
from workbench.monitoring.alerts.episodes import Cleared, Episode, Event, Step
from workbench.monitoring.alerts.evaluating import tell
from workbench.monitoring.alerts.outbox import deliver
from workbench.monitoring.alerts.records import Alert
from workbench.monitoring.alerts.rules import Stream
from workbench.project import Project
from workbench.registry.aliases import CHAMPION
from workbench.serving.settings import LIVE_LOG, log_name
from workbench.store import ledger
from workbench.store.clock import Clock
from workbench.store.database import open_database
from workbench.store.standing import UNSERVED, Standing, standings
from workbench.store.texts import storable

__all__ = ["settle_unserved"]

_CONFIRM, _UNCONFIRMED = timedelta(seconds=30), timedelta(seconds=90)
_SAYS = 500  # characters


def settle_unserved(project: Project, *, clock: Clock) -> list[Alert]:
    """Raise, confirm or clear the alert by what the server's processes say now; what has changed.

    It goes where what ends a baking period goes: ``[baking] to``.
    """
    database, model = open_database(project), project.model.name
    log, now = log_name(project, project.state / LIVE_LOG), clock.now()
    config = project.config
    rule = AlertConfig.model_construct(
        name="not-served",
        signal=UNSERVED,
        severity="critical",
        owner=config.project.owner,
        to=config.baking.to,
    )
    changed = []
    with database.write() as connection:
        records.hold(connection, log)
        move: Any = ledger.last_entry(connection, model, CHAMPION)
        wanted = move.to_version if move else None
        there = [each for each in records.read(connection, log, model=model) if each.signal == UNSERVED]
        for version, step in _steps(there, standings(project), wanted, now):
            stream = Stream(rule, model, version, UNSERVED, ())
            (alert,) = records.write(connection, log, stream, [step], now)
            tell(connection, project.name, rule, step, alert, now)
            changed.append(alert)
    if changed and set(config.baking.to) - {"backlog"}:
        deliver(database, project.name, config.monitoring, clock)
    return changed


def _steps(
    there: Sequence[Alert], processes: Sequence[Standing], wanted: int | None, now: datetime
) -> list[tuple[int, Step]]:
    """What changes of the alerts that are there, each with the version it is about."""
    refusing = [each for each in processes if each.problem and each.wanted == wanted]
    served = bool(processes) and all(each.champion == wanted for each in processes)
    found = []
    for alert in there:
        if not alert.open:
            continue
        if alert.version != wanted:
            found.append((alert.version, _changed(alert, "cleared", "retired")))
        elif refusing and now - alert.last_end >= _CONFIRM:
            found.append((alert.version, _changed(alert, "extended", "", now)))
        elif served and now - alert.last_end >= _UNCONFIRMED:
            found.append((alert.version, _changed(alert, "cleared", "recovered")))
    if wanted is not None and refusing:
        first = min(refusing, key=lambda each: each.since or now)
        since = first.since or now
        if not any(each.version == wanted and (each.open or each.first_start == since) for each in there):
            found.append((wanted, Step("raised", None, _episode(first, since, now))))
    return found


def _changed(alert: Alert, event: Event, cleared: Cleared, last: datetime | None = None) -> Step:
    before = alert.recorded.episode
    return Step(event, alert.id, replace(before, last_end=last or before.last_end, cleared=cleared))


def _episode(refusing: Standing, since: datetime, now: datetime) -> Episode:
    answers = "nobody answers" if refusing.champion is None else f"v{refusing.champion} goes on answering"
    says = f"the server does not put v{refusing.wanted} in front, {answers}: {refusing.problem}"
    name = f"{since:%Y-%m-%d %H:%M}"
    look = {"window": name, "value": None, "verdict": "bad", "says": storable(says, _SAYS), "violates": True}
    rule = "the live server does not answer with the champion of the ledger"
    return Episode(name, since, name, now, "", {"rule": rule, "windows": [look], "earlier": 0})
