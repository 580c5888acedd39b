"""uvicorn, told to say when it answers and to end quietly when it is asked to."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any, Self, cast

import uvicorn

from workbench.errors import ServingError
from workbench.serving.http.accepting import Acceptor, Shares
from workbench.serving.http.app import App
from workbench.serving.http.connection import Connection
from workbench.serving.settings import Limits, Tls

__all__ = ["Place", "bind", "listen", "url_of"]

_KEEP_ALIVE_SECONDS = 75
_BACKLOG = 2048
# Files that a worker has open besides connections; and connections that are told to come back.
_OTHER_FILES = 256
_TOO_MANY = 64


@dataclass(frozen=True)
class Place:
    """Where a server listens: the bound socket; with several workers, their shares and this one's place."""

    listening: socket.socket
    shares: Shares | None = None
    slot: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.listening.close()


class _Listener(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, app: App, place: Place, limits: Limits, answering: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._scoring = app.scoring
        self._place, self._limits, self._answering = place, limits, answering

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            self._place.listening.listen(_BACKLOG)
        except OSError as error:  # two that were bound at the same moment
            raise ServingError(
                f"cannot listen on {url_of(self._place.listening)}: {error.strerror}"
            ) from error
        await super().startup([])
        most = _connections(self._limits.connections)
        acceptor: Acceptor

        def connect(ended: Callable[[], None]) -> Connection:
            return Connection(
                self._scoring,
                self._limits,
                most,
                ended,
                lambda: acceptor.closed,
                config=self.config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
                _loop=asyncio.get_running_loop(),
            )

        acceptor = Acceptor(
            self._place.listening,
            connect,
            most=most + _TOO_MANY,
            context=self.config.ssl,
            handshake_seconds=self._limits.head_seconds,
            shares=self._place.shares,
            slot=self._place.slot,
        )
        # It has what uvicorn asks of a server: to close, and to wait for that.
        self.servers.append(cast(asyncio.base_events.Server, acceptor))
        self._answering()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn would raise the signal once more at the end; a graceful stop is no failure.
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def listen(
    app: App,
    place: Place,
    answering: Callable[[], None],
    *,
    limits: Limits,
    tls: Tls | None = None,
) -> None:
    """Serve ``app`` until SIGTERM or SIGINT; ``answering`` is called once, when requests are answered."""
    certificate = {"ssl_certfile": tls.certificate, "ssl_keyfile": tls.key} if tls else {}
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=Connection,
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="on",
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=limits.grace_seconds,
        **cast(dict[str, Any], certificate),
    )
    _Listener(config, app, place, limits, answering).run(sockets=[place.listening])


def _connections(wanted: int) -> int:
    """As many connections as wanted, or as the process may have files open besides its others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _TOO_MANY + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(1, min(wanted, soft - _TOO_MANY - _OTHER_FILES))
    return wanted


def bind(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Nobody can connect before :func:`listen`.

    Raises
    ------
    ServingError
        When the address is taken, or none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ServingError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another port"
        ) from error
    return listening


def url_of(listening: socket.socket, *, tls: bool = False) -> str:
    """The address a client on this machine can reach it under."""
    scheme = "https" if tls else "http"
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
