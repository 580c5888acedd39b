"""One thing after the other, and no endless queue."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from workbench.serving.answering.lane import Lane
from workbench.serving.protocol.refused import Refused


def each(tasks: list[Callable[[], object]]) -> list[object]:
    """Call the tasks one after the other."""
    return [task() for task in tasks]


def test_what_does_not_fit_into_the_queue_is_told_to_come_back() -> None:
    async def scene() -> list[object]:
        lane = Lane("test", each, most_waiting=2)
        lane.start()
        gate = threading.Event()
        under_way = [asyncio.create_task(lane.run(gate.wait)) for _ in range(3)]
        await asyncio.sleep(0)  # one works, two wait
        with pytest.raises(Refused) as refused:
            await lane.run(gate.wait)
        assert refused.value.status == 429
        gate.set()
        done = await asyncio.gather(*under_way)
        assert await lane.run(lambda: "room again") == "room again"
        assert lane.stop(5)
        return done

    assert asyncio.run(scene()) == [True, True, True]


def test_what_waits_is_worked_off_together_and_each_gets_its_own() -> None:
    seen: list[list[int]] = []
    gate = threading.Event()

    def double(tasks: list[int]) -> list[int | Exception]:
        seen.append(tasks)
        gate.wait()
        return [ValueError(task) if task == 3 else task * 2 for task in tasks]

    async def scene() -> list[object]:
        lane = Lane("test", double, most_waiting=9)
        lane.start()
        first = asyncio.create_task(lane.run(0))
        while not seen:
            await asyncio.sleep(0)
        others = [asyncio.create_task(lane.run(task)) for task in (1, 2, 3, 4)]
        await asyncio.sleep(0)
        gate.set()
        done = await asyncio.gather(first, *others, return_exceptions=True)
        lane.stop(5)
        return [str(item) if isinstance(item, ValueError) else item for item in done]

    assert asyncio.run(scene()) == [0, 2, 4, "3", 8]
    assert seen == [[0], [1, 2, 3, 4]]


def test_an_error_that_was_not_foreseen_reaches_all_and_the_lane_goes_on() -> None:
    async def scene() -> object:
        lane = Lane("test", each, most_waiting=5)
        lane.start()
        with pytest.raises(ZeroDivisionError):
            await lane.run(lambda: 1 / 0)
        result = await lane.run(lambda: "still here")
        lane.stop(5)
        return result

    assert asyncio.run(scene()) == "still here"


def test_a_client_that_goes_away_keeps_its_place_until_its_work_is_done() -> None:
    async def scene() -> None:
        lane = Lane("test", each, most_waiting=0)
        lane.start()
        gate = threading.Event()
        gone = asyncio.create_task(lane.run(gate.wait))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        with pytest.raises(Refused):
            await lane.run(gate.wait)
        gate.set()
        assert lane.stop(5)

    asyncio.run(scene())


def test_a_hanging_task_does_not_keep_it_from_ending() -> None:
    lane = Lane("test", each, most_waiting=1)
    lane.start()
    gate = threading.Event()

    async def scene() -> None:
        hanging = asyncio.create_task(lane.run(gate.wait))
        await asyncio.sleep(0)
        assert not lane.stop(0.05)
        hanging.cancel()

    asyncio.run(scene())
    gate.set()
