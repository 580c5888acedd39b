"""``workbench site``."""

from __future__ import annotations

import click

from workbench.project import open_project


@click.command(epilog="Example:  workbench site")
def site() -> None:
    """Write the index page of all reports anew (it is derived from them) and print where it is."""
    project = open_project()

    from workbench.site import index

    click.echo(index.build_index(project))
