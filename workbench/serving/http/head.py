"""The head of a request, read once, and its body, bounded in size and time."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Receive, Scope

from workbench.serving.protocol.schema import Refused
from workbench.serving.settings import LOOPBACK, Limits

__all__ = ["Head", "RequestIds", "read_body"]

_MOST_DIGITS = 20
_LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class Head:
    """What the guards and the routes want to know of a request's headers."""

    headers: Mapping[bytes, bytes]

    @classmethod
    def of(cls, scope: Scope) -> Head:
        return cls(dict(scope["headers"]))

    def text(self, name: bytes) -> str:
        """A header's value, or an empty text."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def host_is_loopback(self) -> bool:
        """Whether the server was asked under a name of this machine itself.

        A page in somebody's browser can reach a local server under a name of its own; it then says so here.
        """
        host = self.text(b"host").lower()
        name = host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
        return name in LOOPBACK


class RequestIds:
    """The id of a request: its sender's, if it is a plain one, or one of ours."""

    def __init__(self) -> None:
        self._prefix, self._counter = secrets.token_hex(4), itertools.count()

    def of(self, head: Head) -> str:
        given = head.text(b"x-request-id")
        if 0 < len(given) <= _LONGEST_ID and given.isascii() and given.isprintable() and " " not in given:
            return given
        return f"{self._prefix}-{next(self._counter):x}"


async def read_body(head: Head, receive: Receive, limits: Limits) -> bytes:
    """The whole body.

    Raises
    ------
    Refused
        It is compressed (415), too large (413), too slow (408), or its sender went away (400).
    """
    if head.headers.get(b"content-encoding", b"identity").lower() not in (b"identity", b""):
        raise Refused(415, "a compressed body is not taken; send it without Content-Encoding")
    announced = head.text(b"content-length") or "0"
    most = limits.body_bytes
    if announced.isdecimal() and (len(announced) >= _MOST_DIGITS or int(announced) > most):
        raise Refused(413, f"the body is larger than {most} bytes")
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_seconds):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "the client went away")
                chunk, more = message.get("body", b""), message.get("more_body", False)
                size += len(chunk)
                if size > most:
                    raise Refused(413, f"the body is larger than {most} bytes")
                chunks.append(chunk)
    except TimeoutError:
        raise Refused(408, f"the body did not arrive within {limits.body_seconds:g} s") from None
    return b"".join(chunks)
