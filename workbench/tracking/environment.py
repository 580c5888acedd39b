"""Where a run happened: the code's version, the installed packages, the person."""

from __future__ import annotations

import getpass
import hashlib
import math
import platform
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

__all__ = ["code_hash", "code_version", "environment_hash", "notebook_hash", "who"]

_FRESH_SECONDS = 1.0
_versions: dict[Path, tuple[float, str]] = {}


@cache
def environment_hash() -> str:
    """SHA-256 over the interpreter's version and every installed distribution's name and version.

    Both stand in the name of the folder that an installer makes, so no metadata has to be read.
    """
    folders = (Path(entry or ".") for entry in sys.path)
    found = {item.name.lower() for folder in folders for item in folder.glob("*.*-info")}
    installed = sorted(name.removesuffix(".dist-info").removesuffix(".egg-info") for name in found)
    lines = [platform.python_version(), *installed, _own_code()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _own_code() -> str:
    """The workbench's own files where no version tells them: in a checkout they change without an install."""
    package = Path(__file__).parents[1]
    if package.parent.name in ("site-packages", "dist-packages"):
        return ""
    total = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        total.update(path.read_bytes())
    return total.hexdigest()


def code_version(root: Path) -> str:
    """The commit of the project's files, with ``+changed`` when they differ from it.

    Empty outside a git repository. Git is asked once a second at the most.
    """
    at, version = _versions.get(root, (-math.inf, ""))
    if time.monotonic() - at > _FRESH_SECONDS:
        at, version = time.monotonic(), _ask_git(root)
        _versions[root] = at, version
    return version


def _ask_git(root: Path) -> str:
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return ""
    changed = _git(root, "status", "--porcelain", "--untracked-files=normal", "--", ".")
    return commit + ("+changed" if changed else "")


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def notebook_hash(path: Path) -> str:
    """SHA-256 of a notebook's cells: their type and source, not outputs or metadata."""
    import json

    cells = json.loads(path.read_text(encoding="utf-8")).get("cells", [])
    sources = [[cell.get("cell_type"), "".join(cell.get("source", ""))] for cell in cells]
    return hashlib.sha256(json.dumps(sources, ensure_ascii=False).encode()).hexdigest()


def code_hash(path: Path) -> str:
    """SHA-256 of what a notebook runs: its code cells in order, and the kernel that it asks for.

    Tags of a cell count, since they decide what it is (parameters) or may do (raise).
    """
    import json

    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    cells = [
        ["".join(cell.get("source", "")), sorted(cell.get("metadata", {}).get("tags", []))]
        for cell in notebook.get("cells", [])
        if cell.get("cell_type") == "code" and "".join(cell.get("source", "")).strip()
    ]
    kernel = notebook.get("metadata", {}).get("kernelspec", {}).get("name", "")
    return hashlib.sha256(json.dumps([kernel, cells]).encode()).hexdigest()


def who() -> str:
    """The user's login name; ``unknown`` where the machine has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
