"""``workbench models card`` and ``workbench models delta``."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.project import open_project

_JSON = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
_OPEN = click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
_OUT = click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder; default: .workbench/cards."
)


@click.command(epilog="Examples:  workbench models card 3    workbench models card champion --open")
@click.argument("version")
@_OPEN
@_OUT
@_JSON
def card(version: str, show: bool, out: Path | None, as_json: bool) -> None:
    """Write the model card of VERSION (a number or an alias), as HTML and Markdown, and print where.

    It is put together from the stores each time: what it is for, on what it was trained and judged, its
    gates, groups, features, known limits, approvals, and the way back.
    """
    project = open_project()

    from workbench.cli.output import print_json
    from workbench.registry.card.writing import write_card

    written = write_card(project, version, folder=out)
    if as_json:
        limits = [{"about": about, "why": why} for about, why in written.limits]
        print_json(
            {
                "version": written.version,
                "verdict": written.verdict,
                "html": str(written.html),
                "markdown": str(written.markdown),
                "limits": limits,
            }
        )
    else:
        click.echo(f"{written.html}\n{written.markdown}")
    if show:
        click.launch(written.html.as_uri())


@click.command(
    epilog="Examples:  workbench models delta champion challenger    workbench models delta 2 3 --json"
)
@click.argument("old")
@click.argument("new")
@click.option("--hide", multiple=True, metavar="COLUMN", help="A column that is not shown; may be repeated.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draws of days.")
@_OPEN
@_OUT
@_JSON
def delta(
    old: str, new: str, hide: tuple[str, ...], seed: int, show: bool, out: Path | None, as_json: bool
) -> None:
    """Show where versions OLD and NEW (numbers or aliases) disagree, on rows that neither has learnt from.

    The rows are the newest holdout that one of them was validated on, found again from the record.
    """
    project = open_project()

    from workbench.cli.output import print_json
    from workbench.registry.card.writing import cards_folder
    from workbench.registry.deltas.recorded import recorded_delta

    found = recorded_delta(project, old, new, seed=seed, hide=hide)
    html, markdown = found.write((out or cards_folder(project)).resolve())
    if as_json:
        print_json(found.to_dict() | {"html": str(html), "markdown": str(markdown)})
    else:
        click.echo(found.page.lead)
        for note in found.notes:
            click.echo(f"note: {note}")
        click.echo(f"{html}\n{markdown}")
    if show:
        click.launch(html.as_uri())
