"""``[monitoring]``: how the prediction log is cut into windows, and what calls for an alert."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from workbench.config.alerts import AlertConfig
from workbench.config.channels import MailConfig, WebhookConfig
from workbench.config.fields import NAME, Duration, Section, TimeZone

__all__ = ["MonitoringConfig"]

_CALENDAR = ("day", "week", "month")
_Name = Annotated[str, Field(pattern=NAME)]


class MonitoringConfig(Section):
    """When a window of predictions is worth a word, and to whom.

    ``window`` is ``"day"``, ``"week"`` or ``"month"`` of the calendar in ``timezone``, or a length such as
    ``"7d"`` or ``"6h"``. ``sample`` is how many logged rows of a window are sent through the training path,
    to measure skew. Without ``alerts``, five usual ones hold; ``alerts = []`` is none.
    """

    window: str = "month"
    timezone: TimeZone = "UTC"
    drift_share: float = Field(default=0.5, gt=0, le=1)
    performance_drop: float = Field(default=0.03, ge=0, allow_inf_nan=False)
    minimum_labels: int = Field(default=500, ge=1)
    sample: int = Field(default=2_000, ge=1)
    alerts: tuple[AlertConfig, ...] = (
        AlertConfig(name="data-drift", signal="drift.share"),
        AlertConfig(name="performance-dropped", signal="performance.drop", severity="critical"),
        AlertConfig(name="training-serving-skew", signal="skew.share"),
        AlertConfig(name="silence", signal="health.rows", below=1, severity="critical"),
        AlertConfig(name="failing-answers", signal="health.failed_share", severity="critical"),
    )
    webhooks: dict[_Name, WebhookConfig] = Field(default_factory=dict)
    mail: dict[_Name, MailConfig] = Field(default_factory=dict)

    @field_validator("window")
    @classmethod
    def _some_length(cls, window: str) -> str:
        if window not in _CALENDAR:
            try:
                TypeAdapter(Duration).validate_python(window)
            except (ValidationError, OverflowError):
                raise ValueError('"day", "week", "month", or a length such as "7d" or "6h"') from None
        return window

    @model_validator(mode="after")
    def _reach_somebody(self) -> MonitoringConfig:
        for name, count in Counter(alert.name for alert in self.alerts).items():
            if count > 1:
                raise ValueError(f"two alerts are called {name!r}; each needs a name of its own")
        for alert in self.alerts:
            for channel in alert.to:
                if problem := self.unknown(channel):
                    raise ValueError(f"alert {alert.name!r}: {problem}")
        return self

    @property
    def channels(self) -> tuple[str, ...]:
        """Where an alert may go to, as ``to`` names it."""
        webhooks, mail = (f"webhook:{name}" for name in self.webhooks), (f"mail:{name}" for name in self.mail)
        return ("backlog", *webhooks, *mail)

    def unknown(self, channel: str) -> str:
        """What is wrong with a channel that somebody names; empty for one that there is."""
        return "" if channel in self.channels else _unknown_channel(channel, self.channels)

    @property
    def length(self) -> timedelta | None:
        """How long a window is; None for days, weeks and months, which the calendar says."""
        return None if self.window in _CALENDAR else TypeAdapter(Duration).validate_python(self.window)


def _unknown_channel(channel: str, known: Iterable[str]) -> str:
    kind, _, name = channel.partition(":")
    near = difflib.get_close_matches(channel, known, n=1)
    advice = f"; did you mean {near[0]!r}?" if near else ""
    section = {"webhook": "webhooks", "mail": "mail"}.get(kind)
    if section and name:
        return f"no {kind} {name!r} to go to{advice or f'; declare it in [monitoring.{section}.{name}]'}"
    return f"no channel {channel!r}{advice or ': backlog, webhook:NAME or mail:NAME'}"
