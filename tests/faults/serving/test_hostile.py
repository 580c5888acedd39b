"""Hostile clients get a 4xx or no answer at all; the server stays as it was, for everybody else, too."""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import psutil
import pytest

from tests.faults.serving.hostile import (
    BODIES,
    PATHS_THAT_READ,
    ROW,
    WIDE,
    head,
    none_at_all,
    request,
    said,
    status_of,
    wrong_heads,
)
from tests.faults.serving.served import (
    BODY,
    PATHS,
    body,
    make_project,
    post,
    source,
)
from tests.repeats import FULL, repeats
from tests.unit.serving.tiny import port_of, until
from workbench.serving import Server, start
from workbench.serving.settings import Limits

pytestmark = pytest.mark.server
_MEGABYTE = 2**20
_HEAD_SECONDS, _BODY_SECONDS = 0.5, 1.0


@pytest.fixture(scope="module", params=PATHS if FULL else ("compiled",))
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Server]:
    project = make_project(tmp_path_factory.mktemp("hostile") / "project")
    limits = Limits(head_seconds=_HEAD_SECONDS, body_seconds=_BODY_SECONDS)
    with start(project, champion=1, models=source(request.param), limits=limits, seconds=120) as server:
        yield server


def _is_one_line(heard: bytes) -> bool:
    message = msgspec.json.decode(heard.partition(b"\r\n\r\n")[2])["message"]
    return 0 < len(message) < 1_000 and "\n" not in message


def bodies(server: Server) -> None:
    for name, content in BODIES.items():
        for path in PATHS_THAT_READ:
            heard = said(server, [request(content, path)])
            assert status_of(heard) in (400, 413), f"{name} to {path}: {heard[:300]!r}"
            assert _is_one_line(heard), f"{name} to {path}: {heard[:2000]!r}"


def heads(server: Server) -> None:
    for name, content, statuses in wrong_heads():
        heard = said(server, [content])
        assert status_of(heard) in statuses, f"{name}: {heard[:300]!r}"
        assert _is_one_line(heard), f"{name}: {heard[:2000]!r}"


def large_bodies(server: Server) -> None:
    """Fifty megabytes, announced and in chunks, by several at once."""
    chunk = b"%x\r\n" % _MEGABYTE + b" " * _MEGABYTE + b"\r\n"
    announced = [request(b" " * 50 * _MEGABYTE)]
    chunked = [head("/truth", "Content-Type: application/json", "Transfer-Encoding: chunked"), *[chunk] * 50]
    with ThreadPoolExecutor(4) as pool:
        for heard in pool.map(lambda parts: said(server, parts, seconds=60), [announced, chunked] * 2):
            assert status_of(heard) in (0, 413)


def wide_bodies(server: Server) -> None:
    """Of almost the size that is taken, by many at once; made into objects, each is 400 MB."""
    lists = b'{"dataframe_split": {"columns": ["size"], "data": [' + b"[]," * 5_000_000 + b"[]]}}"
    rows = b'{"instances": [' + b"{}," * 5_000_000 + b"{}]}"
    asked = [request(lists), request(rows), request(lists, "/v2/models/tiny-model/infer")]
    with ThreadPoolExecutor(8) as pool:
        for heard in pool.map(lambda content: said(server, [content], seconds=60), asked * 4):
            assert status_of(heard) in (408, 413), heard[:300]  # on a busy machine they come too slowly


def small_and_wide(server: Server) -> None:
    """Of some 100 kB, by many at once; cell by cell, each would be of 70 MB to 1 GB."""
    names = [*WIDE] * 2
    asked = [request(content, kind=kind) for kind, content in [*WIDE.values()] * 2]
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda content: said(server, [content]), asked)
        for name, heard in zip(names, answers, strict=True):
            assert status_of(heard) in (400, 413), f"{name}: {heard[:300]!r}"
            assert _is_one_line(heard), f"{name}: {heard[:2000]!r}"


def garbage(server: Server) -> None:
    for name, content in none_at_all():
        heard = said(server, [content])
        # Damage may leave a request that is a good one.
        assert status_of(heard) in (0, *range(400, 500), *((200,) if name.startswith("damage") else ())), (
            f"{name}: {content[:200]!r}: {heard[:300]!r}"
        )


def pipelined(server: Server) -> None:
    """Good requests, and at once behind them what is none: they get their answers first."""
    good = head("/invocations", "Content-Type: application/json", f"Content-Length: {len(BODY)}") + BODY
    for name, content in list(none_at_all())[:20]:
        heard = said(server, [good * 3 + content], answers=4)
        assert heard.count(b"HTTP/1.1 200 ") == 3, f"{name}: {heard!r}"
        assert heard.startswith(b"HTTP/1.1 200 "), f"{name}: {heard!r}"
        assert b"HTTP/1.1 5" not in heard, f"{name}: {heard!r}"


def a_flood_behind_a_good_one(server: Server) -> None:
    """Thousands that are refused at once, and that have to wait for their turn."""
    good = head("/invocations", "Content-Type: application/json", f"Content-Length: {len(BODY)}") + BODY
    nameless = b"POST /invocations HTTP/1.1\r\n\r\n"
    last = head("/ping", "Connection: close", method="GET")
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=60) as connection:
        connection.sendall(good + nameless * 4_000 + last)
        heard = b"".join(iter(lambda: connection.recv(2**20), b""))
    assert heard.count(b"HTTP/1.1 403 ") == 4_000
    assert heard.count(b"HTTP/1.1 200 ") == 2


