"""Samples for Evidently, which takes nothing but rows: of the log, and drawn from a version's reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench import registry
from workbench.data.summary import PREDICTION, CategorySummary, NumberSummary, Summary
from workbench.monitoring.page.evidently import EvidentlyPage, evidently_page
from workbench.monitoring.skew import sample_logged
from workbench.registry.cases import features

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from workbench.data.summary import ColumnSummary
    from workbench.monitoring.findings.finding import WindowFinding
    from workbench.project import Project
    from workbench.serving import PredictionLog

__all__ = ["draw", "evidently_pages"]

_ROWS = 5_000
_REST = "(rare)"


def evidently_pages(
    project: Project, log: PredictionLog, findings: Sequence[WindowFinding]
) -> dict[str, EvidentlyPage]:
    """Evidently's report on each window's champion, by the window's name.

    Samples of what it was asked are compared with rows drawn from the reference that it was registered with.
    A window in which there is nothing to compare is left out.
    """
    pages: dict[str, EvidentlyPage] = {}
    for finding in findings:
        found, span = finding.champion, (finding.window.start, finding.window.end)
        if found is None or not found.rows or found.notes:
            continue
        reference = registry.reference(registry.get_version(project, found.version), project)
        about: dict[str, Any] = {"role": found.role, "version": found.version, "of": found.rows}
        if reference is not None:
            asked = sample_logged(log, *span, rows=_ROWS, **about)
            pages[finding.name] = evidently_page(draw(reference, _ROWS), features(asked))
    return pages


def draw(summary: Summary, rows: int = _ROWS, *, seed: int = 0) -> pd.DataFrame:
    """So many rows whose columns are distributed as the summary says, each by itself; without the scores.

    What two columns have to do with each other is not in a summary, and so not in these rows.
    """
    import pandas as pd

    random = np.random.default_rng(seed)
    columns = {name: column for name, column in summary.columns.items() if name != PREDICTION}
    return pd.DataFrame({name: _drawn(column, rows, random) for name, column in columns.items()})


def _drawn(column: ColumnSummary, rows: int, random: np.random.Generator) -> Any:
    drawn: NDArray[np.object_] = np.full(rows, None, dtype=object)
    present = random.random(rows) >= column.missing_share
    if isinstance(column, NumberSummary) and column.finite:
        numbers = _numbers(column, int(present.sum()), random)
        drawn[present] = numbers.astype("datetime64[s]") if column.kind == "time" else numbers
    elif isinstance(column, CategorySummary) and column.counts.sum():
        counts = np.append(column.counts, column.rest)
        names = np.array([*column.values.to_pylist(), _REST], dtype=object)
        drawn[present] = random.choice(names, int(present.sum()), p=counts / counts.sum())
    return drawn


def _numbers(column: NumberSummary, rows: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Points, and between them anything alike."""
    ends = np.concatenate(([column.minimum], column.edges, [column.maximum]))
    counts = np.concatenate((column.points, column.between))
    lows, highs = np.concatenate((column.edges, ends[:-1])), np.concatenate((column.edges, ends[1:]))
    chosen = random.choice(len(counts), rows, p=counts / counts.sum())
    drawn: NDArray[np.float64] = random.uniform(lows[chosen], highs[chosen])
    return drawn
