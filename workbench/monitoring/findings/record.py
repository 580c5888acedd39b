"""Findings as they are kept in the workbench database: only ever added to, the newest revision counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, insert, select

from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.findings.windows import Window
from workbench.store import tables
from workbench.store.hashing import hash_value

__all__ = ["Added", "add", "logs", "newest"]

_TABLE = tables.findings
# When it was looked at, and how much had been said by then, is no finding.
_NO_FINDING = {"evaluated_at", "told", "age_hours"}
# A document takes 5 ms to read, and never changes; a process that looks every day reads each of them once.
_MOST_READ = 200


@dataclass(frozen=True)
class Added:
    """What came of adding findings.

    Attributes
    ----------
    recorded : int
        How many are new, or not what they were.
    passed_over : int
        How many somebody has recorded meanwhile who saw more.
    """

    recorded: int
    passed_over: int


def newest(
    connection: Connection, log: str, model: str, last: int | None = None
) -> dict[Window, WindowFinding]:
    """What was found last of each window of a log (or of so many, the ``last``), the oldest first."""
    return {window: kept.finding for window, kept in _newest(connection, log, model, last).items()}


def logs(connection: Connection, model: str) -> list[str]:
    """The logs of which anything is recorded, the one that was written of last first."""
    query = select(_TABLE.c.log).where(_TABLE.c.model == model).group_by(_TABLE.c.log)
    return [*connection.scalars(query.order_by(func.max(_TABLE.c.id).desc()))]


def add(connection: Connection, log: str, model: str, findings: Sequence[WindowFinding]) -> Added:
    """Record what is new or has changed.

    What was looked at before somebody else looked, who saw more, is left out. In a transaction that holds
    the log (:func:`~workbench.monitoring.alerts.hold`), so that no two write a revision at once.
    """
    # The same place may have had another name, by another timezone.
    known = {(each.start, each.end): kept for each, kept in _newest(connection, log, model).items()}
    rows, passed_over = [], 0
    for finding in findings:
        window, document = finding.window, finding.to_dict()
        digest = hash_value([_found(document), finding.over])
        before = known.get((window.start, window.end))
        if before and before.digest == digest:
            continue
        if before and before.finding.saw > finding.saw:
            passed_over += 1
            continue
        rows.append(
            {
                "log": log,
                "model": model,
                "window": window.name,
                "window_start": window.start,
                "window_end": window.end,
                "revision": before.revision + 1 if before else 1,
                "evaluated_at": finding.evaluated_at,
                "digest": digest,
                "document": json.dumps(document),
            }
        )
    if rows:
        connection.execute(insert(_TABLE), rows)
    return Added(len(rows), passed_over)


def _found(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: _found(value) for name, value in document.items() if name not in _NO_FINDING}
    return [_found(value) for value in document] if isinstance(document, list) else document


@dataclass(frozen=True)
class _Kept:
    revision: int
    digest: str
    finding: WindowFinding


# By the database, the row, and what else tells it from one of a database that was there before.
_READ: dict[tuple[Any, ...], WindowFinding] = {}


# All that was found last of a log, by its database; what is added is read into it.
_LAST: dict[tuple[str, str, str], tuple[Any, dict[Window, _Kept]]] = {}
_MOST_LOGS = 4


def _newest(connection: Connection, log: str, model: str, most: int | None = None) -> dict[Window, _Kept]:
    if most is not None:
        return _read(connection, log, model, most)
    key, mark = (str(connection.engine.url), log, model), _mark(connection, log, model)
    known = _LAST.get(key)
    if known is not None and known[0] == mark:
        return known[1]
    found = None
    if known is not None and mark is not None:
        found = _with_added(connection, log, model, known, mark)
    if found is None:
        found = _read(connection, log, model)
    if len(_LAST) >= _MOST_LOGS:
        _LAST.clear()
    _LAST[key] = (mark, found)
    return found


def _with_added(
    connection: Connection, log: str, model: str, known: tuple[Any, dict[Window, _Kept]], mark: Any
) -> dict[Window, _Kept] | None:
    """What was known and what was added since; None when it is not known that rows were only added."""
    before, found = known
    if before is None or _mark(connection, log, model, up_to=before.id) != before:
        return None
    about = (_TABLE.c.log == log, _TABLE.c.model == model, _TABLE.c.id > before.id)
    columns = (_TABLE.c.id, _TABLE.c.revision, _TABLE.c.digest, _TABLE.c.evaluated_at)
    rows = connection.execute(select(*columns).where(*about).order_by(_TABLE.c.id)).all()
    if before.rows + len(rows) != mark.rows:
        return None
    documents = _documents(connection, rows)
    kept = [*found.values(), *(_Kept(row.revision, row.digest, documents[row.id]) for row in rows)]
    newest = {(each.finding.window.start, each.finding.window.end): each for each in kept}
    return {newest[place].finding.window: newest[place] for place in sorted(newest)}


def _mark(connection: Connection, log: str, model: str, up_to: int | None = None) -> Any:
    """What is another one once a row was added or removed, or the database is another one."""
    of = (_TABLE.c.log == log) & (_TABLE.c.model == model)
    if up_to is not None:
        of &= _TABLE.c.id <= up_to
    last = select(func.max(_TABLE.c.id)).where(of).scalar_subquery()
    rows = select(func.count()).where(of).scalar_subquery()
    columns = (_TABLE.c.id, _TABLE.c.digest, _TABLE.c.evaluated_at, rows.label("rows"))
    return connection.execute(select(*columns).where(_TABLE.c.id == last)).one_or_none()


def _read(connection: Connection, log: str, model: str, most: int | None = None) -> dict[Window, _Kept]:
    place = (_TABLE.c.window_start, _TABLE.c.window_end)
    about = (_TABLE.c.log == log, _TABLE.c.model == model)
    last = (
        select(*place, func.max(_TABLE.c.revision).label("revision"))
        .where(*about)
        .group_by(*place)
        .subquery()
    )
    same = [_TABLE.c[name] == last.c[name] for name in ("window_start", "window_end", "revision")]
    columns = (_TABLE.c.id, _TABLE.c.revision, _TABLE.c.digest, _TABLE.c.evaluated_at)
    rows = connection.execute(select(*columns).where(*about).join(last, and_(*same)).order_by(*place)).all()
    if most is not None:
        rows = rows[-most:]
    found = _documents(connection, rows)
    return {found[row.id].window: _Kept(row.revision, row.digest, found[row.id]) for row in rows}


def _documents(connection: Connection, rows: Sequence[Any]) -> dict[int, WindowFinding]:
    """What these rows say, by their ids."""
    url = str(connection.engine.url)
    places = {row.id: (url, row.id, row.digest, row.evaluated_at) for row in rows}
    found = {id: known for id, place in places.items() if (known := _READ.get(place))}
    unread = [id for id in places if id not in found]
    if unread:
        query = select(_TABLE.c.id, _TABLE.c.document).where(_TABLE.c.id.in_(unread))
        for id, document in connection.execute(query):
            found[id] = WindowFinding.from_dict(json.loads(document))
        if len(_READ) + len(unread) > _MOST_READ:
            _READ.clear()
        _READ.update({places[id]: finding for id, finding in found.items()})
    return found
