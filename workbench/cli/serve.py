"""``workbench serve``."""

from __future__ import annotations

import click

from workbench.project import open_project


@click.command(epilog="Examples:  workbench serve    workbench serve --port 8080 --workers 2")
@click.option("--host", default="", help="Address to listen on.  [default: [serving] host, or 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="0: any free port.  [default: [serving] port, or 5010]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help="Processes that answer at the one address.  [default: [serving] workers, or 1]",
)
def serve(host: str, port: int | None, workers: int | None) -> None:
    """Serve the champion over HTTP and follow the registry, until Ctrl-C.

    Every answer has an id and is in the prediction log before it leaves. A challenger, if there is
    one, answers in the shadow. A new champion is watched in its baking period ([baking]): when it violates
    a guard, the one before comes back.

    SIGHUP replaces the workers one after the other, with the configuration as it is then; what
    clients send meanwhile is answered.
    """
    project = open_project()

    from workbench.cli.baking_watch import BakingWatch
    from workbench.serving.server import serve_forever

    with BakingWatch(project) as watch:
        serve_forever(project, host, port, workers=workers, beside=watch)
