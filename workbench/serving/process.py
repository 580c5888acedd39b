"""The server's process: it says where it answers, follows its owner, and stops gracefully.

``python -m workbench.serving`` reads its settings as one line of JSON from standard input, which is a
socket, writes one line of JSON to standard output when it answers, and ends when its standard input does:
its owner is gone, or wants it gone. With more than one worker in its settings it is the process above them
(:mod:`workbench.serving.workers`); what that one starts gets open files with its settings.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from workbench.errors import WorkbenchError
from workbench.project import Project, open_project
from workbench.serving.settings import Settings

if TYPE_CHECKING:
    from workbench.serving.http.listener import Place

__all__ = ["Ready", "log_to_stderr", "main", "serve"]

_OWNER_SECONDS = 1.0
_FILES = 2


@dataclass(frozen=True)
class Ready:
    """The line that a started server writes to its owner: where it answers, or why it does not.

    ``pid`` is the process to ask when it is to stop; ``workers`` are those below it, if there are any.
    """

    pid: int
    url: str = ""
    log_folder: str = ""
    log_name: str = ""
    example: str = ""
    error: str = ""
    workers: tuple[int, ...] = ()


def main() -> int:
    """Run as somebody's child; see the module's docstring."""
    log_to_stderr()
    line, files = _told()
    if not line:
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
        if settings.worker:
            serve(open_project(settings.project), settings, tell, files=files)
        elif settings.workers > 1:
            from workbench.serving.workers import supervise

            supervise(settings, tell)
        else:
            serve(open_project(settings.project), settings, tell)
    except WorkbenchError as error:
        tell(Ready(os.getpid(), error=error.message))
        return error.exit_code
    return 0


def _told() -> tuple[bytes, list[int]]:
    """The line on standard input, and the open files with it; no line when it is not ours to read."""
    line, files = b"", []
    if stat.S_ISSOCK(os.fstat(0).st_mode):
        with socket.socket(fileno=os.dup(0)) as owner:
            while not line.endswith(b"\n"):
                part, more, _, _ = socket.recv_fds(owner, 65536, _FILES)
                files += more
                if not part:
                    return b"", []
                line += part
    for file in files:
        os.set_inheritable(file, False)  # what a helper starts must not listen, too
    return line, files


def log_to_stderr() -> None:
    """What the server has to say goes to standard error, of other libraries only what is wrong."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("workbench").setLevel(logging.INFO)


def serve(
    project: Project, settings: Settings, tell: Callable[[Ready], None], *, files: Sequence[int] = ()
) -> None:
    """Serve in this process until a signal ends it; ``tell`` is called once it answers.

    Parameters
    ----------
    files : sequence of int
        For one of several workers: the socket that it listens on, and the file of their shares.

    Raises
    ------
    WorkbenchError
        When the models, the log or the address cannot be had.
    """
    from workbench.serving.http.app import make_app
    from workbench.serving.http.listener import listen, url_of
    from workbench.serving.parts import make_service

    with _place(settings, files) as place:
        service = make_service(project, settings)
        ready = Ready(
            pid=os.getpid(),
            url=url_of(place.listening, tls=settings.tls is not None),
            log_folder=settings.log_folder,
            log_name=service.log_name,
            example=service.models.now.request.example(),
        )
        listen(make_app(service), place, lambda: tell(ready), limits=settings.limits, tls=settings.tls)


def _place(settings: Settings, files: Sequence[int]) -> Place:
    from workbench.serving.http.accepting import Shares
    from workbench.serving.http.listener import Place, bind

    if not files:
        return Place(bind(settings.host, settings.port))
    listening, shares = files
    return Place(socket.socket(fileno=listening), Shares(shares), settings.worker - 1)


def _end_with_owner(owner: int) -> None:
    """End this process, gracefully once it answers, when standard input or the owner has gone."""
    source = sys.stdin.fileno()
    # A process that the owner forked may hold the pipe open after the owner's death.
    while os.getppid() == owner:
        if select.select([source], [], [], _OWNER_SECONDS)[0] and not os.read(source, 4096):
            break
    os.kill(os.getpid(), signal.SIGTERM)
