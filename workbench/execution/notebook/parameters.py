"""The parameters that a notebook declares, and values held against them before anything is started.

They stand in the cell tagged ``parameters``. In Python it is read with :mod:`ast`: a name, a literal, an
annotation or a comment ``# type: float Help`` for its type, and a trailing comment that serves as help. In R
and Julia, plain assignments are read, one a line. In other languages none can be read, so none are accepted.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import NotebookError, ParameterError, UnknownName, WorkbenchError
from workbench.execution.notebook import cell_source, declarations, read_notebook, summarize
from workbench.execution.notebook import values as parameter_values
from workbench.execution.notebook.types import ANY, Kind
from workbench.execution.notebook.values import Mismatch, short

__all__ = [
    "Parameter",
    "as_json",
    "check",
    "check_all",
    "parse",
    "read_all",
    "read_parameters",
    "share_out",
]

_TAG = "parameters"
_TEXTUAL = {"str", "path", "date", "datetime"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WORDS: Mapping[str, Any] = {"True": True, "False": False}
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "+inf": math.inf, "-inf": -math.inf}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook: its type is the annotation's, the comment's, or else the literal's.

    Attributes
    ----------
    type : str
        The name of its type without what that is made of, such as ``"list"``; ``kind`` has all of it.
    default : Any
        The literal in the notebook; None where there is none or where it cannot be read.
    optional, required : bool
        Whether None is a value of it; whether it has no default, so that it has to be given.
    """

    name: str
    type: str
    default: Any
    help: str
    optional: bool = False
    required: bool = False
    kind: Kind = ANY
    language: str = "python"


def read_parameters(path: Path) -> dict[str, Parameter]:
    """The parameters that a notebook declares, by name; empty without a parameters cell.

    Raises
    ------
    NotebookError
        When the notebook cannot be read, or its parameters cell holds something else than literals.
    """
    raw = read_notebook(path)
    cells = [
        cell
        for cell in raw["cells"]
        if cell["cell_type"] == "code" and _TAG in cell["metadata"].get("tags", [])
    ]
    if not cells:
        return {}
    if len(cells) > 1:
        raise NotebookError(f"{path} has {len(cells)} cells tagged {_TAG!r}; one is meant")
    try:
        language = summarize(raw).language
        found = declarations.read(cell_source(cells[0]), language)
    except declarations.Unreadable as error:
        raise NotebookError(f"{path}: {error}") from None
    return {name: _parameter(declared, language) for name, declared in found.items()}


def _parameter(declared: declarations.Declared, language: str) -> Parameter:
    kind = declared.kind
    none_by_default = declared.default is None and declared.readable and not declared.required
    if none_by_default:
        kind = kind.or_none()
    others = [one for one in kind.alternatives if one.name != "None"]
    base = others[0] if len(others) == 1 else kind
    return Parameter(
        name=declared.name,
        type=base.name,
        default=declared.default,
        help=declared.help,
        optional=kind.optional or none_by_default,
        required=declared.required,
        kind=kind,
        language=language,
    )


def check(parameter: Parameter, value: Any) -> Any:
    """The value as the notebook gets it: of the declared type, whole numbers allowed for float.

    Dates become ISO text, tuples lists, numpy's scalars Python's.

    Raises
    ------
    ParameterError
        Naming the parameter, what was expected and what was given.
    """
    try:
        value = parameter_values.plain(value)
        if parameter.language == "R":
            parameter_values.refuse_for_r(value)
        if value is None and parameter.optional:
            return None
        return parameter_values.accept(parameter.kind, value)
    except Mismatch as mismatch:
        default = "" if parameter.required or mismatch.path else f" (default {short(parameter.default)})"
        given = f"{default}, not {mismatch.given}" if mismatch.given else ""
        raise ParameterError(f"parameter {parameter.name!r}{mismatch.path} {mismatch.said}{given}") from None


