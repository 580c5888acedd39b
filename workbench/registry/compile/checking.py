"""A compiled estimator held to the estimator itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.registry.compile.columns import Columns, columns_of, frame_of
from workbench.registry.compile.refusal import NotCompiled

if TYPE_CHECKING:
    import pandas as pd

    from workbench.registry.compile.compiled import Compiled

__all__ = ["check"]

# Of probabilities, and of other answers in relation to their size.
_TOLERANCE = 1e-12
# Classes whose sum has one order only.
_SUMMED_ALIKE = 2
# Rows that the compiled path refuses, asked of the estimator one by one.
_MOST_REFUSED = 12


def check(compiled: Compiled, estimator: Any, frames: Sequence[pd.DataFrame]) -> int:
    """Compare with ``predict_proba`` (else ``predict``) on each frame, as the server would ask it.

    Trees have to agree to the last bit, linear models to 1e-12. Rows that the compiled path refuses with
    ``ValueError``, the estimator has to refuse as well, and no others.

    Returns
    -------
    int
        How many rows were compared.

    Raises
    ------
    NotCompiled
        They differ; the message says on how many rows and by how much.
    """
    with _alone():
        for frame in frames:
            missing = [name for name in compiled.columns if name not in frame.columns]
            if missing:
                raise NotCompiled(f"the rows to compare it on have no column {missing[0]!r}")
            columns = columns_of(frame)
            refused = _refused(compiled, columns, len(frame))
            kept = np.flatnonzero(~refused)
            if len(kept):
                _compare(compiled, estimator, _taken(columns, kept))
            _compare_refused(estimator, columns, np.flatnonzero(refused))
    return sum(map(len, frames))


@contextmanager
def _alone() -> Iterator[None]:
    """One thread, one job, no warnings.

    Several jobs of a forest add up in whatever order they end, and several threads wait for each other.
    """
    import warnings

    import joblib
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), joblib.parallel_config(backend="sequential"), threadpool_limits(1):
        warnings.simplefilter("ignore")
        yield


def _refused(compiled: Compiled, columns: Columns, rows: int) -> NDArray[np.bool_]:
    """Which rows the compiled path refuses."""
    found = np.zeros(rows, dtype=bool)
    try:
        compiled(columns, rows)
        return found
    except ValueError:
        pass
    for row in range(rows):
        try:
            compiled(_taken(columns, np.array([row])), 1)
        except ValueError:
            found[row] = True
    return found


def _compare(compiled: Compiled, estimator: Any, columns: Columns) -> None:
    rows = len(next(iter(columns.values())))
    found = compiled(columns, rows)
    try:
        expected = _asked(estimator, columns)
    except ValueError as error:
        raise NotCompiled(
            f"it answers rows that the estimator refuses: {str(error).strip()[:200]}"
        ) from error
    if found.shape != expected.shape:
        raise NotCompiled(f"it answers with shape {found.shape}, the estimator with {expected.shape}")
    _agree(found, expected, exact=compiled.exact)
    # A row by itself must be answered the same as among others. Trees are then followed in another way, so
    # each is asked. The order in which softmax adds up depends on how many rows there are.
    exact = compiled.exact and (found.ndim == 1 or found.shape[1] <= _SUMMED_ALIKE)
    alone = [compiled(_taken(columns, np.array([row])), 1) for row in range(rows)]
    _agree(np.concatenate(alone), expected, exact=exact)
    for row in {0, rows // 2, rows - 1}:
        _agree(alone[row], _asked(estimator, _taken(columns, np.array([row]))), exact=compiled.exact)


def _agree(found: NDArray[np.float64], expected: NDArray[np.float64], *, exact: bool) -> None:
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    with np.errstate(all="ignore"):
        apart = np.where(same, 0.0, np.abs(found - expected))
        if not exact:
            same |= apart <= _TOLERANCE * np.maximum(1.0, np.abs(expected))
    if same.all():
        return
    wrong = ~same if same.ndim == 1 else ~same.all(axis=1)
    raise NotCompiled(
        f"it differs on {wrong.sum():,} of {len(wrong):,} rows, by up to {np.nanmax(apart):.3g}"
    )


def _compare_refused(estimator: Any, columns: Columns, rows: NDArray[np.int64]) -> None:
    """Rows that the compiled path refuses; a spread of them is asked one by one."""
    if len(rows) > _MOST_REFUSED:
        rows = rows[np.linspace(0, len(rows) - 1, _MOST_REFUSED).round().astype(int)]
    for row in rows.tolist():
        try:
            _asked(estimator, _taken(columns, np.array([row])))
        except ValueError:
            continue
        raise NotCompiled("it refuses a row that the estimator answers")


def _asked(estimator: Any, columns: Columns) -> NDArray[np.float64]:
    ask = estimator.predict_proba if hasattr(estimator, "predict_proba") else estimator.predict
    return np.asarray(ask(frame_of(columns)), dtype=np.float64)


def _taken(columns: Columns, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    return {name: values[rows] for name, values in columns.items()}
