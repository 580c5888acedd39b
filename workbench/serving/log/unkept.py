"""How many failed rows a log does not hold, told by the next one that it does."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["unkept", "unkept_note"]

_NOTE = "failed rows that were not kept before this one: "


def unkept_note(rows: int) -> str:
    """The note of a failed row before which so many of the same version and role were not kept."""
    return f"{_NOTE}{rows}"


def unkept(notes: Iterable[str | None]) -> int:
    """How many rows the notes of failed rows say that were not kept."""
    found = (re.search(rf"{_NOTE}(\d+)", note) for note in notes if note)
    return sum(int(match[1]) for match in found if match)
