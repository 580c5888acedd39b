"""What the run index does not hold and the compare panel asks for: registered versions, tags, models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import UsageError
from workbench.panels.compare.filtering import parse
from workbench.tracking import index
from workbench.tracking.asking import StoreAway, asking
from workbench.tracking.run_table import Column, RunTable

if TYPE_CHECKING:
    from workbench.project import Project
    from workbench.registry.versions import ModelVersion

__all__ = ["made_model", "with_models", "with_tags"]


def with_models(table: RunTable, versions: Sequence[ModelVersion]) -> RunTable:
    """With the version that came of each run, by the run that trained or validated it, the newest first."""
    found = {
        run_id: " ".join((f"v{version.version}", *version.aliases))
        for version in reversed(versions)
        for run_id in (version.run_id, version.tag("run_id"))
    }
    return table.with_column(_column(table, "model", found))


def with_tags(project: Project, table: RunTable, where: str, *, drafts: bool) -> RunTable:
    """With those tags that conditions name, which have to be asked of MLflow: ``tags.team = blue``.

    Raises
    ------
    UsageError
        The conditions cannot be read, or MLflow cannot be asked.
    """
    for name in {condition.name for joined in parse(where) for condition in joined}:
        if not name.startswith("tags.") or name in table.columns:
            continue
        try:
            with index.opened(project) as runs:
                found = runs.tag(name.removeprefix("tags."), drafts=drafts)
        except StoreAway as error:
            raise UsageError(f"tags cannot be asked for: {error}") from error
        table = table.with_column(_column(table, name, found))
    return table


def made_model(project: Project, run_id: str) -> bool:
    """Whether a run logged a model; False, too, when nobody can tell: then it cannot be registered either."""
    try:
        with asking(project) as client:
            outputs = client.get_run(run_id).outputs
    except Exception:
        return False
    return bool(outputs and outputs.model_outputs)


def _column(table: RunTable, name: str, found: Mapping[str, str]) -> Column:
    values = np.full(len(table), None, dtype=object)
    for run_id in found.keys() & table.row_of.keys():
        values[table.row_of[run_id]] = found[run_id]
    return Column(name, values)
