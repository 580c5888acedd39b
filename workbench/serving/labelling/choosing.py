"""Predictions as rows of a queue: any, those the champion is unsure of, those a shadow answers otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.data.labels.choosing import rows_of, shown_columns
from workbench.data.labels.model import NewRow
from workbench.errors import DataError
from workbench.project import Project
from workbench.registry.cases import INPUT
from workbench.serving.log.read import PredictionLog
from workbench.serving.truth.recording import labelled

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Predictions"]

_ID, _ASKED_AT, _SCORE = "prediction_id", "asked_at", "score"


@dataclass(frozen=True)
class Predictions:
    """What people can be asked about in a log.

    Attributes
    ----------
    log_name : str
        Under which its ground truth is filed.
    columns : tuple of str
        Raw columns that annotators see; by default all that they may.
    unknown_only : bool
        Only predictions whose outcome nobody knows yet.
    """

    project: Project
    log: PredictionLog
    log_name: str
    columns: tuple[str, ...] = ()
    unknown_only: bool = False

    def random(self, count: int, *, seed: int) -> list[NewRow]:
        """Any predictions of the champion."""
        return self.chosen(self.answered(), count, seed=seed)

    def uncertainty(self, count: int) -> list[NewRow]:
        """Those whose score is nearest to the threshold (``[gates] threshold``)."""
        threshold = self.project.config.gates.threshold
        found = self.answered().dropna(subset=[_SCORE])
        nearest = (found[_SCORE] - threshold).abs().sort_values(kind="stable").index[:count]
        found = found.loc[nearest]
        return self.rows(found, [f"score {score:.4f}, threshold {threshold:g}" for score in found[_SCORE]])

    def disagreement(self, count: int) -> list[NewRow]:
        """Those that a shadow flags otherwise than the champion, the furthest apart first.

        Raises
        ------
        DataError
            No shadow has answered, or all of them agree with the champion everywhere.
        """
        threshold = self.project.config.gates.threshold
        ours = self.answered().dropna(subset=[_SCORE])
        theirs = self.log.read(role="shadow", columns=[_ID, _SCORE, "model_version"]).dropna(subset=[_SCORE])
        if theirs.empty:
            raise DataError(f"no shadow has answered in {self.log_name}: workbench promote N --to shadow")
        both = ours.merge(theirs, on=_ID, suffixes=("", "_shadow"))
        both = both[(both[_SCORE] >= threshold) != (both["score_shadow"] >= threshold)]
        if both.empty:
            raise DataError(f"champion and shadow flag the same predictions in {self.log_name}; none chosen")
        apart = (both[_SCORE] - both["score_shadow"]).abs()
        both = both.loc[apart.sort_values(ascending=False, kind="stable").index].drop_duplicates(_ID)[:count]
        told = zip(both[_SCORE], both["model_version"], both["score_shadow"], strict=True)
        why = [f"score {ours:.4f}, shadow v{version} {theirs:.4f}" for ours, version, theirs in told]
        return self.rows(both, why)

    def answered(self) -> pd.DataFrame:
        """The champion's predictions: ``prediction_id``, ``asked_at`` and ``score``, in the order of asking.

        Raises
        ------
        DataError
            There are none, or nothing is left of them.
        """
        found = self.log.read(role="champion", columns=[_ID, _ASKED_AT, _SCORE])
        if found.empty:
            raise DataError(f"the prediction log {self.log_name} has no answers yet; workbench serve")
        if self.unknown_only:
            key = [f"{INPUT}{name}" for name in self.project.config.serving.key]
            if key:
                keyed = self.log.read(role="champion", columns=[_ID, *key]).drop_duplicates(_ID)
                found = found.merge(keyed, on=_ID, how="left")
            known = labelled(self.project, self.log_name, found)
            found = found[known["truth"].isna().to_numpy() & known["truth_label"].isna().to_numpy()]
            if found.empty:
                raise DataError(f"the outcome of each prediction in {self.log_name} is known already")
        return found.drop_duplicates(_ID).reset_index(drop=True)

    def chosen(
        self, found: pd.DataFrame, count: int, *, seed: int, why: str = "drawn at random"
    ) -> list[NewRow]:
        """So many of them, drawn."""
        return self.rows(found.sample(min(count, len(found)), random_state=seed), why)

    def rows(self, found: pd.DataFrame, why: str | Sequence[str]) -> list[NewRow]:
        """Rows out of ``prediction_id``, with their raw inputs as they were asked."""
        inputs = self._inputs(found[_ID])
        raw = [name.removeprefix(INPUT) for name in inputs.columns if name.startswith(INPUT)]
        shown = shown_columns(self.project, raw, self.columns)
        there = found[[_ID]].merge(inputs, on=_ID, how="left")
        moment = {} if self.columns else {_ASKED_AT: "asked at"}
        return rows_of(there, {_ID: _ID}, {**moment, **{f"{INPUT}{name}": name for name in shown}}, why)

    def _inputs(self, ids: pd.Series[str]) -> pd.DataFrame:
        """The raw inputs of these predictions, of a log of any length in bounded memory."""
        import pandas as pd
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(ids.tolist(), pa.string())
        parts = []
        for table in self.log.batches(role="champion"):
            part = table.filter(pc.is_in(table[_ID].cast(pa.string()), wanted))
            if part.num_rows:
                names = [name for name in part.column_names if name.startswith(INPUT)]
                parts.append(part.select([_ID, _ASKED_AT, *names]).to_pandas())
        inputs: pd.DataFrame = pd.concat(parts, ignore_index=True).drop_duplicates(_ID)
        return inputs