def _slowly(server: Server, content: bytes) -> bytes:
    """Say it byte by byte, as long as somebody listens."""
    pause = threading.Event()

    def parts() -> Iterator[bytes]:
        for place in range(len(content)):
            yield content[place : place + 1]
            pause.wait(0.02)

    return said(server, parts())


def slow_clients(server: Server) -> None:
    about = head("/truth", "Content-Type: application/json", "Content-Length: 1000000")
    slow_head, slow_body = about * 30, b" " * 1_000
    begun = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        heads = [pool.submit(_slowly, server, slow_head) for _ in range(10)]
        bodies = [pool.submit(_slow_body, server, about, slow_body) for _ in range(10)]
        # Others do not wait for them.
        assert post(server)[0] == 200
        for asked in heads + bodies:
            assert status_of(asked.result()) in (0, 408)
    assert time.monotonic() - begun < 20 * _BODY_SECONDS


def _slow_body(server: Server, about: bytes, content: bytes) -> bytes:
    pause = threading.Event()

    def parts() -> Iterator[bytes]:
        yield about
        for place in range(len(content)):
            yield content[place : place + 1]
            pause.wait(0.02)

    return said(server, parts())


def many_connections(server: Server) -> None:
    """Some say nothing, some half of a request, some do not read what they asked for."""
    large = request(body(2_000)).replace(b"Connection: close\r\n", b"")
    with contextlib.ExitStack() as opened:
        for number in range(300):
            connection = socket.create_connection(("127.0.0.1", port_of(server)), timeout=30)
            opened.callback(connection.close)
            connection.sendall(
                (b"", head("/ping", method="GET")[:20], large if number < 60 else b"")[number % 3]
            )
        assert post(server)[0] == 200
    assert post(server)[0] == 200


def who_do_not_read(server: Server) -> None:
    """They ask for large answers, one behind the other, and take none; they are not waited for."""
    process = psutil.Process(server.pid)
    files = process.num_fds()
    large = request(body(5_000)).replace(b"Connection: close\r\n", b"")
    with contextlib.ExitStack() as opened, ThreadPoolExecutor(3) as pool:

        def ask(_: int) -> None:
            connection = opened.enter_context(socket.socket())
            connection.settimeout(60)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.connect(("127.0.0.1", port_of(server)))
            # The system takes some megabytes of answers before the server is left with the rest.
            with pytest.raises(ConnectionError):
                connection.sendall(large * 200)

        asking = [pool.submit(ask, number) for number in range(3)]
        assert post(server)[0] == 200
        for asked in asking:
            asked.result()
        until(lambda: process.num_fds() <= files + 2, seconds=60)


def gone_before_the_answer(server: Server) -> None:
    for _ in range(100):
        with socket.create_connection(("127.0.0.1", port_of(server)), timeout=30) as connection:
            connection.sendall(request(body(100)))


_ATTACKS = (
    *(bodies, heads, large_bodies, wide_bodies, small_and_wide, garbage),
    *(pipelined, a_flood_behind_a_good_one, slow_clients, many_connections),
    *(who_do_not_read, gone_before_the_answer),
)


def _seconds(server: Server) -> float:
    """What a good request takes: the median of some."""
    taken = []
    for _ in range(50):
        begun = time.perf_counter()
        assert post(server)[0] == 200
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def _grown(server: Server, before: int) -> float:
    """By how many megabytes, after a good request."""
    assert post(server)[0] == 200
    return (psutil.Process(server.pid).memory_info().rss - before) / _MEGABYTE


def _through(server: Server) -> None:
    """Wait for what clients that have left had asked, of which some may be predicted already."""
    pause, before = threading.Event(), -1
    while (now := server.health().counts.rows) != before:
        before = now
        pause.wait(0.3)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("attack", _ATTACKS, ids=lambda attack: attack.__name__)
def test_it_is_refused_and_leaves_no_trace(server: Server, attack: Callable[[Server], None]) -> None:
    process = psutil.Process(server.pid)
    seconds, at_first = _seconds(server), process.memory_info().rss
    attack(server)  # what is loaded at first use stays
    until(lambda: server.health().state == "ready")
    before = process.memory_info().rss
    files, threads = process.num_fds(), process.num_threads()
    for _ in range(repeats(10, 1)):
        attack(server)
        _through(server)
    # What is under way for clients that have left is given up in a moment.
    until(lambda: process.num_fds() <= files + 2, seconds=60)
    assert process.num_threads() <= threads + (os.cpu_count() or 1) + 4  # as many as asyncio may have
    until(lambda: _grown(server, before) < 24, seconds=60)
    assert _grown(server, at_first) < 96
    # Others on this machine may take its time, so it may show this more than once.
    until(lambda: _seconds(server) < 1.5 * seconds + 0.005, seconds=60)
    health = server.health()
    assert health.state == "ready"
    assert health.counts.failed == 0


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells how much it was")
def test_a_small_request_takes_little_memory_at_any_time(server: Server) -> None:
    about = Path(f"/proc/{server.pid}")
    small_and_wide(server)
    before = psutil.Process(server.pid).memory_info().rss
    (about / "clear_refs").write_text("5")  # from here on the most is the most since now
    small_and_wide(server)
    most = (about / "status").read_text().partition("VmHWM:")[2].split()[0]
    assert int(most) * 1024 - before < 64 * _MEGABYTE


def test_texts_may_hold_what_looks_like_lists(server: Server) -> None:
    row = ROW.replace(b'"red"', b'"%s"' % (b"[{" * 10)) % b"1"
    status, answer = post(server, b'{"dataframe_records": [' + b",".join([row] * 10_000) + b"]}")
    assert status == 200, answer
    assert len(answer["predictions"]) == 10_000
