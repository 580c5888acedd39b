"""A load generator for machines without wrk; as a program, since it wants a core of its own.

``python -m tests.benchmarks.serving.client URL BODIES CONNECTIONS SECONDS`` prints the same line of JSON as
``post.lua`` does. It takes several times wrk's processor time, so fast servers look slower than they are.
"""

from __future__ import annotations

import asyncio
import functools
import json
import sys
import time
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import httptools
import numpy as np
import uvloop

__all__ = ["main"]


class _Connection(asyncio.Protocol):
    """Sends one request after the other, each when the answer to the last has come."""

    def __init__(self, requests: list[bytes], first: int) -> None:
        self._requests, self._number = requests, first
        self.taken: list[float] = []
        self.refused = self.broken = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stopping = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._stopping:
            self.broken += 1
        if not self.ended.done():
            self.ended.set_result(None)

    def on_message_complete(self) -> None:
        self.taken.append(time.perf_counter() - self._begun)
        self.refused += self._parser.get_status_code() != 200
        if self._stopping:
            self._transport.close()
        else:
            self._send()

    def stop(self) -> None:
        self._stopping = True

    def _send(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._number = (self._number + 1) % len(self._requests)
        self._begun = time.perf_counter()
        self._transport.write(self._requests[self._number])


async def _load(url: str, bodies: list[bytes], connections: int, seconds: float) -> dict[str, float]:
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n"
    )
    requests = [head.format(len(body)).encode() + body for body in bodies]
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    made = [
        await loop.create_connection(
            functools.partial(_Connection, requests, number), parts.hostname or "", parts.port or 80
        )
        for number in range(connections)
    ]
    await asyncio.sleep(seconds)
    took = time.perf_counter() - begun
    open_ones = [protocol for _, protocol in made]
    taken = np.array([value for one in open_ones for value in one.taken])
    for one in open_ones:
        one.stop()
    await asyncio.wait([one.ended for one in open_ones], timeout=30)
    return {
        "requests": len(taken),
        "seconds": took,
        "p50_ms": float(np.percentile(taken, 50)) * 1000 if len(taken) else 0.0,
        "p99_ms": float(np.percentile(taken, 99)) * 1000 if len(taken) else 0.0,
        "refused": sum(one.refused for one in open_ones),
        "broken": sum(one.broken for one in open_ones),
    }


def main() -> None:
    url, file, connections, seconds = sys.argv[1:]
    bodies = Path(file).read_bytes().splitlines()
    print(json.dumps(uvloop.run(_load(url, bodies, int(connections), float(seconds)))))


if __name__ == "__main__":
    main()
