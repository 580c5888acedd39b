"""What was put right in the registry before a command looked at it."""

from __future__ import annotations

import click

from workbench.project import Project

__all__ = ["tell_repairs"]


def tell_repairs(project: Project) -> None:
    """Put back MLflow's aliases that differ from the ledger, and say so on standard error."""
    from workbench.registry.repairs import repaired

    for line in repaired(project):
        click.secho(f"workbench: {line}", fg="yellow", err=True)
