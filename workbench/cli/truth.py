"""``workbench truth`` and ``workbench feedback``."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.logs import LOG, chosen_log
from workbench.project import open_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.serving.truth.importing import Imported

_JSON = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
_WORTH_A_BAR_SECONDS = 1.0


@click.command(
    epilog="Examples:  workbench truth --from arrived.csv    "
    "workbench truth --from landed.parquet --column late --known-at landed_at"
)
@click.option(
    "--from", "source", required=True, type=click.Path(path_type=Path), help="CSV, Parquet or JSON lines."
)
@click.option(
    "--column", default="value", show_default=True, help="The column of what turned out to be true."
)
@click.option(
    "--known-at", default="", help="The column of when that became known; default: known_at, or now."
)
@LOG
@_JSON
def truth(source: Path, column: str, known_at: str, log_name: str | None, as_json: bool) -> None:
    """Record what turned out to be true, from a file: late, repeated and corrected as it comes.

    Each row names its prediction by prediction_id, or by the columns of the business key ([serving] key in
    workbench.toml). No server has to run. All rows are recorded or, when one is wrong, none.
    """
    project = open_project()

    from workbench.cli.output import print_json
    from workbench.serving.truth.file import read_file
    from workbench.serving.truth.importing import import_rows
    from workbench.store.clock import project_clock

    log, name = chosen_log(project, log_name)
    clock = project_clock()
    now = clock.now()
    file = read_file(project, source, column=column, known_at=known_at, now=now)
    with _progress(len(file.rows)) as advance:
        done = import_rows(project, log, name, file.rows, clock, undated=now, on_progress=advance)
    if as_json:
        print_json({"log": name, "without_value": file.without_value, **asdict(done)})
    else:
        _show(name, done, file.without_value)


def _show(name: str, done: Imported, without_value: int) -> None:
    click.echo(f"kept: {_rows(done.kept)} of ground truth, for the log {name}")
    if done.repeated:
        click.echo(f"repeated: {_rows(done.repeated)}, which said what is known already")
    if without_value:
        click.echo(f"left out: {_rows(without_value)} without a value")
    if done.unknown is None:
        click.secho(
            f"which of them are about predictions of that log is not known: {done.log_error}", fg="yellow"
        )
    elif done.unknown:
        click.secho(
            f"unknown: {_rows(done.unknown)} about predictions that the log does not have (yet)", fg="yellow"
        )
    if done.kept:
        click.echo("next: workbench monitor shows how good the answers were")


@click.command(epilog="Examples:  workbench feedback    workbench feedback --log predictions/june --json")
@LOG
@_JSON
def feedback(log_name: str | None, as_json: bool) -> None:
    """Show what users think of the answers, by user group."""
    project = open_project()

    from workbench.cli.output import print_json, print_table
    from workbench.serving.truth import feedback as opinions

    _, name = chosen_log(project, log_name)
    found = opinions.read(project, name)
    groups = opinions.by_group(found).reset_index()
    if as_json:
        columns = groups.astype(object).where(groups.notna(), None)
        print_json({"log": name, "groups": columns.to_dict("records")})
        return
    if found.empty:
        click.echo(f"no feedback on the log {name} yet; clients send it with POST /feedback")
        return
    print_table(
        ("user group", "feedback", "predictions", "mean rating", "remarks"),
        (
            (group or "(none)", feedback, predictions, "" if rating != rating else f"{rating:.2f}", remarks)
            for group, feedback, predictions, rating, remarks in groups.itertuples(index=False)
        ),
    )


@contextmanager
def _progress(rows: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, for who waits longer than a moment."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("ground truth"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    bar = Progress(*columns, console=console, transient=True)
    task, began = bar.add_task("", total=rows), time.monotonic()

    def advance(written: int) -> None:
        waited = time.monotonic() - began > _WORTH_A_BAR_SECONDS
        if waited and console.is_terminal and not bar.live.is_started:
            bar.start()
        bar.update(task, completed=written)

    try:
        yield advance
    finally:
        if bar.live.is_started:
            bar.stop()


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"
