"""Finding what one clicks on in a panel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["find", "walk"]


def walk(widget: Any) -> Iterator[Any]:
    """A widget and all that is in it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def find(widget: Any, description: str) -> Any:
    """The first widget in it whose description begins like that."""
    return next(item for item in walk(widget) if getattr(item, "description", "").startswith(description))
