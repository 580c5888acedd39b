"""The project's files at a commit, as git has them; nothing of the repository is changed."""

from __future__ import annotations

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

__all__ = ["commit_of", "extract", "file_at", "has_commit"]

_SECONDS = 60


def commit_of(code_version: str) -> str:
    """The commit in a run's code version, without the word that files differed from it."""
    return code_version.partition("+")[0]


def has_commit(root: Path, commit: str) -> bool:
    """Whether the repository around ``root`` has the commit; false outside of one."""
    return bool(commit) and _git(root, "cat-file", "-e", f"{commit}^{{commit}}") is not None


def file_at(root: Path, commit: str, name: str) -> bytes | None:
    """The content of a file below ``root`` at a commit; None where there was none."""
    return _git(root, "show", f"{commit}:./{name}") if commit else None


def extract(root: Path, commit: str, into: Path) -> bool:
    """Put all files that were below ``root`` at a commit into a folder; false if git cannot."""
    packed = _git(root, "archive", "--format=tar", commit)
    if packed is None:
        return False
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        if hasattr(tarfile, "data_filter"):  # since Python 3.11.4
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(into)
    return True


def _git(root: Path, *arguments: str) -> bytes | None:
    """What git answers, or None when it does not (no repository, no such thing, no git)."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
