"""Which of the two paths an estimator is asked by."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.registry.compile.checking import check
from workbench.registry.compile.edges import edge_rows
from workbench.registry.compile.refusal import NotCompiled

if TYPE_CHECKING:
    import pandas as pd

    from workbench.registry.compile.compiled import Compiled

__all__ = ["Path", "choose", "compile_model"]


@dataclass(frozen=True)
class Path:
    """How an estimator is asked.

    Attributes
    ----------
    compiled : Compiled or None
        None when it is asked itself: the plain path.
    reason : str
        Why, in one line.
    """

    compiled: Compiled | None
    reason: str

    @property
    def name(self) -> str:
        return "plain" if self.compiled is None else "compiled"


def compile_model(estimator: Any, row_wise: Collection[str] = ()) -> Compiled:
    """Flatten a fitted estimator.

    Parameters
    ----------
    row_wise : collection of str
        Functions of ``FunctionTransformer`` steps, as ``"module:name"``, that treat each row by itself.

    Raises
    ------
    NotCompiled
        It, or a step of it, is not known, or numba is not installed; the message is one line.
    """
    if not type(estimator).__module__.startswith("sklearn."):
        raise NotCompiled(f"a {type(estimator).__name__} is served on the plain path")
    try:
        from workbench.registry.compile.flattening import flattened
    except ImportError as error:
        raise NotCompiled(f"{error.name or 'numba'} is not installed: pip install numba") from error
    try:
        return flattened(estimator, row_wise)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # What this relies on in scikit-learn is partly private, and differs between its versions.
        raise NotCompiled(f"a {type(estimator).__name__} cannot be followed: {_line(error)}") from error


def choose(estimator: Any, frames: Sequence[pd.DataFrame], row_wise: Collection[str] = ()) -> Path:
    """The compiled path if it answers these rows as the estimator does, and else the plain one.

    Rows with unknown, missing and extreme values, and those at the trees' own thresholds, are made of the
    first frame and compared as well. It never raises.

    Parameters
    ----------
    frames : sequence of DataFrame
        Rows of features: recorded cases, a sample of the training data.
    """
    try:
        compiled = compile_model(estimator, row_wise)
        given = [frame for frame in frames if len(frame)]
        if not given:
            raise NotCompiled("there are no rows to compare it on")
        edges = edge_rows(given[0], compiled)
        compared = check(compiled, estimator, [*given, edges])
        compiled.warm()
    except NotCompiled as error:
        return Path(None, str(error))
    except Exception as error:  # an estimator may raise anything; then it is asked itself
        return Path(None, f"it could not be compared: {_line(error)}")
    exactly = "equal to the last bit" if compiled.exact else "equal to 1e-12"
    return Path(compiled, f"{compiled.description}; {exactly} on {compared:,} rows")


def _line(error: Exception) -> str:
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said[:300]}"
