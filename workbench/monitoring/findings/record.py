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

__all__ = ["add", "newest"]

_TABLE = tables.findings
# When it was looked at, and how much had been said by then, is no finding.
_NO_FINDING = {"evaluated_at", "told", "age_hours"}


def newest(connection: Connection, log: str, model: str) -> dict[Window, WindowFinding]:
    """What was found last of each window of a log, the oldest first."""
    return {window: kept.finding for window, kept in _newest(connection, log, model).items()}


def add(connection: Connection, log: str, model: str, findings: Sequence[WindowFinding]) -> int:
    """Record what is new or has changed; how much that was.

    What was looked at before somebody else looked, who saw more, is left out. In a transaction that holds
    the log (:func:`~workbench.monitoring.alerts.hold`), so that no two write a revision at once.
    """
    known = _newest(connection, log, model)
    rows = []
    for finding in findings:
        window, document = finding.window, finding.to_dict()
        digest = hash_value([_found(document), finding.over])
        before = known.get(window)
        if before and (before.digest == digest or before.finding.saw > finding.saw):
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
    return len(rows)


def _found(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: _found(value) for name, value in document.items() if name not in _NO_FINDING}
    return [_found(value) for value in document] if isinstance(document, list) else document


@dataclass(frozen=True)
class _Kept:
    revision: int
    digest: str
    finding: WindowFinding


def _newest(connection: Connection, log: str, model: str) -> dict[Window, _Kept]:
    place = (_TABLE.c.window_start, _TABLE.c.window_end)
    about = (_TABLE.c.log == log, _TABLE.c.model == model)
    last = (
        select(*place, func.max(_TABLE.c.revision).label("revision"))
        .where(*about)
        .group_by(*place)
        .subquery()
    )
    same = [_TABLE.c[name] == last.c[name] for name in ("window_start", "window_end", "revision")]
    query = select(_TABLE).where(*about).join(last, and_(*same)).order_by(*place)
    kept = (
        _Kept(row.revision, row.digest, WindowFinding.from_dict(json.loads(row.document)))
        for row in connection.execute(query)
    )
    return {item.finding.window: item for item in kept}
