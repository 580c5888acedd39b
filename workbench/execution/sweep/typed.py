"""Domains and values as they are typed on the command line or in ``workbench.toml``.

A range is ``0.1..0.9``, ``float(0..1)``, ``int(50..400, step=50)``, ``log(0.01..0.3)`` or
``logint(1..1000)``, a choice ``a|b``, several values ``a,b``. An item in double quotes is JSON text:
``"a|b"`` is one value.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Sequence
from typing import Any

from workbench.errors import ParameterError
from workbench.execution.notebook import parameters
from workbench.execution.notebook.parameters import Parameter
from workbench.execution.notebook.values import short
from workbench.execution.sweep.domains import Choice, Domain, Float, Int

__all__ = ["canonical", "is_domain", "read_domain", "read_item", "read_values"]

_FORMS = ("float", "int", "log", "logint")
_FORMS_IN_WORDS = "a range is written 0.1..0.9, int(50..400, step=50) or log(0.01..0.3), a choice a|b"
_NUMBER = r"(?:[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?|[+-]?inf|nan)"
_RANGE = re.compile(
    rf"(?:(?P<form>[a-z]\w*)\s*\(\s*)?(?P<low>{_NUMBER})\s*\.\.(?!\.)\s*(?P<high>{_NUMBER})"
    rf"(?:\s*,\s*step\s*=\s*(?P<step>{_NUMBER}))?\s*(?(form)\))",
    re.ASCII | re.IGNORECASE,
)
_BEGINS_AS_RANGE = re.compile(
    rf"\s*(?:(?:{'|'.join(_FORMS)})\s*\(\s*[+-]?[.\d]|(?:[a-z]\w*\s*\(\s*)?{_NUMBER}\s*\.\.)",
    re.ASCII | re.IGNORECASE,
)
_EXACT = 2**53  # from here on, not every whole number is a float of its own, and optuna keeps floats


def read_domain(parameter: Parameter, text: str, *, single: bool = False) -> Domain:
    """The domain that was typed for a parameter.

    Parameters
    ----------
    parameter : Parameter
        A range without a word before it is of whole numbers where the parameter takes no others.
    text : str
        ``0.1..0.9``, ``float(0..1)``, ``int(50..400, step=50)``, ``log(0.01..0.3)``, ``logint(1..1000)``
        or ``a|b|c``.
    single : bool
        Whether one value is meant as a choice of one.

    Raises
    ------
    ParameterError
        When it is no domain of that parameter, with what would be.
    """
    text = text.strip()
    parts = _split(parameter, text, "|")
    if len(parts) > 1:
        return Choice(_values(parameter, text, parts, "|"))
    if match := _RANGE.fullmatch(text):
        return _range(parameter, text, match)
    if is_domain(text):
        raise _refused(parameter, text, f"cannot be read as a range; {_FORMS_IN_WORDS}")
    if not single:
        raise _refused(parameter, text, f"is one value, nothing to choose from; {_FORMS_IN_WORDS}")
    return Choice(_values(parameter, text, parts, "|"))


def is_domain(text: str) -> bool:
    """Whether this is written as a range, rightly or not, rather than as a value or several."""
    return _BEGINS_AS_RANGE.match(text) is not None


def read_values(parameter: Parameter, text: str) -> tuple[Any, ...]:
    """The values between commas; one within brackets, braces or double quotes separates none.

    Raises
    ------
    ParameterError
        For a value of the wrong type, an empty one, or one that is there twice.
    """
    return _values(parameter, text, _split(parameter, text, ","), ",")


def read_item(parameter: Parameter, text: str) -> Any:
    """One value, as :func:`.parameters.parse` has it, or the text that JSON's double quotes hold.

    Raises
    ------
    ParameterError
        When it is no such value.
    """
    if text.startswith('"'):
        with contextlib.suppress(ValueError):
            return parameters.check(parameter, json.loads(text))
    return parameters.parse(parameter, text)


def canonical(value: Any) -> str:
    """JSON that tells any two values apart, 1 and True too."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _refused(parameter: Parameter, text: str, why: str) -> ParameterError:
    return ParameterError(f"parameter {parameter.name!r}: {short(text)} {why}")


