"""``workbench diff``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from workbench.project import open_project

if TYPE_CHECKING:
    from workbench.tracking.cell_diff import CellChange
    from workbench.tracking.diff import Change, RunDiff
    from workbench.tracking.output_diff import OutputChange
    from workbench.tracking.rows import RunInfo

_SECTIONS = ("about", "parameters", "metrics", "datasets", "models", "usage")
_COLOURS = {"+": "green", "-": "red"}
_SHOWN = 40


@click.command(
    epilog="Examples:  workbench diff 3f2a 9c41    workbench diff 3f2a 9c41 --data    "
    "workbench diff 3f2a 9c41 --json"
)
@click.argument("left", metavar="RUN")
@click.argument("right", metavar="RUN")
@click.option("--data", is_flag=True, help="Compare the rows of datasets, too; they are read for that.")
@click.option("--json", "as_json", is_flag=True, help="Print as one JSON object.")
def diff(left: str, right: str, data: bool, as_json: bool) -> None:
    """Show in what two runs differ: parameters, metrics, data, code, models, and the notebook by cell.

    A run is named by its id or the beginning of it; workbench runs lists them.
    """
    project = open_project()

    from workbench.tracking.diff import diff_runs

    found = diff_runs(project, left, right, data=data)
    if as_json:
        from workbench.cli.output import print_json

        print_json(_as_json(found))
        return
    _show(found)


def _as_json(found: RunDiff) -> dict[str, Any]:
    sections = {
        name: [asdict(change) | {"difference": change.difference} for change in getattr(found, name)]
        for name in _SECTIONS
    }
    return {
        "left": asdict(found.left) | {"seconds": found.left.seconds},
        "right": asdict(found.right) | {"seconds": found.right.seconds},
        "same": found.same,
        **sections,
        "rows": found.rows,
        "cells": [asdict(cell) for cell in found.cells],
        "outputs": [asdict(change) for change in found.outputs],
        "missing": list(found.missing),
    }


def _show(found: RunDiff) -> None:
    click.echo(f"A  {_head(found.left)}\nB  {_head(found.right)}")
    for name in _SECTIONS:
        _table(name, getattr(found, name))
    for name, rows in found.rows.items():
        click.echo(f"\nrows of {name}: {rows}")
    show_cells(found.cells)
    _show_outputs(found.outputs)
    if found.same:
        click.echo("\nthese two runs do not differ in anything that was compared")
    for sentence in found.missing:
        click.secho(f"\nnot compared: {sentence}", fg="yellow")


def show_cells(cells: Sequence[CellChange]) -> None:
    """Print what differs between two notebooks, a cell after the other."""
    for cell in cells:
        click.secho(f"\n{_place(cell.left, cell.right)}  {cell.cell_type} {cell.kind}", bold=True)
        for line in cell.lines:
            click.secho(f"  {_plain(line)}", fg=_COLOURS.get(line[:1]))


def _show_outputs(changes: Sequence[OutputChange]) -> None:
    if changes:
        click.secho("\nshowed something else", bold=True)
    for change in changes:
        before, after = (
            ", ".join(f"{_plain(each.kind)} {each.size / 1000:,.0f} kB {each.sha256[:8]}" for each in outputs)
            for outputs in (change.before, change.after)
        )
        click.echo(f"  {_place(change.left, change.right)}  {before or 'nothing'} → {after or 'nothing'}")


def _head(run: RunInfo) -> str:
    draft = ", draft" if run.draft else ""
    return f"{run.run_id[:8]}  {run.phase}, {run.status}{draft}, {run.started_at:%Y-%m-%d %H:%M:%S} UTC"


def _place(left: int | None, right: int | None) -> str:
    if left is None or right is None or left == right:
        return f"cell {left or right}"
    return f"cell {left} → {right}"


def _table(title: str, changes: Sequence[Change]) -> None:
    if not changes:
        return
    from workbench.cli.output import print_table

    click.echo()
    print_table(
        (title, "A", "B", "B − A"),
        (
            (
                change.name,
                _value(title, change.left),
                _value(title, change.right),
                "" if title == "datasets" else _difference(change),
            )
            for change in changes
        ),
    )


def _value(title: str, value: Any) -> str:
    if value is None or value == "":
        return "–"
    if title == "datasets":
        return f"v{value}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    text = _plain(str(value))
    if title == "models" or (title == "about" and len(text) > _SHOWN):
        return text[:8] + ("+changed" if text.endswith("+changed") else "")
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _plain(text: str) -> str:
    """Without what would move the cursor or change the colours of a terminal."""
    return "".join(letter if letter.isprintable() or letter == "\t" else "�" for letter in text)


def _difference(change: Change) -> str:
    return "" if change.difference is None else f"{change.difference:+,.6g}"
