"""What the monitor has recorded of a log: read as it stands, nothing is computed anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from workbench.monitoring.alerts import Alert
from workbench.monitoring.alerts import read as read_alerts
from workbench.monitoring.findings import record
from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.findings.heat import Heat, heat_of
from workbench.monitoring.findings.windows import cut
from workbench.project import Project
from workbench.serving.settings import LIVE_LOG
from workbench.store.database import open_database

__all__ = ["Recorded", "read"]


@dataclass(frozen=True, eq=False)
class Recorded:
    """The findings of one log.

    Attributes
    ----------
    logs : tuple of str
        All of which anything is recorded, and the live one if there is one; that one first.
    log : str
        The one that was read; empty when nothing is recorded of any.
    findings : tuple of WindowFinding
        Of the newest windows, the oldest first.
    alerts : tuple of Alert
        All of the log, the newest first.
    """

    logs: tuple[str, ...] = ()
    log: str = ""
    findings: tuple[WindowFinding, ...] = ()
    alerts: tuple[Alert, ...] = ()

    @property
    def windows(self) -> tuple[str, ...]:
        return tuple(finding.name for finding in self.findings)

    @cached_property
    def heat(self) -> Heat:
        """Drift by feature and window."""
        return heat_of(self.findings)

    @property
    def evaluated_at(self) -> datetime | None:
        """As of when the newest window was known."""
        return self.findings[-1].evaluated_at if self.findings else None

    def finding(self, window: str) -> WindowFinding | None:
        return next((each for each in reversed(self.findings) if each.name == window), None)


def read(project: Project, log: str, last: int) -> Recorded:
    """Read what is recorded of a log; by default of the live one, else of the one that was written of last.

    Raises
    ------
    ConfigError
        The project declares no model.
    SQLAlchemyError
        The workbench database does not answer.
    """
    model, config = project.model.name, project.config.monitoring
    size = config.length or config.window
    database = open_database(project)
    try:
        with database.read() as connection:
            known = sorted(record.logs(connection, model), key=lambda name: name != LIVE_LOG)
            chosen = log or next(iter(known), "")
            found = record.newest(connection, chosen, model, last) if chosen else {}
            alerts = read_alerts(connection, chosen, model=model) if chosen else []
    finally:
        database.close()
    # Windows of another length are of another setting; beside those of today's they would say nothing.
    cuts = [
        finding
        for window, finding in found.items()
        if cut(window.start, window.start, size, config.timezone) == (window,)
    ]
    logs = dict.fromkeys((*([LIVE_LOG] if (project.state / LIVE_LOG).is_dir() else []), *known))
    return Recorded(tuple(logs), chosen, tuple(cuts) or tuple(found.values()), tuple(alerts[::-1]))
