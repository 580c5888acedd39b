"""Projects that tests make: a tiny one in seconds, out of notebooks given as lists of cells."""

from __future__ import annotations

import functools
import shutil
import tempfile
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from workbench.project import Project, open_project

__all__ = ["HELPERS", "make_project", "migrated_database", "migrated_stores", "write_notebook"]

HELPERS = '''
"""Helpers of the tiny project."""
import os
import pandas as pd
import pandera.pandas as pa

schema = pa.DataFrameSchema({"x": pa.Column(int, pa.Check.ge(0)), "y": pa.Column(float)})


def numbers():
    count = int(os.environ.get("TINY_ROWS", "10"))
    return pd.DataFrame({"x": range(count), "y": [0.5 * i for i in range(count)]})


def broken():
    return pd.DataFrame({"x": [1, -1], "y": [0.0, 1.0]})


def unreachable():
    raise ConnectionError("no route to host")


def build(rows, memory, asked_at):
    return rows
'''

_CONFIG = """
[project]
name = "tiny"
helpers = "notebooks"

[objective]
target = "y"
time = "x"

[model]
name = "tiny-model"
features = "helpers:build"

[sources.numbers]
load = "helpers:numbers"
check = "helpers:schema"
key = ["x"]

[sources.broken]
load = "helpers:broken"
check = "helpers:schema"
key = ["x"]

[sources.unreachable]
load = "helpers:unreachable"
check = "helpers:schema"
key = ["x"]
"""


@functools.cache
def migrated_stores() -> Path:
    """A folder with an empty, already migrated MLflow store: migrating one takes seconds."""
    folder = Path(tempfile.mkdtemp(prefix="workbench-stores-"))
    (folder / "workbench.toml").write_text(_CONFIG + '\n[phases.x]\nnotebook = "x.ipynb"\n')
    from workbench.tracking import store

    store.client(open_project(folder))
    return folder / ".workbench"


@functools.cache
def migrated_database() -> Path:
    """An empty workbench database that is migrated already: that takes most of a small test's time."""
    folder = Path(tempfile.mkdtemp(prefix="workbench-database-"))
    (folder / "workbench.toml").write_text(_CONFIG + '\n[phases.x]\nnotebook = "x.ipynb"\n')
    from workbench.store.database import open_database

    project = open_project(folder)
    open_database(project).close()
    return project.state / "workbench.db"


def write_notebook(
    path: Path, cells: list[str], parameters: str | None = None, *, kernel: str = "python3"
) -> None:
    """A notebook with these code cells, after a title and (if given) a parameters cell."""
    notebook = new_notebook(
        metadata={"kernelspec": {"name": kernel, "display_name": "Python 3", "language": "python"}}
    )
    notebook.cells.append(new_markdown_cell(f"# {path.stem}"))
    if parameters is not None:
        cell = new_code_cell(parameters)
        cell.metadata["tags"] = ["parameters"]
        notebook.cells.append(cell)
    notebook.cells += [new_code_cell(cell) for cell in cells]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def make_project(
    root: Path,
    notebooks: dict[str, list[str]],
    *,
    needs: dict[str, list[str]] | None = None,
    parameters: dict[str, str] | None = None,
) -> Project:
    """A project whose phases are the given notebooks, in this order unless ``needs`` says otherwise."""
    root.mkdir(parents=True, exist_ok=True)
    text, before = _CONFIG, ""
    for phase, cells in notebooks.items():
        setup = ["import workbench", f"phase = workbench.phase({phase!r})", "phase"]
        write_notebook(
            root / "notebooks" / f"{phase}.ipynb", ["\n".join(setup), *cells], (parameters or {}).get(phase)
        )
        needed = (needs or {}).get(phase, [before] if before else [])
        text += f'\n[phases.{phase}]\nnotebook = "notebooks/{phase}.ipynb"\nneeds = {needed!r}\n'
        before = phase
    (root / "notebooks").mkdir(exist_ok=True)
    (root / "notebooks" / "helpers.py").write_text(HELPERS)
    (root / ".workbench").mkdir(exist_ok=True)
    shutil.copyfile(migrated_stores() / "mlflow.db", root / ".workbench" / "mlflow.db")
    (root / "workbench.toml").write_text(text)
    return open_project(root)
