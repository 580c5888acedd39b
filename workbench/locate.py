"""Where a project is: the one question that must cost nothing to ask."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["CONFIG_NAME", "LOCK_NAMES", "STATE_NAME", "find_root", "owner_of", "starting_folder"]

CONFIG_NAME = "workbench.toml"
#: The folder beside it that holds a project's state.
STATE_NAME = ".workbench"
#: Files beside it that fix the versions of an environment; the first that is there counts.
LOCK_NAMES = ("requirements.lock", "uv.lock", "pylock.toml", "poetry.lock", "conda-lock.yml")


def starting_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the search begins: ``WORKBENCH_PROJECT`` (set for kernels), or else the current folder."""
    return Path(environment.get("WORKBENCH_PROJECT") or ".").resolve()


def find_root(start: Path) -> Path | None:
    """The folder with a ``workbench.toml`` that ``start`` is or lies in; None when there is none."""
    return next((folder for folder in (start, *start.parents) if (folder / CONFIG_NAME).is_file()), None)


def owner_of(root: Path) -> Path:
    """The project in whose state a project lies, as the worlds of a backtest do; else the project itself."""
    states = (folder for folder in root.parents if folder.name == STATE_NAME)
    return next((state.parent for state in states if (state.parent / CONFIG_NAME).is_file()), root)
