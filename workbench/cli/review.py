"""``workbench review``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workbench.cli.logs import LOG
from workbench.errors import UsageError
from workbench.project import open_project

if TYPE_CHECKING:
    from workbench.monitoring.judged import Figures
    from workbench.project import Project
    from workbench.registry.reviews import ReportReview


@click.command(
    epilog="Examples:  workbench review    workbench review train    "
    'workbench review 4f2a91c0 --remark "the split is by day"    '
    'workbench review 4f2a91c0 --cell 7 --ask --remark "why is June left out?"    '
    "workbench review 4f2a91c0 --sign-off"
)
@click.argument("run", default="")
@click.option("--remark", "text", default="", metavar="TEXT", help="Say something of the report.")
@click.option("--cell", type=click.IntRange(1), help="The cell that the remark is about.")
@click.option("--ask", is_flag=True, help="Somebody has to do something: put the remark on the backlog.")
@click.option("--sign-off", "sign", is_flag=True, help="Stand by the report as it is now.")
@click.option("--withdraw", is_flag=True, help="Take your sign-off back.")
@LOG
@click.option("--json", "as_json", is_flag=True, help="Print as one JSON object.")
def review(
    run: str,
    text: str,
    cell: int | None,
    ask: bool,
    sign: bool,
    withdraw: bool,
    log_name: str | None,
    as_json: bool,
) -> None:
    """Show what was said of the report of RUN and who signed it off; add to it.

    RUN is a run's id or the beginning of it, the folder of a report, or a phase: its newest finished run.
    When the report changes, a sign-off lapses. Without RUN, show what people judged of live predictions.
    """
    if sign and withdraw:
        raise UsageError("either --sign-off or --withdraw")
    if (cell is not None or ask) and not text.strip():
        raise UsageError("--cell and --ask say more of a remark: give it with --remark TEXT")
    if not run and (text or sign or withdraw):
        raise UsageError("say of which report: a run's id, or a phase")
    project = open_project()
    if not run:
        _judged(project, log_name, as_json)
        return

    from workbench.cli.output import print_json
    from workbench.registry import reviews

    found = reviews.look(project, run)
    if text:
        found = reviews.remark(project, found, text, cell=cell, asks=ask)
    if sign or withdraw:
        found = reviews.sign_off(project, found, withdraw=withdraw)
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found, bool(text or sign or withdraw))


def _judged(project: Project, log_name: str | None, as_json: bool) -> None:
    """What people judged of the predictions of a log."""
    from workbench.cli.output import print_json
    from workbench.monitoring import judged
    from workbench.serving.log.chosen import chosen_log

    _, log = chosen_log(project, log_name)
    every = judged.judged(project, log)
    found = judged.figures(every)
    if as_json:
        print_json({"log": log, **found.to_dict(), "judgements": [each.to_dict() for each in every]})
    elif not every:
        click.echo(
            f"nobody has judged a prediction of {log} yet; next: jupyter lab notebooks/panels/review.ipynb"
        )
    else:
        _show_figures(log, found)


def _show_figures(log: str, found: Figures) -> None:
    from workbench.cli.output import print_table
    from workbench.store.texts import one_line

    click.secho(f"what people judged of {log}", bold=True)
    print_table(
        ("", "judged", "right", "wrong", "unsure", "disputed", "share wrong"),
        (
            (
                one_line(each.about),
                each.count,
                each.right,
                each.wrong,
                each.unsure,
                each.disputed,
                each.percent,
            )
            for each in (*found.drawn, *found.people, *found.slices)
        ),
    )
    click.echo("shares are of right and wrong, with 95 %; only what was drawn at random says anything of all")


def _show(found: ReportReview, changed: bool) -> None:
    from workbench.store.texts import one_line

    click.secho(one_line(f"{found.name}, run by {found.manifest.who or 'unknown'}"), bold=True)
    if found.kept:
        click.echo(str(found.folder))
    else:
        click.echo("the report itself is gone from here; MLflow has it")
    colours = {"counts": "green", "lapsed": "yellow", "withdrawn": None}
    for each in found.sign_offs:
        state = {"counts": "signed off", "lapsed": "lapsed, since the report has changed"}.get(each.state)
        also = ", who ran it, too" if found.is_authors(each) else ""
        line = f"{each.signed.at:%Y-%m-%d %H:%M} {state or each.state} by {each.who}{also}"
        click.secho(one_line(line), fg=colours[each.state])
    for said in found.remarks:
        where = f" on cell {said.said.cell}" if said.said.cell is not None else ""
        click.echo(one_line(f"{said.said.at:%Y-%m-%d %H:%M} {said.who}{where}:"))
        for line in said.said.text.splitlines():
            click.echo(one_line(f"  {line}"))
        if said.said.item is not None:
            click.echo(one_line(f"  backlog {said.said.item}: {said.became}"))
    if not (found.sign_offs or found.remarks):
        click.echo("nobody has said anything of it, or signed it off")
    click.echo(f"next: {_next(found, changed)}")


def _next(found: ReportReview, changed: bool) -> str:
    waiting = [each for each in found.remarks if each.became.startswith("open")]
    if waiting:
        return f"workbench backlog show {waiting[0].said.item}"
    if not found.signed:
        return f"workbench review {found.run_id[:8]} --sign-off, or --remark …"
    return "workbench site shows it in the list of reports" if changed else "nothing waits for anybody"
