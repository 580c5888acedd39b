"""``workbench predict``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from workbench.project import open_project


@click.command(
    epilog="Examples:  workbench predict --input flights.csv    "
    "workbench predict --input flights.parquet --output late.csv --version 3"
)
@click.option(
    "--input",
    "source",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Raw rows: CSV, Parquet or JSON lines.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="CSV or Parquet; default: <input>.predictions.parquet.",
)
@click.option(
    "--version", type=click.IntRange(1), help="Another version than the champion; logged as a challenger."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def predict(source: Path, output: Path | None, version: int | None, as_json: bool) -> None:
    """Score a file with the champion: the server's checks, features and prediction log, without a server.

    Challenger and shadows answer beside it, for the log only.
    """
    project = open_project()

    from rich.console import Console

    from workbench.cli.output import print_json
    from workbench.serving.scoring import score_file

    console = Console(stderr=True, highlight=False)
    with console.status("loading the model") as status:
        done = score_file(
            project,
            source,
            output,
            version=version,
            on_rows=lambda rows: status.update(f"{rows:,} rows scored"),
        )
    if as_json:
        print_json(asdict(done))
        return
    shadows = "".join(f", v{version} in its shadow" for version in done.shadows)
    click.echo(
        f"{done.rows:,} rows scored by {done.model} v{done.version} ({done.path} path{shadows}) "
        f"in {done.seconds:.1f} s: {done.output}\nwhen the truth is known: workbench truth --from FILE"
    )
