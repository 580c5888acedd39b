"""How an execution ended, told from facts: replies, exit statuses, signals, limits and counters.

Nothing here asks the notebook's outputs. A cell *failed* when the kernel answered so; a notebook is
*finished* when every code cell was executed, in order, and nothing ended it before.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Ending", "Reason", "Stop", "of_death", "of_failure", "of_stop", "size", "status_of_exit"]

Reason = Literal[
    "finished",
    "cell_failed",
    "command_failed",
    "exited",
    "kernel_died",
    "out_of_memory",
    "timed_out",
    "interrupted",
    "pruned",
    "stopped_early",
    "no_kernel",
]


_COMMAND_END = re.compile(r"(returned non-zero exit status -?\d+|died with [^.]*)")


@dataclass(frozen=True)
class Ending:
    """The end that one execution came to.

    Attributes
    ----------
    reason : str
        One word for it.
    message : str
        One line: what happened, in which cell, what to do. Empty when it finished.
    cell : int or None
        The cell where it ended, counted from 1 in the notebook as it is on disk.
    source, traceback : str
        That cell's code, and the error in it if there is one.
    details : str
        More lines, such as the kernel's last words.
    """

    reason: Reason
    message: str = ""
    cell: int | None = None
    source: str = ""
    traceback: str = ""
    details: str = ""


@dataclass(frozen=True)
class Stop:
    """Why an execution is to end before it has; ``at_once`` when it is not even asked to."""

    reason: Reason
    what: str
    limit: str = ""
    advice: str = ""
    at_once: bool = False


def of_stop(stop: Stop, cell: int | None, *, killed: bool) -> Ending:
    """We ended it: a limit, or somebody's wish."""
    where = f" in cell {cell}" if cell is not None else ""
    limit = f" ({stop.limit})" if stop.limit else ""
    how = "; it did not answer the interrupt and was killed" if killed and not stop.at_once else ""
    advice = f": {stop.advice}" if stop.advice else ""
    return Ending(stop.reason, f"{stop.what}{where}{limit}{how}{advice}", cell)


def of_failure(reply: Mapping[str, Any], cell: int | None) -> Ending:
    """The kernel answered that the cell has failed, or that it wants to leave."""
    name, value = str(reply.get("ename", "")), str(reply.get("evalue", ""))
    status = status_of_exit(reply)
    if status is not None:
        shown = "" if status == "0" else f" with status {_first_line(status)!r}"
        return Ending(
            "exited",
            f"cell {cell} ended the notebook{shown}: what came after it never ran; "
            "raise an error to fail, or let it run to its end",
            cell,
        )
    if reply.get("status") == "aborted":
        return Ending("stopped_early", f"cell {cell} was never run: the kernel refused it", cell)
    first = _first_line(value)
    if name == "CalledProcessError":
        how = _COMMAND_END.search(value)
        message = f"a command in cell {cell} {how[1] if how else 'failed'}"
        return Ending("command_failed", f"{message}: tag the cell raises-exception if it may", cell)
    if name == "TrialPruned":
        return Ending("pruned", f"ended early in cell {cell}: {first}", cell)
    message = f"cell {cell} raised {name}{': ' if first else ''}{first}"
    if name.endswith("MemoryError"):
        return Ending("out_of_memory", f"{message}: give it more memory, or less at a time", cell)
    return Ending("cell_failed", message, cell)


def status_of_exit(reply: Mapping[str, Any]) -> str | None:
    """What a cell left with, for ``sys.exit`` and ``quit()``; None when it did not leave."""
    if reply.get("ename") == "SystemExit":
        value = str(reply.get("evalue", ""))
        return "0" if value in ("", "None") else value
    payload: Sequence[Mapping[str, Any]] = reply.get("payload") or ()
    if any(item.get("source") == "ask_exit" and not item.get("keepkernel") for item in payload):
        return "0"
    return None


def of_death(status: int | None, cell: int | None, *, short_of_memory: bool, details: str) -> Ending:
    """The kernel has gone by itself, or somebody killed it.

    Parameters
    ----------
    status : int or None
        Its exit status, negative for a signal.
    short_of_memory : bool
        Whether the system has killed processes for memory since it began.
    """
    where = f"in cell {cell}" if cell is not None else "before the first cell"
    if short_of_memory and status == -signal.SIGKILL:
        message = f"the system ran out of memory {where} and killed the kernel: use less at a time"
        return Ending("out_of_memory", message, cell, details=details)
    if status is None:
        how, advice = "it does not answer any more", "does the cell close files or sockets not its own?"
    elif status < 0:
        how = f"killed by {_signal_name(-status)}"
        advice = (
            "by somebody, or by a system short of memory"
            if status == -signal.SIGKILL
            else "a fault in compiled code; its last words are in the report"
        )
    else:
        how, advice = f"exit status {status}", "its last words are in the report"
    return Ending("kernel_died", f"the kernel died {where} ({how}): {advice}", cell, details=details)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return f"{line[:300]} …" if len(line) > 300 else line


def size(count: float) -> str:
    """Bytes as people say them."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}" if unit != "bytes" else f"{count:.0f} bytes"
        count /= 1000
    return f"{count:.3g} GB"
