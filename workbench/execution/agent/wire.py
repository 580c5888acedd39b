"""Messages between client, agent and keeper: JSON behind a length, open files beside it."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

__all__ = ["Gone", "peer", "receive", "receive_with_files", "send"]

_LENGTH = struct.Struct("!I")
_CREDENTIALS = struct.Struct("3i")
_MOST_BYTES = 16 * 1024 * 1024
_MOST_FILES = 3


class Gone(ConnectionError):
    """The other side has closed, or died, or is not one of us."""


def send(connection: socket.socket, message: Any, files: Sequence[int] = ()) -> None:
    """Send one message and, with it, descriptors of open files."""
    body = json.dumps(message).encode()
    sent = 0
    if files:
        # Descriptors travel with the first byte, so the length goes ahead with them.
        sent = socket.send_fds(connection, [_LENGTH.pack(len(body))], list(files))
        if sent != _LENGTH.size:
            raise Gone("a message was cut")
        connection.sendall(body)
    else:
        connection.sendall(_LENGTH.pack(len(body)) + body)


def receive(connection: socket.socket) -> Any:
    """The next message (:class:`Gone` when there is none and never will be)."""
    return _body(connection, _exactly(connection, _LENGTH.size))


def receive_with_files(connection: socket.socket) -> tuple[Any, list[int]]:
    """The next message and the descriptors that came with it, which are now the caller's to close."""
    head, files, _flags, _address = socket.recv_fds(connection, _LENGTH.size, _MOST_FILES)
    for file in files:
        os.set_inheritable(file, False)
    try:
        if not head:
            raise Gone("nothing was sent")
        head += _exactly(connection, _LENGTH.size - len(head))
        return _body(connection, head), files
    except BaseException:
        for file in files:
            os.close(file)
        raise


def _body(connection: socket.socket, head: bytes) -> Any:
    try:
        return json.loads(_exactly(connection, _LENGTH.unpack(head)[0]))
    except (ValueError, RecursionError) as error:
        raise Gone("the other side does not speak our language") from error


def _exactly(connection: socket.socket, count: int) -> bytes:
    if count > _MOST_BYTES:
        raise Gone(f"a message of {count} bytes")
    parts = []
    while count:
        part = connection.recv(min(count, 1 << 20))
        if not part:
            raise Gone("the other side has closed")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def peer(connection: socket.socket) -> tuple[int, int]:
    """Process and user at the other end, as the system knows them."""
    size = _CREDENTIALS.size
    pid, uid, _gid = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return pid, uid
