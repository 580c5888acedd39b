"""``workbench site``."""

from __future__ import annotations

import click

from workbench.project import open_project


@click.command(epilog="Example:  workbench site")
def site() -> None:
    """Write the index page of all reports and the model cards anew, and print where it is."""
    project = open_project()

    from workbench.site import cards, index

    cards.write_cards(project)
    click.echo(index.build_index(project))
