"""Small text files beside runs and models, read without following links and without a progress bar."""

from __future__ import annotations

import tempfile
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from workbench.project import Project

__all__ = ["artifact_text"]

_LARGEST = 20_000_000


def artifact_text(project: Project, folder: str, name: str) -> str | None:
    """The text of file ``name`` at an artifact address, or None when there is none that can be read."""
    import mlflow.artifacts
    from mlflow.exceptions import MlflowException

    parts = urlparse(folder)
    if parts.scheme in ("", "file"):
        return _text(Path(url2pathname(parts.path)) / name)
    try:
        with tempfile.TemporaryDirectory(prefix="workbench-card-") as scratch:
            found = mlflow.artifacts.download_artifacts(
                artifact_uri=f"{folder}/{name}", dst_path=scratch, tracking_uri=project.tracking_uri
            )
            return _text(Path(found))
    except (MlflowException, OSError):
        return None


def _text(path: Path) -> str | None:
    """A link could lead to any file of this machine, and a card is shown to others."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
