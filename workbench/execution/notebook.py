"""A notebook before it runs: is it one, and which parameters does it take.

Parameters are read from the cell tagged ``parameters`` with :mod:`ast`: a name, a literal, an
optional annotation, and a trailing comment that serves as help.
"""

from __future__ import annotations

import ast
import io
import json
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from workbench.errors import NotebookError, ParameterError, UnknownName

__all__ = ["Parameter", "check", "check_all", "parse", "read_notebook", "read_parameters"]

_TAG = "parameters"
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "list": "a list, such as [1, 2]",
    "dict": 'a mapping, such as {"a": 1}',
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook: its type is the annotation's, or else the literal's."""

    name: str
    type: str
    default: Any
    help: str
    optional: bool = False


def read_notebook(path: Path) -> dict[str, Any]:
    """The notebook's JSON.

    Raises
    ------
    NotebookError
        When the file is absent or is no notebook.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotebookError(f"no notebook at {path}") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise NotebookError(f"{path} cannot be read as a notebook: {error}") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("cells"), list):
        raise NotebookError(f"{path} is JSON, but no notebook: it has no list of cells")
    return raw


def read_parameters(path: Path) -> dict[str, Parameter]:
    """The parameters that a notebook declares, by name; empty without a parameters cell."""
    cells = [
        cell
        for cell in read_notebook(path)["cells"]
        if cell.get("cell_type") == "code" and _TAG in cell.get("metadata", {}).get("tags", [])
    ]
    if not cells:
        return {}
    if len(cells) > 1:
        raise NotebookError(f"{path} has {len(cells)} cells tagged {_TAG!r}; one is meant")
    source = "".join(cells[0]["source"])
    try:
        tree = ast.parse(source)
        comments = _comments(source)
    except (SyntaxError, tokenize.TokenError) as error:
        raise NotebookError(f"{path}: the parameters cell is not valid Python: {error}") from error
    found = (_parameter(path, statement, comments) for statement in tree.body)
    return {parameter.name: parameter for parameter in found if parameter is not None}


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def _parameter(path: Path, statement: ast.stmt, comments: dict[int, str]) -> Parameter | None:
    annotation = ""
    target: ast.expr
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, value, annotation = statement.target, statement.value, ast.unparse(statement.annotation)
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
    else:
        return None
    if not isinstance(target, ast.Name):
        return None
    try:
        default = ast.literal_eval(value)
    except ValueError:
        raise NotebookError(
            f"{path}: parameter {target.id!r} is no literal; the parameters cell may only hold literals"
        ) from None
    kinds = [part.strip() for part in annotation.split("|")] if annotation else [type(default).__name__]
    kind = next((part for part in kinds if part != "None"), "NoneType").split("[")[0]
    return Parameter(
        name=target.id,
        type=kind,
        default=default,
        help=comments.get(statement.end_lineno or statement.lineno, ""),
        optional="None" in kinds or default is None,
    )


def parse(parameter: Parameter, text: str) -> Any:
    """Turn what was typed on the command line into a value of the parameter's type.

    Raises
    ------
    ParameterError
        When the text is no such value.
    """
    if parameter.optional and text in ("None", "null", "none"):
        return None
    if parameter.type == "str":
        return text
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = {"True": True, "False": False}.get(text, text)
    return check(parameter, value)


def check(parameter: Parameter, value: Any) -> Any:
    """The value as the notebook gets it: of the declared type, whole numbers allowed for float.

    Raises
    ------
    ParameterError
        Naming the parameter, what was expected and what was given.
    """
    if value is None and parameter.optional:
        return None
    if isinstance(value, date):
        value = value.isoformat()
    kinds: Mapping[str, type | tuple[type, ...]] = {
        "int": int,
        "float": (int, float),
        "bool": bool,
        "str": str,
        "list": (list, tuple),
        "tuple": (list, tuple),
        "dict": dict,
    }
    wanted = kinds.get(parameter.type)
    fits = wanted is None or isinstance(value, wanted)
    if isinstance(value, bool) and parameter.type in ("int", "float"):
        fits = False
    if not fits:
        raise ParameterError(
            f"parameter {parameter.name!r} is {_WORDS.get(parameter.type, parameter.type)} "
            f"(default {parameter.default!r}), not {value!r}"
        )
    return float(value) if parameter.type == "float" else value


def check_all(path: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Hold all given values against what a notebook declares.

    Raises
    ------
    UnknownName
        For a parameter that the notebook does not declare, with the nearest it does.
    ParameterError
        For a value of the wrong type.
    """
    declared = read_parameters(path)
    for name in given:
        if name not in declared:
            raise UnknownName("parameter", name, declared, where=path.name)
    return {name: check(declared[name], value) for name, value in given.items()}
