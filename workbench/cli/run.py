"""``workbench run``."""

from __future__ import annotations

import os

import click

from workbench.errors import UsageError
from workbench.execution.progress import PipelineResult
from workbench.project import Project, open_project


@click.command(
    epilog="Examples:  workbench run    workbench run train validate    "
    "workbench run train -p learning_rate=0.05"
)
@click.argument("phases", nargs=-1, metavar="[PHASE…]")
@click.option(
    "-p",
    "--parameter",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a notebook's parameter; repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def run(phases: tuple[str, ...], given: tuple[str, ...], as_json: bool) -> None:
    """Run PHASEs (default: all of them, in the order of their needs) and keep a report of each.

    A parameter goes to every phase that declares it. When a phase fails, later ones are skipped.
    """
    project = open_project()
    values = dict(_split(item) for item in given)

    from workbench.cli.output import Bar, print_json
    from workbench.execution import pipeline

    ordered = pipeline.order(project, phases)
    parameters = pipeline.parse_parameters(project, ordered, values)
    click.echo(f"{project.config.project.title or project.name}: {', '.join(ordered)}", err=True)
    result = pipeline.run(project, phases, parameters, Bar())

    from workbench.site import index

    page = index.build_index(project)
    if as_json:
        print_json(
            {
                "run_id": result.run_id,
                "status": result.status,
                "phases": [
                    {
                        "phase": phase.phase,
                        "status": phase.status,
                        "run_id": phase.run_id,
                        "seconds": phase.seconds,
                        "report": phase.report,
                    }
                    for phase in result.phases
                ],
            }
        )
    else:
        from workbench.cli import summary

        summary.show(project, result, page)
    if result.status != "finished":
        _explain(project, result)
        raise click.exceptions.Exit(1)


def _split(item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not equals or not name:
        raise UsageError(f"-p takes NAME=VALUE, not {item!r}; for example: -p learning_rate=0.05")
    return name, value


def _explain(project: Project, result: PipelineResult) -> None:
    """Say on standard error what failed: phase, cell, its source, the error's last lines."""
    from workbench.tracking import reports

    for phase in result.phases:
        manifest = reports.find(project, phase.phase, phase.run_id) if phase.run_id else None
        if manifest is None or manifest.error is None:
            continue
        error = manifest.error
        click.secho(f"\nworkbench: {error.message}", fg="red", err=True)
        if error.cell is not None:
            click.echo(f"\n  cell {error.cell} of {manifest.notebook}:\n", err=True)
            click.echo(_indent(error.source, "  │ "), err=True)
            click.echo("\n" + _indent(_last_lines(error.traceback), "  "), err=True)
        click.echo(f"\n  the whole report: {os.path.join(phase.report, reports.HTML)}", err=True)
    if result.status == "killed":
        kept = [phase.phase for phase in result.phases if phase.status == "finished"]
        click.echo(
            f"  kept: the finished phases ({', '.join(kept) or 'none'}) and the reports above", err=True
        )


def _indent(text: str, prefix: str) -> str:
    return "\n".join(prefix + line for line in text.splitlines())


def _last_lines(traceback: str, count: int = 8) -> str:
    lines = click.unstyle(traceback).strip().splitlines()
    return "\n".join(lines[-count:])
