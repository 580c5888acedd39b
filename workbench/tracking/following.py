"""How the run index follows MLflow: what to ask for, so that nothing is missed and little is read twice."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from sqlalchemy import ColumnElement, Row, and_, delete, func, select

from workbench.store.clock import Clock
from workbench.store.database import Database
from workbench.store.tables import run_index as table
from workbench.store.tables import run_index_state as states
from workbench.tracking import rows

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from workbench.project import Project

__all__ = ["Follower"]

_log = logging.getLogger(__name__)
_PAGE = 1000
_WAIT_SECONDS = 120  # for another process on this machine that builds the same index
# Runs that started (or ended) a while before the newest known are asked for again: several start within a
# millisecond, and clocks differ. Those known already are left out by name, as far as there are not too many.
_OVERLAP = timedelta(minutes=15)
_NAMED = 1000  # which costs MLflow's parser 40 ms; reading a run again costs 0.5 ms
_STILL_RUNNING = 50  # of older runs that never end, the newest are read again
_RESTORED = 50  # of deleted runs, the newest are looked up
_LONG_AGO = datetime(1970, 1, 2, tzinfo=UTC)


@dataclass(frozen=True)
class _Experiment:
    name: str
    id: str
    origin: str


@dataclass(frozen=True)
class Follower:
    """One catching up: the index on one side, MLflow's client on the other."""

    project: Project
    database: Database
    client: MlflowClient
    names: Sequence[str]
    clock: Clock
    _fresh: set[str] = field(default_factory=set)  # runs that were read by this object

    def catch_up(self) -> int:
        """Fetch what is new; how many rows changed."""
        states, changed = self._states(), 0
        here = {experiment.name for experiment in self._experiments}
        for name in states.keys() - here:  # MLflow knows it no more
            self._drop(name)
        for experiment in self._experiments:
            if experiment.name not in states or states[experiment.name].origin != experiment.origin:
                changed += self._build_once(experiment)
        states = self._states()
        followed = [experiment for experiment in self._experiments if experiment.name in states]
        return changed + self._increment(followed, states) if followed else changed

    def build(self) -> None:
        """Read everything anew."""
        for experiment in self._experiments:
            self._build(experiment)

    def look_up(self, run_ids: Sequence[str]) -> int:
        """Compare these rows with MLflow, if that was not done yet, and correct them; how many were wrong."""
        asked = [run_id for run_id in run_ids if run_id not in self._fresh]
        if not asked:
            return 0
        found = list(self._search(self._experiments, f"attributes.run_id IN ({_quoted(asked)})"))
        gone = sorted({*asked} - {row["run_id"] for row in found})
        changed = self._put(found)
        if gone:
            with self.database.write() as connection:
                rows.mark_deleted(connection, gone)
        return changed + len(gone)

    def find_deleted_among(self, run_ids: Sequence[str]) -> int:
        """Which of these MLflow calls deleted by now, and no more of them: only those are read."""
        return sum(
            self._put(self._deleted(f"attributes.run_id IN ({_quoted(run_ids[start : start + _NAMED])})"))
            for start in range(0, len(run_ids), _NAMED)
        )

    def find_deleted(self) -> int:
        """Which runs MLflow calls deleted and the index does not, however old; how many there were.

        MLflow tells neither when a run was deleted nor lists by that. So it is asked for all deleted ones but
        those that are known to be, with as many of them left out by name as one question may hold: from the
        newest start to the oldest. That costs 40 ms for each thousand runs that are known to be deleted.
        """
        found, until = 0, None
        while True:
            query = (
                select(table.c.run_id, table.c.started_at.label("at"))
                .where(table.c.experiment.in_(self.names), table.c.deleted.is_(True))
                .order_by(table.c.started_at.desc())
                .limit(_NAMED)
            )
            with self.database.read() as connection:
                known = connection.execute(query.where(table.c.started_at < until) if until else query).all()
            full = len(known) == _NAMED
            asked = [_but([row.run_id for row in known])]
            asked += [f"attributes.start_time >= {_milliseconds(known[-1].at)}"] if full else []
            asked += [f"attributes.start_time < {_milliseconds(until)}"] if until else []
            found += self._put(self._deleted(" AND ".join(filter(None, asked))))
            if not full:
                return found
            until = known[-1].at

    # -- the whole -------------------------------------------------------------------------------

    def _build_once(self, experiment: _Experiment) -> int:
        """Build, unless another process on this machine does so at this moment: then wait for it."""
        try:
            with FileLock(str(self.project.state / "run-index.lock"), timeout=_WAIT_SECONDS):
                state = self._states().get(experiment.name)
                if state is not None and state.origin == experiment.origin:
                    return 0
                return self._build(experiment)
        except Timeout:
            return 0

    def _build(self, experiment: _Experiment) -> int:
        asked_at = self.clock.now()
        at_first = select(table.c.run_id).where(table.c.experiment == experiment.name)
        with self.database.read() as connection:
            present = {row.run_id for row in connection.execute(at_first)}
        seen: set[str] = set()
        page: list[dict[str, Any]] = []
        for row in self._search([experiment], ""):
            seen.add(row["run_id"])
            page.append(row)
            if len(page) == _PAGE:
                if len(seen) == _PAGE:
                    _log.warning("reading all runs of %s into the run index …", experiment.name)
                self._put(page)
                page = []
        self._put(page)
        with self.database.write() as connection:
            rows.remove(connection, sorted(present - seen))
        self._advance([experiment], asked_at)
        return len(seen)

    def _drop(self, name: str) -> None:
        with self.database.write() as connection:
            connection.execute(delete(table).where(table.c.experiment == name))
            connection.execute(delete(states).where(states.c.experiment == name))

    # -- what is new -----------------------------------------------------------------------------

    def _increment(self, experiments: list[_Experiment], known_until: dict[str, Row[Any]]) -> int:
        """Ask for runs by their start, for older ones by their end, and for older ones that run."""
        asked_at = self.clock.now()
        started = min(known_until[experiment.name].started_until for experiment in experiments)
        ended = min(known_until[experiment.name].ended_until for experiment in experiments)
        names = [experiment.name for experiment in experiments]
        ours = and_(table.c.experiment.in_(names), table.c.status != "running")
        since, known = self._window(started, table.c.started_at, ours)
        older = and_(ours, table.c.started_at < since)
        ended_since, known_ended = self._window(ended, table.c.ended_at, older)

        from_then = f"attributes.start_time >= {_milliseconds(since)}"
        before = f"attributes.start_time < {_milliseconds(since)}"
        ended_then = f"{before} AND attributes.end_time >= {_milliseconds(ended_since)}"
        found = list(self._search(experiments, " AND ".join(filter(None, (from_then, _but(known))))))
        found += self._search(experiments, " AND ".join(filter(None, (ended_then, _but(known_ended)))))
        running = list(
            self._search(experiments, f"{before} AND attributes.status = 'RUNNING'", most=_STILL_RUNNING)
        )
        changed = self._put([*found, *running])
        changed += self._look_up_stragglers(names, since, running)
        if found:
            self._advance(experiments, asked_at)
        return changed

    def _look_up_stragglers(self, names: list[str], since: datetime, running: list[dict[str, Any]]) -> int:
        """Rows that say running and were not among those that do; and deleted runs, which may be back."""
        full = len(running) == _STILL_RUNNING
        oldest = running[-1]["started_at"] if full else datetime.fromtimestamp(0, UTC)
        base = select(table.c.run_id).where(table.c.experiment.in_(names)).order_by(table.c.started_at.desc())
        lost = base.where(
            table.c.status == "running",
            table.c.deleted.is_(False),
            table.c.started_at < since,
            table.c.started_at >= oldest,
            table.c.run_id.not_in([row["run_id"] for row in running]),
        ).limit(_STILL_RUNNING)
        deleted = base.where(table.c.deleted.is_(True)).limit(_RESTORED)
        with self.database.read() as connection:
            doubtful = [row.run_id for query in (lost, deleted) for row in connection.execute(query)]
        return self.look_up(doubtful)

    def _window(
        self, until: datetime, moment: ColumnElement[Any], which: ColumnElement[bool]
    ) -> tuple[datetime, list[str]]:
        """From when on to ask, and the runs in that time of which nothing new is expected."""
        since = until - _OVERLAP
        query = (
            select(table.c.run_id, moment.label("at"))
            .where(which, moment >= since)
            .order_by(moment.desc())
            .limit(_NAMED)
        )
        with self.database.read() as connection:
            known = connection.execute(query).all()
        if len(known) == _NAMED:
            since = min(until, known[-1].at)
        return since, [row.run_id for row in known]

    def _advance(self, experiments: Sequence[_Experiment], asked_at: datetime) -> None:
        """Remember the newest start and end that are known, no later than when MLflow was asked.

        Of all experiments of the project: one in which nothing happens would hold back the others.
        """
        ours, present = table.c.experiment.in_(self.names), self._states()
        newest = {"started_until": table.c.started_at, "ended_until": table.c.ended_at}
        with self.database.read() as connection:
            until = {
                name: connection.execute(select(func.max(moment)).where(ours, moment <= asked_at)).scalar()
                or _LONG_AGO
                for name, moment in newest.items()
            }
        for experiment in experiments:
            values = {"experiment": experiment.name, "origin": experiment.origin, **until}
            if experiment.name not in present or present[experiment.name]._asdict() != values:
                with self.database.write() as connection:
                    rows.replace(connection, states, [values])

    # -- both sides ------------------------------------------------------------------------------

    @cached_property
    def _experiments(self) -> list[_Experiment]:
        found = (self.client.get_experiment_by_name(name) for name in self.names)
        return [
            _Experiment(item.name, str(item.experiment_id), f"{item.experiment_id}@{item.creation_time}")
            for item in found
            if item is not None
        ]

    def _states(self) -> dict[str, Row[Any]]:
        with self.database.read() as connection:
            found = connection.execute(select(states).where(states.c.experiment.in_(self.names)))
            return {row.experiment: row for row in found}

    def _deleted(self, what: str) -> list[dict[str, Any]]:
        return list(self._search(self._experiments, what, deleted=True))

    def _search(
        self, experiments: Sequence[_Experiment], what: str, most: int | None = None, *, deleted: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Rows of MLflow's runs, the newest first, deleted ones among them; or only those.

        With them, since pages are counted: a run that is deleted meanwhile would shift the next one.
        """
        from mlflow.entities import ViewType

        names = {experiment.id: experiment.name for experiment in experiments}
        token: str | None = None
        while names:
            page = self.client.search_runs(
                list(names),
                what,
                run_view_type=ViewType.DELETED_ONLY if deleted else ViewType.ALL,
                max_results=most or _PAGE,
                page_token=token,
            )
            for run in page:
                self._fresh.add(run.info.run_id)
                yield rows.row_of(run, names[str(run.info.experiment_id)])
            token = page.token
            if not token or most:
                return

    def _put(self, found: Sequence[dict[str, Any]]) -> int:
        """Write those rows that say something new: a write waits for the disk."""
        with self.database.read() as connection:
            news = rows.differing(connection, found)
        if news:
            with self.database.write() as connection:
                rows.put(connection, news)
        return len(news)


def _but(run_ids: Sequence[str]) -> str:
    return f"attributes.run_id NOT IN ({_quoted(run_ids)})" if run_ids else ""


def _quoted(run_ids: Sequence[str]) -> str:
    return ", ".join(f"'{run_id}'" for run_id in run_ids)


def _milliseconds(moment: datetime) -> int:
    return max(0, round(moment.timestamp() * 1000))
