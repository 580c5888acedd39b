"""In what two executed notebooks' outputs differ, and how one looks at them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.pages import HOSTILE, PNG, code, display, notebook, printed
from workbench.tracking.cell_diff import diff_notebooks
from workbench.tracking.output_diff import OutputChange, diff_outputs, open_outputs


def _saved(path: Path, *cells: Any) -> Path:
    nbformat.write(notebook(*cells), path)
    return path


def _between(left: Path, right: Path) -> tuple[OutputChange, ...]:
    return diff_outputs(left, right, diff_notebooks(left, right))


def test_outputs_are_told_apart_cell_by_cell(tmp_path: Path) -> None:
    left = _saved(
        tmp_path / "a.ipynb", code("x = 1"), code("show(x)", printed("one\n")), code("y", printed("same\n"))
    )
    right = _saved(
        tmp_path / "b.ipynb",
        code("x = 1"),
        code("new()", printed("only here\n")),
        code("show(x)", display({"image/png": PNG, "text/plain": "<Figure>"})),
        code("y", printed("same\n")),
    )
    change = _between(left, right)[-1]
    assert (change.left, change.right) == (2, 3)
    assert [output.kind for output in change.before] == ["stdout"]
    assert [output.kind for output in change.after] == ["image/png"]
    assert change.before[0].sha256 != change.after[0].sha256


def test_how_often_a_cell_ran_and_which_widget_showed_it_is_no_difference(tmp_path: Path) -> None:
    views = ({"model_id": model, "version_major": 2, "version_minor": 0} for model in "ab")
    paths = []
    for count, view in enumerate(views):
        widget = display({"application/vnd.jupyter.widget-view+json": view, "text/html": "<p>table</p>"})
        cell = code("show()", widget)
        cell.execution_count = count + 1
        paths.append(_saved(tmp_path / f"{count}.ipynb", cell))
    assert _between(*paths) == ()


def test_what_a_cell_showed_is_opened_clean(tmp_path: Path) -> None:
    page = _saved(tmp_path / "a.ipynb", code("x", display({"text/html": f"<b>fine</b>{HOSTILE['handler']}"})))
    (output,) = open_outputs(page, 1)
    assert "fine" in output.body
    assert "onerror" not in output.body
    with pytest.raises(IndexError):
        open_outputs(page, 2)
