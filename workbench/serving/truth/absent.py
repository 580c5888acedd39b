"""Labels about predictions that were never made, or never logged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import select

from workbench.project import Project
from workbench.registry.cases import INPUT
from workbench.serving.log.read import PredictionLog
from workbench.serving.truth.business import BusinessKey, match
from workbench.store.database import open_database
from workbench.store.tables import ground_truth

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["absent", "count_absent"]


def count_absent(project: Project, log: PredictionLog, log_name: str) -> int:
    """How many cases have ground truth, but no prediction in the log.

    Reads the ids of the labels from the index, and those of the log in bounded memory: seconds for a million
    labels.
    """
    table = ground_truth.c
    by_id = select(table.prediction_id).where(table.log == log_name, table.prediction_id != "")
    by_key = select(table.business_key).where(table.log == log_name, table.prediction_id == "")
    database = open_database(project)
    try:
        with database.read() as connection:
            ids, keys = (list(connection.scalars(query.distinct())) for query in (by_id, by_key))
    finally:
        database.close()
    return absent(log, BusinessKey.open(project), ids, keys)


def absent(log: PredictionLog, key: BusinessKey, ids: Sequence[str], keys: Sequence[str]) -> int:
    """How many of these are about no prediction of the log; one that is there twice counts twice.

    Parameters
    ----------
    ids : sequence of str
        Prediction ids.
    keys : sequence of str
        Business keys as they are kept.
    """
    if not (log.database or Path(log.folder).is_dir()):
        return len(ids) + len(keys)
    wanted = ["prediction_id", *(f"{INPUT}{name}" for name in key.columns if keys)]
    by_id, by_key = _Sought(ids), _Sought(keys)
    for table in log.batches(columns=wanted):
        logged = table.to_pandas()
        by_id.find(logged["prediction_id"].to_numpy(object))
        if keys:
            _find_keys(by_key, logged, key)
    return by_id.missing() + by_key.missing()


class _Sought:
    """Names, and which of them were found so far."""

    def __init__(self, names: Sequence[str]) -> None:
        import pandas as pd

        self._code, different = pd.factorize(np.array(names, dtype=object))
        self._index = pd.Index(different, dtype=object)
        self._found = np.zeros(len(different), dtype=bool)

    def find(self, names: NDArray[np.object_]) -> None:
        import pandas as pd

        place = self._index.get_indexer(pd.Index(names, dtype=object))
        self._found[place[place >= 0]] = True

    def left(self) -> NDArray[np.object_]:
        """Those not found."""
        left: NDArray[np.object_] = self._index.to_numpy(object)[~self._found]
        return left

    def missing(self) -> int:
        return int((~self._found)[self._code].sum())


def _find_keys(sought: _Sought, logged: pd.DataFrame, key: BusinessKey) -> None:
    left = sought.left()
    if len(left):
        there, asked = match(logged, key.columns_of(left.tolist()))
        sought.find(left[np.isin(asked, there[there >= 0])])
