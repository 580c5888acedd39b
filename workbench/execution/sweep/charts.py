"""What a sweep found, in pictures and one table: the title of each says what is to be seen.

A picture with nothing to see is None. Names and values are data: none is read as markup.
"""

from __future__ import annotations

import contextlib
import html
import io
import json
import math
import textwrap
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, combinations, product
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, TypeAlias

from workbench.execution.sweep.trials import Objective, Tried, best

if TYPE_CHECKING:
    import optuna
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from optuna.distributions import BaseDistribution
    from pandas.io.formats.style import Styler

__all__ = ["as_study", "front", "history", "importance", "parallel", "slices", "steps", "table"]

_Trials: TypeAlias = Sequence[Tried]
_Objectives: TypeAlias = Sequence[Objective]
_Points: TypeAlias = Sequence[tuple[float, float]]

_BLUE, _ORANGE, _GREY, _RED, _INK = "#2f6db5", "#e07b28", "#b8bec6", "#c0392b", "#30363d"
_SHADES = ("#dddddd", "#7fb2e5", _BLUE, "#123a68")
_FEET = {
    "pruned": ("v", _BLUE),
    "failed": ("x", _RED),
    "killed": ("|", _INK),
    "without a value": ("s", _GREY),
}
_ENOUGH = 250  # trials to tell what matters by: more tell the same, and take minutes
_KINDS = 20  # categories of which each has trials enough to be told from the others
_LINES = 60  # more of them beside each other nobody can follow
_WIDE = 50.0  # positive numbers that span more than this ratio go on a log scale
_UNSET = -0.12  # where a line passes below the axis of a parameter that its trial does not have
_ABSENT = object()


def as_study(tried: _Trials, objectives: _Objectives) -> optuna.Study:
    """The trials as a study in memory, for what of Optuna reads one; there has to be an objective.

    Complete are those that finished with a finite value of each objective; killed ones are left out.
    """
    import optuna
    from optuna.trial import TrialState, create_trial

    loud = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(directions=[one.direction for one in objectives])
    finally:
        optuna.logging.set_verbosity(loud)
    scales = {name: _Scale.of(_given(tried, name)) for name in _names(tried)}
    spaces = {name: scale.distribution() for name, scale in scales.items()}
    complete = {trial.number for trial in _rated(tried, objectives)}
    for trial in (trial for trial in tried if trial.status != "killed"):
        done = trial.number in complete
        ended = TrialState.PRUNED if trial.status == "pruned" else TrialState.FAIL
        study.add_trial(
            create_trial(
                state=TrialState.COMPLETE if done else ended,
                values=[trial.value(one.metric) for one in objectives] if done else None,
                params={name: scales[name].stored(value) for name, value in trial.parameters.items()},
                distributions={name: spaces[name] for name in trial.parameters},
                user_attrs={"number": trial.number},
            )
        )
    return study


def history(tried: _Trials, objectives: _Objectives) -> Figure | None:
    """Each objective over the trials by number, with the best so far; at the foot those without a value."""
    if not tried or not objectives:
        return None
    rated = _rated(tried, objectives)
    numbers, end = [trial.number for trial in rated], max(trial.number for trial in tried)
    feet: dict[str, list[int]] = {}
    for trial in _others(tried, rated):
        feet.setdefault(trial.status if trial.status in _FEET else "without a value", []).append(trial.number)
    shown = objectives if rated else ()
    heights = [3.2 if len(shown) == 1 else 2.3] * len(shown) + [0.2 + 0.22 * len(feet)] * bool(feet)
    title = _headline(tried, objectives)
    figure, panels = _figure(title, 0.9 + sum(heights), len(heights), sharex=True, height_ratios=heights)
    for ax, one in zip(panels, shown, strict=False):
        scale = _Scale.rated(one, rated)
        values = [scale.place(trial.value(one.metric)) for trial in rated]
        reached = [*accumulate(values, max if one.maximize else min)]
        _dots(ax, [*zip(numbers, values, strict=True)], _BLUE, "a trial")
        ax.step([*numbers, end], [*reached, reached[-1]], color=_ORANGE, where="post", label="best so far")
        _star(ax, (numbers[values.index(reached[-1])], reached[-1]))
        scale.lay_out(ax, "y", _aim(one))
    for row, (word, which) in enumerate(feet.items()):
        panels[-1].plot(which, [row] * len(which), _FEET[word][0], color=_FEET[word][1], label=word)
    if feet:
        panels[-1].set_yticks(range(len(feet)), [f"{word} ({len(which):,})" for word, which in feet.items()])
        panels[-1].set_ylim(len(feet) - 0.4, -0.6)
    if shown:
        panels[0].legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    panels[-1].set_xlabel("trial", color=_INK)
    panels[-1].locator_params(axis="x", integer=True, min_n_ticks=1)
    return figure


