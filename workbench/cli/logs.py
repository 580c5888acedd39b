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
    from workbench.serving.log import chosen

    return chosen.chosen_log(project, name)
