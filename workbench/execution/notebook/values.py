"""Whether a value is of a parameter's type, in all its depth, and its form that any notebook can take."""

from __future__ import annotations

import difflib
import reprlib
from datetime import date, datetime
from pathlib import PurePath
from typing import Any

from workbench.execution.notebook.types import ANY, Kind

__all__ = ["Mismatch", "accept", "plain", "refuse_for_r", "short"]

_MAX_DEPTH = 50  # Python's own parser stops at 200 open brackets
_WHOLE_IN_R = 2**53


class Mismatch(Exception):
    """A value that does not fit.

    Attributes
    ----------
    said : str
        What is meant, or what is wrong.
    path : str
        Where inside of the value, such as ``[2]['a']``; empty for all of it.
    given : str
        What is there instead, in the form of words that end the line.
    """

    def __init__(self, said: str, path: str = "", given: str = "") -> None:
        super().__init__(said)
        self.said, self.path, self.given = said, path, given


def short(value: Any) -> str:
    """The value on a line of bounded length."""
    shown = reprlib.Repr()
    shown.maxstring = shown.maxother = 60
    shown.maxlevel = 3
    try:
        return " ".join(shown.repr(value).split())
    except ValueError:  # a number with too many digits
        return f"a {type(value).__name__}"


def plain(value: Any, path: str = "", level: int = 0) -> Any:
    """The value as JSON and every notebook language have it: dates as text, tuples as lists.

    Raises
    ------
    Mismatch
        For an object that has no such form, with what to give instead.
    """
    if level > _MAX_DEPTH:
        raise Mismatch(f"is nested more than {_MAX_DEPTH} levels deep", path[:40] + "…")
    value = _scalar(value, path)
    if isinstance(value, list | tuple):
        return [plain(item, f"{path}[{i}]", level + 1) for i, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise Mismatch(f"has the key {short(key)}; keys have to be text", path)
        return {
            _text(key, path): plain(item, f"{path}[{short(key)}]", level + 1) for key, item in value.items()
        }
    return value


def _scalar(value: Any, path: str) -> Any:
    if type(value).__module__ == "numpy":
        value = _from_numpy(value, path)
    if value is None or isinstance(value, bool | list | tuple | dict):
        return value
    if isinstance(value, str):
        return _text(value, path)
    if isinstance(value, int):
        try:
            str(int(value))
        except ValueError:
            raise Mismatch("is a number with too many digits", path) from None
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, date):
        if value != value:
            raise Mismatch("is no time (NaT); give None", path)
        return value.isoformat()
    if isinstance(value, PurePath):
        return _text(str(value), path)
    advice = {"set": "sorted(…)", "frozenset": "sorted(…)", "ndarray": ".tolist()", "Decimal": "float(…)"}
    kind = type(value).__name__
    raise Mismatch(
        f"is {short(value)}, a {kind}, which cannot be passed to a notebook; "
        f"give {advice.get(kind, 'numbers, text, lists or mappings')}",
        path,
    )


def _from_numpy(value: Any, path: str) -> Any:
    if getattr(value, "shape", None) == () and value.dtype.kind in "biufU":
        converted = value.item()
        if type(converted).__module__ != "numpy":
            return converted
    advice = ".tolist()" if getattr(value, "shape", ()) else "int(…), float(…) or str(…)"
    raise Mismatch(
        f"is a numpy {type(value).__name__}, which cannot be passed to a notebook; give {advice}", path
    )


def _text(value: str, path: str) -> str:
    value = str.__str__(value)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Mismatch(f"is {short(value)}, which holds half a character", path) from None
    return value


def refuse_for_r(value: Any, path: str = "") -> None:
    """Raise :class:`Mismatch` for a plain value that R would not hold as it is."""
    if isinstance(value, str) and "\0" in value:
        raise Mismatch("holds a NUL character, which text in R cannot", path)
    if isinstance(value, int) and abs(value) > _WHOLE_IN_R:
        raise Mismatch("is too large for R, which would round it; give it as text", path)
    if isinstance(value, dict):
        for key, item in value.items():
            if not key or "\0" in key:
                raise Mismatch(f"has the key {key!r}, which a list in R cannot have", path)
            refuse_for_r(item, f"{path}[{short(key)}]")
    if isinstance(value, list):
        for i, item in enumerate(value):
            refuse_for_r(item, f"{path}[{i}]")


def accept(kind: Kind, value: Any, path: str = "") -> Any:
    """A plain value as one of this type: a whole number is made a float where that is meant.

    Raises
    ------
    Mismatch
        Naming the place inside of the value.
    """
    match kind.name, value:
        case "any", _:
            return value
        case "union", _:
            return _accept_one(kind, value, path)
        case ("int", int()) | ("float", int() | float()) if not isinstance(value, bool):
            return _as_float(value, path) if kind.name == "float" else value
        case ("bool", bool()) | ("str" | "path", str()) | ("None", None):
            return value
        case "date" | "datetime", str() if _is_time(kind.name, value):
            return value
        case "literal", _ if any(type(value) is type(item) and value == item for item in kind.choices):
            return value
        case "list", list():
            element = kind.inner[0] if kind.inner else ANY
            return [accept(element, item, f"{path}[{i}]") for i, item in enumerate(value)]
        case "tuple", list() if not kind.inner or len(kind.inner) == len(value):
            inner = kind.inner or (ANY,) * len(value)
            return [accept(of, value[i], f"{path}[{i}]") for i, of in enumerate(inner)]
        case "dict", dict():
            of = kind.inner[0] if kind.inner else ANY
            return {key: accept(of, item, f"{path}[{short(key)}]") for key, item in value.items()}
    raise _mismatch(kind, value, path)


def _accept_one(kind: Kind, value: Any, path: str) -> Any:
    inside: Mismatch | None = None
    for alternative in kind.alternatives:
        try:
            return accept(alternative, value, path)
        except Mismatch as mismatch:
            if mismatch.path != path:
                inside = mismatch
    if inside:
        raise inside
    raise _mismatch(kind, value, path)


def _mismatch(kind: Kind, value: Any, path: str) -> Mismatch:
    choices = [choice for one in kind.alternatives for choice in one.choices if isinstance(choice, str)]
    near = difflib.get_close_matches(value, choices, n=1, cutoff=0.5) if isinstance(value, str) else []
    advice = f"; did you mean {near[0]!r}?" if near else ""
    return Mismatch(f"is {kind.words}", path, f"{short(value)}{advice}")


def _as_float(value: float, path: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise Mismatch("is a number too large for a float", path) from None


def _is_time(name: str, text: str) -> bool:
    try:
        (date if name == "date" else datetime).fromisoformat(text)
    except ValueError:
        return False
    return True
