"""Virtual environments of peers: made once, kept in the user's cache folder, by what is in them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

__all__ = ["NotInstalled", "cache", "environment"]

#: What makes answers and their cost comparable: the same versions as ours. (pandas keeps text in pyarrow.)
_ALIKE = ("numpy", "pandas", "pyarrow", "scikit-learn", "joblib", "threadpoolctl")
_INSTALL_SECONDS = 900
_MADE = "made"


class NotInstalled(Exception):
    """A peer cannot be installed here; one line says why."""


def cache(*parts: str) -> Path:
    """A folder of the benchmarks in the user's cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base.joinpath("mlops-workbench", "benchmarks", *parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def environment(name: str, packages: Sequence[str]) -> Path:
    """The Python of an environment with ``packages`` and with our versions of what computes.

    Raises
    ------
    NotInstalled
        When pip cannot have them.
    """
    wanted = [*packages, *(f"{package}=={version(package)}" for package in _ALIKE)]
    key = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()[:12]
    folder = cache("peers", f"{name}-{key}")
    python = folder / "bin" / "python"
    if (folder / _MADE).exists():
        return python
    for old in folder.parent.glob(f"{name}-*"):
        shutil.rmtree(old)
    print(f"installing {name} into {folder} (once)", flush=True)
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(python), "-m", "pip", "install", "--quiet", "--no-input", *wanted])
    (folder / _MADE).write_text("\n".join(wanted))
    return python


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(str(error)) from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise NotInstalled(said[-1] if said else f"{command[0]} exited with {done.returncode}")
