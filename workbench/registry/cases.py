"""Recorded cases: a few requests with what the model answered when it was validated.

They are kept as JSON beside the validation's other evidence. Whoever loads the version later can ask it
again: other answers mean another model, other libraries or other features than the ones validated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import DataError, RegistryError, UnknownName
from workbench.tracking import models
from workbench.tracking.flavors import adapted

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "FEATURE",
    "INPUT",
    "features",
    "inputs",
    "read_cases",
    "record_cases",
    "write_cases",
    "wrong_answers",
]

#: Before the names of raw request columns and of features, as in the prediction log.
INPUT = "input."
FEATURE = "feature."
# One number a row, and before the names of more than two classes the probability of each.
_SCORE, _CLASS = "score", "score."
# Other processors and library builds differ in the last digits; of a large number the leading ones count.
_TOLERANCE = 1e-6


def record_cases(
    frame: pd.DataFrame,
    outputs: Any,
    *,
    inputs: Sequence[str],
    features: Sequence[str],
    classes: Sequence[Any] = (),
    asked_at: str = "asked_at",
    count: int = 20,
) -> pd.DataFrame:
    """Choose cases from the validated rows, evenly from the lowest score to the highest.

    Of more than two classes, those for which the first is answered come first, and so on.

    Parameters
    ----------
    frame : DataFrame
        The holdout; it holds ``inputs``, ``features`` and ``asked_at``.
    outputs : array
        What the candidate answered (:func:`~workbench.tracking.models.outputs`); of two classes, the scores
        do as well.
    inputs, features : sequence of str
        Columns of a raw request, and of the model's input.
    classes : sequence
        The candidate's ``classes_``; needed when there are more than two.

    Returns
    -------
    DataFrame
        ``asked_at``, ``score`` (:func:`~workbench.tracking.models.scores_of`), ``score.<class>`` for each
        class if there are more than two, ``input.<name>`` and ``feature.<name>``.
    """
    import pandas as pd

    for column in (asked_at, *inputs, *features):
        if column not in frame.columns:
            raise UnknownName("column", column, map(str, frame.columns), where="the rows to record")
    given = np.asarray(outputs, dtype=float)
    if given.ndim not in (1, 2) or len(given) != len(frame):
        raise DataError(f"{given.size:,} scores for {len(frame):,} rows to record")
    scored = _scored(given, classes)
    answered = given.argmax(axis=1) if len(scored) > 1 else np.zeros(len(given))
    order = np.lexsort((scored[_SCORE], answered))
    chosen = (
        order[np.unique(np.linspace(0, len(order) - 1, count).round().astype(int))] if len(order) else order
    )
    rows = frame.iloc[chosen]
    columns = {"asked_at": rows[asked_at], **{name: values[chosen] for name, values in scored.items()}}
    columns |= {INPUT + name: rows[name] for name in inputs}
    columns |= {FEATURE + name: rows[name] for name in features}
    return pd.DataFrame(columns).reset_index(drop=True)


def _scored(outputs: NDArray[np.float64], classes: Sequence[Any]) -> dict[str, NDArray[np.float64]]:
    """The columns that say what was answered."""
    found = {_SCORE: models.scores_of(outputs)}
    if outputs.ndim == 2 and outputs.shape[1] != 2:
        if len(classes) != outputs.shape[1]:
            raise DataError(f"probabilities of {outputs.shape[1]} classes, and {len(classes)} classes named")
        found |= {f"{_CLASS}{name}": outputs[:, place] for place, name in enumerate(classes)}
    return found


def inputs(cases: pd.DataFrame) -> pd.DataFrame:
    """The raw request rows of recorded cases, under the names they are sent with."""
    return _without(INPUT, cases)


def features(cases: pd.DataFrame) -> pd.DataFrame:
    """The model's input in recorded cases."""
    return _without(FEATURE, cases)