def parse(parameter: Parameter, text: str) -> Any:
    """Turn what was typed on the command line into a value of the parameter's type.

    That is JSON, or plain text where the type is one that is written as text. A list is JSON too:
    ``a,b,c`` is text.

    Raises
    ------
    ParameterError
        When the text is no such value.
    """
    names = {kind.name for kind in parameter.kind.alternatives}
    textual = bool(names & (_TEXTUAL | {"any"})) or _has_text_choice(parameter.kind)
    if parameter.optional and text in ("None", "null", "none"):
        return None
    if names - {"None"} <= _TEXTUAL:
        return check(parameter, text)
    value = _typed(text, names)
    if textual and not isinstance(value, str):
        try:
            return check(parameter, value)
        except ParameterError:
            return check(parameter, text)
    return check(parameter, text if textual else value)


def _has_text_choice(kind: Kind) -> bool:
    return any(isinstance(choice, str) for one in kind.alternatives for choice in one.choices)


def _typed(text: str, names: set[str]) -> Any:
    if names & {"int", "float"} and _NUMBER.fullmatch(text):
        whole = "int" in names and text.lstrip("+-").isdigit()
        return int(text) if whole and len(text) < 4000 else float(text)
    if "float" in names and text.lower() in _NOT_FINITE:
        return _NOT_FINITE[text.lower()]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _WORDS.get(text, text)


def check_all(path: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Hold all given values against what a notebook declares.

    Raises
    ------
    UnknownName
        For a parameter that the notebook does not declare, with the nearest it does.
    ParameterError
        For one of the wrong type, or one that is required and missing. The first problem is the
        message; all others are its details.
    """
    return share_out({path.name: read_parameters(path)}, given)[path.name]


def share_out(
    declared: Mapping[str, Mapping[str, Parameter]],
    given: Mapping[str, Any],
    *,
    read: Callable[[Parameter, Any], Any] = check,
) -> dict[str, dict[str, Any]]:
    """The values for each of several notebooks, out of those given for all.

    Parameters
    ----------
    declared : mapping
        Phase or notebook to what it declares.
    given : mapping
        Each goes to every notebook that declares it.
    read : callable
        :func:`check` for values, :func:`parse` for what was typed.

    Raises
    ------
    UnknownName
        For a parameter that none of them declares.
    ParameterError
        As for :func:`check_all`.
    """
    known = sorted({name for parameters in declared.values() for name in parameters})
    where = ", ".join(declared)
    problems: list[WorkbenchError] = [
        UnknownName("parameter", str(name), known, where=where) for name in given if name not in known
    ]
    values: dict[str, dict[str, Any]] = {place: {} for place in declared}
    for place, parameters in declared.items():
        for name, parameter in parameters.items():
            if name in given:
                try:
                    values[place][name] = read(parameter, given[name])
                except ParameterError as error:
                    problems.append(error)
            elif parameter.required:
                problems.append(_missing(place, parameter))
    if problems:
        lines = dict.fromkeys(problem.message for problem in problems)
        problems[0].details = "\n".join([line for line in lines if line != problems[0].message])
        raise problems[0]
    return values


def read_all(
    declared: Mapping[str, Mapping[str, Parameter]], typed: Mapping[str, str], taken: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The values for each of several notebooks, out of those typed and those taken from another run.

    What is typed comes first; what is taken and nobody declares is left out. Errors as for :func:`share_out`.
    """
    known = {name for parameters in declared.values() for name in parameters}
    others = {name: value for name, value in taken.items() if name in known and name not in typed}

    def read(parameter: Parameter, value: Any) -> Any:
        return check(parameter, value) if parameter.name in others else parse(parameter, value)

    return share_out(declared, {**others, **typed}, read=read)


def _missing(place: str, parameter: Parameter) -> ParameterError:
    return ParameterError(
        f"parameter {parameter.name!r} of {place} has no default: it has to be given, "
        f"{parameter.kind.words}: -p {parameter.name}=…"
    )


def as_json(value: Any) -> Any:
    """The value as strict JSON can hold it: numbers that are not finite as text.

    Jupyter's pages cannot read a file with a bare ``NaN`` in it.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list | tuple) else value
