"""One request and its answer: for how long its bytes count among those that a server holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from workbench.serving.answering.call import Call
from workbench.serving.http.entrance import Entrance
from workbench.serving.http.exchange import Exchange
from workbench.serving.http.head import Head
from workbench.serving.http.keys import Keys
from workbench.serving.http.questions import INVOCATIONS, Question
from workbench.serving.http.reply import Reply
from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.refused import Refused
from workbench.serving.settings import Limits, Settings

SMALL, LARGE = 1_000, 200_000
HELD = Limits(body_bytes=LARGE, bodies_bytes=LARGE)
LATE = Refused(503, "no answer in time")


class Server:
    """What exchanges share, with a desk that keeps what it takes; also their only connection.

    Attributes
    ----------
    turn : asyncio.Event
        A large body is decoded once this is set.
    decoded, gone : int
        Bodies that were decoded, and clients that did not wait for their reply.
    while_decoding : callable
        Called when one is decoded.
    """

    def __init__(self) -> None:
        self.entrance = Entrance(Settings("project", "log", limits=HELD), Keys())
        self.desk = self.questions = self.service = self
        self.turn = asyncio.Event()
        self.decoded = self.gone = 0
        self.while_decoding: Callable[[], None] = lambda: None
        self.calls: list[Call] = []
        self.statuses: list[int] = []
        self._work: list[asyncio.Task[None]] = []

    def asked(self, size: int) -> Exchange:
        """A request whose body, of so many bytes, has come."""
        exchange = Exchange(self, self, INVOCATIONS, [(b"host", b"localhost")], keep_alive=True)  # type: ignore[arg-type]
        exchange.begin()
        exchange.add(b"x" * size)
        exchange.end()
        return exchange

    @property
    def holds_nothing(self) -> bool:
        """Whether there is room for a body of the largest size."""
        body = self.entrance.body(Head.of([]))
        try:
            body.add(b"x" * LARGE)
        except Refused:
            return False
        body.close()
        return True

    async def finish(self) -> None:
        """Let bodies be decoded that wait for it."""
        self.turn.set()
        await asyncio.gather(*self._work)

    def decode(self, _path: str, _head: Head, body: bytes) -> Question:
        self.decoded += 1
        self.while_decoding()
        return Question(Asked({"size": [len(body)]}, 1, shared=7), lambda _: b"{}")

    async def beside(self, decode: Callable[[], Question]) -> Question:
        await self.turn.wait()
        return decode()

    def take(self, call: Call) -> None:
        if len(self.calls) == 1:
            raise Refused(429, "too many requests are waiting")
        self.calls.append(call)

    def replied(self, status: int, _arrived: float) -> None:
        self.statuses.append(status)

    def left(self) -> None:
        self.gone += 1

    def send(self, exchange: Exchange, _reply: Reply) -> None:
        exchange.response_complete = True

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self._work.append(asyncio.create_task(work))


def test_a_body_counts_until_its_answer() -> None:
    async def ask() -> None:
        server = Server()
        server.asked(SMALL)
        assert not server.holds_nothing
        assert server.calls[0].size == SMALL + server.calls[0].asked.shared
        server.calls[0].settle(LATE)
        assert server.statuses == [503]
        assert server.holds_nothing

    asyncio.run(ask())


def test_a_body_counts_until_nobody_holds_its_rows() -> None:
    """Who asked is told that there is no answer, while the rows wait behind a model that hangs."""

    async def ask() -> None:
        server = Server()
        server.asked(SMALL)
        server.calls[0].give_up(LATE)
        assert server.statuses == [503]
        assert not server.holds_nothing
        server.calls[0].settle(LATE)
        assert server.statuses == [503]
        assert server.holds_nothing

    asyncio.run(ask())


def test_what_waits_is_passed_over_when_its_client_left_and_counts_until_then() -> None:
    async def ask() -> None:
        server = Server()
        server.asked(SMALL).leave()
        assert server.calls[0].is_settled
        assert not server.holds_nothing
        server.calls[0].settle(LATE)
        assert server.holds_nothing
        assert (server.statuses, server.gone) == ([], 1)

    asyncio.run(ask())


def test_who_leaves_with_the_answer_did_not_leave_before_it() -> None:
    async def ask() -> None:
        server = Server()
        exchange = server.asked(SMALL)
        server.calls[0].settle(LATE)
        exchange.leave()
        assert (server.statuses, server.gone) == ([503], 0)

    asyncio.run(ask())


def test_what_was_decoded_while_its_client_left_is_not_asked() -> None:
    async def ask() -> None:
        server = Server()
        exchange = server.asked(LARGE)
        server.while_decoding = exchange.leave
        await server.finish()
        assert (server.decoded, server.calls) == (1, [])
        assert server.holds_nothing

    asyncio.run(ask())


def test_a_large_body_whose_client_left_counts_until_its_turn_and_is_not_decoded() -> None:
    async def ask() -> None:
        server = Server()
        server.asked(LARGE).leave()
        assert not server.holds_nothing
        await server.finish()
        assert server.holds_nothing
        assert (server.decoded, server.calls, server.gone) == (0, [], 1)

    asyncio.run(ask())


@pytest.mark.parametrize("size", [SMALL, LARGE // 2])
def test_a_body_that_is_not_taken_counts_no_longer(size: int) -> None:
    async def ask() -> None:
        server = Server()
        for _ in range(2):
            server.asked(size)
        await server.finish()
        assert server.statuses == [429]
        server.calls[0].settle(LATE)
        assert server.holds_nothing

    asyncio.run(ask())
