"""What turned out to be true of a window's answers, and what users think of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
from workbench.monitoring.findings.windows import Window
from workbench.monitoring.looking.subject import Subject
from workbench.monitoring.looking.waiting import usual_of
from workbench.monitoring.opinions import Opinions, measure_opinions
from workbench.monitoring.performance import (
    judge,
    measure_delta,
    measure_performance,
)
from workbench.registry.aliases import CHAMPION
from workbench.registry.cases import FEATURE, INPUT
from workbench.serving import labelled
from workbench.serving.truth import feedback

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["look_at_told", "untold"]

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = ("prediction_id", "asked_at", "score", "role", "model_version", "user_group")


def look_at_told(
    subject: Subject,
    window: Window,
    versions: Sequence[VersionFinding],
    now: datetime,
    earlier: Sequence[WindowFinding],
) -> Iterator[VersionFinding]:
    """The findings with performance, opinions, and what sets each other version apart from the champion.

    Parameters
    ----------
    versions : sequence of VersionFinding
        All that answered, the champion with most answers first.
    """
    answers = _answers(subject, window, versions, now)
    said = feedback.read(subject.project, subject.name, window.start, now)
    champions = [found.champion for found in earlier if found.champion]
    known: dict[str, Any] = {"config": subject.config, "now": now, "usual": usual_of(earlier, now)}
    reigning = next((found for found in versions if found.role == CHAMPION), None)
    for found in versions:
        standard, rows = subject.served(found.version).standard, _of(answers, found)
        performance = measure_performance(
            rows, role=found.role, model_version=found.version, standard=standard, **known
        )
        delta = None
        if found.role != CHAMPION and reigning is not None:
            both = (reigning.version, found.version)
            delta = measure_delta(_of(answers, reigning), rows, versions=both, standard=standard, **known)
        opinions = _opinions(said, rows, champions if found.role == CHAMPION else [])
        yield replace(found, performance=performance, delta=delta, opinions=opinions)


def untold(subject: Subject, versions: Iterable[VersionFinding]) -> Iterator[VersionFinding]:
    """The findings while nobody has said anything of any answer in the log; none of them is read for it."""
    nothing = subject.log.read(_NEVER, _NEVER, columns=_COLUMNS).assign(truth=float("nan"))
    for found in versions:
        empty = measure_performance(
            nothing,
            role=found.role,
            model_version=found.version,
            config=subject.config,
            standard=subject.served(found.version).standard,
        )
        unlabelled = replace(empty, rows=found.rows)
        verdict, why = judge(unlabelled, subject.config)
        yield replace(found, performance=replace(unlabelled, verdict=verdict, why=why, labels=None))


def _answers(
    subject: Subject, window: Window, versions: Sequence[VersionFinding], now: datetime
) -> pd.DataFrame:
    groups = [name for found in versions for name in subject.served(found.version).standard.groups]
    inputs = (INPUT + name for name in (*groups, *subject.project.config.serving.key))
    columns = dict.fromkeys([*_COLUMNS, *inputs, *(FEATURE + name for name in groups)])
    answers = subject.log.read(window.start, window.end, columns=list(columns))
    answers["asked_at"] = answers["asked_at"].dt.tz_convert(subject.config.timezone)
    return labelled(subject.project, subject.name, answers, known_by=now)


def _of(answers: pd.DataFrame, found: VersionFinding) -> pd.DataFrame:
    return answers[(answers["role"] == found.role) & (answers["model_version"] == found.version)]


def _opinions(
    said: pd.DataFrame, answers: pd.DataFrame, earlier: Sequence[VersionFinding]
) -> Opinions | None:
    if said.empty:
        return None
    about = said[said["prediction_id"].isin(answers["prediction_id"])]
    before = next((found.opinions for found in reversed(earlier) if found.opinions), None)
    return measure_opinions(about, before=before) if len(about) else None
