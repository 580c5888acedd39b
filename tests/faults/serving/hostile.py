"""Hostile requests as bytes, and what a server says to them."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import socket
from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyarrow import ipc

from tests.faults.serving.served import BODY
from tests.unit.serving.tiny import port_of
from workbench.serving import Server

__all__ = [
    "BODIES",
    "PATHS_THAT_READ",
    "ROW",
    "WIDE",
    "head",
    "none_at_all",
    "request",
    "said",
    "status_of",
    "wrong_heads",
]

PATHS_THAT_READ = ("/invocations", "/truth", "/feedback", "/v2/models/tiny-model/infer")
ROW = b'{"colour": "red", "size": %s, "ordered": null}'
_DEPTH = 10_000
_ROWS = 10_000


def records(size: bytes) -> bytes:
    return b'{"dataframe_records": [' + ROW % size + b"]}"


def _wide(count: int) -> Iterator[tuple[str, str, bytes]]:
    """Small bodies of far more cells than bytes, in so many columns: their names, content types and bytes."""
    names = [f"column {number}" for number in range(count)]
    values = {"inputs": {"size": [0] * _ROWS, **dict.fromkeys(names, 0)}}
    yield f"one value for {_ROWS} rows in {count} columns", "application/json", json.dumps(values).encode()
    records = {"instances": [{names[row % count]: 0} for row in range(_ROWS)]}
    yield f"{_ROWS} records of {count} columns, one each", "application/json", json.dumps(records).encode()
    nulls, sink = pa.table(dict.fromkeys(names, pa.nulls(_ROWS))), pa.BufferOutputStream()
    with ipc.new_stream(sink, nulls.schema) as stream:
        stream.write_table(nulls)
    body: bytes = sink.getvalue().to_pybytes()
    yield f"{_ROWS} nulls in {count} columns", "application/vnd.apache.arrow.stream", body


#: By name: content type and bytes of small bodies that would be large ones in memory.
WIDE: dict[str, tuple[str, bytes]] = {
    **{name: (kind, body) for count in (900, 2_000, _ROWS) for name, kind, body in _wide(count)},
    f"a text of 100 kB for {_ROWS} rows": (
        "application/json",
        json.dumps({"inputs": {"size": [0] * _ROWS, "ordered": None, "colour": "x" * 100_000}}).encode(),
    ),
}

#: No server may take any of these, whatever the path.
BODIES: dict[str, bytes] = {
    "NaN": records(b"NaN"),
    "infinity": records(b"Infinity"),
    "minus infinity": records(b"-Infinity"),
    "1e400": records(b"1e400"),
    "an integer of 100,000 digits": records(b"9" * 100_000),
    "10,000 deep lists": b"[" * _DEPTH + b"]" * _DEPTH,
    "10,000 deep objects": b'{"a":' * _DEPTH + b"1" + b"}" * _DEPTH,
    "a cell of 10,000 deep lists": records(b"[" * _DEPTH + b"]" * _DEPTH),
    "10,000 deep lists that never end": b"[" * _DEPTH,
    "10,000 deep parameters": b'{"params": ' + b'{"a":' * _DEPTH + b"1" + b"}" * _DEPTH + b"}",
    "a column twice": records(b'1, "size": 2'),
    "a format twice": b'{"instances": [], "instances": []}',
    "no UTF-8": records(b'"\xff\xfe"'),
    "UTF-16": records(b"1").decode().encode("utf-16"),
    "half of a surrogate": records(b'"\\ud800"'),
    "zeros": b"\0" * 100_000,
    "a million rows": b'{"dataframe_split": {"columns": ["size"], "data": [' + b"[1]," * 10**6 + b"[1]]}}",
    "a million empty rows": b'{"dataframe_records": [' + b"{}," * 10**6 + b"{}]}",
    "a million lists in a text that never ends": b'{"instances": ["' + b'\\"[' * 10**6,
    "a million lists in parameters": b'{"params": {"x": [' + b"[]," * 10**6 + b"[]]}}",
    "100,000 columns": b'{"dataframe_split": {"columns": [%s], "data": []}}'
    % b",".join(b'"c%d"' % number for number in range(100_000)),
    "100,000 columns, the last one twice": json.dumps(
        {"dataframe_split": {"columns": [*map(str, range(100_000)), "99999"], "data": [[0] * 100_001]}}
    ).encode(),
    **{name: body for name, (kind, body) in WIDE.items() if kind == "application/json"},
    "a name of a megabyte": b'{"' + b"x" * 2**20 + b'": 1}',
    "nothing": b"",
    "a number": b"1",
    "two of them": records(b"1") * 2,
    "gzip": gzip.compress(bytes(50 * 2**20)),
}


def head(path: str, *lines: str, method: str = "POST") -> bytes:
    """The head of a request."""
    lines = (f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", "")
    return "\r\n".join(lines).encode("latin-1")


def request(content: bytes, path: str = "/invocations", *lines: str, kind: str = "application/json") -> bytes:
    """A whole request, the last of its connection."""
    about = (f"Content-Type: {kind}", f"Content-Length: {len(content)}", "Connection: close", *lines)
    return head(path, *about) + content


def wrong_heads() -> Iterator[tuple[str, bytes, tuple[int, ...]]]:
    """Requests whose head forbids an answer, and what may be said to them."""
    bomb = gzip.compress(bytes(50 * 2**20))
    for coding in ("gzip", "deflate", "br", "identity, gzip", "x"):
        yield (
            f"content encoding {coding}",
            request(bomb, "/invocations", f"Content-Encoding: {coding}"),
            (415,),
        )
    for kind in ("utf-16", "latin-1", "utf-8; charset=utf-16", "\xff"):
        wrong = request(BODY, kind=f"application/json; charset={kind}")
        yield f"charset {kind}", wrong, (400, 415)
    for kind in ("text/html", "multipart/form-data; boundary=x", "application/xml", "", "x" * 10_000, ";;;"):
        yield f"content type {kind[:20]}", request(BODY, kind=kind), (400, 415)
    yield (
        "50 MB announced",
        head("/truth", "Content-Type: application/json", f"Content-Length: {50 * 2**20}"),
        (413,),
    )
    for length in ("9" * 30, "-1", "+5", "5, 5", "0x10", "1e3", ""):
        yield f"length {length[:9]}", head("/invocations", f"Content-Length: {length}") + BODY, (400, 413)
    twice = ("Content-Length: 5", f"Content-Length: {len(BODY)}")
    yield "two lengths", head("/invocations", *twice) + BODY, (400,)
    both = ("Content-Length: 5", "Transfer-Encoding: chunked")
    yield "a length and chunks", head("/invocations", *both) + b"0\r\n\r\n", (400,)
    for coding in ("gzip", "chunked, gzip", "chunked, identity", "xchunked"):
        wrong = head("/invocations", f"Transfer-Encoding: {coding}") + b"0\r\n\r\n"
        yield f"transfer encoding {coding}", wrong, (400, 408, 415)
    for size in (b"xyz", b"-1", b"ffffffffffffffffff", b"5;" + b"a" * 100_000):
        chunked = head("/invocations", "Content-Type: application/json", "Transfer-Encoding: chunked")
        yield f"a chunk of {size[:20]!r}", chunked + size + b"\r\n" + BODY, (400, 408, 413, 431)
    yield "100,000 headers", head("/ping", *(f"X-{n}: {n}" for n in range(100_000)), method="GET"), (431,)
    yield "a header of a megabyte", head("/ping", "X: " + "x" * 2**20, method="GET"), (431,)
    yield "a path of 100 kB", head("/" + "x" * 100_000, method="GET"), (400, 431)
    yield "another host", b"GET /ping HTTP/1.1\r\nHost: attacker.example\r\n\r\n", (403,)
    yield "no host", b"GET /ping HTTP/1.1\r\n\r\n", (400, 403)


def none_at_all() -> Iterator[tuple[str, bytes]]:
    """Bytes that are no request of HTTP 1.1."""
    good = head("/ping", method="GET")
    yield "a TLS hello", bytes.fromhex("16030100a5010000a10303") + bytes(160)
    yield "HTTP 2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield "HTTP 9", good.replace(b"HTTP/1.1", b"HTTP/9.9")
    yield "another protocol", b"EHLO localhost\r\n"
    yield "a method that is none", good.replace(b"GET", b"G\0T")
    yield "a zero in a header", head("/ping", "X: a\0b", method="GET")
    yield "a header without a name", head("/ping", ": a", method="GET")
    yield "a name with a space", head("/ping", "X Y : a", method="GET")
    yield "a header over two lines", head("/ping", "X: a", " b", method="GET")
    yield "lone line feeds and returns", good.replace(b"\r\n", b"\r")
    chance = random.Random(7)
    for number in range(40):
        damaged = bytearray(request(BODY))
        for _ in range(chance.randrange(1, 6)):
            damaged[chance.randrange(60)] = chance.randrange(256)
        yield f"damage {number}", bytes(damaged)
        yield f"noise {number}", chance.randbytes(chance.randrange(1, 3_000))


def said(server: Server, parts: Iterable[bytes], *, answers: int = 1, seconds: float = 30.0) -> bytes:
    """So many responses to these bytes, or what is said until the server closes if those are fewer."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=seconds) as connection:
        # A server that has made up its mind need not read the rest.
        with contextlib.suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
        with contextlib.suppress(ConnectionError):
            while _whole(heard) < answers and (part := connection.recv(65536)):
                heard += part
    return heard


def _whole(heard: bytes) -> int:
    """How many whole responses these bytes are."""
    count = 0
    while b"\r\n\r\n" in heard:
        about, _, rest = heard.partition(b"\r\n\r\n")
        length = int(about.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(rest) < length:
            break
        heard, count = rest[length:], count + 1
    return count


def status_of(heard: bytes) -> int:
    """The status of a response; 0 if there is none."""
    if not heard:
        return 0
    version, status, _ = heard.split(b" ", 2)
    assert version == b"HTTP/1.1"
    return int(status)
