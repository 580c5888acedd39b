"""Ports for servers that are told which one to take."""

from __future__ import annotations

import random
import socket

__all__ = ["free_port"]

# No system hands these out by itself: not to a kernel that starts before the server has taken its own.
_OURS = range(20_000, 32_000)


def free_port() -> int:
    """A port on loopback that nothing listens on, and that nobody is given who asks for any."""
    for port in random.sample(_OURS, len(_OURS)):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise OSError(f"ports {_OURS.start} to {_OURS.stop} of 127.0.0.1 are all taken")
