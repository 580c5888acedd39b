"""A world's process as its owner sees it: told its task, heard of each step, and ended with its owner."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from workbench.errors import AgentUnavailable, RunError
from workbench.execution.agent import client
from workbench.execution.agent.identity import NoPlace, identify
from workbench.execution.agent.request import Request, inherited
from workbench.monitoring.backtest.history import Plan
from workbench.monitoring.backtest.outcome import PolicyOutcome, from_json, to_json
from workbench.monitoring.backtest.policies import Policy
from workbench.store.clock import SETTING

__all__ = ["Step", "Task", "WorldProcess"]

_MODULE = "workbench.monitoring.backtest"
# One thread for each: sums of several have other last bits, and worlds at once would fight over the cores.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_OUTCOME, _KEY = "outcome.json", "outcome.key"
_GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class Step:
    """A step that is over in a world.

    Attributes
    ----------
    event : str
        What happened in it, in a line; empty when nothing did.
    """

    day: date
    done: int
    of: int
    event: str = ""

    def to_line(self) -> str:
        return json.dumps({**asdict(self), "day": self.day.isoformat()})

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Step:
        return cls(**{**raw, "day": date.fromisoformat(raw["day"])})


@dataclass(frozen=True)
class Task:
    """What a world's process has to do.

    Attributes
    ----------
    project : Path
        The user's.
    name : str
        Of the backtest.
    folder : Path
        The world's, where the outcome is left.
    key : str
        Of all that the outcome depends on.
    """

    project: Path
    name: str
    policy: Policy
    plan: Plan
    folder: Path
    key: str

    @classmethod
    def read(cls, path: Path) -> Task:
        return TypeAdapter(cls).validate_json(path.read_bytes())

    def write(self) -> Path:
        """Leave it beside the world's folder; the file is returned."""
        path = self.folder.with_name(f"{self.folder.name}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(TypeAdapter(Task).dump_json(self, indent=1))
        return path

    def outcome(self) -> PolicyOutcome | None:
        """What a process has found, if one has finished exactly this."""
        try:
            if (self.folder / _KEY).read_text(encoding="utf-8") == self.key:
                return from_json(PolicyOutcome, (self.folder / _OUTCOME).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            pass
        return None

    def keep(self, outcome: PolicyOutcome) -> None:
        """Leave the outcome; the key comes last, and says that it is whole."""
        for name, text in ((_OUTCOME, to_json(outcome)), (_KEY, self.key)):
            draft = self.folder / f".{name}"
            draft.write_text(text, encoding="utf-8")
            os.replace(draft, self.folder / name)


@dataclass(eq=False)
class WorldProcess:
    """One that runs."""

    task: Task
    _process: client.Process
    _heard: int
    _rest: bytes = field(default=b"", init=False)
    _failed: str = field(default="", init=False)

    @classmethod
    def start(cls, task: Task) -> WorldProcess:
        """Start it, from the agent if there can be one: that spares it its imports.

        Raises
        ------
        AgentUnavailable
            No process can be started.
        """
        path = task.write()
        heard, told = os.pipe()
        with (
            os.fdopen(told, "wb") as out,
            open(path.with_suffix(".log"), "wb") as said,
            open(os.devnull, "rb") as nothing,
        ):
            process = _start(task, path, (nothing.fileno(), out.fileno(), said.fileno()))
        return cls(task, process, heard)

    def fileno(self) -> int:
        """Readable when there is something to hear."""
        return self._heard

    def hear(self) -> Iterator[Step] | None:
        """The steps that it has told of; None when it has ended."""
        part = os.read(self._heard, 65536)
        if not part:
            return None
        *lines, self._rest = (self._rest + part).split(b"\n")
        return self._steps([json.loads(line) for line in lines])

    def result(self) -> PolicyOutcome:
        """The outcome, once it has ended.

        Raises
        ------
        RunError
            It left none; the message says why.
        """
        status = self._process.wait()
        outcome = self.task.outcome()
        if outcome is not None and status == 0:
            return outcome
        log = self.task.folder.with_name(f"{self.task.folder.name}.log")
        said = log.read_text(encoding="utf-8", errors="replace")
        why = self._failed or (
            "its process was killed" if status < 0 else f"its process ended with status {status}"
        )
        raise RunError(f"policy {self.task.policy.name}: {why}; its log: {log}", details=said[-2000:])

    def end(self) -> None:
        """Have it end, at once, if it has not; nothing is heard of it any more."""
        self._process.kill()
        self._process.wait()
        os.close(self._heard)

    def _steps(self, told: list[dict[str, Any]]) -> Iterator[Step]:
        for each in told:
            if "failed" in each:
                self._failed = each["failed"]
            else:
                yield Step.from_dict(each)


def _start(task: Task, path: Path, files: tuple[int, int, int]) -> client.Process:
    environment = {name: value for name, value in os.environ.items() if name != SETTING}
    environment |= _ONE_THREAD | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    environment.pop("WORKBENCH_PROJECT", None)
    request = Request(
        command=(_MODULE, str(path)),
        folder=str(task.project),
        environment=environment,
        inherited=inherited(),
        name="wb-backtest",
        grace=_GRACE_SECONDS,
    )
    if not client.why_not(environment):
        with contextlib.suppress(AgentUnavailable, NoPlace):
            return client.fork(identify(environment, task.project), request, files)
    ordinary = Request(**{**request.as_message(), "command": (sys.executable, "-P", "-m", *request.command)})
    return client.keep(ordinary, files)
