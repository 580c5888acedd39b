"""Everything that a runbook says, looked up in the stores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from workbench.errors import WorkbenchError
from workbench.monitoring import WindowFinding
from workbench.monitoring.alerts import Alert, read
from workbench.monitoring.baking import record as bakings
from workbench.monitoring.findings import record
from workbench.project import Project
from workbench.registry import aliases, promotion, succession
from workbench.registry.aliases import CHAMPION, LedgerEntry
from workbench.registry.card.facts import CardFacts, gather
from workbench.registry.card.limits import limits
from workbench.site.runbook.events import Happened, happened
from workbench.site.standing import Standing, standing
from workbench.store import backlog
from workbench.store.backlog import Item
from workbench.store.clock import Clock, project_clock
from workbench.store.database import open_database

__all__ = ["RunbookFacts", "WayBack", "look_up"]

_WINDOWS = 8
_LATELY = 30


@dataclass(frozen=True)
class WayBack:
    """The version that a rollback leads to.

    Attributes
    ----------
    answered : int or None
        Recorded cases that it answered as recorded when this was looked up; None when it would be refused.
    why : str
        Why it would be.
    """

    version: int
    answered: int | None
    why: str = ""


@dataclass(frozen=True, eq=False)
class RunbookFacts:
    """What the stores say at one moment.

    Attributes
    ----------
    held : dict
        The version that each alias names.
    card : CardFacts or None
        Of the champion; None without one, and when ``missing`` says why it cannot be looked up.
    limits : tuple of (str, str)
        What the champion must not be trusted with.
    way_back : WayBack or None
        None when nobody was champion before.
    alerts : tuple of Alert
        Of the log that is watched, the oldest first.
    items : tuple of Item
        What is open on the project's backlog.
    findings : tuple of WindowFinding
        The newest windows, the oldest of them first.
    baking : str
        The newest baking period in words; empty before the first.
    lately : tuple of Happened
        The newest first.
    """

    project: Project
    at: datetime
    standing: Standing
    held: dict[str, int]
    ledger: tuple[LedgerEntry, ...]
    card: CardFacts | None
    missing: str
    limits: tuple[tuple[str, str], ...]
    way_back: WayBack | None
    alerts: tuple[Alert, ...]
    items: tuple[Item, ...]
    findings: tuple[WindowFinding, ...]
    baking: str
    lately: tuple[Happened, ...]

    @property
    def champion(self) -> int | None:
        return self.held.get(CHAMPION)

    @property
    def crowned(self) -> LedgerEntry | None:
        """The move that made the champion what it is."""
        return next((entry for entry in reversed(self.ledger) if entry.alias == CHAMPION), None)

    @property
    def open_alerts(self) -> tuple[Alert, ...]:
        return tuple(alert for alert in self.alerts if alert.open)


def look_up(project: Project, *, clock: Clock | None = None) -> RunbookFacts:
    """Look up all there is on the served model of a project, served or not yet.

    Raises
    ------
    ConfigError
        The project declares no model.
    """
    clock = clock or project_clock()
    model, held, ledger = project.model.name, aliases.held(project), tuple(aliases.ledger(project))
    stands = standing(project, clock.now())
    card, missing = _card(project, held.get(CHAMPION), clock)
    database = open_database(project)
    try:
        with database.read() as connection:
            alerts = tuple(read(connection, stands.log, model=model))
            items = tuple(backlog.items(connection, project.name))
            findings = tuple(record.newest(connection, stands.log, model).values())[-_WINDOWS:]
            baking = str(bakings.newest(connection, model) or "")
            lately = sorted(happened(connection, project, ledger, alerts), key=attrgetter("at"))
    finally:
        database.close()
    return RunbookFacts(
        project=project,
        at=clock.now(),
        standing=stands,
        held=held,
        ledger=ledger,
        card=card,
        missing=missing,
        limits=limits(card) if card else (),
        way_back=_way_back(project),
        alerts=alerts,
        items=items,
        findings=findings,
        baking=baking,
        lately=tuple(lately[: -_LATELY - 1 : -1]),
    )


def _card(project: Project, champion: int | None, clock: Clock) -> tuple[CardFacts | None, str]:
    if champion is None:
        return None, ""
    try:
        return gather(project, champion, measure=False, clock=clock), ""
    except WorkbenchError as error:
        return None, error.message


def _way_back(project: Project) -> WayBack | None:
    before = succession.champion_before(succession.champions(project))
    if before is None:
        return None
    try:
        return WayBack(before, promotion.way_back(project).answered.cases)
    except WorkbenchError as error:
        return WayBack(before, None, error.message)