def wrong_answers(
    estimator: Any, cases: pd.DataFrame, build: Callable[[pd.DataFrame], pd.DataFrame] | None = None
) -> pd.DataFrame:
    """The cases that the estimator does not answer as recorded, with its ``answer``; empty when all agree.

    Of more than two classes, the probability of each has to agree, and is told as ``answer.<class>``.

    Parameters
    ----------
    build : callable, optional
        Makes the model's input of the raw requests in ``cases``; without it, the recorded input is taken.

    Raises
    ------
    DataError
        ``build`` makes other rows, or lacks a feature that was recorded.
    """
    given = features(cases)
    if build is not None:
        built = build(cases)
        missing = [name for name in given.columns if name not in built.columns]
        if missing or len(built) != len(cases):
            said = f"no feature {missing[0]!r}" if missing else f"{len(built)} rows"
            raise DataError(f"the features function makes {said} of the {len(cases)} recorded requests")
        given = built[list(given.columns)].reset_index(drop=True)
    scored = _scored(models.outputs(estimator, given), getattr(adapted(estimator), "classes_", ()))
    recorded = [name for name in cases.columns if name == _SCORE or str(name).startswith(_CLASS)]
    agrees = np.full(len(cases), recorded == list(scored))
    for name in recorded if agrees.any() else ():
        score = cases[name].to_numpy()
        agrees &= np.abs(score - scored[name]) <= _TOLERANCE * np.maximum(1, np.abs(score))
    answers = {name.replace(_SCORE, "answer", 1): values for name, values in scored.items()}
    return cases.assign(**answers).loc[~agrees]


def write_cases(cases: pd.DataFrame) -> tuple[str, str]:
    """Cases as JSON text, and its SHA-256.

    Raises
    ------
    DataError
        When there is no case, or a case lacks its score, its time or its features.
    """
    if cases.empty:
        raise DataError("no recorded cases: a version without any could not be checked before it is promoted")
    if "asked_at" not in cases or "score" not in cases or features(cases).shape[1] == 0:
        raise DataError(
            f"recorded cases need asked_at, score and {FEATURE}…; they have {', '.join(map(str, cases))}"
        )
    kinds = {str(name): _kind(cases[name]) for name in cases.columns}
    rows = [
        {name: _value(value, kinds[name]) for name, value in zip(kinds, row, strict=True)}
        for row in cases.itertuples(index=False)
    ]
    text = json.dumps({"columns": kinds, "rows": rows}, ensure_ascii=False, allow_nan=False, indent=1)
    return text, hashlib.sha256(text.encode()).hexdigest()


def read_cases(text: str, sha256: str) -> pd.DataFrame:
    """Cases from JSON text.

    Raises
    ------
    RegistryError
        When the text is not the one that was recorded.
    """

    if hashlib.sha256(text.encode()).hexdigest() != sha256:
        raise RegistryError("the recorded cases were changed since they were recorded")
    try:
        return _frame(json.loads(text))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise RegistryError(f"the recorded cases cannot be read: {error}") from error


def _frame(content: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    columns: dict[str, Any] = {}
    for name, kind in content["columns"].items():
        values = [row[name] for row in content["rows"]]
        if kind == "time":
            columns[name] = pd.to_datetime(pd.Series(values), utc=True, format="ISO8601")
        elif kind == "number":
            columns[name] = pd.Series(values, dtype=float)
        elif kind == "category":
            columns[name] = pd.Series(pd.Categorical(values))
        else:
            columns[name] = pd.Series(values, dtype={"integer": "int64", "boolean": "bool"}.get(kind, "str"))
    return pd.DataFrame(columns)


def _without(prefix: str, cases: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in cases.columns if str(name).startswith(prefix)]
    return cases[names].rename(columns={name: name.removeprefix(prefix) for name in names})


def _kind(column: pd.Series[Any]) -> str:
    import pandas as pd

    kind = column.dtype
    if pd.api.types.is_datetime64_any_dtype(kind):
        return "time"
    if isinstance(kind, pd.CategoricalDtype):
        return "category"
    whole = not column.isna().any()
    if pd.api.types.is_bool_dtype(kind):
        return "boolean" if whole else "number"
    if pd.api.types.is_numeric_dtype(kind):
        return "integer" if pd.api.types.is_integer_dtype(kind) and whole else "number"
    return "text"


def _value(value: Any, kind: str) -> Any:
    import pandas as pd

    if pd.isna(value):
        return None
    if kind == "time":
        return pd.Timestamp(value).isoformat()
    if kind == "number":
        number = float(value)
        if not np.isfinite(number):
            raise DataError(f"a recorded case holds {number}, which JSON cannot")
        return number
    if kind in ("integer", "boolean", "category"):
        return value.item() if hasattr(value, "item") else value
    return str(value)
