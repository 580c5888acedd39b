"""How a scheduled run ended, by what its process printed and said, and by its exit status."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.execution.schedule.records import Status
from workbench.store.texts import one_line

__all__ = ["Outcome", "outcome_of"]

_LONGEST = 500  # letters of a line


@dataclass(frozen=True)
class Outcome:
    """How a scheduled run ended.

    Attributes
    ----------
    why : str
        One line, without anything that a terminal would obey: of a failure what was said last, and the exit
        status; of a command that finished what it printed first.
    """

    status: Status
    run_id: str = ""
    report: str = ""
    why: str = ""


def outcome_of(printed: str, said: str, exit_status: int | None) -> Outcome | None:
    """The outcome by standard output and standard error.

    Parameters
    ----------
    exit_status : int or None
        Negative after a signal; None where nobody waited for it.

    Returns
    -------
    Outcome or None
        None when all that does not tell.
    """
    found, last = _of_run(printed), _last_line(said)
    if found is not None:
        why = "" if found.status == "finished" else one_line(found.why, _LONGEST) or last
        report = str(Path(found.report).resolve()) if found.report else ""
        return Outcome(found.status, found.run_id, report, why)
    if exit_status is None:
        return None
    if exit_status == 0:
        return Outcome("finished", why=_result(printed))
    if exit_status > 0:
        return Outcome("failed", why=f"exit status {exit_status}{last and f': {last}'}")
    return Outcome("killed", why=f"its process was killed by signal {-exit_status}{last and f': {last}'}")


def _of_run(printed: str) -> Outcome | None:
    """What ``workbench run --json`` says of its run."""
    try:
        facts: Any = json.loads(printed)
        phases = facts["phases"]
        bad = [phase for phase in phases if phase["status"] in ("failed", "killed")]
        reports = [phase["report"] for phase in bad or phases if phase["report"]]
        why = f"{bad[0]['phase']}: {bad[0]['why']}" if bad else ""
        return Outcome(facts["status"], facts["run_id"], reports[-1] if reports else "", why)
    except (ValueError, KeyError, TypeError):
        return None


def _result(printed: str) -> str:
    """What a command printed first: the rest is details and advice. Nothing of JSON."""
    try:
        json.loads(printed)
    except ValueError:
        return next(iter(_lines(printed)), "")
    return ""


def _last_line(said: str) -> str:
    lines = _lines(said)
    ours = [line for line in lines if line.startswith("workbench: ")]
    return (ours or lines or [""])[-1].removeprefix("workbench: ").removeprefix("Error: ")


def _lines(text: str) -> list[str]:
    """Each that holds anything, without what a terminal would obey."""
    import click

    lines = (line.strip() for line in click.unstyle(text).splitlines())
    return [one_line(line, _LONGEST) for line in lines if line]
