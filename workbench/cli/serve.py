"""``workbench serve``."""

from __future__ import annotations

import click

from workbench.project import open_project


@click.command(epilog="Examples:  workbench serve    workbench serve --port 8080")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=5010, show_default=True, type=click.IntRange(0, 65535), help="0: any free port."
)
def serve(host: str, port: int) -> None:
    """Serve the champion over HTTP and follow the registry, until Ctrl-C.

    Every answer has an id and is in the prediction log before it leaves. A challenger, if there is
    one, answers in the shadow.
    """
    project = open_project()

    from workbench.serving.server import serve_forever

    serve_forever(project, host, port)
