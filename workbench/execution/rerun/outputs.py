"""What two executions of one notebook showed, cell by cell: text against text, pictures by their number."""

from __future__ import annotations

import difflib
import html
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

__all__ = ["CellText", "Shown", "compare"]

_PUT_IN = {"papermill-error-cell-tag", "injected-parameters"}
_CONTEXT_LINES = 1
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
#: What is different whenever it is printed: addresses in memory, and ids that pandas gives its tables.
_CHANCE = ((re.compile(r"\b0x[0-9a-f]{6,}\b"), "0x…"), (re.compile(r"\bT_[0-9a-f]{5}\b"), "T_…"))
_HIDDEN = re.compile(r"<(style|script)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_ROW = re.compile(r"</(tr|p|div|li|h\d|table)\s*>|<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]+>")
#: How a notebook shows its phase: as a run on one side and as a draft on the other.
_PHASE = "Phase(project="
#: How it shows what it wrote and trained: numbers, places and times are each run's own, and files are
#: compared by themselves.
_MADE = (
    re.compile(r"DatasetVersion\(name='([\w-]+)', version=.*?, (rows=\d+), (content='\w+')"),
    re.compile(r"TrainedModel\(name='([^']*)', uri=.*?, (trained_until=.*?), (metrics=\{.*?\})"),
)


@dataclass(frozen=True)
class CellText:
    """A cell that showed another text.

    Attributes
    ----------
    cell : int
        Its place in the notebook, from 1.
    lines : tuple of str
        As a unified diff has them: they begin with a blank, ``-`` (then) or ``+`` (now).
    """

    cell: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """In what the outputs of two executions differ.

    Attributes
    ----------
    cells_compared : int
        Code cells that showed text in one of them.
    figures : tuple of int
        How many pictures either has.
    redrawn : int
        Of these, pictures that the other does not have to the byte.
    """

    cells: tuple[CellText, ...]
    cells_compared: int
    figures: tuple[int, int]
    redrawn: int


def compare(left: Path, right: Path, same: Mapping[str, str]) -> Shown:
    """Compare two executed notebooks that have the same cells.

    Parameters
    ----------
    same : mapping
        Texts that stand for the same on both sides, such as the runs' ids, each to a common name.

    Raises
    ------
    OSError, ValueError
        One of them cannot be read.
    """
    changed, compared = [], 0
    pictures = Counter[str](), Counter[str]()
    for one, other in zip_longest(_cells(left), _cells(right)):
        number = (one or other or (0, {}))[0]
        texts = [list(_texts(cell[1], same)) if cell else [] for cell in (one, other)]
        for counted, cell in zip(pictures, (one, other), strict=True):
            counted.update(_pictures(cell[1]) if cell else ())
        compared += bool(texts[0] or texts[1])
        if texts[0] != texts[1]:
            changed.append(CellText(number, _difference(*texts)))
    counts = pictures[0].total(), pictures[1].total()
    redrawn = (pictures[1] - pictures[0]).total()
    return Shown(tuple(changed), compared, counts, redrawn)


def _cells(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The code cells of the notebook as it was before it was run, with their places in it."""
    notebook = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
    own = (
        cell
        for cell in notebook.get("cells", [])
        if not _PUT_IN & set(cell.get("metadata", {}).get("tags", []))
    )
    return ((number, cell) for number, cell in enumerate(own, start=1) if cell.get("cell_type") == "code")


def _texts(cell: dict[str, Any], same: Mapping[str, str]) -> Iterator[str]:
    """Lines that the cell showed, without what is different by chance or by name only."""
    for output in cell.get("outputs", []):
        text = _text(output)
        for name, common in same.items():
            text = text.replace(name, common)
        for pattern, common in _CHANCE:
            text = pattern.sub(common, text)
        yield from filter(None, (line.rstrip() for line in text.splitlines()))


def _text(output: dict[str, Any]) -> str:
    if output.get("output_type") == "stream":
        lines = _joined(output.get("text", "")).split("\n")
        # What a progress bar wrote over is gone.
        return _COLOUR.sub("", "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines))
    if output.get("output_type") == "error":
        return f"{output.get('ename', '')}: {output.get('evalue', '')}"
    data = output.get("data", {})
    plain = _joined(data.get("text/plain", ""))
    for pattern in _MADE:
        if made := pattern.match(plain):
            return " ".join(made.groups())
    if plain.startswith(_PHASE) or any(kind.startswith("image/") for kind in data):
        return ""
    for kind in ("text/markdown", "text/latex"):
        plain = _joined(data[kind]) if kind in data else plain
    return _read(_joined(data["text/html"])) if "text/html" in data else plain


def _read(markup: str) -> str:
    """What a person reads of markup, a row a line."""
    text = _TAG.sub(" ", _ROW.sub("\n", _HIDDEN.sub("", markup)))
    return "\n".join(" ".join(html.unescape(line).split()) for line in text.split("\n"))


def _pictures(cell: dict[str, Any]) -> Iterator[str]:
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        kind = next((kind for kind in data if kind.startswith("image/")), None)
        if kind is not None:
            yield "".join(_joined(data[kind]).split())


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _difference(left: list[str], right: list[str]) -> tuple[str, ...]:
    lines = list(difflib.unified_diff(left, right, lineterm="", n=_CONTEXT_LINES))[2:]
    return tuple("…" if line.startswith("@@") else line for line in lines)[1:]
