"""The types that parameters are declared with."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["ANY", "Kind", "from_annotation", "of_literal"]

_SIMPLE = {
    **{name: name for name in ("int", "float", "bool", "str", "date", "datetime", "None")},
    **dict.fromkeys(("list", "List", "Sequence", "Iterable", "Collection", "MutableSequence"), "list"),
    **dict.fromkeys(("dict", "Dict", "Mapping", "MutableMapping"), "dict"),
    **dict.fromkeys(("tuple", "Tuple"), "tuple"),
    **dict.fromkeys(("Path", "PurePath", "PathLike"), "path"),
    "NoneType": "None",
}
_WORDS = {
    "any": "any JSON value",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "path": "a path",
    "date": "a date, such as 2013-07-01",
    "datetime": "a date and time, such as 2013-07-01T12:00",
    "None": "nothing (null)",
}
_EXAMPLES = {"int": 1, "float": 0.5, "bool": True, "str": "a", "path": "data/a.csv", "date": "2013-07-01"}


@dataclass(frozen=True)
class Kind:
    """A type: its name, what it is made of (elements, values or alternatives), and its choices."""

    name: str
    inner: tuple[Kind, ...] = ()
    choices: tuple[Any, ...] = ()

    @property
    def words(self) -> str:
        """What a person would call it, with an example where that helps."""
        if self.name == "literal":
            return " or ".join(map(repr, self.choices))
        if self.name == "union":
            return " or ".join(kind.words for kind in self.inner)
        if self.name in ("list", "tuple"):
            return f"a list, such as {json.dumps(self.example)}"
        if self.name == "dict":
            return f"a mapping, such as {json.dumps(self.example)}"
        return _WORDS[self.name]

    @property
    def example(self) -> Any:
        """A small value of this type."""
        if self.name == "literal":
            return self.choices[0]
        if self.name == "union":
            return self.inner[0].example
        if self.name == "tuple" and self.inner:
            return [kind.example for kind in self.inner]
        if self.name in ("list", "tuple"):
            return [self.inner[0].example] * 2 if self.inner else [1, 2]
        if self.name == "dict":
            return {"a": self.inner[0].example if self.inner else 1}
        return _EXAMPLES.get(self.name, 1)

    @property
    def alternatives(self) -> tuple[Kind, ...]:
        return self.inner if self.name == "union" else (self,)

    @property
    def optional(self) -> bool:
        return any(kind.name == "None" for kind in self.alternatives)

    def or_none(self) -> Kind:
        """This, or None."""
        if self.name == "any" or self.optional:
            return self
        return Kind("union", (*self.alternatives, Kind("None")))


ANY = Kind("any")


def from_annotation(node: ast.expr) -> Kind:
    """The type that an annotation names; one that is not known stands for any JSON value."""
    match node:
        case ast.Constant(value=None):
            return Kind("None")
        case ast.Constant(value=str(text)):
            try:
                return from_annotation(ast.parse(text.strip(), mode="eval").body)
            except SyntaxError:
                return ANY
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return Kind(_SIMPLE[name]) if name in _SIMPLE else ANY
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([from_annotation(left), from_annotation(right)])
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            return _generic(name, list(inner.elts) if isinstance(inner, ast.Tuple) else [inner])
    return ANY


def _generic(name: str, inner: list[ast.expr]) -> Kind:
    if name == "Optional":
        return from_annotation(inner[0]).or_none()
    if name == "Union":
        return _union([from_annotation(node) for node in inner])
    if name in ("Annotated", "Final"):
        return from_annotation(inner[0])
    if name == "Literal":
        choices = tuple(node.value for node in inner if isinstance(node, ast.Constant))
        return Kind("literal", choices=choices) if choices else ANY
    base = _SIMPLE.get(name)
    if base == "list":
        return Kind("list", (from_annotation(inner[0]),))
    if base == "dict" and len(inner) == 2:
        return Kind("dict", (from_annotation(inner[1]),))
    if base == "tuple":
        if isinstance(inner[-1], ast.Constant) and inner[-1].value is ...:
            return Kind("list", (from_annotation(inner[0]),))
        return Kind("tuple", tuple(from_annotation(node) for node in inner))
    return Kind(base) if base else ANY


def _union(kinds: Sequence[Kind]) -> Kind:
    flat = dict.fromkeys(inner for kind in kinds for inner in kind.alternatives)
    if ANY in flat:
        return ANY
    # A whole number is a number too: it stays whole where either is allowed.
    ordered = sorted(flat, key=lambda kind: kind.name == "float")
    return ordered[0] if len(ordered) == 1 else Kind("union", tuple(ordered))


def of_literal(value: Any) -> Kind:
    """The type of a default without annotation."""
    for kind in (bool, int, float, str, dict):
        if type(value) is kind:
            return Kind(kind.__name__)
    return Kind("list") if isinstance(value, list | tuple) else ANY
