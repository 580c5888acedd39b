"""``workbench promote``, ``rollback``, ``retire`` and ``ledger``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

import click

from workbench.project import Project, open_project

if TYPE_CHECKING:
    from workbench.registry.aliases import Move
    from workbench.registry.promotion import Preview, Target, WayBack

_JSON = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
_REASON = click.option("--reason", required=True, help="Why; it is kept in the ledger.")
_VERSION = click.IntRange(1)
_FOLLOWS = "a running server follows within seconds"


@click.command(
    epilog='Examples:  workbench promote 3 --reason "better on the last month"    '
    "workbench promote 3 --dry-run    workbench promote 3 --to shadow --reason trial"
)
@click.argument("version")
@click.option(
    "--to",
    type=click.Choice(("champion", "canary", "challenger", "shadow")),
    default="champion",
    show_default=True,
    help="What it is to be.",
)
@click.option("--reason", default="", help="Why; it is kept in the ledger. Needed unless --dry-run.")
@click.option("--force", is_flag=True, help="Although the gates did not pass it; the ledger says so.")
@click.option(
    "--dry-run", is_flag=True, help="Change nothing, and say what would come of it; exit 1 if refused."
)
@click.option(
    "--if-passed", is_flag=True, help="Unless its gates passed it, say so and change nothing: for pipelines."
)
@_JSON
def promote(
    version: str, to: str, reason: str, force: bool, dry_run: bool, if_passed: bool, as_json: bool
) -> None:
    """Make VERSION (a number or an alias) the champion.

    It must have passed its gates, load, and answer its recorded cases.

    As the canary it answers a share of the traffic ([serving] canary). As the challenger or as a shadow it
    answers beside the champion, and nobody gets its answers. An alias
    that [approvals] protects needs approvals, too: workbench approve.
    """
    if not dry_run and not reason.strip():
        raise click.UsageError("--reason is needed: it is what the ledger is read for")
    if if_passed and force:
        raise click.UsageError("--if-passed and --force contradict each other")
    project = _ready()

    from workbench.cli.output import print_json
    from workbench.registry import promotion

    if if_passed and (why := _held_back(project, version)):
        click.echo(why, err=as_json)
        if as_json:
            print_json(None)
        return
    target = cast("Target", to)
    if dry_run:
        preview = promotion.promote(project, version, reason=reason, to=target, force=force, dry_run=True)
        print_json(preview.to_dict()) if as_json else _show(preview)
        if preview.refused:
            raise click.exceptions.Exit(1)
        return
    entry = promotion.promote(project, version, reason=reason, to=target, force=force)
    if as_json:
        print_json(entry.to_dict() if entry else None)
    else:
        click.echo(f"{entry}\n{_FOLLOWS}")


@click.command(
    epilog='Examples:  workbench rollback --reason "too many false alarms since Monday"    '
    "workbench rollback --dry-run    workbench rollback --to 2 --reason …"
)
@click.option("--to", type=_VERSION, help="An earlier champion; default: the one before.")
@click.option("--reason", default="", help="Why; it is kept in the ledger. Needed unless --dry-run.")
@click.option(
    "--dry-run", is_flag=True, help="Change nothing, and say what would come of it; exit 1 if refused."
)
@_JSON
def rollback(to: int | None, reason: str, dry_run: bool, as_json: bool) -> None:
    """Put the champion before the present one, or an earlier one, back in front.

    It has to load and to answer its recorded cases.
    """
    if not dry_run and not reason.strip():
        raise click.UsageError("--reason is needed: it is what the ledger is read for")
    project = _ready()

    from workbench.cli.output import print_json
    from workbench.registry import promotion

    if dry_run:
        found = promotion.way_back(project, to=to)
        print_json(found.to_dict()) if as_json else _show_way_back(found)
        return
    entry = promotion.rollback(project, reason=reason, to=to)
    if as_json:
        print_json(entry.to_dict() if entry else None)
    else:
        click.echo(f"{entry}\n{_FOLLOWS}")


@click.command(epilog='Example:  workbench retire 2 --reason "no better than the champion"')
@click.argument("version", type=_VERSION)
@_REASON
@_JSON
def retire(version: int, reason: str, as_json: bool) -> None:
    """Take a canary, challenger or shadow out of the line-up; it stays a version."""
    project = _ready()

    from workbench.cli.output import print_json
    from workbench.registry import promotion

    entries = promotion.retire(project, version, reason=reason)
    if as_json:
        print_json([entry.to_dict() for entry in entries])
    else:
        click.echo("\n".join([*map(str, entries), _FOLLOWS]))


@click.command(epilog="Examples:  workbench ledger    workbench ledger --alias champion --json")
@click.option("--alias", default=None, help="Only the moves of this one.")
@_JSON
def ledger(alias: str | None, as_json: bool) -> None:
    """Show every move of an alias: when, who, from, to, why."""
    project = _ready()

    from workbench.cli.output import print_json, print_table
    from workbench.registry import aliases

    entries = aliases.ledger(project, alias)
    if as_json:
        print_json([entry.to_dict() for entry in entries])
        return
    print_table(
        ("when", "alias", "from", "to", "who", "reason"),
        (
            (
                f"{entry.at:%Y-%m-%d %H:%M:%S}",
                entry.alias,
                f"v{entry.from_version}" if entry.from_version else "–",
                f"v{entry.to_version}" if entry.to_version else "–",
                entry.who,
                entry.reason,
            )
            for entry in entries
        ),
    )
    if any(not entry.who.authenticated for entry in entries):
        click.echo("claimed: a login name that no database has checked; PostgreSQL does ([stores] database)")


def _ready() -> Project:
    """The project, after MLflow's aliases were put back to where the ledger has them."""
    project = open_project()

    from workbench.cli.repairs import tell_repairs

    tell_repairs(project)
    return project


