"""A plateau: several challengers in a row have brought no real gain over the champion.

Then more of the same does not help, and what is known already says where to look instead: what the features
contribute, which carry nothing, and where the newest challenger errs most. What a new source of information
would add is measured by :mod:`~workbench.registry.trial`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from workbench.errors import WorkbenchError
from workbench.project import Project
from workbench.registry.card.document import rows_of
from workbench.registry.card.facts import definitions
from workbench.registry.card.measured import insight
from workbench.registry.card.rows import feature_names, holdout_rows, validation_of
from workbench.registry.gates.bootstrap import Interval
from workbench.registry.gates.validation import plain
from workbench.registry.loading import load
from workbench.registry.versions import ModelVersion, list_versions
from workbench.tracking.models import positive_scores

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CHALLENGERS", "Contribution", "Gain", "Plateau", "no_gains", "plateau"]

#: So many challengers in a row without a real gain are a plateau.
CHALLENGERS = 3
_WORST, _NAMED = 5, 4
_T = TypeVar("_T")


@dataclass(frozen=True)
class Gain:
    """What a challenger gained over the champion of its time, by the evidence of its validation."""

    version: int
    interval: Interval


@dataclass(frozen=True)
class Contribution:
    """What the primary metric loses when the values of a feature are shuffled."""

    feature: str
    interval: Interval


@dataclass(frozen=True, eq=False)
class Plateau:
    """Several challengers in a row without a real gain, and what may be done about it.

    Attributes
    ----------
    gains : tuple of Gain
        Of these challengers, the newest first.
    features : tuple of Contribution
        Of the newest challenger, the largest first.
    unused : tuple of str
        Features that carry nothing that could be told, and those of the catalogue that it is not asked with.
    worst : DataFrame
        The rows of its holdout on which it errs most: its ``score``, the target, what contributes most.
    notes : tuple of str
        What could not be looked at, and why.
    """

    metric: str
    gains: tuple[Gain, ...]
    features: tuple[Contribution, ...]
    unused: tuple[str, ...]
    worst: pd.DataFrame
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        gains = "; ".join(f"v{gain.version} {gain.interval}" for gain in self.gains)
        said = [
            f"A plateau: {len(self.gains)} challengers in a row gained nothing in {self.metric} that is "
            f"surely more than chance ({gains})"
        ]
        if self.features:
            most = ", ".join(f"{one.feature} {one.interval.value:.3f}" for one in self.features[:_NAMED])
            said.append(f"what contributes most is {most}")
        if self.unused:
            said.append(f"nothing comes from {', '.join(self.unused)}")
        return (
            f"{'; '.join(said)}. A new source of information may help: workbench trial measures what it adds."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "says": str(self),
            "metric": self.metric,
            "gains": [plain(asdict(gain)) for gain in self.gains],
            "features": [plain(asdict(one)) for one in self.features],
            "unused": list(self.unused),
            "worst": plain(self.worst.to_dict(orient="records")),
            "notes": list(self.notes),
        }


def no_gains(project: Project, versions: Sequence[ModelVersion] | None = None) -> tuple[Gain, ...]:
    """The newest challengers in a row that have brought no real gain, the newest first.

    Those that were held against no champion say nothing, nor does a comparison that favoured the champion.
    """
    found = []
    for version, gain in _gains(project, list_versions(project) if versions is None else versions):
        if gain.low > 0:
            break
        found.append(Gain(version.version, gain))
    return tuple(found)


def plateau(project: Project, challengers: int = CHALLENGERS) -> Plateau | None:
    """Whether so many challengers in a row have brought no real gain, and what is known about why."""
    versions = list_versions(project)
    gains = no_gains(project, versions)
    if len(gains) < challengers:
        return None
    import pandas as pd

    newest = next(version for version in versions if version.version == gains[0].version)
    notes: list[str] = []
    features = _try(lambda: _contributions(project, newest), notes) or ()
    worst = _try(lambda: _worst(project, newest, [one.feature for one in features[:_NAMED]]), notes)
    asked = _try(lambda: feature_names(newest, project), notes) or []
    unasked = [name for name in definitions(project) if asked and name not in asked]
    return Plateau(
        metric=project.objective.primary_metric,
        gains=gains,
        features=features,
        unused=(*(one.feature for one in features if not one.interval.low > 0), *unasked),
        worst=pd.DataFrame() if worst is None else worst,
        notes=tuple(dict.fromkeys(notes)),
    )


def _gains(project: Project, versions: Sequence[ModelVersion]) -> Iterator[tuple[ModelVersion, Interval]]:
    for version in versions:
        try:
            gate = validation_of(version, project).gate("beats champion")
        except WorkbenchError:
            continue  # it was registered elsewhere, or its evidence is away
        # The gate says so where the champion had learnt from the rows that both were judged on.
        if (
            gate is not None
            and gate.interval is not None
            and gate.interval.known
            and "favours" not in gate.why
        ):
            yield version, gate.interval


def _contributions(project: Project, version: ModelVersion) -> tuple[Contribution, ...]:
    table = insight(project, version).features
    return tuple(
        Contribution(str(row.feature), Interval(float(row.value), float(row.low), float(row.high)))
        for row in rows_of(table)
    )


def _worst(project: Project, version: ModelVersion, most: Sequence[str]) -> pd.DataFrame:
    """Where it was most sure, and wrong."""
    objective, frame = project.objective, holdout_rows(version, project).frame
    score = positive_scores(load(version, project), frame[feature_names(version, project)])
    error = np.abs(frame[objective.target].to_numpy(dtype=float) - score)
    order = np.argsort(-error, kind="stable")[:_WORST]
    columns = [*project.config.serving.key, objective.time, objective.target, *project.model.groups, *most]
    personal = project.config.serving.personal
    shown = [name for name in dict.fromkeys(columns) if name in frame.columns and name not in personal]
    return frame.assign(score=score).iloc[order][["score", *shown]].reset_index(drop=True)


def _try(look: Callable[[], _T], notes: list[str]) -> _T | None:
    try:
        return look()
    except WorkbenchError as error:
        notes.append(error.message)
    return None
