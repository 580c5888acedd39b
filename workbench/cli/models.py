"""``workbench models``: the versions of the registered model, and what can be said of one."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import asdict

import click

from workbench.project import open_project

_JSON = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
# Command -> the module that holds it, and its line in --help.
_MORE = {
    "show": ("models_show", "Show everything about a version on one screen."),
    "card": ("models_card", "Write a version's model card."),
    "delta": ("models_card", "Show where two versions answer differently."),
    "runbook": ("models_runbook", "Write the runbook: what operations need to keep the model running."),
}


class _Lazy(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, (module, _) in _MORE.items() if importlib.util.find_spec(_path(module))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = getattr(importlib.import_module(_path(_MORE[cmd_name][0])), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _MORE[name][1]) for name in self.list_commands(ctx)])


def _path(module: str) -> str:
    return f"workbench.cli.{module}"


@click.group(
    cls=_Lazy,
    invoke_without_command=True,
    epilog="Examples:  workbench models    workbench models show 3    workbench models --json",
)
@_JSON
@click.pass_context
def models(ctx: click.Context, as_json: bool) -> None:
    """List the versions of the registered model, newest first, with what the gates said."""
    if ctx.invoked_subcommand is not None:
        return
    project = open_project()

    from workbench.cli.output import print_json, print_table
    from workbench.cli.repairs import tell_repairs
    from workbench.registry import versions

    tell_repairs(project)
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
    click.echo(
        "next: workbench models show VERSION"
        if found
        else "no version is registered yet; next: workbench run"
    )
