"""Where the values of parameters and objectives lie on an axis, and what is written beside them.

Names and values are data: none is read as markup.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from workbench.execution.sweep.trials import Objective, Tried

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from optuna.distributions import BaseDistribution

__all__ = [
    "ABSENT",
    "BLUE",
    "GREY",
    "INK",
    "ORANGE",
    "RED",
    "UNSET",
    "WIDE",
    "Scale",
    "escaped",
    "is_number",
    "key_of",
    "plain",
    "written",
]

BLUE, ORANGE, GREY, RED, INK = "#2f6db5", "#e07b28", "#b8bec6", "#c0392b", "#30363d"
WIDE = 50.0  # positive numbers that span more than this ratio go on a log scale
UNSET = -0.12  # where a line passes below the axis of a parameter that its trial does not have
ABSENT = object()


@dataclass(frozen=True)
class Scale:
    """Where values lie: numbers evenly or by their logarithm, other values each at a place of its own."""

    low: float
    high: float
    whole: bool = False
    falling: bool = False
    beyond: int = 0
    levels: dict[str, int] = field(default_factory=dict)
    values: tuple[Any, ...] = ()

    @classmethod
    def of(cls, given: Iterable[Any]) -> Scale:
        """For a parameter: more than two different numbers make a range."""
        found = {key_of(value): value for value in given if value is not ABSENT}
        numbers = {key: value for key, value in found.items() if is_number(value)}
        if len(found) == len(numbers) > 2:
            whole = all(isinstance(value, int) for value in numbers.values())
            return cls(min(numbers.values()), max(numbers.values()), whole)
        keys = sorted(found, key=lambda key: (key not in numbers, numbers.get(key, 0), key))
        levels = {key: place for place, key in enumerate(keys)}
        return cls(0, len(keys) - 1, levels=levels, values=tuple(found[key] for key in keys))

    @classmethod
    def numbers(cls, values: Sequence[float], maximize: bool, far: float = 3.0) -> Scale:
        """For an objective: a few that are far worse lie at the edge, or they would hide all the others."""
        low, high = min(values), max(values)
        if len(values) > 9 and not high > low * WIDE > 0:
            first, _, third = quantiles(values)
            reach = far * (third - first) or math.inf
            low, high = (max(low, first - reach), high) if maximize else (low, min(high, third + reach))
        return cls(low, high, falling=not maximize, beyond=sum(not low <= value <= high for value in values))

    @classmethod
    def rated(cls, objective: Objective, trials: Iterable[Tried]) -> Scale:
        return cls.numbers([trial.value(objective.metric) for trial in trials], objective.maximize)

    @property
    def log(self) -> bool:
        return not self.levels and self.high > self.low * WIDE > 0

    def place(self, value: Any) -> float:
        """Where it lies in the coordinates of an axis."""
        return self.levels[key_of(value)] if self.levels else min(max(value, self.low), self.high)

    def share(self, place: float) -> float:
        """How far up it lies between the ends, 0 to 1; for an objective, how good it is."""
        low, high, at = (math.log(number) if self.log else number for number in (self.low, self.high, place))
        share = (at - low) / (high - low) if high > low else 0.5
        return 1 - share if self.falling else share

    def height(self, value: Any, number: int) -> float:
        """Where the line of a trial passes."""
        return UNSET if value is ABSENT else self.share(self.place(value)) + self.jitter(number) / 12

    def jitter(self, number: int) -> float:
        """A little aside, the same for a trial each time, where many would lie on one another."""
        return (number * 0.618034 % 1 - 0.5) * 0.5 if self.levels else 0.0

    def stored(self, value: Any) -> Any:
        """The value as Optuna takes it, which tells values by ``==``, as 1 and True are."""
        plain = value is None or isinstance(value, bool | str) or is_number(value)
        return value if not self.levels or (plain and self.values.count(value) == 1) else key_of(value)

    def distribution(self) -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.levels:
            return CategoricalDistribution([self.stored(value) for value in self.values])
        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def ticks(self, most: int) -> dict[float, str]:
        """Labels by their places, so many as can be read."""
        from matplotlib.ticker import LogLocator, MaxNLocator

        if self.levels:
            every = -(-len(self.levels) // 12)
            return {place: written(self.values[place]) for place in range(0, len(self.levels), every)}
        close = LogLocator(subs=(1.0, 3.0) if self.high < 2000 * self.low else (1.0,))
        even = MaxNLocator(most, integer=self.whole, steps=[1, 2, 2.5, 5, 10])
        slack = 1e-9 * (self.high - self.low)
        places = [float(at) for at in (close if self.log else even).tick_values(self.low, self.high)]
        inside = [place for place in places if self.low - slack <= place <= self.high + slack]
        return {place: f"{place:.6g}".replace("e-0", "e-") for place in inside or [self.low]}

    def lay_out(self, ax: Axes, side: str, label: str) -> None:
        """Scale, labels and name of an axis."""
        axis, ticks = {"x": ax.xaxis, "y": ax.yaxis}[side], self.ticks(4 if side == "x" else 6)
        ax.set(**{f"{side}scale": "log" if self.log else "linear"})
        axis.set_ticks([], minor=True)
        slant: dict[str, Any] = {}
        while side == "x" and len("".join(ticks.values())) > 20 and not slant:
            if self.levels:
                slant = {"rotation": 30, "ha": "right"}
                ticks = {place: written(self.values[int(place)], 20) for place in ticks}
            else:
                ticks = dict([*ticks.items()][::2])
        axis.set_ticks([*ticks], [*ticks.values()], **slant)
        edge = f"\n{self.beyond:,} far worse at the edge" if self.beyond and label else ""
        axis.set_label_text(escaped(label) + edge, color=INK)


def is_number(value: Any) -> bool:
    """A finite one, and so far from the largest that the length of a range is finite, too."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def key_of(value: Any) -> str:
    """Equal for what counts as one value: 1 and 1.0, but neither 1 and True nor 1 and "1"."""
    whole = isinstance(value, float) and value.is_integer()
    return json.dumps(int(value) if whole else value, sort_keys=True, default=str)


def plain(value: Any, width: int = 24) -> str:
    """A value in few words."""
    if isinstance(value, float):
        return f"{value:.5g}"
    text = " ".join(str(value).split())
    return text if len(text) <= width else f"{text[: width // 2]}…{text[1 - width // 2 :]}"


def escaped(text: str) -> str:
    """For matplotlib, which would take what stands between two dollars for a formula."""
    return text.replace("$", r"\$")


def written(value: Any, width: int = 24) -> str:
    return escaped(plain(value, width))
