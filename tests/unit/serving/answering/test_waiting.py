"""What waits is taken together, and company that is on its way is waited for."""

from __future__ import annotations

import queue
import threading

from tests.unit.serving.tiny import until
from workbench.serving.answering.waiting import all_waiting


def test_all_that_wait_are_taken_and_the_end_is_told() -> None:
    waiting: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    for item in (1, 2):
        waiting.put(item)
    assert all_waiting(waiting) == ([1, 2], False)
    for last in (3, None):
        waiting.put(last)
    assert all_waiting(waiting, expected=9, seconds=60.0) == ([3], True)


def test_who_is_expected_is_waited_for_and_nobody_else() -> None:
    waiting: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    waiting.put(1)

    def come_late() -> None:
        until(waiting.empty)
        waiting.put(2)

    threading.Thread(target=come_late).start()
    assert all_waiting(waiting, expected=2, seconds=60.0) == ([1, 2], False)
    waiting.put(3)
    assert all_waiting(waiting, expected=2, seconds=0.01) == ([3], False)