def importance(tried: _Trials, objectives: _Objectives, varied: Sequence[str]) -> Figure | None:
    """How much each parameter matters for each objective; None where these trials cannot tell."""
    rated = _rated(tried, objectives)
    told = {one.metric: shares for one in objectives[:3] if (shares := _shares(rated, one, varied))}
    if not told:
        return None
    metric, names = next((metric, [*shares]) for metric, shares in told.items())
    title = f"{names[0]} matters most for {metric}, as far as {len(rated):,} trials tell"
    figure, panels = _figure(title, 1.5 + 0.3 * len(names), 1, len(told), sharey=True)
    for ax, (metric, shares) in zip(panels, told.items(), strict=True):
        bars = ax.barh(range(len(names)), [shares[name] for name in names], color=_BLUE)
        ax.bar_label(bars, [f"{shares[name]:.0%}" for name in names], padding=3, color=_INK)
        ax.set_title(_text(metric, 40) if len(told) > 1 else "", loc="left", color=_INK, fontsize=10)
        ax.set(xlim=(0, 1.15), ylim=(len(names) - 0.4, -0.6), xticks=[])
        ax.grid(visible=False)
        ax.spines["bottom"].set_visible(False)
    panels[0].set_yticks(range(len(names)), [_text(name, 40) for name in names])
    missing = [name for name in varied if name not in names]
    remark = (
        "How much of what differs goes with each parameter, as a random forest estimates it (fANOVA): "
        "a hint, not a proof. What was hardly varied cannot matter here."
    )
    _remark(
        figure,
        remark
        + f" Not told, as always the same, hardly ever the same, or not always set: {_listed(missing)}."
        * bool(missing),
    )
    return figure


