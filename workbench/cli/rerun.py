"""``workbench rerun``."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.project import Project, open_project

if TYPE_CHECKING:
    from workbench.execution.rerun.record import Recorded
    from workbench.execution.rerun.repeating import Rerun

_VERSION = re.compile(r"v\d+")
_COLOURS = {"the same": "green", "the same but for": "green", "differs": "red"}
_LINES = 6


@click.command(
    epilog="Examples:  workbench rerun 3f2a    workbench rerun train    workbench rerun v3    "
    "workbench rerun 3f2a --json"
)
@click.argument("run", metavar="RUN")
@click.option("--keep", is_flag=True, help="Keep the datasets that it writes and the files that it ran on.")
@click.option("--json", "as_json", is_flag=True, help="Print as one JSON object.")
def rerun(run: str, keep: bool, as_json: bool) -> None:
    """Repeat RUN from its record, and say whether the same comes out; exit status 1 if it does not.

    RUN is a run's id or the beginning of it, the folder of its report, a phase (its newest finished run),
    or a model version such as v3 (the run that trained it). The notebook, helpers, parameters and dataset
    versions are those of the run; the environment is the present one. Nothing is registered or promoted,
    and nobody reads what it writes.
    """
    project = open_project()

    from workbench.cli.output import Bar, print_json, tell_tidied
    from workbench.execution.rerun import repeating
    from workbench.registry import loading

    tell_tidied(project)
    with tempfile.TemporaryDirectory(prefix="workbench-record-") as scratch:
        recorded = _find(project, run, Path(scratch))
        found = repeating.repeat(
            project, recorded, Bar(), load=lambda model: loading.load(model, project), keep=keep
        )
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found)
    if not found.same:
        raise SystemExit(1)


def _find(project: Project, named: str, into: Path) -> Recorded:
    from workbench.errors import UsageError
    from workbench.execution.rerun import record

    if not _VERSION.fullmatch(named) or named in project.config.phases:
        return record.find(project, named, into)
    from workbench.registry import versions

    version = versions.get_version(project, named)
    found = record.of_run(project, version.run_id, into) if version.run_id else None
    if found is None:
        raise UsageError(
            f"{version}: the run that trained it has no report any more, and that was its record"
        )
    return found


def _show(found: Rerun) -> None:
    from workbench.cli.output import print_table
    from workbench.execution.rerun.comparison import is_rounding
    from workbench.tracking.reports import HTML

    original, compared = found.original, found.comparison
    click.echo(
        f"run {original.run_id[:8]} of {original.phase}, {original.started_at:%Y-%m-%d %H:%M:%S} UTC, "
        f"again as {found.repeated.run_id[:8]}"
    )
    for line in found.differences:
        click.secho(f"  ! {_plain(line)}", fg="yellow")
    moved = [change for change in compared.metrics if not is_rounding(change)]
    if moved:
        click.echo()
        rows = ((item.name, _number(item.left), _number(item.right), _by(item.difference)) for item in moved)
        print_table(("metric", "then", "now", "now − then"), rows)
    for cell in compared.cells:
        click.secho(f"\ncell {cell.cell} showed another text", bold=True)
        for line in cell.lines[:_LINES]:
            click.secho(f"  {_plain(line)[:160]}", fg={"-": "red", "+": "green"}.get(line[:1]))
        if len(cell.lines) > _LINES:
            click.echo(f"  … {len(cell.lines) - _LINES} more lines; --json has them")
    for missing in compared.missing:
        click.secho(f"\nnot compared: {_plain(missing)}", fg="yellow")
    if found.files is not None:
        click.echo(f"\nfiles    {found.files}")
    click.echo(f"\nreport   {os.path.join(found.report, HTML)}")
    click.secho(_plain(found.verdict), fg=_COLOURS[compared.result], bold=True)


def _number(value: object) -> str:
    return "–" if value is None else f"{value:.6g}"


def _by(difference: float | None) -> str:
    return "" if difference is None else f"{difference:+,.6g}"


def _plain(text: str) -> str:
    """Without what would move the cursor or change the colours of a terminal."""
    return "".join(letter if letter.isprintable() or letter == "\t" else "�" for letter in text)
