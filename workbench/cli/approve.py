"""``workbench approve``."""

from __future__ import annotations

from dataclasses import asdict

import click

from workbench.project import open_project


@click.command(
    epilog='Examples:  workbench approve 3 --note "the split is by time, no feature leaks"    '
    'workbench approve 3 --withdraw --note "overlooked a leak"'
)
@click.argument("version", type=click.IntRange(1))
@click.option("--note", required=True, help="What was looked at, and found.")
@click.option("--withdraw", is_flag=True, help="Take back the approval that was given.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def approve(version: int, note: str, withdraw: bool, as_json: bool) -> None:
    """Show how VERSION's training notebook differs from the champion's, and approve it.

    An approval holds for what is there now: when validation, recorded cases, model files or notebook
    change, it lapses. It is somebody else's to give than who trained or registered the version.
    """
    project = open_project()

    from workbench.cli.diff import show_cells
    from workbench.cli.output import print_json
    from workbench.cli.repairs import tell_repairs
    from workbench.registry import approvals

    tell_repairs(project)
    seen = approvals.review(project, version)
    if not (as_json or withdraw):
        click.echo(f"{seen.version}: verdict {seen.version.verdict}, run {seen.version.run_id[:8]}")
        if seen.missing:
            click.secho(f"its notebook was not compared: {seen.missing}", fg="yellow")
        elif not seen.cells:
            click.echo(f"its notebook is the one that trained the champion, v{seen.against}")
        else:
            click.echo(f"its notebook against the one that trained the champion, v{seen.against}:")
            show_cells(seen.cells)
        click.echo()
    given = approvals.approve(project, seen, note=note, withdraw=withdraw)
    if as_json:
        print_json(
            given.to_dict() | {"cells": [asdict(cell) for cell in seen.cells], "missing": seen.missing}
        )
        return
    click.echo(f"{'withdrawn' if withdraw else 'approved'}: {given}")
    found = approvals.tally(project, seen.version, "champion")
    click.echo(f"{len(found.counted)} of {found.needed} approvals that champion needs")
