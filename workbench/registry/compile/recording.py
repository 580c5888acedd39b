"""Which path a version will be asked by, found out when it is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.data.tables import Tables
from workbench.project import Project
from workbench.registry import cases as recorded
from workbench.registry.compile.paths import choose
from workbench.tracking.models import TrainedModel

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["serving_path"]

_MOST_ROWS = 2000
# A table of more rows is read from its beginning only.
_SPREAD_OVER = 400_000


def serving_path(project: Project, trained: TrainedModel, cases: pd.DataFrame) -> tuple[str, str]:
    """``"compiled"`` or ``"plain"``, and why in one line, for a model that is about to be registered.

    It is compared on the recorded cases, on a sample of its training data and on rows at the edges. It never
    raises: a model that cannot be compared is asked by the plain path.
    """
    from workbench.registry.loading import load

    try:
        estimator = load(trained, project)
        features = recorded.features(cases)
        sample, said = _sample(project, trained.datasets, _fitted_on(estimator))
        path = choose(estimator, [*([] if sample is None else [sample]), features], _row_wise(project))
    except Exception as error:  # whatever it is, the version can still be asked by the plain path
        return (
            "plain",
            f"it could not be compared: {type(error).__name__}: {' '.join(str(error).split())[:300]}",
        )
    if path.compiled is None:
        return path.name, path.reason
    return path.name, f"{path.reason}: {len(features)} recorded cases, {said}, the rest at the edges"


def _fitted_on(estimator: Any) -> list[str]:
    names = getattr(estimator, "feature_names_in_", None)
    return [] if names is None else [str(name) for name in names]


def _row_wise(project: Project) -> tuple[str, ...]:
    return project.config.serving.row_wise


def _sample(
    project: Project, datasets: dict[str, int], columns: list[str]
) -> tuple[pd.DataFrame | None, str]:
    """Rows of the first dataset version that has all columns, and what they are in words."""
    import deltalake
    from deltalake.exceptions import DeltaError

    for name, version in datasets.items() if columns else ():
        try:
            table = deltalake.DeltaTable(Tables(project.data_uri).uri(name), version=version)
        except DeltaError:
            continue
        if not set(columns) <= {field.name for field in table.schema().fields}:
            continue
        rows = table.to_pyarrow_dataset()
        count = rows.count_rows()
        if count > _SPREAD_OVER:
            found = rows.head(_MOST_ROWS, columns=columns)
        else:
            found = rows.to_table(columns=columns)
            found = found.take(list(range(0, count, max(1, -(-count // _MOST_ROWS)))))
        return found.to_pandas(), f"{found.num_rows:,} rows of {name} v{version}"
    return None, "no training rows, since none of its datasets has all features"
