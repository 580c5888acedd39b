"""``workbench label add`` and ``workbench label guidelines``: what people are asked, and what they go by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.label_shared import JSON, QUEUE, opened
from workbench.cli.logs import LOG, chosen_log
from workbench.errors import UsageError
from workbench.project import open_project

if TYPE_CHECKING:
    from workbench.data.labels.model import Choice, How

__all__ = ["add", "guidelines"]

_HOW = ("random", "uncertainty", "disagreement", "alerts")
_MOST_ROWS = 100_000


@click.command(
    epilog="Examples:  workbench label add late --choose uncertainty --rows 200 --double-rate 0.2    "
    "workbench label add late --choose random --dataset prepared@3 --column carrier --column dest    "
    "workbench label add wind --choose random --dataset flights --label c=calm:calm --label s=storm:storm"
)
@QUEUE
@click.option(
    "--choose", "how", type=click.Choice(_HOW), default="random", show_default=True, help="Which rows."
)
@click.option("--rows", "count", type=click.IntRange(1, _MOST_ROWS), default=100, show_default=True)
@click.option(
    "--dataset", metavar="NAME[@VERSION]", help="Rows of a dataset rather than of a prediction log."
)
@LOG
@click.option("--column", "columns", multiple=True, metavar="NAME", help="What annotators see; repeatable.")
@click.option(
    "--label", "labels", multiple=True, metavar="KEY=VALUE:TEXT", help="A label and its key; repeatable."
)
@click.option("--question", default="", help="What people are asked of each row.")
@click.option("--double-rate", type=click.FloatRange(0, 1), help="Share of the rows that two people label.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of the draw.")
@click.option("--unknown-only", is_flag=True, help="Only predictions whose outcome is not known yet.")
@click.option("--guidelines", "text", type=click.Path(path_type=Path), help="A Markdown file: what to go by.")
@JSON
def add(
    name: str,
    how: How,
    count: int,
    dataset: str | None,
    log_name: str | None,
    labels: tuple[str, ...],
    question: str,
    double_rate: float | None,
    seed: int,
    text: Path | None,
    columns: tuple[str, ...],
    unknown_only: bool,
    as_json: bool,
) -> None:
    """Put rows on a queue, which is made if there is none of that name.

    random takes any rows of the prediction log, or of --dataset; uncertainty those whose score is nearest to
    the threshold; disagreement those that a shadow flags otherwise than the champion; alerts those in the
    windows of open alerts. Rows that are on the queue already are not added again. Annotators see neither
    the target, nor personal columns, nor what a model says.
    """
    project = open_project()

    from workbench.cli.output import print_json
    from workbench.monitoring.labelling import Asked, fill

    if dataset and log_name:
        raise UsageError("rows are from --dataset or from --log, not from both")
    words = _read(text) if text else ""
    log, logged = (None, "") if dataset else chosen_log(project, log_name)
    asked = Asked(
        queue=name,
        how=how,
        count=count,
        dataset=dataset or "",
        log=log,
        log_name=logged,
        columns=columns,
        unknown_only=unknown_only,
        choices=tuple(map(_choice, labels)),
        question=question,
    )
    click.echo("choosing rows …", err=True)
    done = fill(project, asked, double_rate=double_rate, seed=seed, guidelines=words)
    if as_json:
        print_json(done.to_dict())
        return
    click.echo(f"added: {done.added} rows to {name}, which has {done.rows}; {done.doubled} for two people")
    if done.known:
        click.echo(f"there already: {done.known}")
    if not done.guidelines:
        click.echo(f"next: workbench label guidelines {name} FILE.md")
    else:
        click.echo(f'next: in a notebook: from workbench import panels; panels.label("{name}")')


def _choice(given: str) -> Choice:
    from workbench.data.labels.model import Choice

    key, equals, rest = given.partition("=") if given[:1] != "=" else ("=", given[1:2], given[2:])
    value, _, text = rest.partition(":")
    if not equals or not value:
        raise UsageError(f"a label is given as KEY=VALUE:TEXT, such as l=1:late, not {given!r}")
    return Choice(key, value.strip(), (text or value).strip())


@click.command(epilog="Examples:  workbench label guidelines late late.md    workbench label guidelines late")
@QUEUE
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--version", type=click.IntRange(1), help="Show this version (default: the newest).")
@JSON
def guidelines(name: str, file: Path | None, version: int | None, as_json: bool) -> None:
    """Show what people are to go by, or give them a new version of it from a Markdown file."""
    project = open_project()

    from workbench.cli.output import print_json
    from workbench.data.labels import queues
    from workbench.data.labels.model import Guidelines
    from workbench.store.clock import project_clock

    words = _read(file) if file else ""
    with opened(project, name, write=bool(words)) as (connection, queue, by):
        if words:
            queues.revise_guidelines(connection, queue, words, by=by, at=project_clock().now())
        versions = queues.guideline_versions(connection, queue)
    chosen = next((each for each in versions if version in (None, each.version)), None)
    if chosen is None and version:
        raise UsageError(f"queue {name!r} has no version {version} of its guidelines; it has {len(versions)}")
    shown = chosen or Guidelines(0, "")
    if as_json:
        print_json({"queue": name, "versions": len(versions), **vars(shown)})
        return
    if not shown.version:
        click.echo(f"queue {name} has no guidelines yet\nnext: workbench label guidelines {name} FILE.md")
        return
    who = shown.database_user or f"{shown.actor} (claimed)"
    click.secho(
        f"guidelines of {name}, version {shown.version}, {shown.at:%Y-%m-%d %H:%M} by {who}", bold=True
    )
    click.echo(
        "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in shown.text)
    )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} cannot be read: it is no UTF-8 text") from None
