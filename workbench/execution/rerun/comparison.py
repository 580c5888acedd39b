"""What a repetition came to, held against the run that it repeats, and the verdict in one line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from workbench.execution.rerun import models, outputs
from workbench.execution.rerun.models import Load, ModelChange
from workbench.execution.rerun.outputs import CellText
from workbench.project import Project
from workbench.tracking import reports, runs
from workbench.tracking.diff import Change
from workbench.tracking.reports import Manifest

__all__ = ["Comparison", "compare", "is_rounding"]

#: Relative to the larger value: other processors and library builds differ by this in the last digits.
_ROUNDING = 1e-9
_NAMED = 4


@dataclass(frozen=True)
class Comparison:
    """In what two executions of one run differ; what is the same in both is only counted.

    Attributes
    ----------
    endings : tuple of Change
        How they ended, where that differs; ``ended`` says it of the repetition in words.
    datasets : tuple of Change
        Those written whose content hashes differ.
    notes : tuple of Change
        What the notebook noted.
    figures : tuple of int
        How many pictures either showed; ``redrawn`` of them are not the same to the byte.
    cells : tuple of CellText
        Cells that showed another text.
    compared : dict
        How many metrics, datasets, models, figures and cells there were to compare.
    missing : tuple of str
        What could not be compared, and why.
    """

    endings: tuple[Change, ...] = ()
    ended: str = ""
    metrics: tuple[Change, ...] = ()
    datasets: tuple[Change, ...] = ()
    models: tuple[ModelChange, ...] = ()
    notes: tuple[Change, ...] = ()
    figures: tuple[int, int] = (0, 0)
    redrawn: int = 0
    cells: tuple[CellText, ...] = ()
    compared: dict[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def result(self) -> Literal["the same", "the same but for", "differs"]:
        """``differs`` if something counts that others build upon: its end, metrics, datasets or models."""
        if any(self._weighty()):
            return "differs"
        return "the same but for" if any(self._light()) else "the same"

    @property
    def verdict(self) -> str:
        """One line for a person."""
        if self.result == "differs":
            return f"differs: {'; '.join(self._weighty())}"
        if self.result == "the same but for":
            return f"the same but for {', '.join(self._light())}"
        counted = [_counted(number, name) for name, number in self.compared.items() if number]
        return f"the same: {', '.join(counted) or 'nothing came out of either'}"

    def _weighty(self) -> Iterator[str]:
        if self.endings:
            yield self.ended
            return  # what it had not come to differs, too, and says nothing more
        moved = [change for change in self.metrics if not is_rounding(change)]
        yield from _few([f"metric {_metric(change)}" for change in moved], "metrics")
        yield from _few(
            [f"dataset {change.name} has another content" for change in self.datasets], "datasets"
        )
        yield from _few([_model(change) for change in self.models if change.largest != 0], "models")

    def _light(self) -> Iterator[str]:
        rounded = sum(is_rounding(change) for change in self.metrics)
        if rounded:
            yield f"the last digits of {_counted(rounded, 'metrics')}"
        for change in self.models:
            if change.largest == 0:
                yield f"the bytes of model {change.name}, which answers its sample alike"
        if self.notes:
            yield f"what it noted ({', '.join(change.name for change in self.notes)})"
        if self.figures[0] != self.figures[1]:
            yield f"its figures: {self.figures[0]} then, {self.figures[1]} now"
        elif self.redrawn:
            yield f"the drawing of {_counted(self.redrawn, 'figures')}"
        if self.cells:
            places = ", ".join(str(cell.cell) for cell in self.cells)
            yield f"the text that {'cells' if len(self.cells) > 1 else 'cell'} {places} showed"
        if self.missing:
            yield "what could not be compared"


def compare(
    project: Project,
    left: Manifest,
    right: Manifest,
    folders: tuple[Path, Path],
    *,
    same: Mapping[str, str],
    load: Load | None = None,
) -> Comparison:
    """Compare a run (left) with its repetition.

    Parameters
    ----------
    folders : tuple of Path
        Of the two reports.
    same : mapping
        Texts in outputs that differ by name only: see :func:`outputs.compare`.
    load : callable, optional
        Loads a model, to ask two whose files differ.
    """
    missing, shown = [], outputs.Shown((), 0, (0, 0), 0)
    try:
        shown = outputs.compare(folders[0] / reports.NOTEBOOK, folders[1] / reports.NOTEBOOK, same)
    except (OSError, ValueError) as error:
        missing.append(f"what the cells showed: {error}")
    metrics = [_metrics(project, manifest) for manifest in (left, right)]
    datasets = [{item.name: item.content for item in manifest.writes} for manifest in (left, right)]
    trained = [{model.name: model for model in manifest.models} for manifest in (left, right)]
    return Comparison(
        endings=_changes(_ending(left), _ending(right)),
        ended=right.error.message if right.error else f"it {right.status}, and the run had {left.status}",
        metrics=_changes(*metrics),
        datasets=_changes(*datasets),
        models=models.compare(project, trained[0], trained[1], load),
        notes=_changes(left.notes, right.notes),
        figures=shown.figures,
        redrawn=shown.redrawn,
        cells=shown.cells,
        compared={
            "metrics": len({*metrics[0], *metrics[1]}),
            "models": len({*trained[0], *trained[1]}),
            "datasets": len({*datasets[0], *datasets[1]}),
            "figures": max(shown.figures),
            "cells": shown.cells_compared,
        },
        missing=tuple(missing),
    )


def is_rounding(change: Change) -> bool:
    """Whether two numbers are the same up to their last digits."""
    if change.difference is None:
        return False
    largest: float = max(abs(change.left), abs(change.right))
    return abs(change.difference) <= _ROUNDING * largest


def _metrics(project: Project, manifest: Manifest) -> dict[str, float]:
    """Those of the notebook, also what it logged by MLflow's own calls, without what the run took."""
    stored = runs.metrics_of(project, manifest.run_id)
    return {
        name: value for name, value in stored.items() if not name.startswith("workbench.")
    } | manifest.metrics


def _ending(manifest: Manifest) -> dict[str, Any]:
    error = manifest.error
    why = {"reason": error.reason, "cell": error.cell} if error else {}
    return {"status": manifest.status, **why}


def _changes(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[Change, ...]:
    pairs = ((name, left.get(name), right.get(name)) for name in sorted({*left, *right}))
    return tuple(Change(name, then, now) for name, then, now in pairs if not _same(then, now))


def _same(left: Any, right: Any) -> bool:
    numbers = isinstance(left, float) and isinstance(right, float)
    return bool(left == right) or (numbers and math.isnan(left) and math.isnan(right))


def _metric(change: Change) -> str:
    if change.left is None or change.right is None:
        return f"{change.name} is new" if change.left is None else f"{change.name} is not there any more"
    by = f" ({change.difference:+.3g})" if change.difference is not None else ""
    return f"{change.name} {change.left:.6g} → {change.right:.6g}{by}"


def _model(change: ModelChange) -> str:
    if not (change.left and change.right):
        return f"model {change.name} is not to be had of both runs"
    if change.largest is None:
        return f"model {change.name} holds something else" + (f" ({change.why})" if change.why else "")
    return f"model {change.name} answers its sample otherwise, by up to {change.largest:.3g}"


def _few(said: Sequence[str], kind: str) -> Iterator[str]:
    yield from said[:_NAMED]
    if len(said) > _NAMED:
        yield f"{len(said) - _NAMED} more {kind}"


def _counted(number: int, name: str) -> str:
    return f"{number} {name if number != 1 else name.removesuffix('s')}"
