"""A notebook file before it runs: is it one, and what does it ask for."""

from __future__ import annotations

import ast
import json
import re
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import NotebookError
from workbench.execution.notebook import format as notebook_format

__all__ = ["Summary", "cell_source", "python_source", "read_notebook", "summarize"]

# Deeper than any output that is shown, and shallow enough for all that walks over a notebook.
_MAX_DEPTH = 100
_REPAIR = "open it in JupyterLab and save it"
_BY_KERNEL = (("python", "python"), ("ir", "R"), ("julia", "julia"))
# Lines that IPython takes for itself, with what a backslash at their end joins to them.
_MAGIC = re.compile(r"^([ \t]*)(?:[%!?][^\n]*?(?:\\\n[^\n]*?)*|[\w.]+\?{1,2}[ \t]*)$", re.MULTILINE)
_ASSIGNED_MAGIC = re.compile(r"^([ \t]*[\w, \t]+=[ \t]*)[%!][^\n]*?(?:\\\n[^\n]*?)*$", re.MULTILINE)
_CELL_MAGIC = re.compile(r"\s*%%(\w+)[^\n]*")
_TRANSPARENT = {"capture", "memit", "prun", "time", "timeit"}


@dataclass(frozen=True)
class Summary:
    """What a notebook asks for.

    Attributes
    ----------
    kernel : str
        The kernel that it names; empty when it names none.
    language : str
        The language of its code, as papermill and Jupyter spell it, such as ``"python"`` or ``"R"``.
    cells, code_cells : int
        How many there are.
    """

    kernel: str
    language: str
    cells: int
    code_cells: int


def read_notebook(path: Path) -> dict[str, Any]:
    """The notebook's JSON, valid by Jupyter's schema.

    Raises
    ------
    NotebookError
        When the file is absent, cannot be read or is no valid notebook: one line with the path and what is
        wrong with it. Nothing else is raised.
    """
    try:
        raw = _json(path, _content(path))
    except RecursionError:
        raise NotebookError(f"{path} is nested too deeply to be a notebook") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("cells", raw.get("worksheets")), list):
        raise NotebookError(f"{path} is JSON, but no notebook: it has no list of cells")
    version = raw.get("nbformat")
    if type(version) is int and version != 4:
        advice = "jupyter nbconvert --to notebook --inplace" if version in (2, 3) else "save it in format 4"
        raise NotebookError(f"{path} is in notebook format {version}, not in 4: {advice}")
    minor = raw.get("nbformat_minor")
    if type(minor) is int and minor > notebook_format.MINOR:
        raise NotebookError(
            f"{path} is in notebook format 4.{minor}; the newest that is known here is "
            f"4.{notebook_format.MINOR}"
        )
    if wrong := notebook_format.problem(raw):
        raise NotebookError(f"{path} is not valid as a notebook: {_one_line(wrong)}; {_REPAIR}")
    if _depth(raw) > _MAX_DEPTH:
        raise NotebookError(f"{path} is nested more than {_MAX_DEPTH} levels deep")
    return raw


def summarize(raw: dict[str, Any]) -> Summary:
    """What the notebook that :func:`read_notebook` gave asks for."""
    metadata = raw["metadata"]
    spec = metadata.get("kernelspec", {})
    kernel = spec.get("name", "")
    language = metadata.get("language_info", {}).get("name") or spec.get("language") or ""
    if not language:
        language = next((name for start, name in _BY_KERNEL if kernel.startswith(start)), "python")
    if language.lower().startswith(("python", "ipython")):
        language = "python"
    return Summary(
        kernel=kernel,
        language=language,
        cells=len(raw["cells"]),
        code_cells=sum(cell["cell_type"] == "code" for cell in raw["cells"]),
    )


def cell_source(cell: dict[str, Any]) -> str:
    """A cell's source as one text."""
    return "".join(cell["source"])


def python_source(source: str) -> str | None:
    """A cell's source without what only IPython understands; None for a cell in another language.

    Line numbers stay as they are.
    """
    if cell_magic := _CELL_MAGIC.match(source):
        if cell_magic[1] not in _TRANSPARENT:
            return None
        source = source.replace(cell_magic[0].lstrip(), "", 1)
    if _is_python(source):  # what looks like a magic is then a line of a text, or of an expression
        return source
    source = _ASSIGNED_MAGIC.sub(lambda match: f"{match[1]}None{_lines(match[0])}", source)
    return _MAGIC.sub(lambda match: f"{match[1]}pass{_lines(match[0])}", source)


def _is_python(source: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _lines(text: str) -> str:
    return "\n" * text.count("\n")


def _content(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            content = path.read_bytes()
        else:
            kind = "a folder" if stat.S_ISDIR(mode) else "no ordinary file"
            raise NotebookError(f"{path} is {kind}, not a notebook")
    except FileNotFoundError:
        raise NotebookError(f"no notebook at {path}") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise NotebookError(f"{str(path)!r} cannot be read as a notebook: {why}") from None
    if not content.strip():
        raise NotebookError(f"{path} cannot be read as a notebook: it is empty")
    return content


def _json(path: Path, content: bytes) -> Any:
    try:
        text = content.decode()
        raw = json.loads(text)
        # A lone half of a surrogate pair, written as \ud800, is JSON but no text that could be saved again.
        if "\\ud" in text or "\\uD" in text:
            json.dumps(raw, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NotebookError(f"{path} cannot be read as a notebook: it holds half a character") from None
    except ValueError as error:
        raise NotebookError(f"{path} cannot be read as a notebook: {_one_line(str(error))}") from None
    return raw


def _depth(value: Any, level: int = 1) -> int:
    if level > _MAX_DEPTH:
        return level
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max(
        (_depth(item, level + 1) for item in inner if isinstance(item, dict | list)),
        default=level,
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
