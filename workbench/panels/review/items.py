"""The backlog as the panel shows it, and all that one may do with an item; no widget is in here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from workbench.errors import ItemMoved, UsageError
from workbench.panels.telling import in_words
from workbench.project import Project
from workbench.registry.identity import identify
from workbench.registry.reviews import show_item
from workbench.store import backlog
from workbench.store.backlog import Event, Item, Priority
from workbench.store.clock import project_clock
from workbench.store.database import open_database
from workbench.tracking import environment

__all__ = ["Items"]


class Items:
    """The open items, and one of them with its history.

    Attributes
    ----------
    mine : bool
        Whether only those that are assigned to me are shown.
    closed : bool
        Whether closed ones are shown behind them.
    known : bool
        Whether the backlog was ever read.
    found : list of Item
        As they were when they were read: who changes one has seen what it was.
    chosen : Item or None
    history : list of Event
        Of the chosen one.
    problem : str
        One line on why the last thing could not be done; empty if it could.
    """

    def __init__(self, project: Project, *, actor: str | None = None) -> None:
        self.project, self.me = project, actor or environment.who()
        self.mine = self.closed = self.known = False
        self.found: list[Item] = []
        self.chosen: Item | None = None
        self.history: list[Event] = []
        self.problem = ""

    def load(self) -> bool:
        """Read the backlog anew; whether that could be done, else what was known stays."""
        try:
            self._read()
        except Exception as error:
            return self._failed("the backlog cannot be read", error)
        self.problem = ""
        return True

    def choose(self, number: int | None) -> bool:
        """Look at an item of the list; None looks at the first."""
        self.chosen = next((item for item in self.found if item.id == number), None)
        return self.load()

    def show(self, *, mine: bool, closed: bool) -> bool:
        """Show only what is mine, or all; closed items, too, or not."""
        self.mine, self.closed = mine, closed
        return self.load()

    def add(self, title: str, priority: Priority = "normal") -> bool:
        """Put something on the backlog, where only mine is shown as mine; whether that was kept."""
        more: Any = {"priority": priority, "assignee": self.me if self.mine else ""}
        return self._write(
            "it was not added",
            lambda connection, by, at: backlog.add(
                connection, self.project.name, title, by=by, at=at, **more
            ),
        )

    def assign(self, to: str) -> bool:
        """Say who looks at the chosen item; an empty name is nobody."""
        return self._change("it was not assigned", backlog.assign, to)

    def remark(self, text: str) -> bool:
        """Add to the chosen item's history; whether that was kept."""
        return self._change("your remark was not kept", _remark, text)

    def link(self, to: str) -> bool:
        """Add a link to the chosen item; whether that was kept."""
        return self._change("it was not linked", backlog.link, to)

    def close(self, why: str) -> bool:
        """Close the chosen item with a reason; whether that was kept."""
        return self._change("it was not closed", backlog.close, why)

    def reopen(self, why: str) -> bool:
        """Open the chosen item again; whether that was kept."""
        return self._change("it was not opened again", backlog.reopen, why)

    def _change(self, failed: str, do: Callable[..., Item], given: str) -> bool:
        item = self.chosen
        if item is None:
            self.problem = "choose an item first"
            return False
        return self._write(failed, lambda connection, by, at: do(connection, item, given, by=by, at=at))

    def _write(self, failed: str, do: Callable[[Connection, str, datetime], Item]) -> bool:
        try:
            with open_database(self.project).write() as connection:
                by = identify(connection, self.me).actor
                done = do(connection, by, project_clock().now())
            self.chosen = done
            self._read()
            if done.kind == "review":
                show_item(self.project, done.id)  # what became of a remark stands beside it
        except ItemMoved as error:
            told = f"{error.message.partition(';')[0]}; nothing was done, and this is how it is now"
            self.load()
            self.problem = told
            return False
        except Exception as error:
            return self._failed(failed, error)
        self.problem = ""
        return True

    def _read(self) -> None:
        with open_database(self.project).read() as connection:
            assignee = self.me if self.mine else ""
            self.found = backlog.items(connection, self.project.name, closed=self.closed, assignee=assignee)
            number = self.chosen.id if self.chosen else None
            chosen = next((item for item in self.found if item.id == number), None)
            self.chosen = chosen or next(iter(self.found), None)
            self.history = _history(connection, self.chosen)
        self.known = True

    def _failed(self, what: str, error: Exception) -> bool:
        self.problem = f"{what}: {in_words(error, self.project)}; try again"
        return False


def _history(connection: Connection, item: Item | None) -> list[Event]:
    return backlog.history(connection, item) if item else []


def _remark(connection: Connection, item: Item, text: str, *, by: str, at: datetime) -> Item:
    if not text.strip():
        raise UsageError("a remark needs words that say what others should know")
    return backlog.remark(connection, item, text, by=by, at=at)
