"""Which two runs are compared before anybody has chosen some."""

from __future__ import annotations

import numpy as np

from workbench.panels.compare.view import Shown

__all__ = ["before", "newest"]


def newest(shown: Shown) -> int | None:
    """The newest run that measured something and has one to be compared with; else the newest."""
    rows = np.sort(shown.rows).tolist()
    telling = (row for row in rows if shown.table.measured(row) and before(shown, row) is not None)
    return next(telling, next(iter(rows), None))


def before(shown: Shown, newer: int | None) -> int | None:
    """The run of the same phase before it; else any run before it."""
    if newer is None:
        return None
    earlier = np.sort(shown.rows[shown.rows > newer])
    phases = shown.table.columns["phase"].values
    alike = earlier[phases[earlier] == phases[newer]]
    return int(alike[0]) if len(alike) else int(earlier[0]) if len(earlier) else None
