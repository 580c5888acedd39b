"""The prediction log that a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workbench.project import Project

if TYPE_CHECKING:
    from workbench.serving.log.read import PredictionLog

__all__ = ["LOG", "chosen_log"]

LOG = click.option(
    "--log", "log_name", metavar="NAME", help="Another log than the live one, such as predictions/june."
)


def chosen_log(project: Project, name: str | None) -> tuple[PredictionLog, str]:
    """The log of that name, or the live one; :class:`UnknownName` when there is none."""
    from workbench.errors import UnknownName
    from workbench.serving.log.read import PredictionLog
    from workbench.serving.settings import LIVE_LOG, log_name

    folder = project.state / (name or LIVE_LOG)
    address = project.config.serving.log
    if name and not address and not folder.is_dir():
        there = (path for path in project.state.glob("predictions/*") if path.is_dir())
        raise UnknownName("prediction log", name, (log_name(project, path) for path in there))
    named = log_name(project, folder)
    return PredictionLog(folder, f"{address}#{named}" if address else ""), named
