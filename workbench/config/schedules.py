"""``[[schedules]]``: what runs by itself, when, and what becomes of it when it can't or fails."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from workbench.config.fields import NAME, Cron, Duration, Section, TimeZone

__all__ = ["COMMANDS", "FOLLOWING", "PINNED", "FailureConfig", "FreshConfig", "ScheduleConfig"]

#: Commands of ours that may be scheduled; phases and notebooks go through ``workbench run``.
COMMANDS = ("check", "monitor", "predict", "prune", "retrain", "site", "truth")
FOLLOWING = "following"
PINNED = "pinned:"
_CODE = rf"^({FOLLOWING}|{PINNED}[0-9a-f]{{7,40}})$"


def _words(value: Any) -> Any:
    """A command without arguments may be given as a plain text."""
    return (value,) if isinstance(value, str) else value


class FreshConfig(Section):
    """Runs when the newest version of ``dataset`` is older than ``within``, and each time that much later."""

    dataset: str = Field(pattern=NAME)
    within: Annotated[Duration, Field(ge=timedelta(minutes=1))]


class FailureConfig(Section):
    """What happens after a failure: ``retries``, each ``delay`` after the last; then ``notify`` is told.

    ``notify`` holds ``"backlog"`` and the ``"webhook:NAME"`` and ``"mail:NAME"`` of ``[monitoring]``.
    """

    retries: int = Field(default=0, ge=0, le=20)
    delay: Duration = timedelta(minutes=5)
    notify: tuple[str, ...] = ("backlog",)


class ScheduleConfig(Section):
    """What runs by itself: ``phases`` as in ``workbench run``, a ``notebook``, or one of our own commands.

    ``cron`` is in ``timezone``; ``fresh`` stands in its place where it is data's age that counts. ``missed``
    says what becomes of times at which no scheduler ran: none is made up for (``skip``), the last one
    (``once``), or each of the last ``most``, in their order (``all``). ``overlap`` says what becomes of a
    time at which the run before still goes on. ``code`` is ``"following"`` the files as they are at each
    time, or ``"pinned:COMMIT"``.
    """

    name: str = Field(pattern=NAME, max_length=100)
    cron: Cron = ""
    timezone: TimeZone = "UTC"
    fresh: FreshConfig | None = None
    phases: tuple[str, ...] = ()
    notebook: str = ""
    command: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()
    parameters: dict[str, str | int | float | bool] = Field(default_factory=dict)
    force: bool = False
    missed: Literal["skip", "once", "all"] = "once"
    most: int = Field(default=24, ge=1, le=1000)
    overlap: Literal["skip", "wait"] = "skip"
    on_failure: FailureConfig = FailureConfig()
    code: str
    enabled: bool = True

    @field_validator("command")
    @classmethod
    def _ours(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if command and command[0] not in COMMANDS:
            near = difflib.get_close_matches(command[0], COMMANDS, n=1)
            advice = f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(COMMANDS)}"
            words = ' (arguments are given as a list: ["predict", "--input", "new.csv"])'
            raise ValueError(
                f"no command {command[0]!r} to schedule; {advice}{words if ' ' in command[0] else ''}"
            )
        return command

    @field_validator("code")
    @classmethod
    def _said(cls, code: str) -> str:
        import re

        if not re.match(_CODE, code):
            raise ValueError(f'"{FOLLOWING}" (the files as they are at each time) or "{PINNED}COMMIT"')
        return code

    @model_validator(mode="after")
    def _one_of_each(self) -> ScheduleConfig:
        if bool(self.cron) == bool(self.fresh):
            raise ValueError(f"schedule {self.name!r} needs either cron or fresh, which say when")
        if sum(map(bool, (self.phases, self.notebook, self.command))) != 1:
            raise ValueError(
                f"schedule {self.name!r} needs one of phases, notebook and command, which say what"
            )
        if self.command and (self.parameters or self.force):
            raise ValueError(f"schedule {self.name!r}: a command takes its options in its own list")
        if self.notebook and self.force:
            raise ValueError(f"schedule {self.name!r}: a notebook always runs; leave force out")
        return self

    @property
    def commit(self) -> str:
        """What it is pinned to; empty when it follows the files as they are."""
        return self.code.removeprefix(PINNED) if self.code.startswith(PINNED) else ""

    def check_phases(self, known: Collection[str]) -> None:
        """Hold the phases of one that follows against those that there are (:class:`ValueError`)."""
        for phase in () if self.commit else self.phases:
            if phase not in known:
                near = difflib.get_close_matches(phase, known, n=1)
                advice = f"; did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"schedule {self.name!r} runs {phase!r}, which is no phase{advice}")
