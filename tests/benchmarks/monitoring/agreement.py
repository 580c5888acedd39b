"""Whether our verdicts are Evidently's: shapes of data at sizes on both sides of its change of methods."""

from __future__ import annotations

from collections import Counter

from tests.benchmarks.execution.table import Goal, Row, Table
from tests.drifting import by_evidently, pairs
from workbench.monitoring.drift import measure_drift

__all__ = ["measure"]

# Rows of reference and window: p-values up to 1,000 of reference, distances beyond; SciPy's exact test up to
# 10,000 of window.
_SIZES = ((300, 300), (1000, 2500), (1000, 12_000), (1001, 500), (4000, 20_000), (30_000, 5000))
# None, just below and above where many of the shapes reach the line, and much.
_SHIFTS = (0.0, 0.08, 0.12, 0.5)


def measure(repeats: int) -> Table:
    """All shapes, shifts and sizes once; ``repeats`` is not needed, as nothing here varies."""
    same, methods, scores, notes = [], [], [], []
    drifted: Counter[str] = Counter()
    for reference, window in _SIZES:
        before, now = pairs(reference, window, _SHIFTS, seed=reference + window)
        ours = measure_drift(before, now).features.set_index("feature")
        for name, theirs in by_evidently(before, now).items():
            row = ours.loc[name]
            same.append(bool(row["drifted"]) == theirs.drifted)
            methods.append(row["method"] == theirs.method)
            scores.append(abs(row["score"] - theirs.score) / row["threshold"])
            drifted[theirs.method] += theirs.drifted
            if not (same[-1] and methods[-1]):
                notes.append(
                    f"{reference:,} and {window:,} rows, {name}: {theirs.method} {theirs.score:.4g} and "
                    f"{'drifted' if theirs.drifted else 'stable'}, ours {row['method']} {row['score']:.4g} "
                    f"and {row['verdict']}"
                )
    says = ", ".join(f"{count} by {method}" for method, count in sorted(drifted.items()))
    rows = [
        Row("the same verdict", [100 * sum(same) / len(same)], goal=Goal(), unit="%"),
        Row("the same method", [100 * sum(methods) / len(methods)], goal=Goal(), unit="%"),
        Row("another verdict", [100 - 100 * sum(same) / len(same)], goal=Goal(most=1), unit="%"),
        Row("largest difference of a score, of the line", [100 * max(scores)], unit="%"),
    ]
    title = f"verdicts on {len(same)} features beside those of Evidently's DataDriftPreset"
    return Table(title, rows, [f"Evidently calls drifted: {says}", *notes])
