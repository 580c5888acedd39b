"""A tiny served project, and what tests of the server share."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pandas as pd

from workbench.project import Project, open_project
from workbench.serving import Server

SOURCE = "tiny_helpers:Source"
NOW = pd.Timestamp("2013-08-01T12:00:00Z")

_CONFIG = """
[project]
name = "tiny"
helpers = "helpers"

[objective]
target = "late"
time = "asked_at"

[model]
name = "tiny-model"
features = "tiny_helpers:build"

[phases.x]
notebook = "x.ipynb"
"""


def make_tiny(root: Path, **aliases: int) -> Project:
    """The project in ``root``, with these aliases."""
    (root / "helpers").mkdir(parents=True)
    (root / "workbench.toml").write_text(_CONFIG)
    shutil.copyfile(Path(__file__).with_name("tiny_helpers.py"), root / "helpers" / "tiny_helpers.py")
    project = open_project(root)
    set_aliases(project, **aliases)
    return project


def set_aliases(project: Project, **aliases: int) -> None:
    draft = project.root / "aliases.draft"
    draft.write_text(json.dumps(aliases))
    draft.replace(project.root / "aliases.json")


def rows(count: int = 3) -> pd.DataFrame:
    """Raw rows, ordered in the hours before ``NOW``."""
    return pd.DataFrame(
        {
            "colour": [["red", "blue", "green"][number % 3] for number in range(count)],
            "size": [float(number) for number in range(count)],
            "ordered": [NOW - pd.Timedelta(hours=1 + number % 5) for number in range(count)],
        }
    )


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for a condition; fails when it does not come true in time."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        pause.wait(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs (one that has ended and was not waited for does not)."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def port_of(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


def pid_of(connection: http.client.HTTPConnection) -> int:
    """The worker at the other end of an open connection."""
    connection.request("GET", "/health")
    pid: int = msgspec.json.decode(connection.getresponse().read())["pid"]
    return pid


def workers_of(server: Server, count: int = 2) -> set[int]:
    """The workers that answer, once there are so many of them."""
    found: set[int] = set()

    def are_all_found() -> bool:
        found.clear()
        found.update(_workers(server, 4 * count))  # of connections that are open together each has its share
        return len(found) == count

    until(are_all_found, seconds=120)
    return found


def _workers(server: Server, connections: int) -> set[int]:
    with ExitStack() as opened:
        pids = set()
        for _ in range(connections):
            connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=60)
            opened.callback(connection.close)
            pids.add(pid_of(connection))
        return pids
