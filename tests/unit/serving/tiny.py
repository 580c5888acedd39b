"""A tiny served project, and what tests of the server share."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from workbench.project import Project, open_project

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
