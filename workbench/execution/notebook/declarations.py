"""What a parameters cell declares: names, types, literals and help, in Python, R and Julia."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from workbench.execution.notebook import python_source
from workbench.execution.notebook.types import ANY, Kind, from_annotation, of_literal

__all__ = ["Declared", "Unreadable", "read"]

_TYPE_COMMENT = re.compile(r"type:\s*(?!\s|ignore\b)(?P<rest>.*)")
_NOT_FINITE = {"nan", "inf", "-inf", "+inf", "infinity", "-infinity"}
# One assignment a line; what follows a `#` outside of quotes is help.
_ASSIGNMENT = {
    "r": re.compile(r"^(?P<name>[A-Za-z.][\w.]*)\s*(?:<-|=)\s*(?P<rest>\S.*)$"),
    "julia": re.compile(r"^(?:const\s+)?(?P<name>[^\W\d]\w*)\s*(?:::\s*\w+\s*)?=(?!=)\s*(?P<rest>\S.*)$"),
}
_VALUE = re.compile(r"""(?P<value>(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^#"'])*)(?:#\s*(?P<help>.*))?$""")
_WORDS = {"TRUE": True, "FALSE": False, "true": True, "false": False, "NULL": None, "nothing": None}


class Unreadable(Exception):
    """The parameters cell holds something that cannot be a parameter."""


@dataclass(frozen=True)
class Declared:
    """One parameter as it stands there; ``readable`` is whether its default is a literal that we know."""

    name: str
    kind: Kind
    default: Any = None
    help: str = ""
    required: bool = False
    readable: bool = True


def read(source: str, language: str) -> dict[str, Declared]:
    """What the cell declares, by name; nothing in a language that is none of the three.

    Raises
    ------
    Unreadable
        When it is not valid Python, or assigns something else than a literal.
    """
    if language == "python":
        return _read_python(source)
    pattern = _ASSIGNMENT.get(language.lower())
    if pattern is None:
        return {}
    matches = (pattern.match(line) for line in source.splitlines())
    return {match["name"]: _foreign(match, language.lower()) for match in matches if match}


def _read_python(source: str) -> dict[str, Declared]:
    stripped = python_source(source)
    if stripped is None:
        raise Unreadable("the parameters cell is not Python: it begins with a cell magic")
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(stripped)
        comments = _comments(stripped)
        found: dict[str, Declared] = {}
        for declared in _declarations(tree, comments):
            before = found.get(declared.name)
            if before and before.required and not declared.required:
                # `x: int` and then `x = 3`: the type of the one, the default of the other.
                declared = replace(declared, kind=before.kind, help=declared.help or before.help)
            found[declared.name] = declared
    except (SyntaxError, ValueError, tokenize.TokenError, MemoryError, RecursionError) as error:
        why = str(error) or type(error).__name__
        raise Unreadable(f"the parameters cell is not valid Python: {' '.join(why.split())}") from None
    return found


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def _declarations(tree: ast.Module, comments: dict[int, str]) -> Iterator[Declared]:
    for statement in tree.body:
        comment = comments.get(statement.end_lineno or statement.lineno, "")
        kind, text = _typed_comment(comment)
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=None):
                yield Declared(name, from_annotation(annotation), help=text, required=True)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value):
                default = _literal(name, value)
                final = isinstance(annotation, ast.Name) and annotation.id == "Final"
                given = of_literal(default) if final else from_annotation(annotation)
                yield Declared(name, given, default, text)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Name):
                        default = _literal(target.id, value)
                        yield Declared(target.id, kind or of_literal(default), default, text)


def _literal(name: str, value: ast.expr) -> Any:
    match value:
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str(text))], keywords=[]):
            if text.strip().lower() in _NOT_FINITE:
                return float(text)
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise Unreadable(
            f"parameter {name!r} is no literal; the parameters cell may only hold literals"
        ) from None


def _typed_comment(comment: str) -> tuple[Kind | None, str]:
    """``type: float Help text`` as papermill reads it: a type, and the rest as help."""
    match = _TYPE_COMMENT.match(comment)
    if match is None:
        return None, re.sub(r"^type:\s*ignore(\[[^\]]*\])?[\s#]*", "", comment)
    words = match["rest"].split(" ")
    for count in range(1, len(words) + 1):
        text = " ".join(words[:count])
        if text.count("[") == text.count("]") and not text.endswith(("|", ",")):
            rest = " ".join(words[count:]).strip()
            if not rest.startswith(("|", "[")):
                return from_annotation(ast.Constant(text)), rest
    return None, comment


def _foreign(match: re.Match[str], language: str) -> Declared:
    found = _VALUE.match(match["rest"])
    text = (found["value"] if found else match["rest"]).strip().rstrip(";")
    help_text = ((found and found["help"]) or "").strip()
    if text in _WORDS:
        value = _WORDS[text]
        return Declared(match["name"], ANY if value is None else Kind("bool"), value, help_text)
    if re.fullmatch(r"-?\d+L", text):
        return Declared(match["name"], Kind("int"), int(text[:-1]), help_text)
    if text.startswith("'") and language == "r":
        text = json.dumps(text[1:-1])
    try:
        default = json.loads(text)
    except ValueError:
        return Declared(match["name"], ANY, help=help_text, readable=False)
    if language == "r" and type(default) is int:  # a number without an L is no integer in R
        default = float(default)
    return Declared(match["name"], of_literal(default), default, help_text)
