"""How the served model stands, from the workbench database alone: ``workbench status`` says it.

A person waits for it, so nothing that takes long to import is: what the monitor has recorded is read as the
plain document that it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from workbench.config.alerts import Severity
from workbench.data.summary import PREDICTION
from workbench.project import Project
from workbench.store import tables
from workbench.store.database import open_database

__all__ = [
    "LIVE_LOG",
    "WORST_FIRST",
    "Baking",
    "LastWindow",
    "Retraining",
    "Scheduled",
    "Standing",
    "standing",
    "watched_log",
]

#: As `workbench.serving.settings` has it, which takes long to import.
LIVE_LOG = "predictions/live"
WORST_FIRST: tuple[Severity, ...] = ("critical", "warning", "info")
_CHAMPION = "champion"
# As `workbench.registry.plateau` counts challengers.
_PLATEAU = 3
_LOOK_AT = "workbench models card says what the features contribute, workbench trial what others would add"
_BAKED = {
    "inconclusive": "could not be judged: too little was asked",
    "rolled_back": "was rolled back",
    "failed": "failed and is champion still: there was no way back",
}


@dataclass(frozen=True)
class LastWindow:
    """The newest window in which the champion was looked at.

    Attributes
    ----------
    drifted, judged : int
        Features that drifted, of those that could be judged.
    performance, why : str
        ``held``, ``dropped``, ``inconclusive``, or empty when nothing is known; and the figures in words.
    """

    window: str
    end: datetime
    version: int
    answers: int
    failed: int
    drifted: int
    judged: int
    performance: str
    why: str

    def __str__(self) -> str:
        failed = f", {self.failed:,} failed" if self.failed else ""
        drift = f"{self.drifted} of {self.judged} features drifted" if self.judged else "drift cannot be told"
        told = f"performance {self.performance} ({self.why})" if self.performance else "no label is known yet"
        return f"{self.window}: v{self.version} answered {self.answers:,}{failed}; {drift}; {told}"


@dataclass(frozen=True)
class Baking:
    """The newest baking period."""

    version: int
    previous: int | None
    status: str
    started_at: datetime
    until: datetime

    def __str__(self) -> str:
        if self.status == "baking":
            return f"v{self.version} until {self.until:%Y-%m-%d %H:%M} UTC"
        return f"v{self.version} {_BAKED.get(self.status, self.status)}"


@dataclass(frozen=True)
class Retraining:
    """A retraining that is not decided yet."""

    status: str
    trigger: str
    version: int | None
    started_at: datetime

    def __str__(self) -> str:
        challenger = f" v{self.version}" if self.version else ""
        return f"{self.status}{challenger} since {self.started_at:%Y-%m-%d %H:%M} UTC ({self.trigger})"


@dataclass(frozen=True)
class Scheduled:
    """A schedule: its next time, and what became of its newest one.

    Attributes
    ----------
    next_at : datetime or None
        None for one that goes by the age of a dataset, or is switched off.
    newest_at, status : datetime or None, str
        None, and empty, before any time of it was claimed.
    """

    schedule: str
    next_at: datetime | None
    newest_at: datetime | None = None
    status: str = ""

    def __str__(self) -> str:
        parts = [self.schedule]
        if self.next_at is not None:
            parts.append(f"next {self.next_at:%Y-%m-%d %H:%M} UTC")
        if self.newest_at is not None:
            parts.append(f"{self.status} {self.newest_at:%Y-%m-%d %H:%M} UTC")
        return ", ".join(parts)


@dataclass(frozen=True)
class Standing:
    """All of it at one moment.

    Attributes
    ----------
    log : str
        The prediction log that is watched; empty when nothing was ever looked at.
    alerts : dict
        How many are open, by severity, the worst first.
    backlog : int
        Open items of the project.
    refused : int
        So many retrainings in a row, the newest among them, have brought no new champion.
    """

    log: str
    alerts: dict[str, int]
    window: LastWindow | None
    backlog: int
    baking: Baking | None
    retraining: Retraining | None
    refused: int
    schedules: tuple[Scheduled, ...]

    def lines(self) -> list[tuple[str, str]]:
        """What there is to say: what it is about, and a line."""
        count = sum(self.alerts.values())
        severities = ", ".join(f"{number} {severity}" for severity, number in self.alerts.items())
        said: list[tuple[str, object]] = []
        if self.log:
            said.append(("alerts", f"{count} open: {severities}" if count else "none is open"))
        if self.window is not None:
            said.append(("newest window", self.window))
        said.append(("backlog", f"{self.backlog} open" if self.backlog else "empty"))
        for about, what in (("baking", self.baking), ("retraining", self.retraining)):
            if what is not None:
                said.append((about, what))
        if self.refused >= _PLATEAU:
            said.append(("plateau", f"{self.refused} retrainings in a row were refused; {_LOOK_AT}"))
        if self.schedules:
            said.append(("schedules", "; ".join(map(str, self.schedules))))
        return [(about, str(what)) for about, what in said]


def standing(project: Project, now: datetime) -> Standing:
    """Look it up as it is ``now``, from where on schedules have a next time."""
    model = project.config.model.name if project.config.model else ""
    database = open_database(project)
    try:
        with database.read() as connection:
            log = watched_log(connection, model)
            return Standing(
                log=log,
                alerts=_alerts(connection, log, model),
                window=_window(connection, log, model),
                backlog=_backlog(connection, project.name),
                baking=_baking(connection, model),
                retraining=_retraining(connection, model),
                refused=_refused(connection, model),
                schedules=_schedules(connection, project, now),
            )
    finally:
        database.close()


def watched_log(connection: Connection, model: str) -> str:
    """The live log if the monitor has looked at it, else the one it looked at last; empty without any."""
    found = tables.findings
    query = (
        select(found.c.log).where(found.c.model == model).order_by(found.c.log != LIVE_LOG, found.c.id.desc())
    )
    return connection.scalar(query.limit(1)) or ""


def _alerts(connection: Connection, log: str, model: str) -> dict[str, int]:
    alerts = tables.alerts.c
    query = (
        select(alerts.severity, func.count().label("open"))
        .where(alerts.log == log, alerts.model == model, alerts.cleared == "")
        .group_by(alerts.severity)
    )
    found = {row.severity: row.open for row in connection.execute(query)}
    return {severity: found[severity] for severity in WORST_FIRST if severity in found}


def _window(connection: Connection, log: str, model: str) -> LastWindow | None:
    found = tables.findings.c
    query = select(found.document).where(found.log == log, found.model == model)
    newest = connection.scalar(query.order_by(found.window_end.desc(), found.revision.desc()).limit(1))
    if newest is None:
        return None
    document = json.loads(newest)
    reigned = [each for each in document["versions"] if each["role"] == _CHAMPION]
    present = _champion(connection, model)
    reigned.sort(key=lambda each: each["version"] != present)  # one of an hour ago may have answered more
    return _last_window(document["window"], reigned[0]) if reigned else None


def _champion(connection: Connection, model: str) -> int | None:
    moves = tables.ledger.c
    query = select(moves.to_version).where(moves.model == model, moves.alias == _CHAMPION)
    return connection.scalar(query.order_by(moves.position.desc()).limit(1))


def _last_window(window: Mapping[str, Any], champion: Mapping[str, Any]) -> LastWindow:
    judged = [
        each
        for each in champion["drift"]["features"]
        if each["verdict"] != "inconclusive" and each["feature"] != PREDICTION
    ]
    told = champion.get("performance", {})
    return LastWindow(
        window=window["name"],
        end=datetime.fromisoformat(window["end"]),
        version=champion["version"],
        answers=champion["rows"],
        failed=champion["failed"],
        drifted=sum(each["verdict"] == "drifted" for each in judged),
        judged=len(judged),
        performance=told.get("verdict", ""),
        why=told.get("why", ""),
    )


def _backlog(connection: Connection, project: str) -> int:
    backlog = tables.backlog.c
    query = select(func.count()).where(backlog.project == project, backlog.status == "open")
    return connection.scalar(query) or 0


def _baking(connection: Connection, model: str) -> Baking | None:
    baking = tables.baking.c
    query = select(baking.version, baking.previous, baking.status, baking.started_at, baking.until)
    row = connection.execute(
        query.where(baking.model == model).order_by(baking.ledger_position.desc()).limit(1)
    ).first()
    return Baking(*row) if row else None


def _retraining(connection: Connection, model: str) -> Retraining | None:
    found = tables.retrainings.c
    query = select(found.status, found.trigger, found.version, found.started_at)
    row = connection.execute(query.where(found.model == model, found.status != "decided")).first()
    return Retraining(*row) if row else None


def _refused(connection: Connection, model: str) -> int:
    found = tables.retrainings.c
    decided = select(found.id).where(found.model == model, found.status == "decided")
    last = connection.scalar(decided.where(found.decision != "refused").order_by(found.id.desc()).limit(1))
    since = decided.where(found.id > (last or 0)).subquery()
    return connection.scalar(select(func.count()).select_from(since)) or 0


def _schedules(connection: Connection, project: Project, now: datetime) -> tuple[Scheduled, ...]:
    """Those that are declared, in their order, then those that were claimed and are no longer."""
    from workbench.execution.schedule import records
    from workbench.execution.schedule.times import next_time

    claimed = {
        name: Scheduled(name, None, item.scheduled_at, item.status)
        for name, item in records.newest(connection, project.name).items()
    }
    declared = {
        each.name: next_time(each, now) if each.cron and each.enabled else None
        for each in project.config.schedules
    }
    present = (replace(claimed.get(name, Scheduled(name, None)), next_at=at) for name, at in declared.items())
    return (*present, *(claimed[name] for name in sorted(claimed.keys() - declared.keys())))
