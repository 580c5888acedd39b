"""What differs between two notebooks as code: cell by cell, by nbdime, without outputs."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["CellChange", "diff_notebooks", "existing", "read_cells"]

# Cells that the runner puts in: their content is compared as parameters and as status.
_PUT_IN = {"papermill-error-cell-tag", "injected-parameters"}
_CONTEXT_LINES = 2


@dataclass(frozen=True)
class CellChange:
    """A cell that one notebook has and the other has not, or has otherwise.

    Attributes
    ----------
    left, right : int or None
        Its place in either notebook, from 1.
    lines : tuple of str
        Its lines as a unified diff has them: they begin with a blank, ``-`` or ``+``.
    """

    kind: Literal["added", "removed", "changed"]
    cell_type: str
    left: int | None
    right: int | None
    lines: tuple[str, ...]


def existing(folder: str) -> Path | None:
    """The folder of that name, if there is one."""
    return Path(folder) if folder and Path(folder).is_dir() else None


def diff_notebooks(left: Path | str, right: Path | str) -> tuple[CellChange, ...]:
    """What differs between the sources of two executed notebooks, in order.

    Raises
    ------
    OSError, ValueError
        One of them cannot be read.
    """
    one, other = _cells(left), _cells(right)
    # nbdime holds every cell against every other: what is the same at both ends is not its business.
    start = _same_from_start(one, other)
    end = _same_from_start(one[start:][::-1], other[start:][::-1])
    return tuple(_changes(one[start : len(one) - end], other[start : len(other) - end], start))


def read_cells(path: Path | str) -> list[dict[str, Any]]:
    """The cells of a notebook file as they are, but for those that the runner put in.

    Raises
    ------
    OSError, ValueError
        It cannot be read.
    """
    notebook = json.loads(Path(path).read_text(encoding="utf-8", errors="surrogateescape"))
    cells = notebook.get("cells", [])
    return [cell for cell in cells if not _PUT_IN & set(cell.get("metadata", {}).get("tags", []))]


def _cells(path: Path | str) -> list[dict[str, Any]]:
    """The cells as nbdime needs them. Outputs are left out: it takes minutes over large ones."""
    found = []
    for cell in read_cells(path):
        source = cell.get("source", "")
        bare: dict[str, Any] = {
            "cell_type": cell.get("cell_type", "raw"),
            "metadata": {},
            "source": source if isinstance(source, str) else "".join(source),
        }
        if bare["cell_type"] == "code":
            bare |= {"outputs": [], "execution_count": None}
        found.append(bare)
    return found


def _same_from_start(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> int:
    pairs = enumerate(zip(left, right, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(left), len(right)))


def _changes(left: list[dict[str, Any]], right: list[dict[str, Any]], before: int) -> Iterator[CellChange]:
    """nbdime's difference of two lists of cells as changes; ``before`` cells precede them in both."""
    from nbdime.diffing.notebooks import diff_notebooks as nbdime_diff
    from nbdime.patching import patch

    whole = {"metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    found = nbdime_diff({**whole, "cells": left}, {**whole, "cells": right})
    shift = before + 1  # from places on the left to places on the right, both from 1
    for step in found[0].diff if found else ():
        if step.op == "addrange":
            for number, cell in enumerate(step.valuelist):
                yield _change("added", None, cell, None, step.key + shift + number)
            shift += len(step.valuelist)
        elif step.op == "removerange":
            for place in range(step.key, step.key + step.length):
                yield _change("removed", left[place], None, place + before + 1, None)
            shift -= step.length
        else:
            changed = patch(left[step.key], step.diff)
            yield _change("changed", left[step.key], changed, step.key + before + 1, step.key + shift)


def _change(
    kind: Literal["added", "removed", "changed"],
    old: dict[str, Any] | None,
    new: dict[str, Any] | None,
    left: int | None,
    right: int | None,
) -> CellChange:
    before, after = (cell["source"].splitlines() if cell else [] for cell in (old, new))
    lines = list(difflib.unified_diff(before, after, lineterm="", n=_CONTEXT_LINES))[2:]
    shown = tuple("…" if line.startswith("@@") else line for line in lines)
    cell_type = str((new or old or {})["cell_type"])
    return CellChange(kind, cell_type, left, right, shown[1:] if shown[:1] == ("…",) else shown)