def _range(parameter: Parameter, text: str, match: re.Match[str]) -> Domain:
    kinds = {kind.name for kind in parameter.kind.alternatives}
    form = (match["form"] or "").lower()
    floats = bool(kinds & {"float", "any"})
    if form and form not in _FORMS:
        raise _refused(parameter, text, f"has an unknown form {form!r}; {_FORMS_IN_WORDS}")
    if not floats and "int" not in kinds:
        advice = "write a choice, a|b, or the text itself in double quotes"
        raise _refused(parameter, text, f"is a range, and the parameter is {parameter.kind.words}; {advice}")
    if form == "float" and not floats:
        raise _refused(parameter, text, "has fractions, and the parameter is a whole number; write int(…)")
    whole, log = "int" in form or not floats, "log" in form
    low, high = float(match["low"]), float(match["high"])
    step = None if match["step"] is None else float(match["step"])
    if why := _wrong(low, high, step, whole=whole, log=log):
        raise _refused(parameter, text, why)
    if whole:
        return Int(int(low), int(high), log, None if step is None else int(step))
    return Float(low, high, log, step)


def _wrong(low: float, high: float, step: float | None, *, whole: bool, log: bool) -> str:
    """What is wrong with a range and how it is put right; nothing if nothing is."""
    numbers = (low, high) if step is None else (low, high, step)
    width = high - low
    if not all(map(math.isfinite, (*numbers, width))):
        return "is not finite, or wider than a number can be; give finite bounds"
    if whole and any(number % 1 for number in numbers):
        return "has a fraction where only whole numbers are; give whole bounds and a whole step"
    if whole and max(map(abs, numbers)) >= _EXACT:
        return "is too large; whole numbers are exact below 2**53"
    if width <= 0:
        return "is empty; the lower bound comes first and has to be below the upper one"
    if log and low <= 0:
        return "has a log scale, which begins above 0; raise the lower bound"
    if step is None:
        return ""
    if log:
        return "has a log scale, which takes no step; leave out one of them"
    stepped = Float(low, high, step=step)
    if step <= 0 or not stepped.size or stepped.size < 2:
        return "has a step that is not above 0 and at most the range; give such a step"
    if max(abs(low), abs(high)) / step >= _EXACT:
        return "has a step too small to be told apart; give a larger one"
    if (last := stepped.nth(stepped.size - 1)) != high:
        return f"does not end on a step; write {Float(low, last, step=step)}, or another step"
    return ""


def _split(parameter: Parameter, text: str, separator: str) -> list[str]:
    """What lies between separators that are not within JSON's brackets or quotes."""
    parts, closing, quoted, escaped = [""], list[str](), False, False
    for letter in text:
        if quoted:
            quoted = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            quoted = bool(closing) or not parts[-1].strip()
        elif letter in "[{":
            closing.append("]" if letter == "[" else "}")
        elif letter in "]}" and (not closing or closing.pop() != letter):
            closing = [letter]
            break
        elif letter == separator and not closing:
            parts.append("")
            continue
        parts[-1] += letter
    if quoted or closing:
        why = "has a bracket or quote without its other half; put text that holds one in double quotes"
        raise _refused(parameter, text, why)
    return parts


def _values(parameter: Parameter, text: str, parts: Sequence[str], separator: str) -> tuple[Any, ...]:
    if len(parts) > 1 and not parts[-1].strip():
        raise _refused(parameter, text, f"ends with {separator!r}; write it between values only")
    if not all(part.strip() for part in parts):
        raise _refused(parameter, text, 'has an empty value; write "" for empty text')
    values = tuple(read_item(parameter, part.strip()) for part in parts)
    keys = [canonical(value) for value in values]
    for place, key in enumerate(keys):
        if key in keys[:place]:
            raise _refused(parameter, text, f"has {short(values[place])} twice; give each value once")
    return values
