"""``workbench models``, ``promote``, ``rollback`` and ``ledger``."""

from __future__ import annotations

from dataclasses import asdict

import click

from workbench.project import open_project

_JSON = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")


@click.command(epilog="Examples:  workbench models    workbench models --json")
@_JSON
def models(as_json: bool) -> None:
    """List the versions of the registered model, newest first, with what the gates said."""
    project = open_project()

    from workbench.cli.output import print_json, print_table
    from workbench.registry import versions

    found = versions.list_versions(project)
    if as_json:
        print_json([asdict(version) for version in found])
        return
    print_table(
        ("version", "alias", "verdict", "trained until", "run"),
        (
            (
                f"{version.model} v{version.version}",
                ", ".join(version.aliases),
                version.verdict,
                f"{version.trained_until:%Y-%m-%d}" if version.trained_until else "",
                version.run_id[:8],
            )
            for version in found
        ),
    )
    if not found:
        click.echo("no version is registered yet; next: workbench run")


@click.command(epilog='Example:  workbench promote 3 --reason "better on the last month"')
@click.argument("version", type=click.IntRange(1))
@click.option("--reason", required=True, help="Why; it is kept in the ledger.")
@click.option("--force", is_flag=True, help="Although the gates did not pass it; the ledger says so.")
def promote(version: int, reason: str, force: bool) -> None:
    """Make VERSION the champion: it must have passed its gates, load, and answer its recorded cases."""
    project = open_project()

    from workbench.registry import promotion

    entry = promotion.promote(project, version, reason=reason, force=force)
    click.echo(f"{entry}\na running server follows within seconds")


@click.command(epilog='Example:  workbench rollback --reason "too many false alarms since Monday"')
@click.option("--reason", required=True, help="Why; it is kept in the ledger.")
def rollback(reason: str) -> None:
    """Put the champion before the present one back in front."""
    project = open_project()

    from workbench.registry import promotion

    entry = promotion.rollback(project, reason=reason)
    click.echo(f"{entry}\na running server follows within seconds")


@click.command(epilog="Examples:  workbench ledger    workbench ledger --json")
@_JSON
def ledger(as_json: bool) -> None:
    """Show every move of an alias: when, who, from, to, why."""
    project = open_project()

    from workbench.cli.output import print_json, print_table
    from workbench.registry import aliases

    entries = aliases.ledger(project)
    if as_json:
        print_json([asdict(entry) for entry in entries])
        return
    print_table(
        ("when", "alias", "from", "to", "who", "reason"),
        (
            (
                f"{entry.at:%Y-%m-%d %H:%M:%S}",
                entry.alias,
                f"v{entry.from_version}" if entry.from_version else "–",
                f"v{entry.to_version}" if entry.to_version else "–",
                entry.actor,
                entry.reason,
            )
            for entry in entries
        ),
    )
