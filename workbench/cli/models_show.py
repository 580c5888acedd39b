"""``workbench models show``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workbench.project import open_project

if TYPE_CHECKING:
    from workbench.registry.about import About
    from workbench.registry.lineage import TracedRun

_SHORT = 12  # characters of a hash


@click.command(epilog="Examples:  workbench models show 3    workbench models show champion --json")
@click.argument("version")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def show(version: str, as_json: bool) -> None:
    """Show everything about a version on one screen; it is given by number or alias."""
    project = open_project()

    from workbench.cli.output import print_json
    from workbench.cli.repairs import tell_repairs
    from workbench.registry.about import about

    tell_repairs(project)
    found = about(project, version)
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found)


def _show(found: About) -> None:
    from workbench.cli.output import print_table

    _head(found)
    gates = [(gate["name"], gate["verdict"], gate["why"]) for gate in found.gates]
    if found.missing:
        click.secho(f"\ngates: {found.missing}", fg="yellow")
    elif gates:
        click.echo()
        print_table((f"gate ({found.verdict})", "verdict", "why"), gates)
    if found.metrics:
        click.echo("\nmetrics  " + ", ".join(f"{name} {value:.4g}" for name, value in found.metrics.items()))
    votes = found.approvals
    click.echo(f"\napprovals  {len(votes.counted)} of {votes.needed} that champion needs")
    for vote in votes.found:
        click.echo(f"  {vote}")
    click.echo("\nledger")
    for entry in found.ledger:
        click.echo(f"  {entry}")
    for run in found.lineage.runs:
        _way_back(run)
    click.echo("\nnext")
    width = max((len(command) for command, _ in found.next), default=0)
    for command, does in found.next:
        click.echo(f"  {command:<{width}}  {does}")


def _head(found: About) -> None:
    version = found.version
    named = ", ".join(version.aliases) or "no alias"
    click.secho(f"{version}  {named}  {found.verdict or 'no verdict'}", bold=True)
    until = f"learnt from rows before {version.trained_until:%Y-%m-%d}" if version.trained_until else ""
    size = version.tag("size_bytes")
    files = f"{int(size) / 1e6:.2f} MB" if size.isdecimal() else ""
    facts = [version.tag("name"), until, files, f"SHA-256 {version.sha256[:_SHORT] or 'not recorded'}"]
    click.echo("  ".join(filter(None, [f"registered {version.created_at:%Y-%m-%d %H:%M}", *facts])))
    path, why = version.tag("serving_path"), version.tag("serving_path_why")
    if path == "compiled":
        click.echo(f"served by: compiled path ({why})")
    elif path:
        click.echo(f"served by: plain path: {why}")


def _way_back(run: TracedRun) -> None:
    click.echo(f"\n{run.role} by run {run.run_id[:8]}{f' ({run.phase})' if run.phase else ''}")
    for link in run.links:
        if link.kind == "run" and link.there:
            continue
        name = link.where if link.kind == "report" and link.where else link.name
        if link.kind == "code version":
            name = link.name or "not in a git repository"
        identity = f"  {link.identity[:_SHORT]}" if link.identity and link.kind != "code version" else ""
        state = click.style(link.state, fg=None if link.there else "yellow")
        click.echo(f"  {link.kind:<12} {name}{identity}  {state}")
