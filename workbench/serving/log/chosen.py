"""The prediction log that somebody means, by its name."""

from __future__ import annotations

from workbench.errors import UnknownName
from workbench.project import Project
from workbench.serving.log.read import PredictionLog
from workbench.serving.settings import LIVE_LOG, log_name

__all__ = ["chosen_log"]


def chosen_log(project: Project, name: str | None) -> tuple[PredictionLog, str]:
    """The log of that name, or the live one, and the name under which ground truth for it is filed.

    Raises
    ------
    UnknownName
        There is none.
    """
    folder = project.state / (name or LIVE_LOG)
    address = project.config.serving.log
    if name and not address and not folder.is_dir():
        there = (path for path in project.state.glob("predictions/*") if path.is_dir())
        raise UnknownName("prediction log", name, (log_name(project, path) for path in there))
    named = log_name(project, folder)
    return PredictionLog(folder, f"{address}#{named}" if address else ""), named
