"""What every request passes: the bounds of its body, and its id."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.serving.http.entrance import Entrance
from workbench.serving.http.head import Head
from workbench.serving.http.keys import Keys
from workbench.serving.protocol.refused import Refused
from workbench.serving.settings import Limits, Settings

LIMITS = Limits(body_bytes=100, bodies_bytes=250)
EMPTY = Head.of([])


def entrance() -> Entrance:
    return Entrance(Settings("project", "log", limits=LIMITS), Keys())


def status(refused: pytest.ExceptionInfo[Refused]) -> int:
    return refused.value.status


def test_bodies_are_bounded_by_themselves_and_together() -> None:
    entered = entrance()
    bodies = [entered.body(EMPTY) for _ in range(4)]
    for body in bodies[:2]:
        body.add(b"x" * 60)
        body.add(b"y" * 40)
        with pytest.raises(Refused) as refused:
            body.add(b"z")
        assert status(refused) == 413
    bodies[2].add(b"x" * 50)
    with pytest.raises(Refused) as refused:
        bodies[3].add(b"x")
    assert status(refused) == 429
    assert bodies[0].whole() == b"x" * 60 + b"y" * 40
    bodies[0].close()
    bodies[3].add(b"x" * 100)
    for body in bodies:
        body.close()
    entered.body(EMPTY).add(b"x" * 100)


def test_what_a_head_announces_is_refused_before_it_comes() -> None:
    for name, value, expected in (
        (b"content-length", b"101", 413),
        (b"content-length", b"9" * 30, 413),
        (b"content-encoding", b"gzip", 415),
    ):
        with pytest.raises(Refused) as refused:
            entrance().body(Head.of([(name, value)]))
        assert status(refused) == expected
    assert entrance().body(Head.of([(b"content-length", b"100"), (b"content-encoding", b"identity")]))


def test_an_id_is_the_senders_if_it_is_a_plain_one() -> None:
    entered = entrance()
    assert entered.request_id(Head.of([(b"x-request-id", b"mine-1")])) == "mine-1"
    ours = [
        entered.request_id(Head.of([(b"x-request-id", given)])) for given in (b"", b"a b", b"\xff", b"x" * 65)
    ]
    assert len(set(ours)) == 4
    assert not {"", "a b", "x" * 65} & set(ours)


def test_a_server_on_loopback_is_asked_under_no_other_name() -> None:
    for host in (b"localhost", b"127.0.0.1:80", b"[::1]:80", b"LOCALHOST"):
        entrance().check("/invocations", Head.of([(b"host", host)]))
    for host in (b"", b"127.0.0.1.example", b"attacker.example:80"):
        with pytest.raises(Refused) as refused:
            entrance().check("/invocations", Head.of([(b"host", host)]))
        assert status(refused) == 403
    elsewhere = Entrance(replace(Settings("project", "log"), host="0.0.0.0"), Keys())
    elsewhere.check("/invocations", Head.of([(b"host", b"models.example")]))
