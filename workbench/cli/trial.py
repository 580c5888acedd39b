"""``workbench trial``."""

from __future__ import annotations

import click

from workbench.project import open_project


@click.command(
    epilog="Examples:  workbench trial --source planes    "
    "workbench trial --source airports --features flights.trials:destination_altitude"
)
@click.option(
    "--source", required=True, metavar="NAME", help="The new one: [sources.NAME] in workbench.toml."
)
@click.option(
    "--features",
    default="",
    metavar="MODULE:FUNCTION",
    help="Makes feature columns out of prepared rows and the source.  [default: its own, joined by its key]",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def trial(source: str, features: str, as_json: bool) -> None:
    """Measure what a new source of information would add, before anything is built on it.

    The champion's estimator is trained and judged twice on the same rows, with and without what the source
    says. Nothing is kept, and no version is registered. Whether its columns were known at the time of asking
    is for you to say: a function sees the rows with their times, a join by key does not.
    """
    project = open_project()

    from workbench.cli.output import print_json
    from workbench.registry.trial import trial as measure
    from workbench.store.clock import project_clock

    found = measure(project, source, features, clock=project_clock())
    if as_json:
        print_json(found.to_dict())
        return
    click.echo(f"{found}.")
    if found.verdict == "adds":
        click.echo(
            "next: add its columns to the features, and let workbench run train a challenger with them"
        )
    else:
        click.echo("next: another source, or other columns of this one")
