"""What was put right in the registry before a command looked at it."""

from __future__ import annotations

import click

from workbench.project import Project

__all__ = ["tell_repairs"]


def tell_repairs(project: Project) -> None:
    """Put back MLflow's aliases that differ from the ledger, and say so on standard error.

    A store that is away keeps nobody from reading the ledger.
    """
    from workbench.registry import aliases
    from workbench.store import trouble

    try:
        said = aliases.repair(project)
    except Exception as error:
        known = trouble.in_words(error, project.state)
        if known is None:
            raise
        said = [f"MLflow's aliases were not looked at: {known.message}"]
    for line in said:
        click.secho(f"workbench: {line}", fg="yellow", err=True)
