"""papermill's account of an execution, which on disk is a whole notebook at any moment.

papermill writes the notebook in place and again and again: who reads it meanwhile, or after a kill,
finds half of it, and large outputs make it slow. Here it is written beside and put in place, soon
after something changed, but with a small share of the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from papermill.engines import NotebookExecutionManager

__all__ = ["Record"]

_SHARE = 0.05
_LATER_SECONDS = 10.0
_SLICE = 1 << 20


class Record(NotebookExecutionManager):  # type: ignore[misc]  # papermill ships no types
    """Keeps times and states of cells in the notebook's metadata as papermill does, and the file."""

    def __init__(self, nb: NotebookNode, path: Path, before: Callable[[], None]) -> None:
        super().__init__(nb, output_path=None, progress_bar=False, autosave_cell_every=0)
        self._path, self._before = path, before
        self._timer: asyncio.TimerHandle | None = None
        self._not_before = 0.0

    def save(self, **_: Any) -> None:
        """Something happened: write it soon."""
        self._write_at(self._not_before)

    def autosave_cell(self) -> None:
        """Something was put out: write it when there is time."""
        if self._timer is None:
            self._write_at(max(time.monotonic() + _LATER_SECONDS, self._not_before))

    def _write_at(self, when: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self.write)

    def write(self) -> None:
        """Write the notebook now. A folder that is gone, or full, does not end the execution."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        began = time.monotonic()
        self._before()
        beside = self._path.with_name(f"{self._path.name}.part")
        try:
            with beside.open("w", encoding="ascii") as file:
                for chunk in json.JSONEncoder().iterencode(_sliced(self.nb)):
                    file.write(chunk)
            os.replace(beside, self._path)
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink()
        ended = time.monotonic()
        self._not_before = ended + (ended - began) / _SHARE

    def notebook_complete(self, **_: Any) -> None:
        """papermill calls cells completed that never ran; here they stay pending."""
        self.end_time = self.now()
        self.nb.metadata.papermill["end_time"] = self.end_time.isoformat()
        self.nb.metadata.papermill["duration"] = (self.end_time - self.start_time).total_seconds()
        self.write()


def _sliced(nb: NotebookNode) -> dict[str, Any]:
    """The notebook, with long texts as lists of pieces, which is the same on disk and takes less memory."""
    cells = [
        {**cell, "outputs": [_sliced_output(output) for output in cell.outputs]}
        if "outputs" in cell
        else cell
        for cell in nb.cells
    ]
    return {**nb, "cells": cells}


def _sliced_output(output: NotebookNode) -> dict[str, Any]:
    if isinstance(output.get("text"), str):
        return {**output, "text": _in_slices(output["text"])}
    if "data" in output:
        data = {
            kind: _in_slices(value) if isinstance(value, str) and not kind.endswith("json") else value
            for kind, value in output["data"].items()
        }
        return {**output, "data": data}
    return output


def _in_slices(text: str) -> str | list[str]:
    return text if len(text) <= _SLICE else _Slices(text)


class _Slices(list[str]):
    """A text as a list of its pieces, which are never there all at once."""

    def __init__(self, text: str) -> None:
        super().__init__([text])

    def __iter__(self) -> Iterator[str]:
        text = self[0]
        return (text[start : start + _SLICE] for start in range(0, len(text), _SLICE))
