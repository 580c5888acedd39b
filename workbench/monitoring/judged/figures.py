"""What judgements come to: how many answers people call wrong, with what that may say of all answers.

Of what was drawn at random, the share that is wrong has Wilson's interval (Journal of the American
Statistical Association 22, 1927), which holds for few rows, and where none is wrong. What was looked at for
being uncertain says nothing of the others, so it is told apart, and no slice's share counts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.monitoring.findings.documents import to_document
from workbench.registry.gates.bootstrap import Interval

if TYPE_CHECKING:
    from workbench.store.judgements import Judgement

__all__ = ["Figures", "Share", "figures"]


@dataclass(frozen=True)
class Share:
    """Of some answers, how many are wrong.

    Attributes
    ----------
    group, name : str
        Such as ``origin`` and ``JFK``, ``person`` and ``ada``, ``drawn`` and ``random``.
    right, wrong, unsure, disputed : int
        Answers about which people agree, that nobody could say anything of, and about which they do not.
    share : Interval
        Wrong among right and wrong, at 95 %; unknown when there is none of either.
    """

    group: str
    name: str
    right: int
    wrong: int
    unsure: int
    disputed: int
    share: Interval

    @property
    def count(self) -> int:
        return self.right + self.wrong + self.unsure + self.disputed

    @property
    def about(self) -> str:
        """Such as ``origin = JFK``, ``by ada``, ``drawn: random`` or ``v3``."""
        plain = {"drawn": f"drawn: {self.name}", "person": f"by {self.name}", "version": self.name}
        return plain.get(self.group, f"{self.group} = {self.name}")

    @property
    def percent(self) -> str:
        """The share as people say it, ``32 % [15, 54]``; a dash where there is none."""
        if not self.share.known:
            return "–"
        value, low, high = (
            f"{100 * each:.0f}" for each in (self.share.value, self.share.low, self.share.high)
        )
        return f"{value} % [{low}, {high}]"


@dataclass(frozen=True)
class Figures:
    """What was judged of a log.

    Attributes
    ----------
    drawn, people, slices : tuple of Share
        By how answers were drawn; by who judged; and by slice, of what was drawn at random.
    """

    drawn: tuple[Share, ...] = ()
    people: tuple[Share, ...] = ()
    slices: tuple[Share, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; NaN is null."""
        return to_document(self)


def figures(found: Iterable[Judgement]) -> Figures:
    """What the newest judgement of each person on each prediction comes to."""
    every = list(found)
    chance = [each for each in every if each.drawn == "random"]
    slices = _by("version", chance, lambda each: f"v{each.version}")
    for column in sorted({column for each in chance for column in each.slices}):
        slices += _by(column, chance, lambda each, column=column: each.slices.get(column, ""))  # type: ignore[misc]
    return Figures(
        drawn=tuple(_by("drawn", every, lambda each: each.drawn)),
        people=tuple(_by("person", every, lambda each: each.person)),
        slices=tuple(slices),
    )


def _by(group: str, found: Iterable[Judgement], name: Callable[[Judgement], str]) -> list[Share]:
    """A share for each name, by the name; what has none is left out."""
    parts: dict[str, list[Judgement]] = {}
    for each in found:
        parts.setdefault(name(each), []).append(each)
    return [_share(group, name, part) for name, part in sorted(parts.items()) if name]


def _share(group: str, name: str, found: Iterable[Judgement]) -> Share:
    verdicts: dict[str, set[str]] = {}
    for each in found:
        verdicts.setdefault(each.prediction_id, set()).add(each.verdict)
    told = [said - {"can't say"} for said in verdicts.values()]
    right, wrong = told.count({"right"}), told.count({"wrong"})
    unsure, disputed = told.count(set()), told.count({"right", "wrong"})
    return Share(group, name, right, wrong, unsure, disputed, _wilson(wrong, right + wrong))


def _wilson(count: int, of: int) -> Interval:
    from scipy.stats import binomtest

    if not of:
        return Interval(*[float("nan")] * 3)
    bounds = binomtest(count, of).proportion_ci(0.95, method="wilson")
    return Interval(count / of, float(bounds.low), float(bounds.high))
