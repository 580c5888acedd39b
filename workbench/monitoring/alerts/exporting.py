"""The backlog, for a tracker of somebody else's: items posted to a webhook, each once for every change."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from workbench.errors import ItemMoved, UnknownName, WorkbenchError
from workbench.monitoring.alerts.channels import Undelivered, send
from workbench.project import CONFIG_NAME, Project
from workbench.store import backlog
from workbench.store.backlog import Event, Item
from workbench.store.clock import Clock
from workbench.store.database import Database
from workbench.store.hashing import hash_value

__all__ = ["export"]

_EXPORTED = "exported"


def export(
    database: Database, project: Project, webhook: str, *, by: str, clock: Clock, again: bool = False
) -> list[int]:
    """Post items to one of ``[monitoring.webhooks]``, and note in their history that it was done.

    Parameters
    ----------
    again : bool
        Also what was posted there already and has not changed since.

    Returns
    -------
    list of int
        The numbers of the items that were posted, closed ones among them.

    Raises
    ------
    UnknownName
        For a webhook that is not declared.
    WorkbenchError
        It cannot be reached or refuses; what was posted before is noted, and the same command goes on.
    """
    config = project.config.monitoring
    if webhook not in config.webhooks:
        raise UnknownName(
            "webhook", webhook, config.webhooks, where=f"[monitoring.webhooks] of {CONFIG_NAME}"
        )
    with database.read() as connection:
        found = backlog.items(connection, project.name, closed=True)
        # What happened since an item was read is not part of what is posted of it.
        histories = {
            item.id: [each for each in backlog.history(connection, item) if each.number <= item.revision]
            for item in found
        }
    sent: list[int] = []
    for item in sorted(found, key=lambda each: each.id):
        since = _last_change(histories[item.id], webhook)
        if since is None and not again:
            continue
        changed = since or item.revision
        key = hash_value(["backlog", project.name, item.id, item.opened_at.isoformat(), webhook, changed])
        try:
            send(config, f"webhook:{webhook}", _message(item, project.name), key)
        except Undelivered as error:
            raise WorkbenchError(
                f"webhook {webhook!r}: {error}; exported before it: {len(sent)}; "
                f"the same command goes on with item {item.id}"
            ) from None
        # Who has changed it in the meantime has made it due again.
        with suppress(ItemMoved), database.write() as connection:
            backlog.remark(connection, item, webhook, by=by, at=clock.now(), what=_EXPORTED)
        sent.append(item.id)
    return sent


def _last_change(history: Sequence[Event], webhook: str) -> int | None:
    """The newest event that the webhook has not heard of; None when it has heard of all."""
    exported = max((e.number for e in history if e.what == _EXPORTED and e.detail == webhook), default=0)
    changes = [event.number for event in history if event.what != _EXPORTED and event.number > exported]
    return changes[-1] if changes else None


def _message(item: Item, project: str) -> dict[str, Any]:
    text = "\n".join(filter(None, (item.subject, *item.links, item.closed_why)))
    title = f"[{project}] backlog {item.id}, {item.status}: {item.title}"
    return {"event": "backlog", "project": project, "title": title, "text": text, "item": item.to_dict()}
