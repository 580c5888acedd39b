"""The rows that a version was validated on, found again from the record.

Evidence holds no rows. The run that validated the version recorded which dataset versions it read, and
those never change; the period of the holdout tells which of their rows it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.data.tables import DatasetVersion, Tables
from workbench.errors import DataError, RegistryError
from workbench.project import Project
from workbench.registry import cases
from workbench.registry.gates.validation import Validation
from workbench.registry.loading import evidence, recorded_cases
from workbench.registry.versions import ModelVersion
from workbench.tracking import store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HoldoutRows", "feature_names", "holdout_rows", "validation_of"]


@dataclass(frozen=True, eq=False)
class HoldoutRows:
    """The labelled rows of a holdout, and the dataset version that they were read from.

    ``exact`` is false when their number is not the one that was validated: then figures on them are like
    those of the validation, but not the same.
    """

    frame: pd.DataFrame
    dataset: DatasetVersion
    exact: bool

    def __str__(self) -> str:
        return f"{len(self.frame):,} rows of {self.dataset}"


def validation_of(version: ModelVersion, project: Project) -> Validation:
    """The validation that the version was registered with.

    Raises
    ------
    RegistryError
        It has none, or it cannot be read.
    """
    try:
        return Validation.from_dict(evidence(version, project))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RegistryError(f"{version}: its recorded validation cannot be read: {error!r}") from error


def feature_names(version: ModelVersion, project: Project) -> list[str]:
    """The columns that the model is asked with, in its order, as its recorded cases have them."""
    return [str(name) for name in cases.features(recorded_cases(version, project)).columns]


def holdout_rows(
    version: ModelVersion, project: Project, validation: Validation | None = None
) -> HoldoutRows:
    """The rows that the version was validated on.

    Raises
    ------
    RegistryError
        The record names none: there is no period, or the run that validated it recorded no dataset that
        holds them.
    """
    validation = validation or validation_of(version, project)
    if validation.start is None or validation.end is None:
        raise RegistryError(f"{version}: its validation names no period, so its rows cannot be found again")
    objective = project.objective
    needed = {objective.time, objective.target, *feature_names(version, project)}
    looked_at = []
    for dataset in _read_by(version, project):
        try:
            frame = _period(Tables(project.data_uri).read(dataset), objective.time, needed, validation)
        except Exception as error:  # a dataset that was removed, or lies in a store that is away
            looked_at.append(f"{dataset} cannot be read: {type(error).__name__}")
            continue
        if frame is None:
            looked_at.append(f"{dataset} has not all columns, or no rows in that period")
            continue
        labelled = frame[frame[objective.target].notna()].reset_index(drop=True)
        return HoldoutRows(labelled, dataset, len(labelled) == validation.rows)
    raise RegistryError(
        f"{version}: the rows it was validated on are not found: run {version.tag('run_id')} recorded no "
        f"dataset that holds {objective.time}, {objective.target} and its features",
        details="\n".join(looked_at),
    )


def _read_by(version: ModelVersion, project: Project) -> list[DatasetVersion]:
    """The dataset versions that the run read which validated the version; as MLflow has them."""
    run_id = version.tag("run_id")
    if not run_id:
        raise RegistryError(
            f"{version} was not registered through the workbench: nothing is known of its rows"
        )
    inputs = store.client(project).get_run(run_id).inputs
    read = [(each.dataset.name, each.dataset.digest) for each in inputs.dataset_inputs] if inputs else []
    tables, found = Tables(project.data_uri), []
    for name in dict.fromkeys(name for name, _ in read):
        # As `log_lineage` writes it: the number, and the start of the content's hash.
        found += [v for v in tables.history(name) if (name, f"v{v.version}-{v.content[:8]}") in read]
    return found


def _period(frame: pd.DataFrame, time: str, needed: set[str], validation: Validation) -> pd.DataFrame | None:
    import pandas as pd

    if not needed <= set(map(str, frame.columns)):
        return None
    if not pd.api.types.is_datetime64_any_dtype(frame[time]):
        raise DataError(f"{time} is no time")
    start, end = pd.Timestamp(validation.start), pd.Timestamp(validation.end)  # type: ignore[arg-type]
    if frame[time].dt.tz is None:
        start, end = start.tz_localize(None), end.tz_localize(None)
    within = frame[frame[time].between(start, end)]
    return None if within.empty else within.reset_index(drop=True)
