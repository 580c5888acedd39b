"""The server's process: it says where it answers, follows its owner, and stops gracefully.

``python -m workbench.serving`` reads its settings as one line of JSON from standard input, writes one
line of JSON to standard output when it answers, and ends when its standard input does: its owner is
gone, or wants it gone.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.errors import WorkbenchError
from workbench.project import Project, open_project
from workbench.serving.settings import Settings, log_name

if TYPE_CHECKING:
    from workbench.serving.http.app import Service

__all__ = ["Ready", "log_to_stderr", "main", "serve"]

_OWNER_SECONDS = 1.0


@dataclass(frozen=True)
class Ready:
    """The line that a started server writes to its owner: where it answers, or why it does not."""

    pid: int
    url: str = ""
    log_folder: str = ""
    log_name: str = ""
    example: str = ""
    error: str = ""


def main() -> int:
    """Run as somebody's child; see the module's docstring."""
    log_to_stderr()
    line = sys.stdin.buffer.readline()
    if not line.strip():
        print(
            "this is started by workbench.serving.start(); for a server by hand: workbench serve",
            file=sys.stderr,
        )
        return 2
    threading.Thread(target=_end_with_owner, args=(os.getppid(),), name="owner", daemon=True).start()
    # What imported code prints must not end up in the line that the owner waits for.
    told = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def tell(ready: Ready) -> None:
        with contextlib.suppress(BrokenPipeError), told:
            told.write(msgspec.json.encode(ready) + b"\n")

    try:
        settings = msgspec.json.decode(line, type=Settings)
        serve(open_project(settings.project), settings, tell)
    except WorkbenchError as error:
        tell(Ready(os.getpid(), error=error.message))
        return error.exit_code
    return 0


def log_to_stderr() -> None:
    """What the server has to say goes to standard error, of other libraries only what is wrong."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("workbench").setLevel(logging.INFO)


def serve(project: Project, settings: Settings, tell: Callable[[Ready], None]) -> None:
    """Serve until a signal ends it; ``tell`` is called once it answers.

    Raises
    ------
    WorkbenchError
        When the models, the log or the address cannot be had.
    """
    from workbench.serving.http.app import make_app
    from workbench.serving.http.listener import bind, listen, url_of

    with bind(settings.host, settings.port) as listening:
        service = _service(project, settings)
        ready = Ready(
            pid=os.getpid(),
            url=url_of(listening),
            log_folder=settings.log_folder,
            log_name=service.log_name,
            example=service.models.now.request.example(),
        )
        grace = settings.limits.grace_seconds
        listen(make_app(service), listening, lambda: tell(ready), grace_seconds=grace)


def _service(project: Project, settings: Settings) -> Service:
    from workbench.serving.http.app import Service
    from workbench.serving.log.writer import LogWriter
    from workbench.serving.models.follow import Follower
    from workbench.serving.models.loaded import Models, Pinned
    from workbench.store.clock import SystemClock
    from workbench.store.database import open_database
    from workbench.tracking.environment import code_version

    source = _resolve(project, settings.models)(project, settings)
    pinned = settings.pinned
    models: Models = Pinned.load(source, settings.champion, settings.shadows) if pinned else Follower(source)
    folder = Path(settings.log_folder)
    return Service(
        settings,
        models,
        open_log=lambda purpose: LogWriter(folder, purpose),
        log_name=log_name(project, folder),
        database=open_database(project),
        clock=SystemClock(),
        project=str(project.root),
        code_version=code_version(project.root),
    )


def _resolve(project: Project, reference: str) -> Any:
    module, _, attribute = reference.partition(":")
    if module.startswith("workbench."):
        return getattr(importlib.import_module(module), attribute)
    return project.resolve(reference)


def _end_with_owner(owner: int) -> None:
    """End this process, gracefully once it answers, when standard input or the owner has gone."""
    source = sys.stdin.fileno()
    # A process that the owner forked may hold the pipe open after the owner's death.
    while os.getppid() == owner:
        if select.select([source], [], [], _OWNER_SECONDS)[0] and not os.read(source, 4096):
            break
    os.kill(os.getpid(), signal.SIGTERM)
