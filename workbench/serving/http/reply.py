"""What goes back: a status, a body, and for whatever went wrong one line."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import msgspec
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from workbench.errors import ServingError
from workbench.serving.answering.failures import told
from workbench.serving.protocol.schema import Refused

__all__ = ["JSON", "Reply", "failure"]

_log = logging.getLogger(__name__)
JSON = b"application/json"
_CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}
_COME_BACK = ((b"retry-after", b"1"),)
#: Headers that say what to do about a status.
_ADVICE = {401: ((b"www-authenticate", b"Bearer"),), 429: _COME_BACK, 503: _COME_BACK}


@dataclass(frozen=True, slots=True)
class Reply:
    """A response; errors are ``{"error_code": …, "message": one line}``, as MLflow's are.

    The Open Inference Protocol wants the line as ``error``, so below ``/v2`` it is there, too.
    """

    status: int
    body: bytes
    kind: bytes = JSON

    @classmethod
    def json(cls, content: Any, status: int = 200) -> Self:
        return cls(status, msgspec.json.encode(content))

    @classmethod
    def error(cls, status: int, message: str, path: str = "") -> Self:
        told = {"error_code": _CODES.get(status, "BAD_REQUEST"), "message": message}
        if path.startswith("/v2"):
            told["error"] = message
        return cls.json(told, status)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"content-type", self.kind),
            (b"content-length", b"%d" % len(self.body)),
            *_ADVICE.get(self.status, ()),
        ]

    def response(self) -> Response:
        """As Starlette sends it."""
        response = Response(self.body, self.status)
        response.raw_headers = self.headers
        return response

    def written(self, request_id: str, more: Iterable[tuple[bytes, bytes]], *, last: bool) -> bytes:
        """All of it as HTTP 1.1 has it, with ``more`` headers; ``last``: the connection closes behind it."""
        # What every answer has is put down as it stands: to list and join it takes several times as long.
        others = [*more, *_ADVICE.get(self.status, ())]
        if last:
            others.append((b"connection", b"close"))
        return b"%b%bcontent-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\n\r\n%b" % (
            STATUS_LINE[self.status],
            b"".join([b"%b: %b\r\n" % header for header in others]),
            self.kind,
            len(self.body),
            request_id.encode("ascii"),
            self.body,
        )


def failure(error: Exception, request_id: str, path: str) -> Reply:
    """The reply to a request that failed, whoever's fault it was; the server's log says more, no values."""
    if isinstance(error, Refused):
        if error.__cause__ is not None:
            _log.warning("request %s refused: %s", request_id, told(error.__cause__))
        return Reply.error(error.status, error.message, path)
    if isinstance(error, ServingError):
        _log.warning("request %s not answered: %s", request_id, error.message)
        return Reply.error(503, error.message, path)
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("request %s failed: %s\n%s", request_id, told(error), frames)
    return Reply.error(500, f"the server failed; its log says why, under {request_id}", path)
