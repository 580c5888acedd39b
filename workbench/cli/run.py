"""``workbench run``."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.errors import ProjectNotFound, UsageError
from workbench.project import Project, open_project

if TYPE_CHECKING:
    from workbench.execution.progress import PipelineResult


@click.command(
    epilog="Examples:  workbench run    workbench run train validate -p learning_rate=0.05    "
    "workbench run --explain    workbench run --from train    workbench run explore.ipynb"
)
@click.argument("what", nargs=-1, metavar="[PHASE…|NOTEBOOK]")
@click.option(
    "-p",
    "--parameter",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a notebook's parameter; repeatable. A secret is given by name: secret:NAME.",
)
@click.option(
    "--from-trial",
    "trial",
    default="",
    metavar="RUN",
    help="Take the parameters of a trial, or of any run.",
)
@click.option("--from", "start", default="", metavar="PHASE", help="Run PHASE again, then what follows.")
@click.option("--force", is_flag=True, help="Run also what is up to date.")
@click.option("--explain", is_flag=True, help="Say which phases would run, and why; run nothing.")
@click.option("--follow", is_flag=True, help="Show what the notebooks print, as it comes.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def run(
    what: tuple[str, ...],
    given: tuple[str, ...],
    trial: str,
    start: str,
    force: bool,
    explain: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Bring PHASEs (default: all) up to date, in the order of their needs, and keep a report of each.

    A phase that is up to date does not run. A parameter goes to every phase that declares it. After a
    failure the same command goes on from there. A NOTEBOOK that is no phase always runs.
    """
    values = dict(_split(item) for item in given)
    if any(name.endswith(".ipynb") for name in what):
        _run_notebook(what, values, trial, start or force or explain, follow, as_json)
        return
    project = open_project()

    from workbench.execution import pipeline, plan

    if start and what:
        raise UsageError("--from names where to start; give it or phases, not both")
    chosen = plan.after(project, start) if start else plan.order(project, what)
    if first := plan.missing_needs(project, chosen):
        chosen = plan.order(project, {*chosen, *first})
        if not as_json:
            click.echo(f"first {', '.join(first)}: needed, and never finished", err=True)
    parameters = pipeline.parse_parameters(project, chosen, values, _taken(project, trial))
    forced = chosen if force else [start] if start else []
    if explain:
        _explain_plan(project, chosen, parameters, forced, as_json)
        return
    _tell_surroundings(project, chosen)

    from workbench.cli.output import Bar

    result = pipeline.run(project, chosen, parameters, Bar(follow=follow), force=forced)
    _finish(project, result, as_json)


def _taken(project: Project, trial: str) -> dict[str, Any]:
    if not trial:
        return {}
    from workbench.execution.sweep import trials

    return trials.parameters_of(project, trial)


def _run_notebook(
    what: tuple[str, ...], values: dict[str, str], trial: str, options: object, follow: bool, as_json: bool
) -> None:
    if len(what) > 1 or options:
        raise UsageError("a notebook is run by itself: workbench run NOTEBOOK [-p name=value] [--follow]")
    path = Path(what[0])

    from workbench.cli.output import Bar
    from workbench.execution import pipeline
    from workbench.execution.notebook import parameters

    try:
        project = open_project(path.parent)
    except ProjectNotFound:
        project = Project.around(path.resolve().parent)
    declared = {path.name: parameters.read_parameters(path)}
    given = parameters.read_all(declared, values, _taken(project, trial))[path.name]
    name = pipeline.phase_name(project, path)
    _tell_surroundings(project, [name])
    if name in project.config.phases:
        result = pipeline.run(project, [name], given, Bar(follow=follow), force=[name])
    else:
        result = pipeline.run_notebook(project, path, given, Bar(follow=follow))
    _finish(project, result, as_json)


def _split(item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not equals or not name:
        raise UsageError(f"-p takes NAME=VALUE, not {item!r}; for example: -p learning_rate=0.05")
    return name, value


def _tell_surroundings(project: Project, phases: list[str]) -> None:
    """Put in order what a kill left behind, and say who else is at work here."""
    from workbench.cli.output import tell_tidied
    from workbench.tracking import work

    tell_tidied(project)
    for phase, run_id in work.going_on(project):
        if phase in phases:
            click.echo(
                f"run {run_id} of {phase} is going on as well; neither waits for the other or reads from it",
                err=True,
            )


def _explain_plan(
    project: Project, phases: list[str], parameters: dict[str, Any], forced: list[str], as_json: bool
) -> None:
    from workbench.cli.output import print_json, print_steps
    from workbench.execution import pipeline, plan

    steps = plan.explain(project, phases, pipeline.share_out(project, phases, parameters), forced)
    if as_json:
        print_json(
            [{"phase": step.phase, "verdict": step.verdict, "reasons": step.reasons} for step in steps]
        )
    else:
        print_steps(steps)


def _finish(project: Project, result: PipelineResult, as_json: bool) -> None:
    from workbench.cli.output import print_json, tell_tidied

    tell_tidied(project)  # a process that was killed just before may only have ended meanwhile
    ran = any(phase.status not in ("up_to_date", "skipped") for phase in result.phases)
    page = project.reports / "index.html"
    if ran:
        from workbench.site import index

        try:
            page = index.build_index(project)
        except OSError as error:  # the reports are there: the next run writes the page
            click.echo(f"the index page could not be written: {error}", err=True)
    if as_json:
        phases = [asdict(phase) for phase in result.phases]
        print_json({"run_id": result.run_id, "status": result.status, "phases": phases})
    else:
        from workbench.cli import summary

        summary.show(project, result, page)
    if result.status != "finished":
        _explain_failure(project, result)
        raise click.exceptions.Exit(1)


def _explain_failure(project: Project, result: PipelineResult) -> None:
    """Say on standard error what failed: phase, cell, its source, the error's last lines."""
    from workbench.tracking import reports

    for phase in result.phases:
        manifest = reports.read(Path(phase.report)) if phase.report else None
        if manifest is None or manifest.error is None:
            continue
        error = manifest.error
        click.secho(f"\nworkbench: {error.message}", fg="red", err=True)
        if error.cell is not None and error.source:
            click.echo(f"\n  cell {error.cell} of {manifest.notebook}:\n", err=True)
            click.echo(_indent(error.source, "  │ "), err=True)
        if error.traceback:
            click.echo("\n" + _indent(_last_lines(error.traceback), "  "), err=True)
        click.echo(f"\n  the whole report: {os.path.join(phase.report, reports.HTML)}", err=True)
    kept = [phase.phase for phase in result.phases if phase.status in ("finished", "up_to_date")]
    click.echo(f"  kept: {', '.join(kept) or 'nothing'}; the same command goes on from there", err=True)


def _indent(text: str, prefix: str) -> str:
    return "\n".join(prefix + line for line in text.splitlines())


def _last_lines(traceback: str, count: int = 8) -> str:
    lines = click.unstyle(traceback).strip().splitlines()
    return "\n".join(lines[-count:])
