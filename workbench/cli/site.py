"""``workbench site``."""

from __future__ import annotations

import click

from workbench.project import open_project


@click.command(epilog="Example:  workbench site")
def site() -> None:
    """Write the index page of all reports, the model cards and the runbook anew, and print where it is."""
    project = open_project()

    from workbench.registry import reviews
    from workbench.site import cards, index

    cards.write_cards(project)
    reviews.write_pages(project)
    if project.config.model is not None:
        from workbench.site.runbook.writing import write_runbook

        write_runbook(project)
    click.echo(index.build_index(project))
