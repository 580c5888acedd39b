"""One client's connection: uvicorn's, with bounds on what comes before a request, and a last request.

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

from workbench.serving.settings import Limits

__all__ = ["Connection"]


class Connection(HttpToolsProtocol):
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
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._taking_timer: asyncio.TimerHandle | None = None
        self._last = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._most:
            self.app = _come_back
        self._head_timer = self.loop.call_later(self._limits.head_seconds, self._too_slow)
        if self._is_last():
            self.shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timer()
        self._taken()
        super().connection_lost(exc)
        self._ended()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_answering():
            if self._head_timer is not None:
                self._cancel_timer()
        elif not self.transport.is_closing():
            self._head_is_under_way(len(data))

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _head_is_under_way(self, size: int) -> None:
        # Or what is left of a body that was refused before it had come: that is bounded in time only, or
        # the client would not get to read why.
        if self._is_in_head():
            self._head_bytes += size
            if self._head_bytes > self._limits.head_bytes:
                self._refuse(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                    f"the head of a request is at most {self._limits.head_bytes} bytes",
                )
                return
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self._limits.head_seconds, self._too_slow)

    def _is_in_head(self) -> bool:
        return self.scope is not None and "method" not in self.scope

    def _cancel_timer(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        if self._is_in_head():
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

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._last and self.cycle is not None:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Answer what is under way or comes within a moment, say that it is the last, and close."""
        self._last = True
        if self._is_answering():
            self.cycle.keep_alive = False
        else:
            self.loop.call_later(self._limits.linger_seconds, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if not self._is_answering() and not self._is_in_head():
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
