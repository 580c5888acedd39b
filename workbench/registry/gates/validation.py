"""What validating a candidate found: gates with their evidence, and the tables behind them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from workbench.registry.gates.bootstrap import Interval

if TYPE_CHECKING:
    import pandas as pd

    from workbench.data.summary import Summary

__all__ = ["Gate", "Validation", "Verdict", "at_least", "at_most", "more_than", "overall", "plain"]

Verdict = Literal["passed", "failed", "inconclusive"]
_TABLES = ("slices", "groups", "fairness", "disagreement")


@dataclass(frozen=True)
class Gate:
    """One question with its answer.

    Attributes
    ----------
    name : str
        Such as ``"beats baseline"``.
    verdict : str
        ``passed``, ``failed``, or ``inconclusive`` when the data cannot tell.
    value, threshold : float
        What was measured and what was asked of it; NaN where it could not be measured.
    interval : Interval or None
        The 95 % interval of the value, for what was measured on rows.
    why : str
        One sentence with the figures.
    required : bool
        Whether this gate has to pass. One that is not required still fails the candidate when it
        fails, but does not hold it back by being inconclusive.
    """

    name: str
    verdict: Verdict
    value: float
    threshold: float
    why: str
    interval: Interval | None = None
    required: bool = True

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "verdict": self.verdict,
            "value": plain(self.value),
            "threshold": plain(self.threshold),
            "low": plain(self.interval.low) if self.interval else None,
            "high": plain(self.interval.high) if self.interval else None,
            "required": self.required,
            "why": self.why,
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Gate:
        """A gate from what :meth:`to_dict` gave."""
        value, threshold = _number(raw["value"]), _number(raw["threshold"])
        found = None
        if raw["low"] is not None:
            found = Interval(value, _number(raw["low"]), _number(raw["high"]))
        return cls(raw["name"], raw["verdict"], value, threshold, raw["why"], found, raw["required"])


def at_least(found: Interval, asked: float) -> Verdict:
    """Whether the whole interval reaches what is asked; inconclusive when only a part of it does."""
    if not found.known or found.low < asked <= found.high:
        return "inconclusive"
    return "passed" if found.low >= asked else "failed"


def at_most(found: Interval, allowed: float) -> Verdict:
    """Whether the whole interval stays within what is allowed."""
    if not found.known or found.low <= allowed < found.high:
        return "inconclusive"
    return "passed" if found.high <= allowed else "failed"


def more_than(found: Interval, asked: float) -> Verdict:
    """Whether the whole interval lies above what is asked."""
    if not found.known or found.low <= asked <= found.high:
        return "inconclusive"
    return "passed" if found.low > asked else "failed"


def overall(gates: tuple[Gate, ...]) -> Verdict:
    """Failed if any gate failed; inconclusive if a required one is; passed otherwise."""
    if any(gate.verdict == "failed" for gate in gates):
        return "failed"
    if any(gate.verdict == "inconclusive" and gate.required for gate in gates):
        return "inconclusive"
    return "passed"


@dataclass(frozen=True, eq=False)
class Validation:
    """The result of :func:`~workbench.registry.gates.judging.judge`.

    Attributes
    ----------
    gates : tuple of Gate
        In the order in which they are read.
    metric : str
        The primary metric.
    rows, days : int
        Labelled rows of the holdout, and the days they lie on.
    start, end : datetime or None
        The first and last time in the holdout.
    metrics : dict
        The whole family of metrics for ``candidate``, ``baseline`` and ``champion``.
    slices : DataFrame
        The primary metric within each group (``column``, ``slice``), and its distance from the whole.
    groups, fairness : DataFrame
        Rates within each group, and the widest gaps between groups.
    disagreement : DataFrame
        How often candidate and champion (else baseline) flag differently, by slice.
    notes : tuple of str
        What was left out, and why.
    scores : dict of str to ndarray
        What each model answered for each row that was given; not part of the evidence that is kept.
    reference : Summary or None
        Of the features and the candidate's scores that it was judged by; kept apart, when it is registered.
    """

    gates: tuple[Gate, ...]
    metric: str
    rows: int
    days: int
    start: datetime | None
    end: datetime | None
    metrics: dict[str, dict[str, float]]
    slices: pd.DataFrame
    groups: pd.DataFrame
    fairness: pd.DataFrame
    disagreement: pd.DataFrame
    notes: tuple[str, ...] = field(default=())
    scores: dict[str, Any] = field(default_factory=dict, repr=False)
    reference: Summary | None = field(default=None, repr=False)

    @property
    def verdict(self) -> Verdict:
        """``passed``, ``failed`` or ``inconclusive``: see :func:`overall`."""
        return overall(self.gates)

    def gate(self, name: str) -> Gate | None:
        """The gate of that name, or None when it was left out (:attr:`notes` say why)."""
        return next((gate for gate in self.gates if gate.name == name), None)

    @property
    def table(self) -> pd.DataFrame:
        """The gates as a table."""
        import pandas as pd

        columns = ["name", "verdict", "value", "low", "high", "threshold", "required", "why"]
        return pd.DataFrame([gate.to_dict() for gate in self.gates], columns=columns)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values: the evidence that is kept with the version."""
        tables = {name: getattr(self, name) for name in _TABLES}
        return {
            "verdict": self.verdict,
            "metric": self.metric,
            "rows": self.rows,
            "days": self.days,
            "start": self.start.isoformat() if self.start else None,
            "end": self.end.isoformat() if self.end else None,
            "gates": [gate.to_dict() for gate in self.gates],
            "metrics": plain(self.metrics),
            **{name: plain(table.to_dict(orient="records")) for name, table in tables.items()},
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Validation:
        """A validation from its evidence."""
        import pandas as pd

        tables: dict[str, Any] = {name: pd.DataFrame(raw[name]) for name in _TABLES}
        metrics = {
            model: {k: _number(v) for k, v in found.items()} for model, found in raw["metrics"].items()
        }
        return cls(
            gates=tuple(Gate.from_dict(gate) for gate in raw["gates"]),
            metric=raw["metric"],
            rows=raw["rows"],
            days=raw["days"],
            start=datetime.fromisoformat(raw["start"]) if raw["start"] else None,
            end=datetime.fromisoformat(raw["end"]) if raw["end"] else None,
            metrics=metrics,
            notes=tuple(raw["notes"]),
            **tables,
        )

    def _repr_html_(self) -> str:
        from workbench.registry.gates.render import validation_html

        return validation_html(self)


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def plain(value: Any) -> Any:
    """``value`` as JSON can hold it on every database: NaN and infinity become None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "item"):  # a NumPy scalar
        return plain(value.item())
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} {value!r} cannot be kept as evidence")
