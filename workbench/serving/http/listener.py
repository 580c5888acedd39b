"""uvicorn, told to say when it answers and to end quietly when it is asked to."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from workbench.errors import ServingError

__all__ = ["bind", "listen", "url_of"]

_KEEP_ALIVE_SECONDS = 75


class _Listener(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, answering: Callable[[], None]) -> None:
        super().__init__(config)
        self._answering = answering

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._answering()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn would raise the signal once more at the end; a graceful stop is no failure.
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def listen(
    app: ASGIApp, listening: socket.socket, answering: Callable[[], None], *, grace_seconds: int
) -> None:
    """Serve ``app`` until SIGTERM or SIGINT.

    ``answering`` is called once requests are answered. Those under way at the end have ``grace_seconds``.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="on",
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=grace_seconds,
    )
    _Listener(config, answering).run(sockets=[listening])


def bind(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ServingError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another port"
        ) from error
    return listening


def url_of(listening: socket.socket) -> str:
    """The address a client on this machine can reach it under."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
