"""One client's connection: uvicorn's with bounds, on which requests for scores are answered without ASGI.

What uvicorn and ASGI do for a request takes longer than to answer it. So those that ask for scores take
another way here, each as an :class:`~workbench.serving.http.exchange.Exchange`; all others go on to the
application.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any
from urllib.parse import unquote

import httptools

from workbench.serving.http.bounded import BoundedConnection
from workbench.serving.http.exchange import Exchange, Scoring
from workbench.serving.http.questions import INVOCATIONS, asks_for_scores
from workbench.serving.http.reply import Reply
from workbench.serving.protocol.refused import Refused

__all__ = ["Connection"]

_USUAL = INVOCATIONS.encode("ascii")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(BoundedConnection):
    """See the module; further parameters are those of a bounded connection."""

    def __init__(self, scoring: Scoring, *bounds: Any, **uvicorns: Any) -> None:
        super().__init__(*bounds, **uvicorns)
        self._scoring = scoring
        self._unsent: tuple[Exchange, Reply] | None = None

    def on_headers_complete(self) -> None:
        path = self._asked_path()
        if path is None:
            super().on_headers_complete()
            return
        self._is_in_head = False
        keeps = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
        exchange = Exchange(self._scoring, self, path, self.headers, keep_alive=keeps and not self._last)
        waits, self.cycle = self._is_answering(), exchange
        if waits:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))  # type: ignore[arg-type]
        else:
            self._start_asgi_task(exchange, self.app)

    def _asked_path(self) -> str | None:
        """The path, if scores are asked for."""
        if self.parser.get_method() != b"POST" or self._turned_away:
            return None
        if self.url == _USUAL:
            return INVOCATIONS
        path = unquote(httptools.parse_url(self.url).path.decode("ascii"))
        return path if asks_for_scores(path) else None

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if not isinstance(cycle, Exchange):
            super()._start_asgi_task(cycle, app)
            return
        self._patience.rest()
        if cycle.wants_body:
            self._patience.wait(self._limits.body_seconds, self._body_is_too_slow)
            if self.expect_100_continue:
                self.transport.write(_CONTINUE)
        cycle.begin()

    def _body_is_too_slow(self) -> None:
        self.cycle.refuse(Refused(408, f"the body did not arrive within {self._limits.body_seconds:g} s"))

    def on_body(self, body: bytes) -> None:
        if isinstance(self.cycle, Exchange):
            self.cycle.add(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if isinstance(self.cycle, Exchange) and not self.cycle.response_complete:
            self._is_whole = True
            self._patience.rest()
            self.cycle.end()
        else:
            super().on_message_complete()

    def send(self, exchange: Exchange, reply: Reply) -> None:
        """Write a reply, if the client takes what was written before; else once it does."""
        if self.flow.write_paused:
            self._unsent = (exchange, reply)
            return
        if self.transport.is_closing():
            return
        more = self.server_state.default_headers
        self.transport.write(reply.written(exchange.request_id, more, last=not exchange.keep_alive))
        exchange.response_complete = True
        if not exchange.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unsent is not None:
            unsent, self._unsent = self._unsent, None
            self.send(*unsent)

    def connection_lost(self, exc: Exception | None) -> None:
        for cycle in (self.cycle, *(waiting for waiting, _ in self.pipeline)):
            if isinstance(cycle, Exchange):
                cycle.leave()
        if isinstance(self.cycle, Exchange):
            self.cycle = None  # uvicorn would wake its task
        super().connection_lost(exc)
