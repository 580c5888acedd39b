"""Where measures take place: a scratch folder, with an agent that belongs to the benchmark alone."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from workbench.execution.agent import client
from workbench.execution.agent.identity import identify

__all__ = ["BIN", "IMPORTS", "OURS", "STOCK", "place", "quiet"]

#: Kernelspecs.
OURS, STOCK = "workbench", "python3"
#: What a notebook of a project imports: a second of it would be felt each time.
IMPORTS = "import pandas, sklearn.ensemble, mlflow, evidently"
#: Where ``workbench``, ``papermill`` and ``jupyter`` are.
BIN = Path(sys.executable).parent

_VARIABLES = ("WORKBENCH_AGENT", "WORKBENCH_AGENT_DIR", "WORKBENCH_PROJECT")
_END_SECONDS = 30.0


@contextlib.contextmanager
def place(*, started: bool = True) -> Iterator[Path]:
    """A scratch folder to work in and an agent for it, ``started`` or still to be; both go at the end.

    The folder is outside of any project: a project with a lock has an agent of its own.
    """
    before = {name: os.environ.pop(name, None) for name in _VARIABLES}
    # Sockets need short paths.
    private = Path(tempfile.mkdtemp(prefix="wb-bench-", dir="/tmp"))
    os.environ["WORKBENCH_AGENT_DIR"] = str(private)
    pid = None
    try:
        with tempfile.TemporaryDirectory(prefix="workbench-bench-") as scratch, contextlib.chdir(scratch):
            pid = _start(Path(scratch)) if started else None
            yield Path(scratch)
    finally:
        _stop(private, pid)
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _start(folder: Path) -> int:
    agent = identify(os.environ, folder)
    client.start_agent(agent)
    facts = client.ask(agent.socket, "status", seconds=client.IMPORT_SECONDS)
    if facts is None:
        raise RuntimeError(f"the agent has ended:\n{agent.log.read_text()[-2000:]}")
    return int(facts["pid"])


def _stop(private: Path, pid: int | None) -> None:
    answers = [facts for at in client.running(private) if (facts := client.ask(at, "stop")) is not None]
    for facts in answers:
        with contextlib.suppress(psutil.Error):
            psutil.Process(facts["pid"]).wait(_END_SECONDS)
    shutil.rmtree(private, ignore_errors=True)
    if pid is not None and [facts["pid"] for facts in answers] != [pid]:
        print(
            f"\nanother agent was started meanwhile, {len(answers)} ran in the end: have files of ours "
            "changed, or did somebody ask under other settings?"
        )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing that other processes say on our standard error: each stock kernel warns that it uses TCP."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
