"""``workbench backlog``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from workbench.project import open_project

if TYPE_CHECKING:
    from workbench.store.backlog import Event, Item

_JSON = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
_ID = click.argument("number", metavar="ID", type=click.IntRange(1))
_KINDS, _PRIORITIES = ("review", "note"), ("high", "normal", "low")
_SHORT = 100  # characters of a title in the list; `show` has all of it


def _listed(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        _JSON,
        click.option("--mine", is_flag=True, help="Only what is assigned to you."),
        click.option("--all", "closed", is_flag=True, help="Closed items, too."),
    ):
        command = option(command)
    return command


@click.group(
    invoke_without_command=True,
    epilog="Examples:  workbench backlog    workbench backlog show 3    workbench backlog assign 3 grace    "
    'workbench backlog close 3 --why "retrained on June"',
)
@_listed
@click.pass_context
def backlog(ctx: click.Context, closed: bool, mine: bool, as_json: bool) -> None:
    """Show what somebody has to look at: alerts, gates that did not pass, remarks; the most urgent first."""
    if ctx.invoked_subcommand is None:
        _list(closed, mine, as_json)


@backlog.command(
    "list", epilog="Examples:  workbench backlog list --mine    workbench backlog list --all --json"
)
@_listed
def list_items(closed: bool, mine: bool, as_json: bool) -> None:
    """List the items, as workbench backlog does."""
    _list(closed, mine, as_json)


@backlog.command(
    epilog='Examples:  workbench backlog add "weather of JFK looks doubtful" --link 4f2a91c0    '
    'workbench backlog add "read the split again" --kind review --assign grace'
)
@click.argument("title")
@click.option("--kind", type=click.Choice(_KINDS), default="note", show_default=True, help="What it is.")
@click.option("--subject", default="", help="What it is about, such as a model version.")
@click.option("--link", "links", multiple=True, metavar="REF", help="A run, a version, a URL; repeatable.")
@click.option(
    "--priority",
    type=click.Choice(_PRIORITIES),
    default="normal",
    show_default=True,
    help="How urgent it is.",
)
@click.option("--assign", "assignee", default="", metavar="WHO", help="Who looks at it.")
@_JSON
def add(title: str, as_json: bool, **about: Any) -> None:
    """Put something on the backlog."""
    from workbench.store import backlog as store

    _write(
        "added",
        as_json,
        lambda connection, project, **by: store.add(connection, project, title, **by, **about),
    )


@backlog.command(epilog="Examples:  workbench backlog show 3    workbench backlog show 3 --json")
@_ID
@_JSON
def show(number: int, as_json: bool) -> None:
    """Show an item with its links and its history."""
    project = open_project()

    from workbench.cli.output import print_json
    from workbench.store import backlog as store
    from workbench.store.database import open_database

    with open_database(project).read() as connection:
        item = store.find(connection, project.name, number)
        events = store.history(connection, item)
    if as_json:
        print_json(item.to_dict() | {"history": [_facts(event) for event in events]})
    else:
        _show(item, events)


@backlog.command(epilog="Examples:  workbench backlog assign 3 grace    workbench backlog assign 3 nobody")
@_ID
@click.argument("who")
@_JSON
def assign(number: int, who: str, as_json: bool) -> None:
    """Say who looks at an item; WHO may be nobody."""
    from workbench.store import backlog as store

    to = "" if who == "nobody" else who
    _change(number, "assigned", as_json, store.assign, to)


@backlog.command(epilog='Example:  workbench backlog close 3 --why "retrained on June: v7 is champion"')
@_ID
@click.option("--why", required=True, help="What became of it; kept in its history.")
@_JSON
def close(number: int, why: str, as_json: bool) -> None:
    """Close an item, and say why."""
    from workbench.store import backlog as store

    _change(number, "closed", as_json, store.close, why)


@backlog.command(epilog='Example:  workbench backlog reopen 3 --why "drifted again"')
@_ID
@click.option("--why", default="", help="What has come up.")
@_JSON
def reopen(number: int, why: str, as_json: bool) -> None:
    """Open a closed item again."""
    from workbench.store import backlog as store

    _change(number, "reopened", as_json, store.reopen, why)


@backlog.command(epilog="Examples:  workbench backlog link 3 4f2a91c0    workbench backlog link 3 https://…")
@_ID
@click.argument("ref")
@_JSON
def link(number: int, ref: str, as_json: bool) -> None:
    """Add a link to evidence: a run, a model version, an alert, a URL."""
    from workbench.store import backlog as store

    _change(number, "linked", as_json, store.link, ref)


@backlog.command(epilog='Example:  workbench backlog remark 3 "only flights to HNL"')
@_ID
@click.argument("text")
@_JSON
def remark(number: int, text: str, as_json: bool) -> None:
    """Add a remark to an item's history."""
    from workbench.store import backlog as store

    _change(number, "remarked", as_json, store.remark, text)


