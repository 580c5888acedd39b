"""Values as code, where papermill's own translation does not give the same value back.

Importing this module registers them with papermill. papermill's leave the following wrong: a value of a type
that it does not know becomes text without a word, and so does a key that is no text, unescaped; Julia runs
what stands in ``$(…)`` inside of text; in R and Julia, ``é`` becomes a single byte, and ``nan``, ``inf`` and
``None`` in the wrong place are no code at all. And it formats the cell with black where that is installed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from papermill.translators import JuliaTranslator, PythonTranslator, RTranslator, papermill_translators

__all__ = ["JuliaValues", "PythonValues", "RValues"]

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class _Strict:
    """What the three have in common: only what JSON has, and no surprise in keys."""

    not_finite: ClassVar[Mapping[str, str]]

    @classmethod
    def translate(cls, val: Any) -> str:
        if val is not None and type(val) not in (str, bool, int, float, dict, list):
            raise TypeError(f"a {type(val).__name__} cannot be passed to a notebook: {val!r}")
        translated: str = super().translate(val)  # type: ignore[misc]  # of the papermill class beside this
        return translated

    @classmethod
    def translate_float(cls, val: float) -> str:
        return repr(val) if math.isfinite(val) else cls.not_finite[str(val)]

    @classmethod
    def inspect(cls, parameters_cell: Any) -> list[Any]:
        """Nothing: parameters were read and checked before papermill was called."""
        return []


class PythonValues(_Strict, PythonTranslator):  # type: ignore[misc]  # papermill ships no types
    """For Python kernels."""

    not_finite: ClassVar = {"nan": "float('nan')", "inf": "float('inf')", "-inf": "float('-inf')"}

    @classmethod
    def translate_str(cls, val: str) -> str:
        return repr(_only_text(val))

    @classmethod
    def codify(cls, parameters: Mapping[str, Any], comment: str = "Parameters") -> str:
        lines = [f"{name} = {cls.translate(value)}\n" for name, value in parameters.items()]
        return "".join([f"{cls.comment(comment)}\n", *lines])


class RValues(_Strict, RTranslator):  # type: ignore[misc]
    """For R kernels."""

    not_finite: ClassVar = {"nan": "NaN", "inf": "Inf", "-inf": "-Inf"}

    @classmethod
    def translate_str(cls, val: str) -> str:
        return _quoted(val)


class JuliaValues(_Strict, JuliaTranslator):  # type: ignore[misc]
    """For Julia kernels."""

    not_finite: ClassVar = {"nan": "NaN", "inf": "Inf", "-inf": "-Inf"}

    @classmethod
    def translate_str(cls, val: str) -> str:
        return _quoted(val).replace("$", "\\$")


def _quoted(text: str) -> str:
    """In double quotes, with escapes that R and Julia share; what can be printed stands as it is."""
    return '"' + "".join(_ESCAPES.get(char) or _escaped(char) for char in _only_text(text)) + '"'


def _only_text(key: str) -> str:
    if type(key) is not str:
        raise TypeError(f"a key has to be text, not {key!r}")
    return key


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


papermill_translators.register("python", PythonValues)
papermill_translators.register("R", RValues)
papermill_translators.register("julia", JuliaValues)
