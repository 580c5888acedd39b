"""``[[monitoring.alerts]]``: rules that say when somebody is told."""

from __future__ import annotations

import difflib
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from workbench.config.fields import NAME, Section

__all__ = ["SIGNALS", "AlertConfig", "Severity"]

Severity = Literal["info", "warning", "critical"]

#: What a rule may be about. A window's results give these names; a name that ends in a dot has a feature, a
#: metric, a slice or a group behind it.
SIGNALS = (
    *("drift.share", "drift.prediction", "drift.feature.", "drift.missing."),
    *("performance.drop", "performance.slice.", "performance.group.", "performance."),
    *("fairness.", "calibration.error", "utility.value", "labels.coverage", "labels.delay_hours"),
    *("skew.share", "skew.feature.", "trend.climbing", "trend.feature."),
    *("health.rows", "health.failed_share", "health.p50_ms", "health.p99_ms"),
    *("opinions.rating", "opinions.count", "shadow.delta", "shadow.disagreement"),
)
_Figure = Annotated[float, Field(allow_inf_nan=False)]


class AlertConfig(Section):
    """When somebody is told.

    A window violates the rule when its signal is ``above`` or ``below`` a figure, or, without either, when
    the signal's own verdict is bad. The rule is violated when ``violations`` (default: all) of the last
    ``windows`` windows do. A ``signal`` that ends in ``*`` stands for all that begin like it, each with
    alerts of its own. ``to`` holds ``"backlog"``, ``"webhook:NAME"`` and ``"mail:NAME"``.
    """

    name: str = Field(pattern=NAME, max_length=100)
    signal: str
    above: _Figure | None = None
    below: _Figure | None = None
    windows: int = Field(default=1, ge=1, le=1000)
    violations: int | None = Field(default=None, ge=1)
    severity: Severity = "warning"
    to: tuple[str, ...] = ("backlog",)
    owner: str = ""

    @field_validator("signal")
    @classmethod
    def _known(cls, signal: str) -> str:
        begins = signal.removesuffix("*")
        if signal.endswith("*") and any(known.startswith(begins) for known in SIGNALS):
            return signal
        if signal in SIGNALS or any(_within(known, begins) for known in SIGNALS):
            if not signal.endswith("."):
                return signal
            raise ValueError(f"{signal!r} needs a name behind the dot, or a * for all")
        near = difflib.get_close_matches(signal, [_shown(known) for known in SIGNALS], n=1, cutoff=0.4)
        advice = f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(map(_shown, SIGNALS))}"
        raise ValueError(f"no signal {signal!r}; {advice}")

    @model_validator(mode="after")
    def _holds(self) -> AlertConfig:
        if self.above is not None and self.below is not None:
            raise ValueError(f"alert {self.name!r} has both above and below; make it two alerts")
        if self.needed > self.windows:
            raise ValueError(
                f"alert {self.name!r} asks for {self.needed} violations in {self.windows} windows, "
                "which can never be"
            )
        return self

    @property
    def needed(self) -> int:
        """How many of the last windows have to violate it."""
        return self.windows if self.violations is None else self.violations

    def covers(self, signal: str) -> bool:
        """Whether the rule is about the signal of that name."""
        if self.signal.endswith("*"):
            return signal.startswith(self.signal.removesuffix("*"))
        return signal == self.signal

    def __str__(self) -> str:
        held = "is bad"
        if self.above is not None:
            held = f"is above {self.above:g}"
        elif self.below is not None:
            held = f"is below {self.below:g}"
        often = f" in {self.needed} of {self.windows} windows" if self.windows > 1 else ""
        return f"{self.signal} {held}{often}"


def _within(known: str, signal: str) -> bool:
    return known.endswith(".") and signal.startswith(known)


def _shown(known: str) -> str:
    return f"{known}*" if known.endswith(".") else known
