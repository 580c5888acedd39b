"""A server's parts, made from a project and its settings."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.project import Project
from workbench.serving.settings import LIVE_LOG, Settings, log_name
from workbench.tracking.environment import code_version

if TYPE_CHECKING:
    from workbench.serving.http.service import Service
    from workbench.serving.log.policy import Keeper
    from workbench.serving.log.read import PredictionLog
    from workbench.serving.models.lineup import Models

__all__ = ["code_of", "log_of", "log_target", "make_service", "open_log"]


def make_service(project: Project, settings: Settings) -> Service:
    """The service of one server process.

    Raises
    ------
    WorkbenchError
        When the models, the log, the database or a key cannot be had.
    """
    from workbench.serving.http.keys import Keys
    from workbench.serving.http.service import Service
    from workbench.serving.log.background import Compaction
    from workbench.serving.personal import concealer
    from workbench.serving.truth.business import BusinessKey
    from workbench.store.clock import project_clock
    from workbench.store.database import open_database

    folder = Path(settings.log_folder)
    compaction = Compaction(log_target(project, folder), folder)
    return Service(
        settings,
        _models(project, settings),
        open_log=lambda purpose: open_log(project, folder, purpose),
        log_name=log_name(project, folder),
        database=open_database(project, wait=settings.limits.answer_seconds),
        clock=project_clock(),
        project=str(project.root),
        code_version=code_of(project),
        config=project.config.serving,
        keys=Keys.open(project, settings.host),
        business_key=BusinessKey.open(project),
        conceal=concealer(project),
        compaction=None if settings.simulated or settings.worker > 1 else compaction,
    )


def code_of(project: Project) -> str:
    """The version of the project's code that answers."""
    return code_version(project.root)


def log_target(project: Project, folder: Path) -> str:
    """Where the log of ``folder`` is written: there, or the live one where ``[serving] log`` says."""
    database = project.config.serving.log
    if database and _is_live(project, folder):
        return f"{database}#{log_name(project, folder)}"
    return str(folder)


def open_log(project: Project, folder: Path, purpose: str) -> Keeper:
    """A writer of the log of ``folder`` that does as ``[serving] when_log_fails`` says."""
    from workbench.serving.log.policy import Keeper

    policy = project.config.serving.when_log_fails
    return Keeper(log_target(project, folder), purpose, policy, folder=folder)


def log_of(project: Project, folder: Path) -> PredictionLog:
    """The log of ``folder``, for reading."""
    from workbench.serving.log.read import PredictionLog
    from workbench.serving.log.targets import is_database

    target = log_target(project, folder)
    return PredictionLog(folder, target if is_database(target) else "")


def _models(project: Project, settings: Settings) -> Models:
    from workbench.serving.models.follow import Follower
    from workbench.serving.models.lineup import Pinned
    from workbench.store.standing import Teller

    source = _resolve(project, settings.models)(project, settings)
    if settings.pinned:
        return Pinned.load(source, settings.champion, settings.shadows)
    return Follower(source, teller=Teller(project) if _is_live(project, Path(settings.log_folder)) else None)


def _is_live(project: Project, folder: Path) -> bool:
    return folder.resolve() == (project.state / LIVE_LOG).resolve()


def _resolve(project: Project, reference: str) -> Any:
    module, _, attribute = reference.partition(":")
    if module.startswith("workbench."):
        return getattr(importlib.import_module(module), attribute)
    return project.resolve(reference)
