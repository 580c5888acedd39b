"""What every request passes, whichever way it goes on: who may ask what, under which id, how much at once."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable

from workbench.serving.http.head import Head
from workbench.serving.http.keys import Keys
from workbench.serving.protocol.refused import Refused
from workbench.serving.settings import LOOPBACK, Settings

__all__ = ["Body", "Entrance"]

_MOST_DIGITS = 20
_LONGEST_ID = 64
_PLAIN = (b"identity", b"")


class Entrance:
    """The guards of one server process."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        self._only_loopback, self._keys = settings.host in LOOPBACK, keys
        self._limits = settings.limits
        self._prefix, self._counter = secrets.token_hex(4), itertools.count()
        self._held = 0

    def request_id(self, head: Head) -> str:
        """The id of a request: its sender's, if it is a plain one, or one of ours."""
        if b"x-request-id" in head.headers:
            given = head.text(b"x-request-id")
            if 0 < len(given) <= _LONGEST_ID and given.isascii() and given.isprintable() and " " not in given:
                return given
        return f"{self._prefix}-{next(self._counter):x}"

    def check(self, path: str, head: Head) -> None:
        """Refuse who may not ask this (401, 403)."""
        if self._only_loopback and not head.host_is_loopback:
            raise Refused(403, "this server answers only under the names of this machine itself")
        denied = self._keys.refusal(path, head.headers)
        if denied is not None:
            raise Refused(*denied)

    def body(self, head: Head) -> Body:
        """Begin to take a body.

        Raises
        ------
        Refused
            It is compressed (415), or larger than is taken (413).
        """
        if head.headers.get(b"content-encoding", b"").lower() not in _PLAIN:
            raise Refused(415, "a compressed body is not taken; send it without Content-Encoding")
        announced, most = head.text(b"content-length"), self._limits.body_bytes
        if announced.isdecimal() and (len(announced) >= _MOST_DIGITS or int(announced) > most):
            raise _too_large(most)
        return Body(most, self._limits.body_seconds, self._make_room)

    def _make_room(self, more: int) -> None:
        """Account for more bytes of bodies, or fewer."""
        if more > 0 and self._held + more > self._limits.bodies_bytes:
            raise Refused(429, "too much is being sent to this server at once; try again in a second")
        self._held += more


class Body:
    """One body as it arrives, bounded in size: by itself, and together with all others under way.

    It has to arrive within ``seconds``. It counts until it is closed, also while others hold what became of
    it.
    """

    __slots__ = ("_chunks", "_make_room", "_most", "_size", "seconds")

    def __init__(self, most: int, seconds: float, make_room: Callable[[int], None]) -> None:
        self._most, self.seconds, self._make_room = most, seconds, make_room
        self._chunks: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        """Take a part of it; refuse what is too large (413), or too much beside all else (429)."""
        more = len(chunk)
        if self._size + more > self._most:
            raise _too_large(self._most)
        self._make_room(more)
        self._size += more
        self._chunks.append(chunk)

    def whole(self) -> bytes:
        """All that was taken; handed over once, since a second copy would be held without being counted."""
        chunks, self._chunks = self._chunks, []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def close(self) -> None:
        """Nobody needs it, or what became of it, any more."""
        self._chunks = []
        self._make_room(-self._size)
        self._size = 0


def _too_large(most: int) -> Refused:
    return Refused(413, f"the body is larger than {most} bytes")
