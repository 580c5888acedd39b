"""What waits in a queue, taken together."""

from __future__ import annotations

import queue
from typing import TypeVar

__all__ = ["all_waiting"]

_Item = TypeVar("_Item")


def all_waiting(waiting: queue.SimpleQueue[_Item | None]) -> tuple[list[_Item], bool]:
    """Wait for the next item and take all that wait behind it; and whether None, the end, has come."""
    items: list[_Item] = []
    item = waiting.get()
    while item is not None:
        items.append(item)
        try:
            item = waiting.get_nowait()
        except queue.Empty:
            return items, False
    return items, True
