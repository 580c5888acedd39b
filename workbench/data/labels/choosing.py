"""Rows of a dataset as rows of a queue, and what annotators may see of a row.

They see neither what is predicted (the target), nor columns that ``[labelling] hide`` names, nor personal
ones (``[serving] personal``) unless ``[labelling] show_personal`` does. Nor do they see why a row was chosen,
or what a model says of it: that would steer them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.data.labels.model import Cell, Choice, NewRow
from workbench.data.tables import DatasetVersion, Tables
from workbench.errors import DataError, DatasetNotFound, UnknownName, UsageError
from workbench.project import Project
from workbench.store.texts import storable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_cell", "dataset_version", "of_dataset", "shown_columns", "usual_choices"]

_DIGITS = 4


def usual_choices(project: Project) -> tuple[Choice, ...]:
    """The labels of a project that predicts yes or no: 0 and 1, under these keys.

    Raises
    ------
    UsageError
        It predicts something else, or nothing.
    """
    objective = project.config.objective
    if objective is None:
        raise UsageError(
            "say which labels there are: --label KEY=VALUE:TEXT, each; a number to be typed is no label"
        )
    name = objective.target
    return (Choice("0", "0", f"not {name}"), Choice("1", "1", name))


def dataset_version(project: Project, named: str) -> DatasetVersion:
    """The version that ``NAME`` (its newest) or ``NAME@VERSION`` means.

    Raises
    ------
    UsageError
        What stands behind the @ is no number.
    DatasetNotFound
        There is none.
    """
    name, _, number = named.partition("@")
    if number and not number.isdigit():
        raise UsageError(f"a version of a dataset is a number, as in {name}@3, not {number!r}")
    tables = Tables(project.data_uri)
    if not name or "/" in name or name.startswith("."):
        raise UsageError(f"{name!r} is no name of a dataset")
    for version in tables.history(name):
        if not number or version.version == int(number):
            return version
    there = ", ".join(tables.names()) or "none"
    which = f"{name!r} has no version {number}" if number else f"{name!r} was not written yet"
    raise DatasetNotFound(f"dataset {which}; datasets: {there}; workbench run writes them")


def of_dataset(
    project: Project, version: DatasetVersion, count: int, columns: Sequence[str] = (), *, seed: int
) -> list[NewRow]:
    """Rows of a dataset version, drawn at random.

    Parameters
    ----------
    columns : sequence of str
        What annotators see, by default all that they may.

    Raises
    ------
    DataError
        The version says no key, by which a label would find its row again, or is not there any more.
    UnknownName
        It has no such column.
    """
    if not version.key:
        raise DataError(f"{version} has no key, so no label would find its row again; write it with key=…")
    from deltalake.exceptions import DeltaError

    try:
        frame = Tables(project.data_uri).read(version)
    except (OSError, DeltaError) as error:
        raise DataError(f"{version} cannot be read: {str(error).splitlines()[0]}") from error
    shown = shown_columns(project, list(frame.columns), columns, known=list(version.key))
    chosen = frame.sample(min(count, len(frame)), random_state=seed) if len(frame) else frame
    return rows_of(chosen, {name: name for name in version.key}, {name: name for name in shown}, "random")


def shown_columns(
    project: Project, there: Sequence[str], wanted: Sequence[str] = (), *, known: Collection[str] = ()
) -> list[str]:
    """The columns that annotators see of those that are there.

    Parameters
    ----------
    wanted : sequence of str
        Those that somebody asked for; by default all that may be shown.
    known : collection of str
        Left out where nobody asked for them: a row's key tells an annotator nothing.

    Raises
    ------
    UnknownName
        There is no such column.
    UsageError
        A column is asked for that must not be shown, or none is left.
    """
    config = project.config
    target = config.objective.target if config.objective else ""
    never = {target: "it is what the label is about"}
    never |= dict.fromkeys(config.labelling.hide, "[labelling] hide names it")
    for name in set(config.serving.personal) - set(config.labelling.show_personal):
        never[name] = "it is personal, and [labelling] show_personal does not name it"
    for name in wanted:
        if name not in there:
            raise UnknownName("column", name, there)
        if name in never:
            raise UsageError(f"annotators do not see the column {name!r}: {never[name]}")
    chosen = list(wanted) or [name for name in there if name not in never and name not in known]
    if not chosen:
        raise UsageError("no column is left that annotators may see; [labelling] and [serving] say which")
    return chosen


def rows_of(
    frame: pd.DataFrame, reference: Mapping[str, str], shown: Mapping[str, str], why: str | Sequence[str]
) -> list[NewRow]:
    """A frame as rows: what refers to each and what is shown, by column and the name it gets."""
    reasons = [why] * len(frame) if isinstance(why, str) else list(why)
    refers = {name: [_exact(cell) for cell in frame[column]] for column, name in reference.items()}
    cells = {name: [as_cell(cell) for cell in frame[column]] for column, name in shown.items()}
    return [
        NewRow(
            {name: column[place] for name, column in refers.items()},
            {name: column[place] for name, column in cells.items()},
            reasons[place],
        )
        for place in range(len(frame))
    ]


def _exact(value: Any) -> Cell:
    """A value that refers to something: as JSON keeps it, and nothing is lost."""
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    plain = value.item() if hasattr(value, "item") else value
    return plain if isinstance(plain, str | int | float | bool) else str(plain)


def as_cell(value: Any) -> Cell:
    """A value as people read it: times to the minute where there are no seconds, numbers not too long."""
    if hasattr(value, "isoformat"):
        if value != value:  # NaT
            return None
        text = str(value.isoformat(sep=" ")) if hasattr(value, "hour") else str(value.isoformat())
        return text.replace(":00+00:00", " UTC").replace("+00:00", " UTC")
    plain = value.item() if hasattr(value, "item") else value
    if plain is None or isinstance(plain, bool | int):
        return plain
    if isinstance(plain, float):
        if not math.isfinite(plain):
            return None if plain != plain else str(plain)
        return round(plain, _DIGITS) if abs(plain) < 10**9 else plain
    return storable(str(plain))
