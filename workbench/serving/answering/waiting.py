"""What waits in a queue, taken together."""

from __future__ import annotations

import queue
import time
from typing import TypeVar

__all__ = ["all_waiting"]

_Item = TypeVar("_Item")


def all_waiting(
    waiting: queue.SimpleQueue[_Item | None], expected: int = 0, seconds: float = 0.0
) -> tuple[list[_Item], bool]:
    """Wait for the next item and take all that wait behind it; and whether None, the end, has come.

    As long as there are fewer than ``expected``, the next is waited for, in all for so many ``seconds``.
    """
    items: list[_Item] = []
    item = waiting.get()
    end = time.monotonic() + seconds
    while item is not None:
        items.append(item)
        try:
            left = end - time.monotonic() if len(items) < expected else 0.0
            item = waiting.get(timeout=left) if left > 0 else waiting.get_nowait()
        except queue.Empty:
            return items, False
    return items, True
