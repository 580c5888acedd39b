"""Replies to what failed: one line for whoever asked, and for the server's log no value of a row."""

from __future__ import annotations

import json
import logging

import pytest

from workbench.serving.http.reply import failure
from workbench.serving.protocol.refused import Refused

_NAME = "Jane Doe"


def _build(name: str, *, refused: bool) -> None:
    try:
        raise ValueError(f"could not convert {name!r}")
    except ValueError as error:
        if refused:
            raise Refused(400, f"these rows cannot be built: {error}") from error
        raise


@pytest.mark.practice("O4")
@pytest.mark.parametrize(("refused", "status"), [(True, 400), (False, 500)])
def test_what_a_row_has_stays_out_of_the_log(
    caplog: pytest.LogCaptureFixture, refused: bool, status: int
) -> None:
    with pytest.raises((Refused, ValueError)) as caught:
        _build(_NAME, refused=refused)
    with caplog.at_level(logging.WARNING):
        reply = failure(caught.value, "r1", "/invocations")
    assert reply.status == status
    assert (_NAME in json.loads(reply.body)["message"]) == refused
    assert f"ValueError at {__file__}, line" in caplog.text
    assert _NAME not in caplog.text
