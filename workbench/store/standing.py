"""Which version each process of the live server answers with, for those outside that look after it.

A file for each process, in ``serving`` of the project's state, written when something changes. So all workers
tell, not only the one that a request happens to reach, and whoever looks has to load little and ask nobody.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, select

from workbench.project import Project
from workbench.store import tables
from workbench.store.processes import began

__all__ = ["UNSERVED", "Standing", "Teller", "is_told", "standings"]

#: The signal of alerts on a champion that the live server does not put in front.
UNSERVED = "serving.champion"

_NAME = "standing"


@dataclass(frozen=True)
class Standing:
    """One process that answers.

    Attributes
    ----------
    wanted, champion : int or None
        Who is champion by the ledger, and who is by what the process has loaded.
    problem : str
        Why it does not put in front who is wanted; empty while it does, or is about to.
    since : datetime or None
        Since when that is so.
    """

    pid: int
    wanted: int | None
    champion: int | None
    problem: str = ""
    since: datetime | None = None


class Teller:
    """Keeps the file of this process; that it cannot be written hurts no answer, and is tried again."""

    def __init__(self, project: Project) -> None:
        pid = os.getpid()
        self._file = _folder(project) / f"{_NAME}-{pid}-{began(pid)}-{_host()}.json"
        self._written: Standing | None = None

    def tell(
        self, wanted: int | None, champion: int | None, problem: str = "", since: datetime | None = None
    ) -> None:
        """What the process answers with; see :class:`Standing`."""
        now = Standing(os.getpid(), wanted, champion, problem, since)
        if now == self._written:
            return
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            draft = self._file.with_suffix(".new")
            draft.write_text(json.dumps(asdict(now), default=datetime.isoformat), encoding="utf-8")
            draft.replace(self._file)
            self._written = now

    def end(self) -> None:
        """This process answers no longer."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)


def standings(project: Project) -> list[Standing]:
    """Of all processes of the live server on this machine; what those left that were killed is removed."""
    found = []
    for file in sorted(_folder(project).glob(f"{_NAME}-*")):
        with suppress(OSError, ValueError, TypeError, KeyError):  # it has just ended, or was updated
            _, pid, since, host = file.stem.split("-", 3)
            if host != _host():
                continue  # several machines share the folder
            if began(int(pid)) != int(since):
                file.unlink(missing_ok=True)
            elif file.suffix == ".json":
                found.append(_read(file))
    return found


def _read(file: Path) -> Standing:
    raw = json.loads(file.read_text(encoding="utf-8"))
    since = raw.pop("since")
    return Standing(**raw, since=datetime.fromisoformat(since) if since else None)


def is_told(connection: Connection, model: str) -> bool:
    """Whether an alert is open that the champion is not put in front."""
    table = tables.alerts
    there = table.c.model == model, table.c.signal == UNSERVED, table.c.cleared == ""
    return connection.execute(select(table.c.id).where(*there).limit(1)).first() is not None


def _host() -> str:
    return socket.gethostname().replace("/", "-")


def _folder(project: Project) -> Path:
    return project.state / "serving"
