"""What a search may choose from: numbers of a range, whole or not, or values that were named."""

from __future__ import annotations

import contextlib
import json
import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

__all__ = ["Choice", "Domain", "Float", "Int"]

_BARE = re.compile(r"[\w.:/+-]([\w .:/+-]*[\w.:/+-])?")
_OTHER_WORDS = ("none", "null", "true", "false")


@dataclass(frozen=True)
class Float:
    """Numbers from ``low`` to ``high``, both included, evenly or on a log scale, or each ``step`` of them."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __str__(self) -> str:
        return _written("log" if self.log else "", self)

    @property
    def size(self) -> int | None:
        """How many there are, with a step."""
        if self.step is None:
            return None
        return int((_exact(self.high) - _exact(self.low)) // _exact(self.step)) + 1

    def nth(self, index: int) -> float:
        """The number that many steps above ``low``: 0.3, where floats add up to 0.30000000000000004."""
        return float(_exact(self.low) + index * _exact(self.step or 0.0))

    def at(self, share: float) -> float:
        """The number below which this share (0 to 1) of all lies."""
        return self.nth(int(share * self.size)) if self.size else _between(self, self.low, self.high, share)


@dataclass(frozen=True)
class Int:
    """Whole numbers from ``low`` to ``high``, both included, evenly or on a log scale, or each ``step``."""

    low: int
    high: int
    log: bool = False
    step: int | None = None

    def __str__(self) -> str:
        return _written("logint" if self.log else "int", self)

    @property
    def size(self) -> int:
        """How many there are."""
        return (self.high - self.low) // (self.step or 1) + 1

    def nth(self, index: int) -> int:
        """The number that many steps above ``low``."""
        return self.low + index * (self.step or 1)

    def at(self, share: float) -> int:
        """The number below which this share (0 to 1) of all lies."""
        if not self.log:
            return self.nth(int(share * self.size))
        drawn = round(_between(self, self.low - 0.5, self.high + 0.5, share))
        return min(max(drawn, self.low), self.high)


@dataclass(frozen=True)
class Choice:
    """One of these values."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return "|".join(map(_typed, self.values))

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.values)

    def nth(self, index: int) -> Any:
        """The value that many places after the first."""
        return self.values[index]

    def at(self, share: float) -> Any:
        """The value below which this share (0 to 1) of all lies."""
        return self.values[int(share * self.size)]


Domain = Float | Int | Choice


def _between(domain: Float | Int, low: float, high: float, share: float) -> float:
    if domain.log:
        drawn = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    else:
        drawn = low + share * (high - low)
    return min(max(drawn, low), high)


def _exact(number: float) -> Fraction:
    """The number as it is written, not the binary fraction that is nearest to it."""
    return Fraction(repr(float(number)))


def _written(form: str, domain: Float | Int) -> str:
    low, high, step = (
        "" if n is None else repr(n).removesuffix(".0") for n in (domain.low, domain.high, domain.step)
    )
    inside = f"{low}..{high}" + (f", step={step}" if step else "")
    return f"{form}({inside})" if form else inside


def _typed(value: Any) -> str:
    """What is typed for a value: text in quotes where it would be read as something else without them."""
    if isinstance(value, str) and _BARE.fullmatch(value) and value.find("..") <= 0:
        with contextlib.suppress(ValueError):
            float(value)
            return json.dumps(value)
        if value.lower() not in _OTHER_WORDS:
            return value
    return json.dumps(value, ensure_ascii=False)
