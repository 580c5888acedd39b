"""What stands on record of how a scheduled run ended: one line, whatever it printed and said."""

from __future__ import annotations

import json

import pytest

from workbench.execution.schedule.outcomes import Outcome, outcome_of


@pytest.mark.parametrize(
    ("printed", "said", "exit_status", "outcome"),
    [
        ("", "workbench: no new.csv: name a file\n", 1, ("failed", "exit status 1: no new.csv: name a file")),
        ("", "", 2, ("failed", "exit status 2")),
        ("", "Traceback\n  File x\nMemoryError\n", 1, ("failed", "exit status 1: MemoryError")),
        ("", "reading\n", -9, ("killed", "its process was killed by signal 9: reading")),
        ("", "", -15, ("killed", "its process was killed by signal 15")),
        ("\n300 rows\nnext: workbench truth\n", "", 0, ("finished", "300 rows")),
        ('{"recorded": 3}\n', "", 0, ("finished", "")),
        ("", "a warning\n", 0, ("finished", "")),
    ],
)
def test_what_a_command_said_last_and_its_exit_status(
    printed: str, said: str, exit_status: int, outcome: tuple[str, str]
) -> None:
    found = outcome_of(printed, said, exit_status)
    assert found is not None
    assert (found.status, found.why) == outcome


@pytest.mark.parametrize("stream", ["printed", "said"])
def test_nothing_that_a_terminal_would_obey_is_kept(stream: str) -> None:
    hostile = "\x1b[31mno\x1b[0m \x1b]0;title\x07 way\u202e\r" + "x" * 2000
    found = outcome_of(hostile, "", 0) if stream == "printed" else outcome_of("", hostile, 1)
    assert found is not None
    assert found.why.isprintable()
    assert len(found.why) < 600


def test_nobody_waited_and_nothing_was_printed() -> None:
    assert outcome_of("", "reading\n", None) is None


def test_a_run_tells_by_itself_how_it_ended() -> None:
    phase = {"phase": "gather", "status": "failed", "why": "KeyError: \x1b[2Jx", "report": "/tmp/report"}
    facts = {"status": "failed", "run_id": "4f2a", "phases": [phase]}
    found = outcome_of(json.dumps(facts), "", 1)
    assert found == Outcome("failed", "4f2a", "/tmp/report", "gather: KeyError: \ufffd[2Jx")
