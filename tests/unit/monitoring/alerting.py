"""Windows as a line of letters, and what a monitor makes of them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from tests.projects import migrated_database
from workbench.config import AlertConfig
from workbench.monitoring.alerts import Alert, Evaluation, WindowSignals, evaluate, read
from workbench.monitoring.findings.signal import Signal
from workbench.project import Project, open_project
from workbench.store import backlog, tables
from workbench.store.database import Database, open_database

LOG = "predictions/live"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_VERDICTS: dict[str, tuple[str, float]] = {
    "!": ("bad", 0.8),
    ".": ("ok", 0.1),
    "?": ("inconclusive", float("nan")),
}
_PROJECT = """[project]
name = "late"

[phases.x]
notebook = "x.ipynb"

[stores]
database = "{url}"
"""


def day(number: int) -> datetime:
    return BEGIN + timedelta(days=number)


def windows(
    letters: str, *, signal: str = "drift.share", version: int = 1, first: int = 0
) -> list[WindowSignals]:
    """A window a day: ``!`` is bad, ``.`` fine, ``?`` inconclusive, and in ``-`` the signal is absent."""
    found = []
    for number, letter in enumerate(letters, first):
        seen = []
        if letter != "-":
            verdict, value = _VERDICTS[letter]
            seen.append(Signal(signal, value, verdict, f"{signal} of day {number} is {verdict}"))  # type: ignore[arg-type]
        found.append(WindowSignals(f"d{number}", day(number), day(number + 1), "m", version, seen))
    return found


def rule(name: str = "drift", signal: str = "drift.share", **more: Any) -> AlertConfig:
    return AlertConfig(name=name, signal=signal, **more)


@dataclass
class Monitor:
    """Evaluates into a database of its own; each time is a day later."""

    database: Database
    rules: tuple[AlertConfig, ...] = (rule(),)
    now: datetime = BEGIN + timedelta(days=100)

    @classmethod
    def of(cls, project: Project, *rules: AlertConfig) -> Monitor:
        return cls(open_database(project), rules or (rule(),))

    def sees(self, found: str | Sequence[WindowSignals], **more: Any) -> Evaluation:
        self.now += timedelta(days=1)
        shown = windows(found) if isinstance(found, str) else found
        with self.database.write() as connection:
            return evaluate(connection, self.rules, shown, project="late", log=LOG, now=self.now, **more)

    @property
    def alerts(self) -> list[Alert]:
        with self.database.read() as connection:
            return read(connection, LOG)

    @property
    def told(self) -> list[tuple[int, str]]:
        """Which alert and event was told, in that order."""
        table = tables.notifications
        with self.database.read() as connection:
            rows = connection.execute(select(table.c.alert, table.c.event).order_by(table.c.id))
            return [(row.alert, row.event) for row in rows]

    @property
    def spans(self) -> list[str]:
        """Each alert as ``first-last``, and how it ended."""
        return [f"{each.first_window}-{each.last_window} {each.cleared}".strip() for each in self.alerts]

    @property
    def items(self) -> list[backlog.Item]:
        with self.database.read() as connection:
            return backlog.items(connection, "late", closed=True)


def make(folder: Path, url: str = "", more: str = "") -> Project:
    folder.mkdir(exist_ok=True)
    (folder / "workbench.toml").write_text(_PROJECT.format(url=url) + more)
    project = open_project(folder)
    if not url:
        shutil.copyfile(migrated_database(), project.state / "workbench.db")
    return project
