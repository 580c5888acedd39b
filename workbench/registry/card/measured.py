"""A version's insight: measured once, and kept with the evidence of its validation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import RegistryError, WorkbenchError
from workbench.execution.rerun import record
from workbench.project import Project
from workbench.registry import aliases
from workbench.registry.card.artifacts import artifact_text
from workbench.registry.card.insight import Insight, measure
from workbench.registry.card.rows import HoldoutRows, feature_names, holdout_rows, validation_of
from workbench.registry.gates.validation import Validation
from workbench.registry.loading import load
from workbench.registry.versions import ModelVersion, get_version
from workbench.tracking import store
from workbench.tracking.metrics import metric
from workbench.tracking.models import positive_scores

if TYPE_CHECKING:
    import pandas as pd

    from workbench.tracking.models import TrainedModel

__all__ = ["INSIGHT", "insight"]

INSIGHT = "insight.json"
_HASH = "insight_sha256"
# A model is known again by its figure: nothing in the evidence names the baseline that was beaten.
_SAME = 1e-6
_ROUNDS = 500


def insight(project: Project, version: ModelVersion, validation: Validation | None = None) -> Insight:
    """What features contribute, calibration, and metrics with their intervals, on the version's holdout.

    It is read from the version's evidence. If it was not measured yet, the rows are found again from the
    record, the model is loaded and asked, and the result is kept with the evidence.

    Raises
    ------
    RegistryError
        It was not measured yet and cannot be: the rows are gone, or the model cannot be loaded.
    """
    kept = _kept(project, version)
    if kept is not None and kept.sha256 == version.sha256:
        return kept
    validation = validation or validation_of(version, project)
    rows = holdout_rows(version, project, validation)
    names = feature_names(version, project)
    models = {"candidate": load(version, project), **_others(project, version, validation, rows, names)}
    objective = project.objective
    found = measure(
        rows.frame,
        models,
        features={role: _asked_with(model, names) for role, model in models.items()},
        target=objective.target,
        time=objective.time,
        primary_metric=validation.metric,
        sha256=version.sha256,
        dataset=str(rows.dataset),
        threshold=project.config.gates.threshold,
        rounds=min(project.config.gates.bootstrap_rounds, _ROUNDS),
    )
    _keep(project, version, found.to_json())
    return found


def _keep(project: Project, version: ModelVersion, text: str) -> None:
    """With its hash on the version, so that figures which somebody put there are not shown as measured."""
    client = store.client(project)
    client.log_text(version.tag("run_id"), text, f"{version.tag('evidence')}/{INSIGHT}")
    client.set_model_version_tag(version.model, str(version.version), f"workbench.{_HASH}", _digest(text))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _kept(project: Project, version: ModelVersion) -> Insight | None:
    run_id, folder = version.tag("run_id"), version.tag("evidence")
    if not run_id or not folder:
        return None
    root = store.client(project).get_run(run_id).info.artifact_uri
    text = artifact_text(project, f"{root}/{folder}", INSIGHT)
    try:
        return Insight.from_json(text) if text and _digest(text) == version.tag(_HASH) else None
    except RegistryError:
        return None  # it can be measured again


def _others(
    project: Project, version: ModelVersion, validation: Validation, rows: HoldoutRows, names: list[str]
) -> dict[str, Any]:
    """The baseline and the champion of that time, where they are found and answer as they did."""
    found = {}
    candidates: dict[str, Iterator[TrainedModel | ModelVersion]] = {
        "baseline": _baselines(project, version),
        "champion": _champions(project, version),
    }
    for role, models in candidates.items():
        wanted = validation.metrics.get(role, {}).get(validation.metric, float("nan"))
        if not (rows.exact and np.isfinite(wanted)):
            continue
        for known in models:
            try:
                model = load(known, project)
                reached = _reached(model, rows.frame, names, project, validation.metric)
            except (WorkbenchError, ValueError, KeyError, TypeError):
                continue  # it is shown without an interval then
            if abs(reached - wanted) <= _SAME:
                found[role] = model
                break
    return found


def _reached(model: Any, frame: pd.DataFrame, names: list[str], project: Project, primary: str) -> float:
    score = positive_scores(model, frame[_asked_with(model, names)])
    return metric(primary, frame[project.objective.target], score, project.config.gates.threshold)


def _asked_with(model: Any, names: list[str]) -> list[str]:
    """The columns of a model: its own, where scikit-learn noted them."""
    return [str(name) for name in getattr(model, "feature_names_in_", names)]


def _baselines(project: Project, version: ModelVersion) -> Iterator[TrainedModel | ModelVersion]:
    """What its training run trained beside it."""
    trained = record.of_run(project, version.run_id) if version.run_id else None
    if trained is not None:
        own = version.tag("evidence").rpartition("/")[2]
        yield from (model for model in trained.manifest.models if model.model_id != own)


def _champions(project: Project, version: ModelVersion) -> Iterator[TrainedModel | ModelVersion]:
    """Who was champion when it was registered."""
    number = champion_at(project, version.created_at)
    if number is not None and number != version.version:
        yield get_version(project, number)


def champion_at(project: Project, moment: datetime) -> int | None:
    """The champion at that moment, as the ledger has it."""
    entries = [entry for entry in aliases.ledger(project, aliases.CHAMPION) if entry.at <= moment]
    return entries[-1].to_version if entries else None
