"""``workbench retrain``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workbench.cli.logs import LOG, chosen_log
from workbench.project import open_project

if TYPE_CHECKING:
    from workbench.monitoring.retraining import Retrained
    from workbench.registry.plateau import Plateau


@click.command(epilog="Examples:  workbench retrain --dry-run    workbench retrain --scheduled --json")
@click.option("--dry-run", is_flag=True, help="Change nothing, and say what would be done and why.")
@click.option(
    "--scheduled", is_flag=True, help='A schedule calls for it: the trigger "schedule" of the policy.'
)
@LOG
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def retrain(dry_run: bool, scheduled: bool, log_name: str | None, as_json: bool) -> None:
    """Let the policy in [retraining] decide, and go on with the retraining that is under way.

    A challenger is trained by the same phases, judged on what came after its cut-off, answers in the
    champion's shadow if the policy says so, and is promoted, proposed or refused. It may be called as often
    as you like: what was decided is not decided again. It goes by what workbench monitor has found last.
    """
    project = open_project()
    _, name = chosen_log(project, log_name)

    from workbench.cli.output import Bar, print_json, tell_tidied
    from workbench.monitoring.retraining import retrain as apply
    from workbench.store.clock import project_clock

    if not dry_run:
        tell_tidied(project)
    done = apply(
        project,
        name,
        clock=project_clock(),
        scheduled=scheduled,
        dry_run=dry_run,
        progress=None if dry_run else Bar(),
    )
    if as_json:
        print_json(done.to_dict())
    else:
        _show(done)
    if done.retraining is not None and done.retraining.decision == "failed":
        raise click.exceptions.Exit(1)


def _show(done: Retrained) -> None:
    item = done.retraining
    if item is not None:
        click.secho(f"retraining {item.id} of {item.model}: {item.decision or item.status}", bold=True)
    click.echo(done.reason)
    if done.waits:
        click.echo(f"it waits: {done.waits}")
    if done.would:
        click.echo(f"it would {done.would}; nothing was changed")
    for phase, report in (item.evidence.get("reports", {}) if item is not None else {}).items():
        click.echo(f"  {phase:<10} {report}")
    if done.plateau is not None:
        _show_plateau(done.plateau)
    if not done.would:
        click.echo(f"next: {_next(done)}")


def _show_plateau(plateau: Plateau) -> None:
    from workbench.cli.output import print_table

    click.secho(str(plateau), fg="yellow")
    if len(plateau.worst):
        click.echo("its worst errors:")
        shown = plateau.worst.round(3).astype(str)
        print_table(tuple(map(str, shown.columns)), shown.itertuples(index=False))
    for note in plateau.notes:
        click.echo(note)


def _next(done: Retrained) -> str:
    if done.retraining is None:
        return "workbench monitor looks at what was asked since; then call this again"
    version = done.retraining.version
    return {
        "promoted": "a running server follows within seconds; workbench rollback puts the one before back",
        "proposed": f"workbench promote {version} --reason …; workbench backlog has it",
        "refused": f"workbench models show {version} says where it fell short"
        if version is not None
        else "phases that take as_of and known_until learn from what is newer, and so does newer data",
        "failed": "mend what failed, and call this again",
        "": "call this again; workbench monitor counts what both have answered",
    }[done.retraining.decision]
