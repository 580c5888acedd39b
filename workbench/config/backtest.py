"""``[backtest]``: the history that retraining policies are tried on, and the policies."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from workbench.config.fields import NAME, Cron, Duration, Section

__all__ = ["BacktestConfig", "PolicyConfig", "rows_of"]

_CALENDAR = ("day", "hour")
_ROWS = re.compile(r"([1-9][0-9]{0,8}) ?rows?")


class PolicyConfig(Section):
    """A retraining policy to be tried: what it sets otherwise than the project does.

    ``schedule`` says, in the time zone of ``[monitoring]``, when it is called as by a schedule: five fields
    of cron. ``retraining``, ``gates``, ``monitoring`` and ``baking`` hold keys of these sections.
    """

    about: str = ""
    schedule: Cron = ""
    retraining: dict[str, Any] = Field(default_factory=dict)
    gates: dict[str, Any] = Field(default_factory=dict)
    monitoring: dict[str, Any] = Field(default_factory=dict)
    baking: dict[str, Any] = Field(default_factory=dict)


class BacktestConfig(Section):
    """What a policy backtest replays, and which policies of the project's own it knows.

    ``dataset`` holds the history: the raw columns of a request, the time and target of ``[objective]``, and
    ``known_at``, when the truth became known. Without a name, what the phase that trains has read is taken.
    It goes from ``from`` to ``until`` (the day after the last), a ``step`` at a time: ``"day"``, ``"hour"``,
    a length such as ``"7d"``, or a batch such as ``"500 rows"``. A recommendation is made on what lies before
    ``choose_until``, and checked on the rest. ``retraining_costs`` is what a retraining costs, in the unit of
    ``[gates.utility]``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    dataset: str = Field(default="", pattern=rf"^$|{NAME}")
    known_at: str = ""
    since: date | None = Field(default=None, alias="from")
    until: date | None = None
    step: str = "day"
    choose_until: date | None = None
    retraining_costs: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    policies: dict[Annotated[str, Field(pattern=NAME)], PolicyConfig] = Field(default_factory=dict)

    @field_validator("step")
    @classmethod
    def _some_length(cls, step: str) -> str:
        if step not in _CALENDAR and rows_of(step) is None:
            try:
                TypeAdapter(Duration).validate_python(step)
            except (ValidationError, OverflowError):
                meant = '"day", "hour", a length such as "7d" or "6h", or a batch such as "500 rows"'
                raise ValueError(meant) from None
        return step

    @model_validator(mode="after")
    def _in_order(self) -> BacktestConfig:
        if self.since and self.until and self.since >= self.until:
            raise ValueError(f"from {self.since} is not before until {self.until}")
        return self


def rows_of(step: str) -> int | None:
    """How many rows a step has; None where it is a length of time."""
    match = _ROWS.fullmatch(step)
    return None if match is None else int(match[1])
