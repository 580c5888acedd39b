"""The run index: a table in the workbench database from which lists of runs are answered at once.

MLflow is the truth; the index follows it through its public API. A run that the workbench starts or ends
is written into it at that moment. What others did is fetched before an answer is given: runs that
started since the last time, older ones that ended since, those that still run. What is shown first is
looked up once more, so that a run changed elsewhere is not shown as it was; and of all that is shown it is
asked which runs were deleted.

What is *not* noticed, until ``workbench runs --rebuild``: a change to a run that ended long ago and is not
among the first shown, and a run entered with times in the past (an import, a clock that is slow by more
than a quarter of an hour) that has ended by the time anybody looks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select

from workbench.errors import RunError, UnknownName
from workbench.store.clock import Clock, SystemClock
from workbench.store.database import Database, open_database
from workbench.tracking import rows, store
from workbench.tracking.asking import StoreAway, asking
from workbench.tracking.following import Follower
from workbench.tracking.rows import RunInfo

if TYPE_CHECKING:
    from mlflow.entities import Run

    from workbench.project import Project
    from workbench.tracking.run_table import RunTable

__all__ = ["RunIndex", "forget", "note_ended", "note_started", "opened", "rebuild"]

_log = logging.getLogger(__name__)
_CHECKED = 50  # of the runs shown, these are looked up in MLflow once more
_ROUNDS = 3
_NOTE_SECONDS = 2  # at most for a lock, when a run is noted
_SHOWN_MATCHES = 5


@dataclass(frozen=True)
class RunIndex:
    """The index of one project, open. Made by :func:`opened`."""

    project: Project
    database: Database
    clock: Clock

    @property
    def experiments(self) -> tuple[str, str]:
        """The names of the project's experiments: runs, drafts."""
        return self.project.name, self.project.name + store.DRAFTS_SUFFIX

    def list_runs(
        self,
        *,
        drafts: bool = False,
        phase: str = "",
        status: str = "",
        sweep: str = "",
        limit: int | None = 100,
    ) -> list[RunInfo]:
        """Runs, the newest first, after catching up with MLflow; of a sweep, its trials.

        When the tracking store is away, what is known is returned, and a warning logged.
        """
        names = self.experiments if drafts else self.experiments[:1]
        query = rows.select_runs(
            names, phase=phase, status=status, parent=sweep, trials=bool(sweep), limit=limit
        )
        return self._answer(query)

    def table(self, *, drafts: bool = False) -> RunTable:
        """All runs column by column, trials among them, after catching up with MLflow.

        When the tracking store is away, what is known is returned, and the table says why.
        """
        from workbench.tracking import run_table

        names = self.experiments if drafts else self.experiments[:1]
        away = ""
        try:
            with asking(self.project) as client:
                follower = self._follower(client)
                follower.catch_up()
                newest = self._read(rows.select_runs(names, limit=_CHECKED))
                follower.look_up([run.run_id for run in newest])
                follower.find_deleted()
        except StoreAway as error:
            away = str(error)
        with self.database.read() as connection:
            return run_table.read(connection, names, away=away)

    def tag(self, name: str, *, drafts: bool = False) -> dict[str, str]:
        """An MLflow tag by run, for those that have it: the index holds none, so MLflow is asked.

        Raises
        ------
        StoreAway
            The tracking store does not answer.
        """
        if "`" in name:  # it could not be quoted
            return {}
        found: dict[str, str] = {}
        token = None
        with asking(self.project) as client:
            known = (client.get_experiment_by_name(each) for each in self.experiments[: 1 + drafts])
            experiments = [item.experiment_id for item in known if item is not None]
            while experiments:
                page = client.search_runs(
                    experiments, f"tags.`{name}` LIKE '%'", max_results=1000, page_token=token
                )
                found |= {run.info.run_id: run.data.tags[name] for run in page}
                token = page.token
                if not token:
                    break
        return found

    def find(self, prefix: str) -> RunInfo:
        """The run whose id begins like that, drafts among them.

        Raises
        ------
        UnknownName
            There is none, or there are several.
        """
        query = rows.select_runs(self.experiments, prefix=prefix.strip().lower(), limit=_SHOWN_MATCHES)
        found = self._answer(query) if prefix.strip() else []
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownName("single run", prefix, [run.run_id for run in found])
        newest = self.known(limit=_SHOWN_MATCHES)
        raise UnknownName("run", prefix, [run.run_id[:8] for run in newest], where="the newest runs")

    def known(self, **which: Any) -> list[RunInfo]:
        """What the index holds, without asking MLflow; takes what :func:`rows.select_runs` takes."""
        with self.database.read() as connection:
            return rows.read(connection, rows.select_runs(self.experiments, **which))

    def catch_up(self) -> int:
        """Fetch what is new in MLflow; how many rows changed.

        Raises
        ------
        StoreAway
            The tracking store does not answer.
        """
        with asking(self.project) as client:
            return self._follower(client).catch_up()

    def rebuild(self) -> int:
        """Read all runs anew and forget all that are not there any more; how many there are.

        Raises
        ------
        RunError
            The tracking store does not answer. The index stays as it was.
        """
        try:
            with asking(self.project) as client:
                self._follower(client).build()
        except StoreAway as error:
            raise RunError(
                f"the tracking store does not answer, so the index stays as it is: {error}"
            ) from error
        return len(self.known(limit=None))

    def _answer(self, query: Select[Any]) -> list[RunInfo]:
        """What the query finds, once MLflow was asked about the first of it, and whether any was deleted."""
        try:
            with asking(self.project) as client:
                follower = self._follower(client)
                follower.catch_up()
                for _ in range(_ROUNDS):
                    found = self._read(query)
                    shown = [run.run_id for run in found]
                    changed = follower.look_up(shown[:_CHECKED])
                    if not changed + follower.find_deleted_among(shown[_CHECKED:]):
                        return found
        except StoreAway as error:
            _log.warning("the tracking store does not answer; shown is what was known before (%s)", error)
        return self._read(query)

    def _read(self, query: Select[Any]) -> list[RunInfo]:
        with self.database.read() as connection:
            return rows.read(connection, query)

    def _follower(self, client: Any) -> Follower:
        return Follower(self.project, self.database, client, self.experiments, self.clock)


