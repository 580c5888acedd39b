"""``workbench models runbook``."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.project import open_project


@click.command(epilog="Examples:  workbench models runbook    workbench models runbook --open")
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder; default: .workbench/cards."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def runbook(show: bool, out: Path | None, as_json: bool) -> None:
    """Write the runbook of the served model, as HTML and Markdown, and print where.

    How it is served, started and stopped, what each alert means and what to do, how to roll back and whether
    that works now, who owns it, what happened lately: put together from the record each time.
    """
    project = open_project()

    from workbench.cli.output import print_json
    from workbench.site.runbook.writing import write_runbook

    written = write_runbook(project, folder=out)
    if as_json:
        print_json(written.to_dict())
    else:
        click.echo(f"{written.html}\n{written.markdown}")
    if show:
        click.launch(written.html.as_uri())