@backlog.command(
    epilog="Examples:  workbench backlog export --webhook tracker    "
    "workbench backlog export --webhook tracker --again"
)
@click.option("--webhook", required=True, metavar="NAME", help="One of [monitoring.webhooks].")
@click.option("--again", is_flag=True, help="Also what was exported already and has not changed since.")
@_JSON
def export(webhook: str, again: bool, as_json: bool) -> None:
    """Post the items to a webhook, as JSON: each that is new or has changed since it was exported."""
    project = open_project()

    from workbench.cli.output import print_json
    from workbench.monitoring.alerts.exporting import export as post
    from workbench.store.clock import project_clock
    from workbench.store.database import open_database
    from workbench.tracking import environment

    sent = post(
        open_database(project), project, webhook, by=environment.who(), clock=project_clock(), again=again
    )
    if as_json:
        print_json({"webhook": webhook, "exported": sent})
        return
    click.echo(f"exported to {webhook}: {len(sent)} item{'' if len(sent) == 1 else 's'}")
    if not sent and not again:
        click.echo("nothing has changed since; --again sends all of it")


def _change(number: int, word: str, as_json: bool, change: Callable[..., Item], what: str) -> None:
    """Change an item as it is at this moment."""
    from workbench.store import backlog as store

    _write(
        word,
        as_json,
        lambda connection, project, **by: change(
            connection, store.find(connection, project, number), what, **by
        ),
    )


def _write(word: str, as_json: bool, change: Callable[..., Item]) -> None:
    """Do it in a transaction, in the name of who is logged in, and say what came of it."""
    project = open_project()

    from workbench.cli.output import print_json
    from workbench.store.clock import project_clock
    from workbench.store.database import open_database
    from workbench.store.texts import one_line
    from workbench.tracking import environment

    with open_database(project).write() as connection:
        item = change(connection, project.name, by=environment.who(), at=project_clock().now())
    if item.kind == "review":
        from workbench.registry import reviews

        reviews.show_item(project, item.id)  # what became of a remark stands beside it
    if as_json:
        print_json(item.to_dict())
        return
    click.echo(one_line(f"{word}: {item.id}  {item.title} ({item.status}, {item.assignee or 'nobody'})"))
    click.echo(f"next: {_next(item)}")


def _list(closed: bool, mine: bool, as_json: bool) -> None:
    project = open_project()

    from workbench.cli.output import age, print_json, print_table
    from workbench.store import backlog as store
    from workbench.store.clock import project_clock
    from workbench.store.database import open_database
    from workbench.store.texts import one_line
    from workbench.tracking import environment

    assignee = environment.who() if mine else ""
    with open_database(project).read() as connection:
        found = store.items(connection, project.name, closed=closed, assignee=assignee)
    if as_json:
        print_json([item.to_dict() for item in found])
        return
    if not found:
        click.echo(
            "nothing is open"
            + (" for you" if mine else "")
            + ("; --all shows what was" if not closed else "")
        )
        return
    now = project_clock().now()
    print_table(
        ("id", "priority", "kind", "status", "for", "opened", "title"),
        (
            (
                *(item.id, item.priority, item.kind, item.status, one_line(item.assignee)),
                *(age(item.opened_at, now), one_line(item.title, _SHORT)),
            )
            for item in found
        ),
    )
    click.echo(f"next: workbench backlog show {found[0].id}")


def _facts(event: Event) -> dict[str, Any]:
    from workbench.registry.identity import Identity

    who = Identity(event.actor, event.database_user)
    told = {"at": event.at, "what": event.what, "detail": event.detail}
    return told | {"who": str(who), "authenticated": who.authenticated}


def _show(item: Item, events: list[Event]) -> None:
    from workbench.store.texts import one_line

    click.secho(one_line(f"{item.id}  {item.title}"), bold=True)
    facts = (item.status, item.kind, f"priority {item.priority}", f"for {item.assignee or 'nobody'}")
    click.echo(one_line("  ".join(facts)))
    if item.subject:
        click.echo(one_line(f"about  {item.subject}"))
    for place in item.links:
        click.echo(one_line(f"link   {place}"))
    click.echo()
    for event in events:
        told = _facts(event)
        detail = f": {event.detail}" if event.detail and event.what != "opened" else ""
        click.echo(one_line(f"{event.at:%Y-%m-%d %H:%M} {event.what} by {told['who']}{detail}"))
    click.echo(f"next: {_next(item)}")


def _next(item: Item) -> str:
    if item.status == "closed":
        return f"workbench backlog reopen {item.id}"
    if not item.assignee:
        return f"workbench backlog assign {item.id} WHO"
    return f"workbench backlog close {item.id} --why …"
