"""Accepting connections: within what the process can hold open, and in equal shares among workers.

Several workers listen on one socket. Left to the system, whoever wakes first takes all that wait: of 16
connections that came together, one of two workers got none in a third of our trials. With a socket each
(``SO_REUSEPORT``) chance decides, and what waits for a worker that dies is lost. So each worker accepts by
itself, and one that has more than another lets that one go first for a millisecond.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import mmap
import os
import socket
import ssl
import tempfile
from collections.abc import Callable

__all__ = ["Acceptor", "Shares", "file_of_shares"]

_log = logging.getLogger(__name__)

_SLOT_BYTES = 8
_ABSENT = 2**62
_AHEAD = 1  # with none, two workers that answer short connections would wait for each other all the time
_PATIENCE_SECONDS = 0.001
_AT_ONCE = 64
_LAST_ONES = 4096
_FULL_SECONDS = 0.1
_FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def file_of_shares(slots: int) -> int:
    """A nameless file for :class:`Shares`, open in this process: its descriptor."""
    with tempfile.TemporaryFile() as file:
        file.truncate(slots * _SLOT_BYTES)
        return os.dup(file.fileno())


class Shares:
    """How many connections each worker has, in memory that all of them see.

    A worker writes its own place only; whoever starts workers says when one is not there.
    """

    def __init__(self, file: int) -> None:
        self._memory = mmap.mmap(file, 0)
        self._counts = memoryview(self._memory).cast("q")

    def __len__(self) -> int:
        return len(self._counts)

    def leave(self, slot: int) -> None:
        """Nobody waits any longer for the worker in this place."""
        self._counts[slot] = _ABSENT

    def note(self, slot: int, count: int) -> None:
        self._counts[slot] = count

    def room(self, slot: int) -> int:
        """How many connections a worker may take before it is ahead of the one that has the fewest."""
        counts = self._counts.tolist()
        own = counts.pop(slot)
        return min(counts, default=_ABSENT) - own + 1 + _AHEAD


class Acceptor:
    """Accepts what comes in on a listening socket, in this thread's event loop.

    Parameters
    ----------
    connect : callable
        Makes the protocol of a new connection, which calls its argument when it has ended.
    most : int
        Connections beyond which new ones are closed at once.
    shares, slot
        Where workers share the socket: their counts, and this worker's place.
    """

    def __init__(
        self,
        listening: socket.socket,
        connect: Callable[[Callable[[], None]], asyncio.Protocol],
        *,
        most: int,
        context: ssl.SSLContext | None,
        handshake_seconds: float,
        shares: Shares | None = None,
        slot: int = 0,
    ) -> None:
        self._listening, self._connect, self._most = listening, connect, most
        self._context, self._handshake_seconds = context, handshake_seconds
        self._shares, self._slot = shares, slot
        self._loop = asyncio.get_running_loop()
        self._count = 0
        self._connecting: set[asyncio.Task[None]] = set()
        self.closed = False
        listening.setblocking(False)
        self._note(0)
        self._listen()

    def close(self) -> None:
        """Stop accepting; who has come already is taken, so that nobody is turned away at the door."""
        self.closed = True
        self._loop.remove_reader(self._listening)
        self._accept(_LAST_ONES)
        if self._shares is not None:
            self._shares.leave(self._slot)

    async def wait_closed(self) -> None:
        while self._connecting:
            await asyncio.wait(self._connecting)

    def _listen(self) -> None:
        if not self.closed:
            self._loop.add_reader(self._listening, self._someone_waits)

    def _someone_waits(self) -> None:
        room = _AT_ONCE if self._shares is None else self._shares.room(self._slot)
        if room > 0:
            self._accept(min(room, _AT_ONCE))
        else:
            self._later(_PATIENCE_SECONDS, 1)

    def _later(self, seconds: float, at_most: int) -> None:
        self._loop.remove_reader(self._listening)

        def again() -> None:
            if not self.closed:
                self._listen()
                self._accept(at_most)

        self._loop.call_later(seconds, again)

    def _accept(self, at_most: int) -> None:
        for _ in range(at_most):
            try:
                connection, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return  # another worker was faster, or the client has gone
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                _log.warning("no connection can be accepted: %s", error.strerror)
                if not self.closed:
                    self._later(_FULL_SECONDS, 1)
                return
            if self._count >= self._most:
                connection.close()
                continue
            self._note(1)
            connection.setblocking(False)
            task = self._loop.create_task(self._take(connection))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _take(self, connection: socket.socket) -> None:
        seconds = None if self._context is None else self._handshake_seconds
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._connect(self._ended),
                connection,
                ssl=self._context,
                ssl_handshake_timeout=seconds,
            )
        except (OSError, ssl.SSLError, TimeoutError) as error:
            # Nothing but noise to whoever runs the server: somebody spoke no TLS, or not ours, or left.
            _log.debug("a connection failed at its start: %s", error)
            connection.close()
            self._ended()

    def _ended(self) -> None:
        self._note(-1)

    def _note(self, more: int) -> None:
        self._count += more
        if self._shares is not None and not self.closed:
            self._shares.note(self._slot, self._count)