@contextmanager
def opened(project: Project, *, clock: Clock | None = None) -> Iterator[RunIndex]:
    """The project's run index, closed at the end of the block."""
    database = open_database(project)
    try:
        yield RunIndex(project, database, clock or SystemClock())
    finally:
        database.close()


def rebuild(project: Project) -> int:
    """Make the index anew out of MLflow; how many runs it holds. See :meth:`RunIndex.rebuild`."""
    with opened(project) as index:
        return index.rebuild()


def note_started(project: Project, run: Run, params: dict[str, Any] | None = None) -> None:
    """Write a run that was just started into the index; ``params`` were logged since ``run`` was read.

    Never fails: what is missed here, the next to look fetches.
    """
    _attempt(project, lambda connection: rows.put(connection, [_row(project, run, params)]))


def note_ended(project: Project, run_id: str) -> None:
    """Write a run that was just ended into the index. Never fails, like :func:`note_started`."""

    def write(connection: Connection) -> None:
        rows.put(connection, [_row(project, store.client(project).get_run(run_id))])

    _attempt(project, write)


def forget(project: Project, run_ids: Sequence[str]) -> None:
    """Say in the index that runs were deleted. Never fails, like :func:`note_started`."""
    _attempt(project, lambda connection: rows.mark_deleted(connection, run_ids))


def _row(project: Project, run: Run, params: dict[str, Any] | None = None) -> dict[str, Any]:
    draft = run.data.tags.get("workbench.draft") == "true"
    return rows.row_of(run, project.name + (store.DRAFTS_SUFFIX if draft else ""), params)


def _attempt(project: Project, change: Callable[[Connection], object]) -> None:
    try:
        database = open_database(project, wait=_NOTE_SECONDS)
        try:
            with database.write() as connection:
                change(connection)
        finally:
            database.close()
    except Exception as error:  # a run goes on without its index, whatever is wrong with it
        _log.debug("the run index was not written: %s", error)
