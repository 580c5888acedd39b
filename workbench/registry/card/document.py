"""A page in parts that HTML and Markdown can both show: text, facts, tables, pictures.

Everything in them is text from data and is escaped where it is written; there is no markup in a part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Block",
    "Bullets",
    "Cell",
    "Code",
    "Facts",
    "Hash",
    "Image",
    "Link",
    "Page",
    "Picture",
    "Pill",
    "Section",
    "Table",
    "Text",
    "between",
    "number",
    "rows_of",
    "signed",
]


@dataclass(frozen=True)
class Pill:
    """A word with a colour, such as a verdict."""

    word: str


@dataclass(frozen=True)
class Hash:
    """A long id; pages may show its start only."""

    value: str


@dataclass(frozen=True)
class Link:
    """Text that leads to a file; ``href`` is relative to the page."""

    text: str
    href: str


Cell: TypeAlias = str | Pill | Hash | Link | Sequence["str | Pill | Hash | Link"]


@dataclass(frozen=True)
class Text:
    """A paragraph; a ``remark`` stands out."""

    text: str
    remark: bool = False


@dataclass(frozen=True)
class Bullets:
    """Sentences, each with what it is about in front."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Facts:
    """Names and what they are."""

    pairs: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True)
class Table:
    """Rows of cells; columns in ``numbers`` are set to the right. ``folded`` is the title of one that is
    opened only when it is wanted."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: frozenset[str] = field(default_factory=frozenset)
    folded: str = ""


@dataclass(frozen=True)
class Picture:
    """A drawing in two palettes, and what is to be seen on it in words."""

    light: str
    dark: str
    alt: str


@dataclass(frozen=True)
class Image:
    """A drawing as PNG, for both palettes, and what is to be seen on it in words; ``narrow`` is the same for
    a phone, where there is one."""

    png: bytes
    alt: str
    narrow: bytes = b""


@dataclass(frozen=True)
class Code:
    """Text that is typed, such as commands."""

    text: str


Block: TypeAlias = Text | Bullets | Facts | Table | Picture | Image | Code


@dataclass(frozen=True)
class Section:
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """A whole page: what it is, the gist in the band at the top, and its sections."""

    title: str
    eyebrow: str
    heading: str
    byline: tuple[Cell, ...]
    lead: str
    trouble: tuple[str, ...]
    sections: tuple[Section, ...]
    footer: str


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows of a table, their values as attributes."""
    return iter(frame.itertuples(index=False))


def number(value: float | None, digits: int = 3) -> str:
    """A figure for people: a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.{_shown(value, digits)}f}"


def _shown(value: float, digits: int) -> int:
    """How many digits after the point are read: of hundreds one, of thousands none."""
    return digits if abs(value) < 100 else 1 if abs(value) < 1000 else 0


def between(low: float | None, high: float | None, digits: int = 3) -> str:
    """An interval for people; empty where there is none."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return "–"
    digits = _shown(max(abs(low), abs(high)), digits)
    return f"{low:,.{digits}f} to {high:,.{digits}f}"


def signed(value: float | None, digits: int = 3) -> str:
    """A difference for people, with its sign."""
    return f"{value:+.{digits}f}" if value is not None and math.isfinite(value) else "–"
