"""What the performance of a version is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.registry.gates.bootstrap import Interval

if TYPE_CHECKING:
    from workbench.config import UtilityConfig
    from workbench.project import Project
    from workbench.registry.gates.validation import Validation

__all__ = ["Standard"]


@dataclass(frozen=True)
class Standard:
    """What was promised of a version when it was validated, and what the gates allow.

    Attributes
    ----------
    metric : str
        The primary metric.
    threshold : float
        The score from which a row is flagged.
    expected : float
        The primary metric at validation; NaN when it is not known.
    groups : tuple of str
        Raw columns or features whose values are slices, and groups to be treated alike.
    slices : mapping of (column, slice) to Interval
        The primary metric in each slice at validation.
    slice_tolerance : float
        How far a slice without a figure of its own may lie behind ``expected``.
    fairness_gap, calibration_error : float
        What is allowed at most.
    utility : UtilityConfig, optional
        What each outcome is worth.
    """

    metric: str = "roc_auc"
    threshold: float = 0.5
    expected: float = float("nan")
    groups: tuple[str, ...] = ()
    slices: Mapping[tuple[str, str], Interval] = field(default_factory=dict)
    slice_tolerance: float = 0.1
    fairness_gap: float = 0.1
    calibration_error: float = 0.1
    utility: UtilityConfig | None = None

    @classmethod
    def of(cls, project: Project, validation: Validation | None = None) -> Standard:
        """As the project says, with the figures that a version showed at its validation.

        Raises
        ------
        ConfigError
            When the project names no model or objective.
        """
        gates, metric = project.config.gates, project.objective.primary_metric
        metrics = {} if validation is None else validation.metrics.get("candidate", {})
        return cls(
            metric=metric,
            threshold=gates.threshold,
            expected=metrics.get(metric, float("nan")),
            groups=project.model.groups,
            slices=_slices(validation) if validation is not None and validation.metric == metric else {},
            slice_tolerance=gates.slice_tolerance,
            fairness_gap=gates.fairness_gap,
            calibration_error=gates.calibration_error,
            utility=gates.utility,
        )


def _slices(validation: Validation) -> dict[tuple[str, str], Interval]:
    return {
        (str(row["column"]), str(row["slice"])): Interval(
            *(float("nan") if row[name] is None else float(row[name]) for name in ("value", "low", "high"))
        )
        for row in validation.slices.to_dict("records")
    }
