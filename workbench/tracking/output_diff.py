"""In what the outputs of two executed notebooks differ: cell by cell, by hash, whatever their size.

A line-by-line difference of outputs takes minutes over a few megabytes, and nobody reads it. Here, outputs
are told apart by their hashes; those of one cell are made fit to look at when somebody opens it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.tracking.cell_diff import CellChange, read_cells

if TYPE_CHECKING:
    from workbench.tracking.outputs import Output

__all__ = ["OutputChange", "OutputHash", "diff_outputs", "open_outputs"]

# Other numbers for the same thing: how often cells were run, and in which process.
_PASSING = {"execution_count", "transient", "metadata"}
_WIDGET = "application/vnd.jupyter.widget-view+json"
_TELLING = ("image/png", "image/svg+xml", "text/html", "text/markdown", "application/json", "text/plain")


@dataclass(frozen=True)
class OutputHash:
    """One output: ``kind`` is its media type, ``stdout``, ``stderr`` or ``error``; its size is in bytes."""

    kind: str
    size: int
    sha256: str


@dataclass(frozen=True)
class OutputChange:
    """A cell that is in both notebooks and showed something else; its place in either, from 1."""

    left: int
    right: int
    before: tuple[OutputHash, ...]
    after: tuple[OutputHash, ...]


def diff_outputs(
    left: Path | str, right: Path | str, changes: Sequence[CellChange]
) -> tuple[OutputChange, ...]:
    """The cells whose outputs differ, in order.

    Parameters
    ----------
    changes : sequence of CellChange
        What differs between their sources, which tells which cell is which.

    Raises
    ------
    OSError, ValueError
        One of the notebooks cannot be read.
    """
    one, other = read_cells(left), read_cells(right)
    gone = {change.left for change in changes if change.kind == "removed"}
    new = {change.right for change in changes if change.kind == "added"}
    kept = [place for place in range(1, len(one) + 1) if place not in gone]
    there = [place for place in range(1, len(other) + 1) if place not in new]
    found = []
    for place, counterpart in zip(kept, there, strict=False):
        before, after = (_hashes(cell) for cell in (one[place - 1], other[counterpart - 1]))
        if before != after:
            found.append(OutputChange(place, counterpart, before, after))
    return tuple(found)


def open_outputs(notebook: Path | str, place: int) -> list[Output]:
    """What the cell at that place (from 1) showed, cleaned and cut to a length as in its report.

    Raises
    ------
    OSError, ValueError, IndexError
        The notebook cannot be read, or has no such cell.
    """
    from nbformat import from_dict
    from nbformat.v4.rwbase import rejoin_lines

    from workbench.tracking.outputs import Limits, read_outputs

    # In a file, a text is a list of its lines.
    joined = rejoin_lines(from_dict({"cells": [read_cells(notebook)[place - 1]]}))
    return list(read_outputs(joined.cells[0], Limits(), ""))


def _hashes(cell: dict[str, Any]) -> tuple[OutputHash, ...]:
    return tuple(_hash(output) for output in cell.get("outputs", ()) if isinstance(output, dict))


def _hash(output: dict[str, Any]) -> OutputHash:
    told = {name: value for name, value in output.items() if name not in _PASSING}
    if isinstance(data := told.get("data"), dict):
        told["data"] = {kind: value for kind, value in data.items() if kind != _WIDGET}
    raw = json.dumps(told, sort_keys=True).encode()
    return OutputHash(_kind(output), len(raw), hashlib.sha256(raw).hexdigest())


def _kind(output: dict[str, Any]) -> str:
    data = output.get("data")
    if isinstance(data, dict):
        return next((kind for kind in _TELLING if kind in data), next(iter(map(str, data)), "nothing"))
    return str(output.get("name") or output.get("output_type", ""))
