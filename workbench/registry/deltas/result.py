"""What comparing two versions found, as it travels and as it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.registry.card.document import Page
from workbench.registry.card.html import as_html, fragment
from workbench.registry.card.markdown import as_markdown
from workbench.registry.card.writing import write_whole
from workbench.registry.gates.bootstrap import Interval
from workbench.registry.gates.validation import plain

if TYPE_CHECKING:
    import pandas as pd

    from workbench.registry.gates.bootstrap import Floats

__all__ = ["Delta"]

_FACTS = ("model", "old", "new", "metric", "threshold", "rows", "days", "labelled", "rows_from")
_LEVELS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True, eq=False)
class Delta:
    """Two versions on the same rows.

    Attributes
    ----------
    model : str
        The registered model.
    old, new : int
        The versions; differences are new less old.
    rows, days, labelled : int
        Rows that both were asked, the days they lie on, and how many have a label.
    start, end : datetime
        The first and the last time among them.
    rows_from : str
        Where the rows came from, in words; empty for a frame that was handed in.
    notes : tuple of str
        What was left out, and why.
    disagreement : DataFrame
        How often they flag differently, with intervals, on all rows (the first line) and by slice.
    flags : DataFrame
        Rows ``by`` who flagged them (both, only one, neither): ``rows``, ``share`` with ``low`` and ``high``,
        and of those with a label how many turned out ``positive``.
    metrics : DataFrame
        Each metric of ``old`` and ``new``, the ``difference`` with ``low`` and ``high``, and ``better``:
        which of them, where the whole interval says so. Empty without labels. The primary metric comes first.
    differences : ndarray
        Score of the new version less that of the old, for each row.
    changed : DataFrame
        The rows whose score changed most, with their features.
    """

    model: str
    old: int
    new: int
    metric: str
    threshold: float
    rows: int
    days: int
    labelled: int
    start: datetime
    end: datetime
    rows_from: str
    notes: tuple[str, ...]
    disagreement: pd.DataFrame
    flags: pd.DataFrame
    metrics: pd.DataFrame
    differences: Floats
    changed: pd.DataFrame

    @property
    def share(self) -> Interval:
        """How many rows they flag differently, of all rows."""
        whole = self.disagreement.iloc[0]
        return Interval(*(float(whole[name]) for name in ("flagged_differently", "low", "high")))

    @property
    def page(self) -> Page:
        """The report in parts."""
        from workbench.registry.deltas.page import delta_page

        return delta_page(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the single differences as plain JSON values."""
        import numpy as np

        told: dict[str, Any] = {name: getattr(self, name) for name in _FACTS}
        told |= {"start": self.start.isoformat(), "end": self.end.isoformat(), "notes": list(self.notes)}
        told["flagged_differently"] = self.share.to_dict()
        told["score_differences"] = {
            f"{level:g}": float(value)
            for level, value in zip(_LEVELS, np.quantile(self.differences, _LEVELS), strict=True)
        }
        tables = ("disagreement", "flags", "metrics", "changed")
        told |= {name: _records(getattr(self, name)) for name in tables}
        return dict(plain(told))

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write the report as HTML and Markdown, and say where."""
        name = f"v{self.old}-v{self.new}"
        html, markdown = folder / f"{name}.html", folder / f"{name}.md"
        page = self.page
        write_whole(html, as_html(page))
        write_whole(markdown, as_markdown(page))
        return html, markdown

    def _repr_html_(self) -> str:
        return fragment(self.page)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    import pandas as pd

    missing = table.astype(object).where(table.notna(), None)
    return [
        {str(k): str(v) if isinstance(v, pd.Timedelta | pd.Period) else v for k, v in row.items()}
        for row in missing.to_dict(orient="records")
    ]
