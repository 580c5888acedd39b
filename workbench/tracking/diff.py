"""What differs between two runs: what went in, what came out, and the notebook cell by cell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.tracking import cell_diff, index, output_diff, reports
from workbench.tracking.rows import PIPELINE

if TYPE_CHECKING:
    from workbench.project import Project
    from workbench.tracking.cell_diff import CellChange
    from workbench.tracking.output_diff import OutputChange
    from workbench.tracking.reports import Manifest
    from workbench.tracking.rows import RunInfo

__all__ = ["Change", "RunDiff", "diff_runs"]


@dataclass(frozen=True)
class Change:
    """A named value that differs; None where a run does not have it.

    ``difference`` is how much the right one is larger, where both are finite numbers.
    """

    name: str
    left: Any
    right: Any

    @property
    def difference(self) -> float | None:
        for value in (self.left, self.right):
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                return None
        return float(self.right - self.left)


@dataclass(frozen=True)
class RunDiff:
    """Two runs and all in which they differ; what is the same in both is left out.

    Attributes
    ----------
    about : tuple of Change
        Phase, status, code version, environment and notebook (as hashes).
    usage : tuple of Change
        Seconds, CPU seconds, memory and cost: these differ nearly always.
    datasets : tuple of Change
        Versions that were read or written, by name.
    rows : dict
        How the rows of those datasets differ, by name, where that was asked for.
    models : tuple of Change
        SHA-256 of the trained models, by name.
    cells : tuple of CellChange
        Of the notebooks that were executed, without parameters and outputs.
    outputs : tuple of OutputChange
        Cells that are in both and showed something else; for itself that is no difference.
    notebooks : pair of str
        The files of the executed notebooks; empty where there is none any more.
    missing : tuple of str
        What could not be compared, and why: a sentence each.
    """

    left: RunInfo
    right: RunInfo
    about: tuple[Change, ...]
    parameters: tuple[Change, ...]
    metrics: tuple[Change, ...]
    datasets: tuple[Change, ...]
    models: tuple[Change, ...]
    usage: tuple[Change, ...]
    cells: tuple[CellChange, ...]
    outputs: tuple[OutputChange, ...]
    notebooks: tuple[str, str]
    rows: dict[str, str]
    missing: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether nothing was found to differ but what they took."""
        found = (self.about, self.parameters, self.metrics, self.datasets, self.models, self.cells)
        return not any(found)


def diff_runs(project: Project, left: str, right: str, *, data: bool = False) -> RunDiff:
    """Compare two runs, each named by its id or the beginning of it.

    Parameters
    ----------
    data : bool
        Whether the rows of datasets with different versions are compared, too: they are read for that.

    Raises
    ------
    UnknownName
        No run begins like that, or several do.
    """
    with index.opened(project) as runs:
        one, other = runs.find(left), runs.find(right)
    first, second = _Side.of(project, one), _Side.of(project, other)
    missing = [side.gone for side in (first, second) if side.gone]
    cells: tuple[CellChange, ...] = ()
    outputs: tuple[OutputChange, ...] = ()
    if not missing:
        try:
            cells = cell_diff.diff_notebooks(first.notebook, second.notebook)
            outputs = output_diff.diff_outputs(first.notebook, second.notebook, cells)
        except (OSError, ValueError) as error:
            missing.append(f"the notebooks cannot be compared: {error}")
    return RunDiff(
        left=one,
        right=other,
        about=_changes(first.about, second.about),
        parameters=_changes(*_parameters(first, second)),
        metrics=_changes(one.metrics, other.metrics),
        datasets=_changes(one.datasets, other.datasets),
        models=_changes(first.models, second.models),
        usage=_changes(_usage(one), _usage(other)),
        cells=cells,
        outputs=outputs,
        notebooks=(first.notebook, second.notebook),
        rows=dict(_rows(project, first, second, missing)) if data else {},
        missing=tuple(missing),
    )


@dataclass(frozen=True)
class _Side:
    """One of the two runs, with what its report adds to what the index knows."""

    run: RunInfo
    manifest: Manifest | None
    notebook: str
    gone: str

    @classmethod
    def of(cls, project: Project, run: RunInfo) -> _Side:
        # A draft's report lies where its folder is, which its run names.
        folder = reports.folder_of(project, run.phase, run.run_id) or cell_diff.existing(run.report)
        manifest = reports.read(folder) if folder else None
        if folder is not None and manifest is not None:
            return cls(run, manifest, str(folder / reports.NOTEBOOK), "")
        why = "it is a pipeline run" if run.phase == PIPELINE else "its report is gone, or not there yet"
        gone = f"notebook, environment and models of {run.run_id[:8]} ({run.phase}), since {why}"
        return cls(run, None, "", gone)

    @property
    def about(self) -> dict[str, Any]:
        known = {"phase": self.run.phase, "status": self.run.status, "code version": self.run.code_version}
        return known | self._told("environment", "environment_hash") | self._told("notebook", "notebook_hash")

    def _told(self, name: str, field: str) -> dict[str, Any]:
        return {name: getattr(self.manifest, field)} if self.manifest else {}

    @property
    def models(self) -> dict[str, str]:
        return {model.name: model.sha256 for model in self.manifest.models} if self.manifest else {}


def _parameters(left: _Side, right: _Side) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """With their types as the manifests have them, or as MLflow's texts, but the same way on both sides."""
    if left.manifest and right.manifest:
        return left.manifest.parameters, right.manifest.parameters
    return left.run.params, right.run.params


def _usage(run: RunInfo) -> dict[str, Any]:
    return {
        "seconds": run.seconds,
        "cpu seconds": run.cpu_seconds,
        "peak memory": run.peak_memory_bytes,
        "cost": run.cost,
    }


def _changes(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[Change, ...]:
    """What differs between two mappings, in the order of the names."""
    pairs = ((name, left.get(name), right.get(name)) for name in sorted({*left, *right}))
    return tuple(Change(name, old, new) for name, old, new in pairs if not _same(old, new))


def _same(left: Any, right: Any) -> bool:
    both_nan = left != left and right != right  # NaN is the one value that is not equal to itself
    return bool(left == right and type(left) is type(right)) or both_nan


def _rows(project: Project, left: _Side, right: _Side, missing: list[str]) -> Iterator[tuple[str, str]]:
    """How the rows of datasets differ of which both runs saw different contents."""
    from deltalake.exceptions import DeltaError

    from workbench.data import changes
    from workbench.data.tables import Tables

    tables = Tables(project.data_uri)
    seen = [
        {item.name: item for item in (*side.manifest.reads, *side.manifest.writes)} if side.manifest else {}
        for side in (left, right)
    ]
    for name in sorted(seen[0].keys() & seen[1].keys()):
        old, new = seen[0][name], seen[1][name]
        if old.content == new.content:
            continue
        try:
            yield name, str(changes.compare(tables.read(old), tables.read(new), new.key))
        except (DeltaError, OSError) as error:
            missing.append(f"the rows of {old} and {new} cannot be compared: {error}")
