"""Clients at a steady rate, in a process of their own.

``python -m tests.faults.serving.paced PORT RATE SECONDS BODY``: so many requests a second (0: as many as
there can be) with the body in that file. It prints, as JSON, how many were answered with 200, how many
otherwise, and how many connections broke.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

__all__ = ["Paced", "begin"]

_REPOSITORY = Path(__file__).parents[3]
_CONNECTIONS = 16
_REQUESTS_A_CONNECTION = 200


@dataclass
class Paced:
    """What the clients saw."""

    answered: int = 0
    refused: int = 0
    broken: int = 0


def begin(port: int, a_second: float, seconds: float, body: Path) -> subprocess.Popen[str]:
    """Start them; what they print is a :class:`Paced`."""
    command = [sys.executable, "-m", "tests.faults.serving.paced", str(port), str(a_second), str(seconds)]
    return subprocess.Popen([*command, str(body)], cwd=_REPOSITORY, stdout=subprocess.PIPE, text=True)


async def _client(port: int, pause: float, first: float, end: float, request: bytes, seen: Paced) -> None:
    loop = asyncio.get_running_loop()
    following = first
    while loop.time() < end:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for _ in range(_REQUESTS_A_CONNECTION):
                if loop.time() >= end:
                    break
                following = max(following + pause, loop.time() - pause)
                await asyncio.sleep(following - loop.time())
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                if head.startswith(b"HTTP/1.1 200 "):
                    seen.answered += 1
                else:
                    seen.refused += 1
        except (OSError, EOFError):
            seen.broken += 1
        writer.close()


async def _all(port: int, a_second: float, seconds: float, body: bytes) -> Paced:
    about = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    request = f"POST /invocations HTTP/1.1\r\nHost: localhost\r\n{about}".encode() + body
    seen, now = Paced(), asyncio.get_running_loop().time()
    pause = _CONNECTIONS / a_second if a_second else 0.0
    starts = [now + pause * number / _CONNECTIONS for number in range(_CONNECTIONS)]
    await asyncio.gather(*(_client(port, pause, first, now + seconds, request, seen) for first in starts))
    return seen


if __name__ == "__main__":
    port, a_second, seconds, path = sys.argv[1:]
    found = uvloop.run(_all(int(port), float(a_second), float(seconds), Path(path).read_bytes()))
    print(json.dumps(asdict(found)))