def _held_back(project: Project, version: str) -> str:
    """Why a pipeline has nothing to promote, in a sentence; empty when its gates passed it."""
    from workbench.registry import aliases, versions

    if version in (aliases.CHALLENGER, aliases.CANARY) and version not in aliases.held(project):
        return f"there is no {version}: nothing was promoted"
    found = versions.get_version(project, version)
    if found.verdict == "passed":
        return ""
    why = f"its gates are {found.verdict or 'unknown'}; workbench models show {found.version}"
    return f"{found} was not promoted: {why}"


def _show(preview: Preview) -> None:
    from workbench.cli.output import print_table

    click.echo(f"{preview.version} to {preview.to}: nothing was changed\n")
    gates = [(gate["name"], gate["verdict"], gate["why"]) for gate in preview.gates]
    print_table((f"gate ({preview.verdict or 'no verdict'})", "verdict", "why"), gates)
    votes = preview.approvals
    click.echo(f"\napprovals: {len(votes.counted)} of {votes.needed} needed")
    for vote in votes.found:
        click.echo(f"  {vote}")
    answered = f"{preview.cases_answered} as recorded" if preview.cases_answered else "not answered"
    click.echo(f"recorded cases: {answered}")
    _show_moves(preview.helpers, preview.moves)
    for why in preview.refused:
        click.secho(f"refused: {why}", fg="red")
    if not preview.refused:
        click.secho("it would be promoted", fg="green")


def _show_way_back(found: WayBack) -> None:
    click.echo(f"back to {found.version}: nothing was changed\n")
    click.echo(f"recorded cases: {found.answered.cases} as recorded")
    _show_moves(found.answered.helpers, found.moves)
    click.secho("it would be rolled back", fg="green")


def _show_moves(helpers: Iterable[str], moves: Iterable[Move]) -> None:
    for change in helpers:
        click.echo(f"since it was registered: {change}")
    for item in moves:
        before, after = (f"v{number}" if number else "–" for number in (item.expected_from, item.to_version))
        click.echo(f"would move: {item.alias}  {before} → {after}")
