"""``workbench label adjudicate``, ``export`` and ``publish``: from what people say to what counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workbench.cli.label_shared import JSON, QUEUE, opened
from workbench.errors import UsageError
from workbench.project import open_project

if TYPE_CHECKING:
    from workbench.data.labels.model import Queue
    from workbench.data.labels.results import Result

__all__ = ["adjudicate", "export", "publish"]


@click.command(
    epilog="Examples:  workbench label adjudicate late    "
    'workbench label adjudicate late 12 --label 1 --why "it landed 20 minutes late"'
)
@QUEUE
@click.argument("row", required=False, type=click.IntRange(1))
@click.option("--label", "value", help="What it is.")
@click.option("--why", default="", help="What decided it; kept in the row's history.")
@JSON
def adjudicate(name: str, row: int | None, value: str | None, why: str, as_json: bool) -> None:
    """List the rows that people disagree about, or decide one; a third person does, who labelled neither."""
    project = open_project()

    from workbench.cli.output import print_json
    from workbench.data.labels import queues, results, saying
    from workbench.store.clock import SystemClock, project_clock

    if (row is None) != (value is None):
        raise UsageError("to decide, name both the row and its label: adjudicate QUEUE ROW --label VALUE")
    with opened(project, name, write=row is not None) as (connection, queue, by):
        if row is not None and value is not None:
            saying.decide(
                connection,
                queue,
                queues.row(connection, queue, row),
                value,
                by=by,
                at=project_clock().now(),
                now=SystemClock().now(),
                guidelines=queues.guidelines(connection, queue).version,
                why=why,
            )
        left = [each for each in results.results(connection, queue) if each.state == "disputed"]
    if as_json:
        told = [{"row": each.row.number, "labels": [g.label for g in each.labels]} for each in left]
        print_json({"queue": name, "decided": row, "disputed": told})
        return
    if row is not None:
        click.echo(f"decided: row {row} is {queue.text(value)}")
    _show(queue, left)


def _show(queue: Queue, left: list[Result]) -> None:
    from workbench.cli.output import print_table
    from workbench.store.texts import one_line

    if not left:
        click.echo(f"nothing is disputed in {queue.name}")
        click.echo(f"next: workbench label show {queue.name}")
        return
    print_table(
        ("row", "labels", "what it is"),
        (
            (
                each.row.number,
                one_line(" / ".join(sorted(queue.text(given.label) for given in each.labels)), 60),
                one_line(", ".join(f"{name} {cell}" for name, cell in each.row.cells.items()), 100),
            )
            for each in left
        ),
    )
    value = queue.choices[0].value
    click.echo(f"next: workbench label adjudicate {queue.name} {left[0].row.number} --label {value} --why …")


@click.command(epilog="Example:  workbench label export late --dataset late_labels")
@QUEUE
@click.option("--dataset", required=True, metavar="NAME", help="The dataset to write a version of.")
@JSON
def export(name: str, dataset: str, as_json: bool) -> None:
    """Write the labels that count as a dataset version, with how each came to be."""
    project = open_project()

    from workbench.cli.output import print_json
    from workbench.data.labels import exporting, queues, results

    with opened(project, name) as (connection, queue, by):
        every = results.results(connection, queue)
        batches = queues.batches(connection, queue)
    version = exporting.export(project, queue, every, batches, dataset, who=by.person)
    if as_json:
        print_json(version.to_dict())
        return
    click.echo(f"exported: {version.rows} labels as {version}; key {', '.join(version.key)}")
    if left := len(every) - version.rows:
        click.echo(f"left out: {left} rows that are not settled")
    click.echo(f'next: in a notebook: phase.read("{dataset}")')


@click.command(epilog="Examples:  workbench label publish late    workbench label publish late --overrule")
@QUEUE
@click.option("--overrule", is_flag=True, help="Also where the outcome is known already, and another.")
@JSON
def publish(name: str, overrule: bool, as_json: bool) -> None:
    """Make the labels that count ground truth of their predictions, for monitoring, gates and training.

    It can be repeated: what was published is not written again, and what was corrected since is.
    """
    project = open_project()

    from workbench.cli.logs import chosen_log
    from workbench.cli.output import print_json
    from workbench.data.labels import queues, results
    from workbench.serving.labelling.publishing import look_up
    from workbench.serving.labelling.publishing import publish as write
    from workbench.serving.log.read import PredictionLog
    from workbench.store.clock import project_clock

    logs: dict[str, PredictionLog] = {}
    with opened(project, name) as (connection, queue, _):
        every, batches = results.results(connection, queue), queues.batches(connection, queue)
    for batch in batches:
        if log_name := batch.source.get("log"):
            try:
                logs[log_name] = chosen_log(project, log_name)[0]
            except UsageError:
                continue  # the log is away: what it would tell is found by prediction id only
    keys = look_up(project, every, batches, logs)
    with opened(project, name, write=True) as (connection, queue, _):
        every, batches = results.results(connection, queue), queues.batches(connection, queue)
        done = write(
            connection, project, queue, every, batches, project_clock(), keys=keys, overrule=overrule
        )
    if as_json:
        print_json({"queue": name, "logs": [each.to_dict() for each in done]})
        return
    for each in done:
        click.echo(f"published: {each.written} labels as ground truth of {each.log}")
        for count, said in (
            (each.corrected, "corrected: {} that were published before"),
            (each.repeated, "repeated: {}, which were published already"),
            (each.agreed, "known: {}, whose outcome is the same"),
            (each.contradicted, "left alone: {}, whose outcome is known to be another (--overrule)"),
            (each.withdrawn, "withdrawn: {} that were published are not settled any more"),
        ):
            if count:
                click.echo(said.format(count))
    click.echo("next: workbench monitor shows how good the answers were")
