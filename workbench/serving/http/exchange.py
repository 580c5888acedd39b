"""One request that asks for scores: from its head to its answer on the wire.

It takes the place of uvicorn's request-response cycle. A scope, a task and five messages for each request, as
ASGI has them, took longer than the answer itself; here what arrives is decoded at once, and whoever has the
answer calls back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable
from typing import Any, Protocol

from workbench.serving.answering.call import Answer, Call
from workbench.serving.http.entrance import Body, Entrance
from workbench.serving.http.head import Head
from workbench.serving.http.questions import Question, Questions
from workbench.serving.http.reply import Reply, failure
from workbench.serving.http.service import Service
from workbench.serving.protocol.content import ARROW
from workbench.serving.protocol.refused import Refused

__all__ = ["Exchange", "Scoring"]

# Decoding or encoding more than this in the loop would keep everybody else waiting.
_LARGE = 128 * 2**10
_MANY = 4_000
_GONE = 400, "the client went away"


class Scoring:
    """What all exchanges of a server share."""

    def __init__(self, service: Service, entrance: Entrance) -> None:
        self.service, self.entrance = service, entrance
        self.questions = Questions(service.models, service.settings.limits.rows)


class Wire(Protocol):
    """The connection of an exchange."""

    def send(self, exchange: Exchange, reply: Reply) -> None:
        """Write the reply; ``exchange.response_complete`` is set once that is done."""

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what takes too long for the event loop to wait for it."""


class Exchange:
    """One request and its answer.

    Attributes
    ----------
    keep_alive, more_body, response_complete : bool
        As uvicorn's cycles have them: whether another request may follow, whether more of this one has to
        come, and whether its answer went.
    """

    __slots__ = (
        *("_arrived", "_body", "_call", "_head", "_is_asked", "_is_turn", "_path", "_refused", "_replied"),
        *("_scoring", "_wire", "keep_alive", "more_body", "request_id", "response_complete"),
    )

    def __init__(
        self,
        scoring: Scoring,
        wire: Wire,
        path: str,
        headers: Iterable[tuple[bytes, bytes]],
        *,
        keep_alive: bool,
    ) -> None:
        self._arrived = time.perf_counter()
        self._scoring, self._wire, self._path = scoring, wire, path
        self._head = head = Head.of(headers)
        self.request_id = scoring.entrance.request_id(head)
        self.keep_alive, self.more_body, self.response_complete = keep_alive, True, False
        self._is_turn = self._is_asked = self._replied = False
        self._refused: Refused | None = None
        self._body: Body | None = None
        self._call: Call | None = None
        try:
            scoring.entrance.check(path, head)
            self._body = scoring.entrance.body(head)
        except Refused as refused:
            self._refused = refused

    @property
    def wants_body(self) -> bool:
        """Whether the body, or more of it, is waited for."""
        return self.more_body and self._refused is None

    def begin(self) -> None:
        """Answer it now or when it has come: what came before it on its connection is answered."""
        self._is_turn = True
        self._go_on()

    def add(self, chunk: bytes) -> None:
        """Take a part of the body."""
        if self._refused is None and self._body is not None:
            try:
                self._body.add(chunk)
            except Refused as refused:
                self.refuse(refused)

    def end(self) -> None:
        """The body has come."""
        self.more_body = False
        self._go_on()

    def refuse(self, refused: Refused) -> None:
        """Answer with this, whatever else comes."""
        self._refused = refused
        self._go_on()

    def leave(self) -> None:
        """The client has gone. What it had asked is passed over, unless it is being predicted already."""
        if not self._replied:
            self._scoring.service.left()
        self._replied = self.response_complete = True
        if self._call is not None:
            self._call.give_up(Refused(*_GONE))
        self._let_go()

    def _go_on(self) -> None:
        if self._replied or not self._is_turn:
            return
        if self._refused is not None:
            self._fail(self._refused)
        elif not self.more_body and self._body is not None:
            body, self._is_asked = self._body.whole(), True
            if len(body) < _LARGE:
                try:
                    self._ask(self._decode(body), len(body))
                except Exception as error:
                    self._not_asked(error)
            else:
                self._wire.run(self._decode_beside(body))

    async def _decode_beside(self, body: bytes) -> None:
        try:
            self._ask(await self._scoring.service.beside(lambda: self._decode(body)), len(body))
        except Exception as error:
            self._not_asked(error)

    def _decode(self, body: bytes) -> Question:
        if self._replied:  # it waited for its turn, and its client did not
            raise Refused(*_GONE)
        return self._scoring.questions.decode(self._path, self._head, body)

    def _ask(self, question: Question, size: int) -> None:
        if self._replied:  # while it was decoded
            raise Refused(*_GONE)

        def tell(outcome: Answer | Exception) -> None:
            if isinstance(outcome, Exception):
                self._fail(outcome)
            elif len(outcome.prediction_ids) < _MANY and question.kind != ARROW:
                self._answer(question, outcome)
            else:
                self._wire.run(self._encode_beside(question, outcome))

        asked = question.asked
        self._call = Call(asked, self._arrived, self.request_id, tell, self._is_done, size + asked.shared)
        self._scoring.service.desk.take(self._call)

    def _not_asked(self, error: Exception) -> None:
        self._fail(error)
        self._is_done()

    def _is_done(self) -> None:
        """Nobody holds any more what it asked."""
        self._is_asked, self._call = False, None
        self._let_go()

    def _answer(self, question: Question, answer: Answer) -> None:
        try:
            reply = Reply(200, question.encode(answer))
        except Exception as error:
            self._fail(error)
        else:
            self._reply(reply)

    async def _encode_beside(self, question: Question, answer: Answer) -> None:
        try:
            encoded = await asyncio.to_thread(question.encode, answer)
        except Exception as error:
            self._fail(error)
        else:
            self._reply(Reply(200, encoded, question.kind.encode("ascii")))

    def _fail(self, error: Exception) -> None:
        self._reply(failure(error, self.request_id, self._path))

    def _reply(self, reply: Reply) -> None:
        if not self._replied:
            self._replied = True
            self._let_go()
            self._scoring.service.replied(reply.status, self._arrived)
            self._wire.send(self, reply)

    def _let_go(self) -> None:
        # Who is told that there is no answer, or leaves, leaves behind what still waits for its turn.
        if self._body is not None and self._replied and not self._is_asked:
            self._body.close()
            self._body = None
