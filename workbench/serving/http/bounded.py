"""A connection of uvicorn's, with bounds on what comes before and behind a request, and a last request.

uvicorn waits without end for a request's head, takes one of any size, and at its end closes connections on
which the next request may be under way.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from workbench.serving.http.patience import Patience
from workbench.serving.settings import Limits

__all__ = ["BoundedConnection"]


class BoundedConnection(HttpToolsProtocol):
    """See the module.

    Parameters
    ----------
    most : int
        With more connections than that, this one is told to come back later.
    ended : callable
        Called once, when it has ended.
    is_last : callable
        Whether the server is ending already.
    """

    cycle: Any

    def __init__(
        self,
        limits: Limits,
        most: int,
        ended: Callable[[], None],
        is_last: Callable[[], bool],
        **uvicorns: Any,
    ) -> None:
        super().__init__(**uvicorns)
        self._limits, self._most, self._ended, self._is_last = limits, most, ended, is_last
        self._patience = Patience(self.loop)
        self._head_bytes = self._begun = 0
        self._is_whole, self._is_in_head = True, False
        self._taking_timer: asyncio.TimerHandle | None = None
        self._last = self._turned_away = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._most:
            self.app, self._turned_away = _come_back, True
        self._patience.wait(self._limits.head_seconds, self._too_slow)
        if self._is_last():
            self.shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.end()
        self._taken()
        super().connection_lost(exc)
        self._ended()

    def data_received(self, data: bytes) -> None:
        begun, goes_on = self._begun, not self._is_whole
        super().data_received(data)
        is_request = goes_on or self._begun > begun
        if not (self._is_whole and is_request) and not self.transport.is_closing():
            self._is_under_way(len(data))

    def _is_under_way(self, size: int) -> None:
        """Bound what has come of a request, and the time in which the rest has to."""
        if not self._is_in_head:
            # What is left of a body that was refused before it had come is bounded in time only, or the
            # client would not get to read why. So is what is no request at all.
            if not self._is_answering():
                self._patience.wait(self._limits.head_seconds, self._too_slow)
            return
        self._head_bytes += size
        too_large = self._head_bytes > self._limits.head_bytes
        if self._is_answering():
            if too_large:
                self.flow.pause_reading()  # until the request before it is answered
        elif too_large:
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"the head of a request is at most {self._limits.head_bytes} bytes",
            )
        else:
            self._patience.wait(self._limits.head_seconds, self._too_slow)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _too_slow(self) -> None:
        if self._is_in_head:
            seconds = self._limits.head_seconds
            self._refuse(
                HTTPStatus.REQUEST_TIMEOUT, f"the head of the request did not arrive within {seconds:g} s"
            )
        else:
            self.transport.close()

    def timeout_keep_alive_handler(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # it does not read what it asked for
        else:
            super().timeout_keep_alive_handler()

    def pause_writing(self) -> None:
        super().pause_writing()
        # Answers that nobody takes are held in memory, and with a next request under way for ever.
        self._taking_timer = self.loop.call_later(self._limits.body_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._taken()

    def _taken(self) -> None:
        if self._taking_timer is not None:
            self._taking_timer.cancel()
            self._taking_timer = None

    def on_message_begin(self) -> None:
        # Not uvicorn's, which makes the scope as well: most requests need none.
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._is_whole, self._is_in_head, self._head_bytes = False, True, 0
        self._begun += 1

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._make_scope()
        super().on_headers_complete()
        if self._last:
            self.cycle.keep_alive = False

    def _make_scope(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers  # the list that is the scope's

    def on_message_complete(self) -> None:
        self._is_whole = True
        if self.cycle.response_complete:  # it was refused before it had come
            self._patience.wait(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        else:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        # As uvicorn's, but for the timer that it sets and cancels with each request.
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            # Not at once: of thousands that are refused each would be answered within the one before it.
            self.loop.call_soon(self._begin_next)
        elif self._is_whole:
            self._patience.wait(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        else:
            self._patience.wait(self._limits.head_seconds, self._too_slow)

    def _begin_next(self) -> None:
        if self.pipeline and not self.transport.is_closing():
            self._start_asgi_task(*self.pipeline.pop())

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._patience.rest()  # the time of a body is bounded where it is read
        super()._start_asgi_task(cycle, app)

    def shutdown(self) -> None:
        """Answer what is under way or comes within a moment, say that it is the last, and close."""
        self._last = True
        if self._is_answering():
            self.cycle.keep_alive = False
        else:
            self.loop.call_later(self._limits.linger_seconds, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if not self._is_answering() and not self._is_in_head:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        if self._is_answering() and not self.cycle.more_body:
            self.cycle.keep_alive = False  # whole requests before it get their answers; they are the last
            return
        self._refuse(HTTPStatus.BAD_REQUEST, "this is no request that can be read")

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        if self.transport.is_closing():
            return
        body = _error("BAD_REQUEST", message)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()


async def _come_back(scope: Scope, receive: Receive, send: Send) -> None:
    body = _error("TEMPORARILY_UNAVAILABLE", "too many connections are open; try again in a second")
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", b"1"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _error(code: str, message: str) -> bytes:
    return json.dumps({"error_code": code, "message": message}).encode()
