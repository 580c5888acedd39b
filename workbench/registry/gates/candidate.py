"""A candidate held against all of its gates, in one call: what ``5_validate`` does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.errors import UnknownName
from workbench.project import Project
from workbench.registry.gates.behaviour import behaviour_gate
from workbench.registry.gates.costs import cost_gates, held_memory, one_row_latency
from workbench.registry.gates.judging import validate
from workbench.registry.gates.regression import read_cases, regression_gate
from workbench.registry.gates.structure import age_gate, ensemble_gate, schema_gate, signature
from workbench.registry.gates.validation import Gate, Validation
from workbench.registry.loading import load
from workbench.registry.reference import scored
from workbench.registry.versions import ModelVersion, champion_saw
from workbench.tracking import context as contexts
from workbench.tracking import inputs, store
from workbench.tracking.models import TrainedModel, positive_scores

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["judge"]


def judge(
    project: Project,
    holdout: pd.DataFrame,
    contenders: Mapping[str, TrainedModel | ModelVersion],
    *,
    features: Sequence[str],
    seed: int = 0,
) -> Validation:
    """Hold a candidate against the gates of ``workbench.toml``, the baseline and the champion.

    Nothing is changed by it: the verdicts are there to be looked at, registering is another call.

    Parameters
    ----------
    holdout : DataFrame
        Rows that neither candidate nor baseline has seen, with the objective's target and time, the
        model's groups and ``features``. A row without a label is left out.
    contenders : mapping
        ``candidate`` and ``baseline``, and ``champion`` if there is one.
    features : sequence of str
        The columns of the holdout that are the models' input.
    seed : int
        Of the bootstrap: the same seed gives the same verdict.

    Raises
    ------
    UnknownName
        The candidate or the baseline is missing, or the holdout lacks a column.
    UnsafeModel
        A model's files are not what was recorded.
    DataError
        The rows or the declared cases are no good; the message says what is wrong.
    """
    for role in ("candidate", "baseline"):
        if role not in contenders:
            raise UnknownName("contender", role, contenders, where="judge")
    for name in features:
        if name not in holdout.columns:
            raise UnknownName("feature", name, map(str, holdout.columns), where="the holdout")
    asked = holdout[list(features)]
    estimators: dict[str, Any] = {}
    candidate, memory = held_memory(lambda: load(contenders["candidate"], project))
    estimators["candidate"] = candidate
    estimators |= {role: load(model, project) for role, model in contenders.items() if role != "candidate"}
    config, objective = project.config.gates, project.objective
    champion = contenders.get("champion")
    saw = champion_saw(champion, holdout[objective.time]) if isinstance(champion, ModelVersion) else ""
    costs = cost_gates(
        config,
        latency_ms=one_row_latency(candidate, asked) if len(asked) else None,
        memory_bytes=memory,
        size_bytes=_size(contenders["candidate"]),
    )
    scores = {role: positive_scores(model, asked) for role, model in estimators.items()}
    judged = validate(
        holdout,
        target=objective.target,
        time=objective.time,
        scores=scores,
        groups=project.model.groups,
        config=config,
        primary_metric=objective.primary_metric,
        champion_saw_holdout=saw,
        more_gates=[*_other_gates(project, contenders, candidate, holdout, asked, seed), *costs],
        threshold=config.threshold,
        seed=seed,
    )
    return replace(judged, reference=scored(asked, scores["candidate"]))


def _other_gates(
    project: Project,
    contenders: Mapping[str, TrainedModel | ModelVersion],
    candidate: Any,
    holdout: pd.DataFrame,
    features: pd.DataFrame,
    seed: int,
) -> Iterator[Gate]:
    config, time = project.config.gates, project.objective.time

    def answer(rows: pd.DataFrame) -> Any:
        return positive_scores(candidate, rows)

    asked_for, before = (
        _signature(project, contenders[role]) if role in contenders else None
        for role in ("candidate", "champion")
    )
    yield schema_gate(asked_for, before, features)
    if (found := ensemble_gate(candidate)) is not None:
        yield found
    trained_until = contenders["candidate"].trained_until
    if config.max_data_age and trained_until and len(holdout):
        yield age_gate(trained_until, holdout[time].max().to_pydatetime(warn=False), config.max_data_age)
    if config.regression_cases:
        yield regression_gate(_declared_cases(project, config.regression_cases, features), answer)
    for check in config.behaviour:
        yield behaviour_gate(
            check, features, holdout[time], answer, rounds=config.bootstrap_rounds, seed=seed
        )


def _declared_cases(project: Project, path: str, features: pd.DataFrame) -> pd.DataFrame:
    """The project's regression cases, on record as a file that the run depends on."""
    with contexts.accounted():
        for file in inputs.files(project.root, [path]):
            contexts.note_input(file.kind, file.name, file.identity, file.hint)
        return read_cases(project.root / path, features)


def _signature(project: Project, model: TrainedModel | ModelVersion) -> dict[str, str] | None:
    if isinstance(model, ModelVersion):
        return signature(model.location)
    return signature(store.client(project).get_logged_model(model.model_id).artifact_location)


def _size(model: TrainedModel | ModelVersion) -> float:
    return float(model.tag("size_bytes") or "nan") if isinstance(model, ModelVersion) else model.size_bytes
