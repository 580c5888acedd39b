"""``workbench label``: queues of rows that people label, and what came of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from workbench.cli import label_add, label_out
from workbench.cli.label_shared import JSON, QUEUE, opened
from workbench.project import open_project

if TYPE_CHECKING:
    from workbench.data.labels.model import Event, Queue
    from workbench.data.labels.results import Progress

_HIDDEN = "(hidden until all have labelled)"


@click.group(
    invoke_without_command=True,
    epilog="Examples:  workbench label    workbench label add late --choose uncertainty --rows 100    "
    "workbench label show late    workbench label publish late",
)
@JSON
@click.pass_context
def label(ctx: click.Context, as_json: bool) -> None:
    """Ask people for labels: blindly, twice where that is asked for, and with a record of all they say.

    People label in the panel: panels.label("QUEUE") in a notebook. Nobody labels in another name: on
    PostgreSQL a person is who the database authenticated; on SQLite it is the login name, which is a claim.
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


label.add_command(label_add.add)
label.add_command(label_add.guidelines)
label.add_command(label_out.adjudicate)
label.add_command(label_out.export)
label.add_command(label_out.publish)


@label.command("list", epilog="Examples:  workbench label list    workbench label list --json")
@JSON
def list_queues(as_json: bool) -> None:
    """List the queues, as workbench label does."""
    _list(as_json)


def _list(as_json: bool) -> None:
    project = open_project()

    from workbench.cli.output import print_json, print_table
    from workbench.data.labels import queues, results
    from workbench.store.database import open_database

    with open_database(project).read() as connection:
        found = [
            (each, results.progress(connection, each)) for each in queues.listed(connection, project.name)
        ]
    if as_json:
        print_json([{"queue": queue.name, **progress.to_dict()} for queue, progress in found])
        return
    if not found:
        click.echo("there is no queue yet")
        click.echo("next: workbench label add QUEUE --choose random --dataset NAME --rows 100")
        return
    print_table(
        ("queue", "rows", "settled", "open", "disputed", "people", "question"),
        (
            (
                *(queue.name, progress.rows, progress.done, progress.states["open"]),
                *(progress.states["disputed"], len(progress.people), _short(queue.question)),
            )
            for queue, progress in found
        ),
    )
    click.echo(f"next: workbench label show {found[0][0].name}")


@label.command(epilog="Examples:  workbench label show late    workbench label show late --json")
@QUEUE
@JSON
def show(name: str, as_json: bool) -> None:
    """Show how far a queue is, who did how much, and how far people agree."""
    project = open_project()

    from workbench.cli.output import print_json
    from workbench.data.labels import agreement, blind, queues, results

    with opened(project, name) as (connection, queue, _):
        every = results.results(connection, queue)
        progress = results.progress(connection, queue, every)
        batches = queues.batches(connection, queue)
        version = queues.guidelines(connection, queue).version
        agreed = agreement.agreement(queue, blind.blind_results(connection, queue))
    if as_json:
        about = {"queue": queue.name, "question": queue.question, "guidelines": version}
        facts = {"batches": [vars(each) for each in batches], **progress.to_dict()}
        print_json({**about, **facts, "agreement": agreed.to_dict()})
        return
    click.secho(_short(f"{queue.name}: {queue.question}", 400), bold=True)
    for batch in batches:
        told = {name: value for name, value in batch.source.items() if value and name != "content"}
        place = " ".join(f"{name} {_words(value)}" for name, value in told.items())
        click.echo(_short(f"batch {batch.number}: {batch.rows} rows by {batch.how} from {place}", 400))
    click.echo(f"guidelines: {f'version {version}' if version else 'none yet'}")
    _show_progress(queue, progress)
    click.echo(str(agreed))
    click.echo(f"next: {_next(queue, progress, version)}")


def _show_progress(queue: Queue, progress: Progress) -> None:
    from workbench.cli.output import print_table

    states = ", ".join(f"{count} {state}" for state, count in progress.states.items() if count)
    click.echo(f"rows: {progress.rows} ({progress.doubled} labelled twice): {states or 'none'}")
    click.echo(f"labels: {progress.given} of {progress.wanted}")
    if progress.done:
        said = ", ".join(f"{queue.text(value)} {count}" for value, count in progress.labels.items())
        click.echo(_short(f"what counts: {said}", 400))
    if progress.people:
        print_table(
            ("person", "labelled", "skipped", "decided"),
            ((_short(who), *counts) for who, counts in progress.people.items()),
        )


@label.command(epilog="Examples:  workbench label history late 12    workbench label history late 12 --json")
@QUEUE
@click.argument("row", type=click.IntRange(1))
@JSON
def history(name: str, row: int, as_json: bool) -> None:
    """Show what happened at a row of a queue: who said what, when, and under which guidelines.

    Labels are hidden while somebody still has to label the row without having seen them.
    """
    project = open_project()

    from workbench.cli.output import print_json
    from workbench.data.labels import queues, results, saying

    with opened(project, name) as (connection, queue, _):
        found = queues.row(connection, queue, row)
        (result,) = results.results(connection, queue, found.id)
        events = saying.history(connection, queue, found)
    blind = result.state == "open"
    told = [_facts(event, blind) for event in events]
    if as_json:
        print_json(
            {
                "queue": queue.name,
                "row": row,
                "reference": dict(found.reference),
                "why": found.why,
                "wanted": found.wanted,
                "state": result.state,
                "label": result.final.label if result.final else None,
                "history": told,
            }
        )
        return
    reference = ", ".join(f"{key} {value}" for key, value in found.reference.items())
    click.secho(_short(f"{queue.name} row {row}: {reference}", 400), bold=True)
    state = result.state + (f", {queue.text(result.final.label)}" if result.final else "")
    click.echo(_short(f"{state}; {len(result.labels)} of {found.wanted} labels; {found.why}", 400))
    for each in told:
        labels = " → ".join(_HIDDEN if blind and text else queue.text(text) for text in _labels(each))
        remark = f": {each['remark']}" if each["remark"] else ""
        click.echo(
            _short(
                f"{each['at']:%Y-%m-%d %H:%M:%S} {each['what']} by {each['who']}, {labels} "
                f"(guidelines {each['guidelines']}){remark}",
                2_500,
            )
        )
    click.echo(f"next: workbench label show {queue.name}")


def _facts(event: Event, blind: bool) -> dict[str, Any]:
    from workbench.registry.identity import Identity

    who = Identity(event.actor, event.database_user)
    before, after = (_HIDDEN if blind and text else text for text in (event.before, event.after))
    return {
        "at": event.at,
        "what": event.what,
        "who": str(who),
        "authenticated": who.authenticated,
        "before": before,
        "after": after,
        "remark": event.remark,
        "guidelines": event.guidelines,
    }


def _labels(told: dict[str, Any]) -> list[str | None]:
    both = [told["before"], told["after"]]
    return both if all(both) else [told["before"] or told["after"]]


def _next(queue: Queue, progress: Progress, guidelines: int) -> str:
    if not guidelines:
        return f"workbench label guidelines {queue.name} FILE.md"
    if progress.states["disputed"]:
        return f"workbench label adjudicate {queue.name}"
    if progress.states["open"]:
        return f'in a notebook: from workbench import panels; panels.label("{queue.name}")'
    return f"workbench label export {queue.name} --dataset NAME, workbench label publish {queue.name}"


def _words(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _short(text: str, longest: int = 80) -> str:
    from workbench.store.texts import one_line

    return one_line(text, longest)
