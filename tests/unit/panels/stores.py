"""A store that is away for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["away"]


@contextmanager
def away(path: Path) -> Iterator[None]:
    """As long as the block, something else stands where a store was."""
    kept = path.with_suffix(".kept")
    path.rename(kept)
    path.mkdir()
    try:
        yield
    finally:
        path.rmdir()
        kept.rename(path)
