"""What the policy looks at beside findings: newer data, labels that came in, the last retraining."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from workbench import registry
from workbench.config import RetrainingConfig
from workbench.data.tables import DatasetVersion, Tables
from workbench.errors import DatasetNotFound
from workbench.execution.rerun import record as runs
from workbench.monitoring.retraining import record
from workbench.monitoring.retraining.deciding import Situation
from workbench.monitoring.retraining.record import Retraining
from workbench.project import Project
from workbench.registry import ModelVersion, Validation
from workbench.store.database import Database
from workbench.store.tables import ground_truth
from workbench.tracking.inputs import is_published

__all__ = ["look_around"]


def look_around(
    project: Project,
    database: Database,
    log: str,
    champion: int | None,
    now: datetime,
    *,
    scheduled: bool,
) -> Situation:
    """Look up what the policy asks for, and nothing else.

    Parameters
    ----------
    log : str
        Under which ground truth is filed.
    champion : int or None
        Its version.
    """
    policy = project.config.retraining
    news: tuple[str, ...] = ()
    if champion is not None and "new_data" in policy.trigger:
        news = _newer(project, registry.get_version(project, champion), policy)
    with database.read() as connection:
        last = record.decided_last(connection, project.model.name, now)
        before = record.read(connection, project.model.name) if policy.minimum_labels else []
    labels = None
    if policy.minimum_labels:
        seen_until = _seen_until(project, before, now)
        with database.read() as connection:
            labels = _labels(connection, log, seen_until, now)
    return Situation(news, scheduled, labels, last)


def _newer(project: Project, champion: ModelVersion, policy: RetrainingConfig) -> tuple[str, ...]:
    """Published dataset versions that hold something else than those that the champion was trained from."""
    tables, said = Tables(project.data_uri), []
    for name, then in sorted(_learnt_from(project, champion, policy).items()):
        try:
            now = tables.newest(name, lambda version: is_published(project, version))
        except DatasetNotFound:
            continue
        if now.version > then.version and now.content != then.content:
            more = now.rows - then.rows
            said.append(f"{now} ({more:+,} rows) where v{champion.version} learnt from v{then.version}")
    return tuple(said)


def _learnt_from(
    project: Project, champion: ModelVersion, policy: RetrainingConfig
) -> dict[str, DatasetVersion]:
    """What came into the phases that made it from other phases, by name."""
    found: dict[str, DatasetVersion] = {}
    waiting, seen = [champion.run_id], set[str]()
    while waiting:
        run_id = waiting.pop()
        recorded = runs.of_run(project, run_id) if run_id and run_id not in seen else None
        seen.add(run_id)
        for item in recorded.manifest.reads if recorded else ():
            if item.origin.phase in policy.phases:
                waiting.append(item.origin.run_id)
            else:
                found[item.name] = item
    return found


def _labels(connection: Connection, log: str, seen_until: datetime | None, now: datetime) -> int:
    """Predictions whose truth became known after what the trainings so far have seen."""
    truth = ground_truth.c
    about = select(truth.prediction_id, truth.business_key).where(truth.log == log, truth.known_at <= now)
    if seen_until is not None:
        about = about.where(truth.known_at > seen_until)
    return connection.scalar(select(func.count()).select_from(about.distinct().subquery())) or 0


def _seen_until(project: Project, retrainings: Sequence[Retraining], now: datetime) -> datetime | None:
    """Until when trainings have learnt from outcomes, or judged by them; None before the first.

    Of moments after ``now`` nothing was known then: a replay of a past year, or a clock that was set back.

    A retraining was given the outcomes that were known when it began. What made other versions has seen at
    least all that they learnt from, and the rows that the newest of them was judged on.
    """
    seen = [item.called_for.known_until for item in retrainings if item.version is not None]
    learnt = {
        (version.trained_until, version.version): version
        for version in registry.list_versions(project)
        if version.trained_until is not None and version.trained_until <= now
    }
    if learnt:
        until, _ = newest = max(learnt)
        judged = Validation.from_dict(registry.evidence(learnt[newest], project)).end
        seen += [until] if judged is None else [until, judged]
    return max((each for each in seen if each <= now), default=None)
