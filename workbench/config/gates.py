"""``[gates]`` and ``[approvals]``: what is asked of a candidate before it may become champion."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from workbench.config.fields import Duration, Section

__all__ = ["ApprovalsConfig", "BehaviourConfig", "GatesConfig", "UtilityConfig"]


class UtilityConfig(Section):
    """What each kind of answer is worth in the business's own ``unit``; what costs is below zero.

    The candidate's answers for 1,000 rows have to be worth ``minimum_gain`` more than the champion's.
    """

    unit: str
    true_positive: float = 0.0
    false_positive: float = 0.0
    false_negative: float = 0.0
    true_negative: float = 0.0
    minimum_gain: float = 0.0


class BehaviourConfig(Section):
    """How scores have to follow when features change, whatever the labels say.

    ``change`` holds for each feature what becomes of it: ``"+10"``, ``"-3"``, ``"*1.5"``, ``"shuffle"``, or
    a value. In the ``share`` of rows that is asked, the score must do as expected within ``tolerance``.
    """

    name: str = Field(min_length=1)
    change: dict[str, str | float | bool] = Field(min_length=1)
    expect: Literal["same", "not lower", "not higher"]
    tolerance: float = Field(default=0.01, ge=0)
    share: float = Field(default=1.0, gt=0, le=1)


class GatesConfig(Section):
    """Thresholds that a candidate is held against.

    ``max_data_age`` is from what it learnt last to the end of the holdout. ``regression_cases`` is a CSV file
    below the project's folder; ``threshold`` the score from which a row is flagged.
    """

    minimum_primary: float = 0.5
    minimum_effect: float = 0.0
    bootstrap_rounds: int = Field(default=1000, ge=100)
    minimum_rows: int = Field(default=1000, ge=1)
    slice_tolerance: float = 0.1
    fairness_gap: float = 0.1
    calibration_error: float = 0.1
    latency_ms: float = 100.0
    size_mb: float = 50.0
    memory_mb: float = 500.0
    threshold: float = Field(default=0.5, gt=0, lt=1)
    max_data_age: Duration | None = None
    regression_cases: str = Field(default="", pattern=r"^$|^[^/]")
    utility: UtilityConfig | None = None
    behaviour: tuple[BehaviourConfig, ...] = ()


class ApprovalsConfig(Section):
    """How many people other than its author must approve a version before it becomes that.

    The challenger is not among them: whatever is registered challenges.
    """

    champion: int = Field(default=0, ge=0)
    shadow: int = Field(default=0, ge=0)
