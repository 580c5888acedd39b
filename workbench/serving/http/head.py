"""The head of a request, read once."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from workbench.serving.settings import LOOPBACK

__all__ = ["Head"]

_KNOWN_HOSTS, _LONGEST_HOST = 64, 300


@dataclass(frozen=True, slots=True)
class Head:
    """What the guards and the routes want to know of a request's headers."""

    headers: Mapping[bytes, bytes]

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> Self:
        return cls(dict(headers))

    def text(self, name: bytes) -> str:
        """A header's value, or an empty text."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def host_is_loopback(self) -> bool:
        """Whether the server was asked under a name of this machine itself.

        A page in somebody's browser can reach a local server under a name of its own; it then says so here.
        """
        return _is_loopback(self.headers.get(b"host", b"")[:_LONGEST_HOST])


@functools.lru_cache(_KNOWN_HOSTS)
def _is_loopback(given: bytes) -> bool:
    host = given.decode("latin-1").lower()
    name = host[1 : host.find("]")] if host.startswith("[") else host.partition(":")[0]
    return name in LOOPBACK
