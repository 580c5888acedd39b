"""``[baking]``: how a new champion is watched, and what rolls it back."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, model_validator

from workbench.config.fields import Duration, Section

__all__ = ["BakingConfig"]

_Figure = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class BakingConfig(Section):
    """The baking period: for so long after a promotion guards are held against what the champion answers.

    A guard is violated when so many (``violations``, default: all) of the last ``windows`` windows violate
    it; then the champion before comes back. A window lasts ``window``, or longer until it has what its guards
    ask for; one that goes on counts as soon as it has that. Rows of one request share its fate, so it is
    requests that count. ``failed_share``: surely more of them failed, once ``minimum_rows`` rows were asked.
    ``p99_ms``: of at least ``minimum_requests``, surely more than one in a hundred took longer;
    ``slower_than_before``: longer than so many times what the champion before took. ``score_shift``: the
    scores lie so many of their standard deviations (Wasserstein distance, normed) away both from those at
    validation and from those of the champion before, of at least 200 each; where only one of these two has as
    many, it is held to that one. ``performance_drop``: the primary metric is surely so much worse than the
    champion before, on ``minimum_labels`` labels of the whole period. ``to`` is as for alerts, and hears of a
    champion, too, that the server does not put in front.

    By default it is only failures that roll back: not to answer is no matter of taste, and what is too slow,
    too far off or too bad the project has to say.
    """

    enabled: bool = True
    period: Duration = timedelta(hours=24)
    window: Duration = timedelta(minutes=10)
    windows: int = Field(default=1, ge=1, le=100)
    violations: int | None = Field(default=None, ge=1)
    minimum_rows: int = Field(default=50, ge=1)
    minimum_requests: int = Field(default=20, ge=1)
    failed_share: float = Field(default=0.01, ge=0, le=1)
    p99_ms: _Figure | None = None
    slower_than_before: float | None = Field(default=None, gt=1, allow_inf_nan=False)
    score_shift: _Figure | None = None
    performance_drop: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    minimum_labels: int = Field(default=500, ge=100)
    to: tuple[str, ...] = ("backlog",)

    @model_validator(mode="after")
    def _can_be(self) -> BakingConfig:
        if self.needed > self.windows:
            raise ValueError(f"{self.needed} violations in {self.windows} windows can never be")
        if self.windows * self.window > self.period:
            raise ValueError(f"{self.windows} windows of {self.window} are longer than the period")
        return self

    @property
    def needed(self) -> int:
        """How many of the last windows have to violate a guard."""
        return self.windows if self.violations is None else self.violations