def parallel(tried: _Trials, objectives: _Objectives, varied: Sequence[str]) -> Figure | None:
    """Trials as lines through their parameters to their objectives, the best on top."""
    rated = _rated(tried, objectives)
    names = _names(rated, varied)[:12]
    if not names:
        return None
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patheffects import withStroke

    columns = [(name, _Scale.of(_given(rated, name)), _given(rated, name)) for name in names]
    for one in objectives:
        values = [trial.value(one.metric) for trial in rated]
        columns.append((one.metric, _Scale.rated(one, rated), values))
    top = {trial.number for trial in _top(rated, objectives)}
    lines = []
    for i, trial in enumerate(rated):
        line = [(x, scale.height(values[i], trial.number)) for x, (_, scale, values) in enumerate(columns)]
        lines.append((trial.number in top, line[len(names)][1], line))
    lines.sort()
    good = max(len(top), _LINES // 2)
    drawn = lines[:-good][:: -(-2 * len(lines[:-good]) // _LINES) or 1] + lines[-good:]
    shade, thick, few = LinearSegmentedColormap.from_list("", _SHADES), 3 / len(top) ** 0.4, len(drawn) < 20
    looks = [
        (_ORANGE, thick, True) if is_top else (shade(place / len(drawn)), 1.0, few)
        for place, (is_top, _, _) in enumerate(drawn)
    ]
    colours, widths, smooth = zip(*looks, strict=True)
    figure, [ax] = _figure(_headline(tried, objectives), 4.6)
    ax.add_collection(
        LineCollection([line for _, _, line in drawn], colors=colours, linewidths=widths, antialiaseds=smooth)
    )
    for x, (_, scale, values) in enumerate(columns):
        ax.plot([x, x], [0, 1], color=_INK, linewidth=1)
        words = {scale.share(place): word for place, word in scale.ticks(6).items()}
        for y, word in (words | ({_UNSET: "not set"} if _ABSENT in values else {})).items():
            halo = [withStroke(linewidth=2.5, foreground="white")]
            ax.text(x + 0.04, y, word, fontsize=8, va="center", color=_INK, path_effects=halo)
    slant: dict[str, Any] = {"rotation": 30, "ha": "left"} if len(columns) > 7 else {}
    labels = [_text(name) if slant else _wrapped(name) for name, _, _ in columns]
    ax.set_xticks(range(len(columns)), labels, **slant)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.set(xlim=(-0.1, len(columns) - 0.5), yticks=[])
    ax.spines[:].set_visible(False)
    remark = f"A line is a trial: the darker, the better its {objectives[0].metric}; orange is the best. "
    remark += "At the top of an objective is its best value."
    remark += f" {len(drawn):,} of {len(rated):,} trials are drawn." * (len(drawn) < len(rated))
    _remark(figure, remark + _more(varied, names))
    return figure


def slices(tried: _Trials, objectives: _Objectives, varied: Sequence[str]) -> Figure | None:
    """Each objective against each parameter, at most 8 of them, first those that matter most."""
    rated = _rated(tried, objectives)
    known = _names(rated, varied)
    if not known:
        return None
    shares = _shares(rated, objectives[0], known)
    names = sorted(known, key=lambda name: -shares.get(name, 0.0))[: 8 if len(objectives) == 1 else 4]
    deep = -(-len(names) // 4)
    rows, columns = deep * len(objectives), -(-len(names) // deep)
    title = f"{_listed([one.metric for one in objectives])} against each parameter"
    figure, panels = _figure(
        title, 0.8 + 2.5 * rows, rows, columns, min(9.0, 2 + 3.0 * columns), sharey="row"
    )
    for ax, (one, name) in zip(panels, product(objectives, names), strict=False):
        having = [trial for trial in rated if name in trial.parameters]
        x, y, top = _Scale.of(_given(having, name)), _Scale.rated(one, rated), best(rated, one)
        at = {t.number: (x.place(t.parameters[name]), y.place(t.value(one.metric))) for t in having}
        _dots(ax, [(place + x.jitter(number), value) for number, (place, value) in at.items()], _BLUE)
        for level in x.levels.values() if len(x.levels) <= _KINDS else ():
            middle = median(value for place, value in at.values() if place == level)
            ax.plot([level - 0.3, level + 0.3], [middle, middle], color=_INK)
        if top is not None and top.number in at:
            _star(ax, (at[top.number][0] + x.jitter(top.number), at[top.number][1]))
        x.lay_out(ax, "x", _wrapped(name, 26))
        y.lay_out(ax, "y", _aim(one).replace(" (", "\n(") if ax in panels[::columns] else "")
    for ax in panels[len(names) * len(objectives) :]:
        ax.remove()
    remark = "A dot is a trial, the star the best; the dash of a category is its median."
    _remark(figure, remark + _more(known, names))
    return figure


def front(tried: _Trials, objectives: _Objectives) -> Figure | None:
    """Objectives against each other, with the trials that no other beats in all; None for one objective."""
    rated, pairs = _rated(tried, objectives), [*combinations(objectives, 2)]
    if not rated or not pairs:
        return None
    columns = min(len(pairs), 3)
    rows = -(-min(len(pairs), 6) // columns)
    width, height = (7.0, 4.6) if len(pairs) == 1 else (9.0, 0.9 + 2.8 * rows)
    figure, panels = _figure(_headline(tried, objectives), height, rows, columns, width)
    top = sorted(_top(rated, objectives), key=lambda trial: trial.value(objectives[0].metric))
    for ax, (across, up) in zip(panels, pairs, strict=False):
        x, y = _Scale.rated(across, rated), _Scale.rated(up, rated)
        at = {t.number: (x.place(t.value(across.metric)), y.place(t.value(up.metric))) for t in rated}
        unbeaten = [at[trial.number] for trial in top]
        _dots(ax, [at[trial.number] for trial in _others(rated, top)], _BLUE, "a trial")
        _dots(ax, unbeaten, _ORANGE, "beaten by no other")
        for trial in top if len(pairs) == 1 and len(top) <= 12 else ():
            ax.annotate(
                f"{trial.number}", at[trial.number], xytext=(5, 5), textcoords="offset points", fontsize=9
            )
        if len(pairs) == 1:
            ax.step(*zip(*unbeaten, strict=True), color=_ORANGE, where="pre" if across.maximize else "post")
        x.lay_out(ax, "x", _aim(across))
        y.lay_out(ax, "y", _aim(up))
    remark = "Orange: no other trial is as good in all of them and better in one."
    _remark(figure, remark + _more(pairs, panels, "pairs"))
    return figure


def steps(study: optuna.Study | None, best_number: int | None) -> Figure | None:
    """What trials reported on their way: those that were ended early are pale, the best one is strong."""
    found = {
        trial.number: (trial.state.name == "PRUNED", points)
        for trial in (study.trials if study else ())
        if trial.state.is_finished()
        and (points := sorted((at, v) for at, v in trial.intermediate_values.items() if math.isfinite(v)))
    }
    if study is None or not found:
        return None
    ended = sorted(points[-1][0] for early, points in found.values() if early)
    half = f", half of them by step {median(ended):g}" if ended else ""
    figure, [ax] = _figure(f"{len(ended) or 'None'} of {len(found):,} trials were ended early{half}", 3.9)
    maximize = study.directions[0].name == "MAXIMIZE"
    scale = _Scale.numbers([value for _, points in found.values() for _, value in points], maximize, 20)
    curves = {
        number: (early, [(float(at), scale.place(value)) for at, value in points])
        for number, (early, points) in found.items()
    }
    for pruned, colour, label in ((False, _BLUE, "to the end"), (True, _GREY, "ended early")):
        lines = [line for early, line in curves.values() if early is pruned]
        broken = [*chain.from_iterable([*line, (math.nan, math.nan)] for line in lines)]
        _dots(ax, [line[-1] for line in lines if pruned or len(line) == 1], colour)
        ax.plot(*_apart(broken), color=colour, alpha=0.6, linewidth=1, label=label if lines else "")
    if best_number in curves:
        look: dict[str, Any] = {"color": _ORANGE, "linewidth": 3, "label": f"the best, trial {best_number}"}
        ax.plot(*_apart(curves[best_number][1]), "o-", **look)
    ax.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1))
    ax.set_xlabel("step", color=_INK)
    ax.locator_params(axis="x", integer=True)
    scale.lay_out(ax, "y", _aim(Objective(metric="value on the way", maximize=maximize)))
    return figure


def table(tried: _Trials, objectives: _Objectives, limit: int = 30) -> Styler:
    """The best trials first, in bold those that no other beats; after them those that failed, and why."""
    import pandas as pd

    rated, names = _rated(tried, objectives), _names(tried)
    top = {trial.number for trial in _top(rated, objectives)}
    for one in objectives[:1]:
        rated.sort(key=lambda t: (t.number not in top, t.value(one.metric) * (-1 if one.maximize else 1)))
    order = ("failed", "finished", "killed", "pruned")
    rest = sorted(_others(tried, rated), key=lambda trial: order.index(trial.status))
    kept = min(len(rest), max(limit // 6, limit - len(rated)))
    shown = [*rated[: limit - kept], *rest[:kept]]
    columns: dict[tuple[str, str], list[str]] = {
        ("", "trial"): [f"{trial.number}" for trial in shown],
        ("", "status"): [trial.status + ", reused" * trial.reused for trial in shown],
        **{
            ("objectives", o.metric): [_plain(t.metrics.get(o.metric, "")) for t in shown] for o in objectives
        },
        **{("parameters", n): [_plain(t.parameters.get(n, ""), 60) for t in shown] for n in names},
        ("", "seconds"): [f"{trial.seconds:,.1f}" for trial in shown],
        ("", "why"): [textwrap.shorten(trial.why, 160, placeholder=" …") for trial in shown],
    }
    hidden, few = len(tried) - len(shown), "1 trial" if len(tried) == 1 else f"{len(tried):,} trials"
    said = (f"{len(shown):,} of " if hidden else "") + few
    said += f", the best first: {_listed([_aim(one) for one in objectives])}" * bool(objectives)
    said += f"; {hidden:,} more, {len(rest) - kept:,} of them without a value" * bool(hidden)
    bold = pd.IndexSlice[[i for i, trial in enumerate(shown) if trial.number in top], :]
    left: list[Any] = [
        {"selector": selector, "props": "text-align: left"} for selector in ("caption", "th.level0")
    ]
    styler = pd.DataFrame(columns).style.set_properties(bold, **{"font-weight": "bold"})
    styler = styler.format(escape="html").format_index(escape="html", axis="columns")
    return styler.hide(axis="index").set_table_styles(left).set_caption(html.escape(said))


@dataclass(frozen=True)
class _Scale:
    """Where values lie: numbers evenly or by their logarithm, other values each at a place of its own."""

    low: float
    high: float
    whole: bool = False
    falling: bool = False
    beyond: int = 0
    levels: dict[str, int] = field(default_factory=dict)
    values: tuple[Any, ...] = ()

    @classmethod
    def of(cls, given: Iterable[Any]) -> _Scale:
        """For a parameter: more than two different numbers make a range."""
        found = {_key(value): value for value in given if value is not _ABSENT}
        numbers = {key: value for key, value in found.items() if _is_number(value)}
        if len(found) == len(numbers) > 2:
            whole = all(isinstance(value, int) for value in numbers.values())
            return cls(min(numbers.values()), max(numbers.values()), whole)
        keys = sorted(found, key=lambda key: (key not in numbers, numbers.get(key, 0), key))
        levels = {key: place for place, key in enumerate(keys)}
        return cls(0, len(keys) - 1, levels=levels, values=tuple(found[key] for key in keys))

    @classmethod
    def numbers(cls, values: Sequence[float], maximize: bool, far: float = 3.0) -> _Scale:
        """For an objective: a few that are far worse lie at the edge, or they would hide all the others."""
        low, high = min(values), max(values)
        if len(values) > 9 and not high > low * _WIDE > 0:
            first, _, third = quantiles(values)
            reach = far * (third - first) or math.inf
            low, high = (max(low, first - reach), high) if maximize else (low, min(high, third + reach))
        return cls(low, high, falling=not maximize, beyond=sum(not low <= value <= high for value in values))

    @classmethod
    def rated(cls, objective: Objective, trials: Iterable[Tried]) -> _Scale:
        return cls.numbers([trial.value(objective.metric) for trial in trials], objective.maximize)

    @property
    def log(self) -> bool:
        return not self.levels and self.high > self.low * _WIDE > 0

    def place(self, value: Any) -> float:
        """Where it lies in the coordinates of an axis."""
        return self.levels[_key(value)] if self.levels else min(max(value, self.low), self.high)

    def share(self, place: float) -> float:
        """How far up it lies between the ends, 0 to 1; for an objective, how good it is."""
        low, high, at = (math.log(number) if self.log else number for number in (self.low, self.high, place))
        share = (at - low) / (high - low) if high > low else 0.5
        return 1 - share if self.falling else share

    def height(self, value: Any, number: int) -> float:
        """Where the line of a trial passes."""
        return _UNSET if value is _ABSENT else self.share(self.place(value)) + self.jitter(number) / 12

    def jitter(self, number: int) -> float:
        """A little aside, the same for a trial each time, where many would lie on one another."""
        return (number * 0.618034 % 1 - 0.5) * 0.5 if self.levels else 0.0

    def stored(self, value: Any) -> Any:
        """The value as Optuna takes it, which tells values by ``==``, as 1 and True are."""
        plain = value is None or isinstance(value, bool | str) or _is_number(value)
        return value if not self.levels or (plain and self.values.count(value) == 1) else _key(value)

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
            return {place: _text(self.values[place]) for place in range(0, len(self.levels), every)}
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
                ticks = {place: _text(self.values[int(place)], 20) for place in ticks}
            else:
                ticks = dict([*ticks.items()][::2])
        axis.set_ticks([*ticks], [*ticks.values()], **slant)
        edge = f"\n{self.beyond:,} far worse at the edge" if self.beyond and label else ""
        axis.set_label_text(label + edge, color=_INK)


def _shares(rated: _Trials, objective: Objective, varied: Sequence[str]) -> dict[str, float]:
    """How much each parameter matters, what matters most first; nothing where that cannot be told."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    rated = rated[:: -(-len(rated) // _ENOUGH) or 1]
    given = {name: _given(rated, name) for name in varied}
    scales = {name: _Scale.of(given[name]) for name in varied if _ABSENT not in given[name]}
    names = [name for name, scale in scales.items() if not scale.levels or 1 < len(scale.levels) <= _KINDS]
    if len(rated) < 4 or len(names) < 2 or len({trial.value(objective.metric) for trial in rated}) == 1:
        return {}
    scale = _Scale.rated(objective, rated)
    forest, study = FanovaImportanceEvaluator(n_trees=32, seed=0), as_study(rated, [objective])
    with contextlib.suppress(RuntimeError, ValueError), warnings.catch_warnings(action="ignore"):
        found = get_param_importances(
            study,
            evaluator=forest,
            params=names,
            target=lambda trial: scale.share(scale.place(trial.values[0])),
        )
        return {name: float(share) for name, share in found.items()}
    return {}


def _rated(tried: _Trials, objectives: _Objectives) -> list[Tried]:
    """Those that finished with a finite value of each objective, by number."""
    finished = [trial for trial in tried if trial.status == "finished" and objectives]
    whole = [t for t in finished if all(_is_number(t.value(one.metric)) for one in objectives)]
    return sorted(whole, key=lambda trial: trial.number)


def _others(tried: _Trials, rated: _Trials) -> list[Tried]:
    known = {trial.number for trial in rated}
    return sorted((trial for trial in tried if trial.number not in known), key=lambda trial: trial.number)


def _top(rated: _Trials, objectives: _Objectives) -> list[Tried]:
    """The best trial; of several objectives all that no other beats: as good in each, better in one."""
    import numpy as np

    if len(objectives) == 1:
        return [trial for trial in [best(rated, objectives[0])] if trial is not None]
    goods = np.array(
        [[t.value(one.metric) * (1 if one.maximize else -1) for one in objectives] for t in rated]
    )
    beaten = [((goods >= good).all(axis=1) & (goods > good).any(axis=1)).any() for good in goods]
    return [trial for trial, worse in zip(rated, beaten, strict=True) if not worse]


def _headline(tried: _Trials, objectives: _Objectives) -> str:
    metrics, top = _listed([one.metric for one in objectives]), _top(_rated(tried, objectives), objectives)
    if not top:
        return f"None of {len(tried):,} trials has a value of {metrics}"
    if len(objectives) > 1:
        return f"{len(top):,} of {len(tried):,} trials are beaten by no other in {metrics}"
    return f"Trial {top[0].number} is the best of {len(tried):,}: {metrics} {_plain(top[0].value(metrics))}"


def _names(trials: _Trials, among: Sequence[str] | None = None) -> list[str]:
    """The parameters that these trials have."""
    found = dict.fromkeys(name for trial in trials for name in trial.parameters)
    return [*found] if among is None else [name for name in among if name in found]


def _given(trials: _Trials, name: str) -> list[Any]:
    return [trial.parameters.get(name, _ABSENT) for trial in trials]


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    )  # and so that a range has a length


def _key(value: Any) -> str:
    """Equal for what counts as one value: 1 and 1.0, but neither 1 and True nor 1 and "1"."""
    whole = isinstance(value, float) and value.is_integer()
    return json.dumps(int(value) if whole else value, sort_keys=True, default=str)


def _plain(value: Any, width: int = 24) -> str:
    """A value in few words."""
    if isinstance(value, float):
        return f"{value:.5g}"
    text = " ".join(str(value).split())
    return text if len(text) <= width else f"{text[: width // 2]}…{text[1 - width // 2 :]}"


def _text(value: Any, width: int = 24) -> str:
    """A value for matplotlib, which would take what stands between two dollars for a formula."""
    return _plain(value, width).replace("$", r"\$")


def _wrapped(name: str, width: int = 14) -> str:
    lines = textwrap.wrap(_text(name, 3 * width).replace("_", "_ "), width)
    return "\n".join(line.replace("_ ", "_") for line in lines)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _more(known: Sequence[Any], shown: Sequence[Any], things: str = "parameters") -> str:
    return f" {len(known) - len(shown)} more {things} are not shown." * (len(known) > len(shown))


def _aim(objective: Objective) -> str:
    return f"{_text(objective.metric)} ({'higher' if objective.maximize else 'lower'} is better)"


def _apart(points: _Points) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _figure(
    title: str, height: float, rows: int = 1, columns: int = 1, width: float = 9.0, **options: Any
) -> tuple[Figure, list[Axes]]:
    """A figure that pyplot does not keep and IPython shows, and its axes row by row."""
    from matplotlib.figure import Figure

    figure = Figure((width, height), dpi=100, layout="constrained")
    vars(figure)["_repr_png_"] = lambda: _png(figure)
    title = textwrap.fill(title, int(10 * width)).replace("$", r"\$")
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", color=_INK)
    panels = [*figure.subplots(rows, columns, squeeze=False, **options).flat]
    for ax in panels:
        ax.grid(axis="y", alpha=0.3)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=9)
    return figure, panels


def _png(figure: Figure) -> bytes:
    """With few shades, which takes half the room."""
    import numpy as np
    from matplotlib.image import imsave

    raw, png = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="rgba")
    pixels = np.frombuffer(raw.getvalue(), np.uint8).reshape(*map(round, figure.bbox.size[::-1]), 4)
    imsave(png, (np.rint(pixels / 12.75) * 12.75).astype(np.uint8), format="png")
    return png.getvalue()


def _remark(figure: Figure, text: str) -> None:
    wrapped = textwrap.fill(text, int(14 * figure.get_figwidth())).replace("$", r"\$")
    figure.supxlabel(wrapped, x=0.01, ha="left", fontsize=9, color=_INK)


def _dots(ax: Axes, points: _Points, colour: str, label: str = "") -> None:
    """Points that can be told apart, be they 3 or 1,000."""
    few = min(1.0, 50 / (len(points) or 1))
    look: dict[str, Any] = {"markersize": 3 + 3.5 * few, "alpha": 0.4 + 0.4 * few, "markeredgewidth": 0}
    ax.plot(*_apart(points), "o", color=colour, label=label, **look)


def _star(ax: Axes, place: tuple[float, float]) -> None:
    ax.plot(*place, "*", color=_ORANGE, markersize=17, markeredgecolor="white", zorder=5)
