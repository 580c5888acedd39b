"""Findings as a table that can be written as a dataset, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any

from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
from workbench.monitoring.findings.windows import Window

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["from_frame", "to_frame"]

_TIMES = ("start", "end", "evaluated_at")
_NOBODY = {"role": "", "version": 0, "rows": 0, "document": ""}
_TABLE = ["window", *_TIMES, "role", "version", "rows", "drift_share", "drifted"]
_FIGURES = ("metric", "value", "low", "high", "verdict", "why")
_TABLE += ["prediction_drift", *_FIGURES, "document"]


def to_frame(findings: Sequence[WindowFinding]) -> pd.DataFrame:
    """One row for each window and version that answered, to be written as a dataset."""
    import pandas as pd

    rows = []
    for finding in findings:
        about = {
            "window": finding.name,
            "start": pd.Timestamp(finding.window.start),
            "end": pd.Timestamp(finding.window.end),
            "evaluated_at": pd.Timestamp(finding.evaluated_at),
        }
        rows += [{**about, **_columns(item)} for item in finding.versions] or [{**about, **_NOBODY}]
    return pd.DataFrame(rows, columns=_TABLE)


def from_frame(frame: pd.DataFrame) -> list[WindowFinding]:
    """The findings that :func:`to_frame` was given, without ``told`` (0)."""
    findings = []
    # Of windows shorter than an hour, two are called alike when clocks are set back.
    for _, rows in frame.groupby("start", sort=False):
        first = rows.iloc[0]
        start, end, at = (
            first[time].to_pydatetime().astimezone(UTC) for time in ("start", "end", "evaluated_at")
        )
        versions = (VersionFinding.from_dict(json.loads(text)) for text in rows["document"] if text)
        findings.append(WindowFinding(Window(first["window"], start, end), tuple(versions), at))
    return findings


def _columns(item: VersionFinding) -> dict[str, Any]:
    performance = item.performance
    return {
        "role": item.role,
        "version": item.version,
        "rows": item.rows,
        "drift_share": item.drift.share,
        "drifted": ", ".join(item.drift.drifted),
        "prediction_drift": item.drift.prediction or "",
        **({} if performance is None else {name: getattr(performance, name) for name in _FIGURES}),
        "document": json.dumps(item.to_dict()),
    }
