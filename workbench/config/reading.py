"""``workbench.toml`` as a whole, read, and what is said when it is wrong."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections import Counter
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from workbench.config.backtest import BacktestConfig
from workbench.config.baking import BakingConfig
from workbench.config.fields import NAME, Duration, Section, Size
from workbench.config.gates import ApprovalsConfig, GatesConfig
from workbench.config.labelling import LabellingConfig
from workbench.config.monitoring import MonitoringConfig
from workbench.config.retraining import RetrainingConfig
from workbench.config.schedules import ScheduleConfig
from workbench.config.sections import (
    ExecutionConfig,
    ModelConfig,
    ObjectiveConfig,
    PhaseConfig,
    ProjectConfig,
    RetentionConfig,
    SourceConfig,
    StoresConfig,
    TuneConfig,
)
from workbench.config.serving import ServingConfig
from workbench.errors import ConfigError, UsageError

__all__ = ["Config", "duration", "read_config", "size"]

# What was given there may be a key or hold a password, so it is not shown.
_HIDDEN = (["serving", "keys"], ["serving", "log"], ["monitoring", "webhooks"], ["monitoring", "mail"])


class Config(Section):
    """The whole of ``workbench.toml``."""

    project: ProjectConfig
    objective: ObjectiveConfig | None = None
    model: ModelConfig | None = None
    phases: dict[Annotated[str, Field(pattern=NAME)], PhaseConfig]
    sources: dict[str, SourceConfig] = Field(default_factory=dict)
    gates: GatesConfig = GatesConfig()
    approvals: ApprovalsConfig = ApprovalsConfig()
    serving: ServingConfig = ServingConfig()
    monitoring: MonitoringConfig = MonitoringConfig()
    baking: BakingConfig = BakingConfig()
    retraining: RetrainingConfig = RetrainingConfig()
    backtest: BacktestConfig = BacktestConfig()
    labelling: LabellingConfig = LabellingConfig()
    schedules: tuple[ScheduleConfig, ...] = ()
    execution: ExecutionConfig = ExecutionConfig()
    retention: RetentionConfig = RetentionConfig()
    tune: dict[str, TuneConfig] = Field(default_factory=dict)
    stores: StoresConfig = StoresConfig()

    @field_validator("phases")
    @classmethod
    def _needs_hold(cls, phases: dict[str, PhaseConfig]) -> dict[str, PhaseConfig]:
        for name, phase in phases.items():
            for need in phase.needs:
                if need not in phases:
                    near = difflib.get_close_matches(need, phases, n=1)
                    advice = f"; did you mean {near[0]!r}?" if near else ""
                    raise ValueError(f"phase {name!r} needs {need!r}, which is no phase{advice}")
        try:
            TopologicalSorter({name: phase.needs for name, phase in phases.items()}).prepare()
        except CycleError as error:
            path = " needs ".join(reversed(error.args[1]))
            raise ValueError(f"phases need each other in a circle: {path}") from error
        return phases

    @model_validator(mode="after")
    def _retrained(self) -> Config:
        if "phases" in self.retraining.model_fields_set:
            for name in self.retraining.phases:
                if name not in self.phases:
                    near = difflib.get_close_matches(name, self.phases, n=1)
                    advice = f"; did you mean {near[0]!r}?" if near else ""
                    raise ValueError(f"[retraining] phases names {name!r}, which is no phase{advice}")
        return self

    @model_validator(mode="after")
    def _told(self) -> Config:
        for channel in self.baking.to:
            if problem := self.monitoring.unknown(channel):
                raise ValueError(f"[baking] to: {problem}")
        return self

    @model_validator(mode="after")
    def _tuned(self) -> Config:
        for name in self.tune:
            if name not in self.phases:
                near = difflib.get_close_matches(name, self.phases, n=1)
                advice = f"; did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"[tune.{name}] is of no phase{advice}")
        return self

    @model_validator(mode="after")
    def _scheduled(self) -> Config:
        for name, count in Counter(schedule.name for schedule in self.schedules).items():
            if count > 1:
                raise ValueError(f"two schedules are called {name!r}; each needs a name of its own")
        for schedule in self.schedules:
            schedule.check_phases(self.phases)
            for channel in schedule.on_failure.notify:
                if problem := self.monitoring.unknown(channel):
                    raise ValueError(f"schedule {schedule.name!r}: {problem}")
        return self


def duration(option: str, value: str | timedelta | None) -> timedelta | None:
    """A duration typed for an option: ``"30 min"``; None where nothing was.

    Raises
    ------
    UsageError
        It is none.
    """
    found: timedelta | None = _typed(Duration, option, value, "a number and a unit, such as '90 s' or '2 h'")
    return found


def size(option: str, value: str | None) -> int | None:
    """A size in bytes typed for an option: ``"2 GB"``; None where nothing was (errors as above)."""
    found: int | None = _typed(Size, option, value, "a number and a unit, such as '500 MB' or '2 GB'")
    return found


def _typed(kind: Any, option: str, value: Any, expected: str) -> Any:
    if not value:
        return None
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError:
        raise UsageError(f"{option} takes {expected}, not {value!r}") from None


def read_config(path: Path) -> Config:
    """Read the file.

    Raises
    ------
    ConfigError
        It cannot be read as TOML, or a key is wrong; file, line and key are named.
    """
    text = path.read_text(encoding="utf-8")
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        problems = [_explain(path, text, item) for item in error.errors()]
        raise ConfigError(problems[0], details="\n".join(problems[1:])) from None


def _explain(path: Path, text: str, problem: Any) -> str:
    keys = [str(part) for part in problem["loc"]]
    expected = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        expected = "no such key; remove it or correct its name"
    elif problem["type"] == "missing":
        expected = "this key is required"
    given = None if keys[:2] in _HIDDEN else problem.get("input")
    shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) else ""
    return f"{path}:{_line(text, keys)}: {'.'.join(keys)}: {expected}{shown}"


def _line(text: str, keys: list[str]) -> int:
    """The line on which the innermost of ``keys`` that can be found stands (1-based)."""
    lines = text.splitlines()
    found, start = 1, 0
    for depth in range(len(keys), 0, -1):
        header = re.compile(r"^\s*\[+\s*" + r"\s*\.\s*".join(map(re.escape, keys[:depth])) + r"\s*\]+")
        headers = [i for i, line in enumerate(lines) if header.match(line)]
        if headers:
            rest = keys[depth:]
            number = int(rest[0]) if rest[:1] and rest[0].isdigit() else 0  # of a list of tables
            at = headers[min(number, len(headers) - 1)]
            found, start = at + 1, at + 1
            keys = rest[1:] if rest[:1] and rest[0].isdigit() else rest
            break
    for key in keys[:1]:
        for i in range(start, len(lines)):
            if lines[i].lstrip().startswith("["):
                break
            if re.match(rf"\s*\"?{re.escape(key)}\"?\s*[=.]", lines[i]):
                return i + 1
    return found
