"""What a sweep found, in pictures: the title of each says what is to be seen.

A picture with nothing to see is None. Names and values are data: none is read as markup.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, chain, combinations, product
from statistics import median
from typing import TYPE_CHECKING, Any

from workbench.execution.sweep.drawing import (
    add_remark,
    aim_of,
    apart,
    draw_dots,
    draw_star,
    listed,
    new_figure,
    not_shown,
    wrapped,
)
from workbench.execution.sweep.ranking import (
    KINDS,
    Objectives,
    Trials,
    as_study,
    headline,
    importances,
    leaders,
    others,
    parameters_of,
    table,
    values_of,
    with_values,
)
from workbench.execution.sweep.scales import (
    ABSENT,
    BLUE,
    GREY,
    INK,
    ORANGE,
    RED,
    UNSET,
    Scale,
    escaped,
    written,
)
from workbench.execution.sweep.trials import Objective, best

if TYPE_CHECKING:
    import optuna
    from matplotlib.figure import Figure

__all__ = ["as_study", "front", "history", "importance", "parallel", "slices", "steps", "table"]

_SHADES = ("#dddddd", "#7fb2e5", BLUE, "#123a68")
_FEET = {
    "pruned": ("v", BLUE),
    "failed": ("x", RED),
    "killed": ("|", INK),
    "breaks a constraint": ("d", INK),
    "without a value": ("s", GREY),
}
_LINES = 60  # more of them beside each other nobody can follow


def history(tried: Trials, objectives: Objectives) -> Figure | None:
    """Each objective over the trials by number, with the best so far; at the foot those without a value."""
    if not tried or not objectives:
        return None
    rated = with_values(tried, objectives)
    numbers, end = [trial.number for trial in rated], max(trial.number for trial in tried)
    feet: dict[str, list[int]] = {}
    for trial in others(tried, rated):
        word = "without a value" if trial.holds else "breaks a constraint"
        feet.setdefault(trial.status if trial.status in _FEET else word, []).append(trial.number)
    shown = objectives if rated else ()
    heights = [3.2 if len(shown) == 1 else 2.3] * len(shown) + [0.2 + 0.22 * len(feet)] * bool(feet)
    title = headline(tried, objectives)
    figure, panels = new_figure(title, 0.9 + sum(heights), len(heights), sharex=True, height_ratios=heights)
    for ax, one in zip(panels, shown, strict=False):
        scale = Scale.rated(one, rated)
        values = [scale.place(trial.value(one.metric)) for trial in rated]
        reached = [*accumulate(values, max if one.maximize else min)]
        draw_dots(ax, [*zip(numbers, values, strict=True)], BLUE, "a trial")
        ax.step([*numbers, end], [*reached, reached[-1]], color=ORANGE, where="post", label="best so far")
        draw_star(ax, (numbers[values.index(reached[-1])], reached[-1]))
        scale.lay_out(ax, "y", aim_of(one))
    for row, (word, which) in enumerate(feet.items()):
        panels[-1].plot(which, [row] * len(which), _FEET[word][0], color=_FEET[word][1], label=word)
    if feet:
        panels[-1].set_yticks(range(len(feet)), [f"{word} ({len(which):,})" for word, which in feet.items()])
        panels[-1].set_ylim(len(feet) - 0.4, -0.6)
    if shown:
        panels[0].legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    panels[-1].set_xlabel("trial", color=INK)
    panels[-1].locator_params(axis="x", integer=True, min_n_ticks=1)
    return figure


def importance(tried: Trials, objectives: Objectives, varied: Sequence[str]) -> Figure | None:
    """How much each parameter matters for each objective; None where these trials cannot tell."""
    rated = with_values(tried, objectives)
    told = {one.metric: shares for one in objectives[:3] if (shares := importances(rated, one, varied))}
    if not told:
        return None
    metric, names = next((metric, [*shares]) for metric, shares in told.items())
    title = f"{names[0]} matters most for {metric}, as far as {len(rated):,} trials tell"
    figure, panels = new_figure(title, 1.5 + 0.3 * len(names), 1, len(told), sharey=True)
    for ax, (metric, shares) in zip(panels, told.items(), strict=True):
        bars = ax.barh(range(len(names)), [shares[name] for name in names], color=BLUE)
        ax.bar_label(bars, [f"{shares[name]:.0%}" for name in names], padding=3, color=INK)
        ax.set_title(written(metric, 40) if len(told) > 1 else "", loc="left", color=INK, fontsize=10)
        ax.set(xlim=(0, 1.15), ylim=(len(names) - 0.4, -0.6), xticks=[])
        ax.grid(visible=False)
        ax.spines["bottom"].set_visible(False)
    panels[0].set_yticks(range(len(names)), [written(name, 40) for name in names])
    missing = [name for name in varied if name not in names]
    remark = "How much of what differs goes with each parameter, as a random forest estimates it (fANOVA): "
    remark += "a hint, not a proof. What was hardly varied cannot matter here."
    left_out = " Not told, as always the same, hardly ever the same, or not always set: "
    add_remark(figure, remark + f"{left_out}{listed(missing)}." * bool(missing))
    return figure


def parallel(tried: Trials, objectives: Objectives, varied: Sequence[str]) -> Figure | None:
    """Trials as lines through their parameters to their objectives, the best on top."""
    rated = with_values(tried, objectives)
    names = parameters_of(rated, varied)[:12]
    if not names:
        return None
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patheffects import withStroke

    columns = [(name, Scale.of(values_of(rated, name)), values_of(rated, name)) for name in names]
    for one in objectives:
        values = [trial.value(one.metric) for trial in rated]
        columns.append((one.metric, Scale.rated(one, rated), values))
    top = {trial.number for trial in leaders(rated, objectives)}
    lines = []
    for i, trial in enumerate(rated):
        line = [(x, scale.height(values[i], trial.number)) for x, (_, scale, values) in enumerate(columns)]
        lines.append((trial.number in top, line[len(names)][1], line))
    lines.sort()
    good = max(len(top), _LINES // 2)
    drawn = lines[:-good][:: -(-2 * len(lines[:-good]) // _LINES) or 1] + lines[-good:]
    shade, thick, few = LinearSegmentedColormap.from_list("", _SHADES), 3 / len(top) ** 0.4, len(drawn) < 20
    looks = [
        (ORANGE, thick, True) if is_top else (shade(place / len(drawn)), 1.0, few)
        for place, (is_top, _, _) in enumerate(drawn)
    ]
    colours, widths, smooth = zip(*looks, strict=True)
    figure, [ax] = new_figure(headline(tried, objectives), 4.6)
    ax.add_collection(
        LineCollection([line for _, _, line in drawn], colors=colours, linewidths=widths, antialiaseds=smooth)
    )
    for x, (_, scale, values) in enumerate(columns):
        ax.plot([x, x], [0, 1], color=INK, linewidth=1)
        words = {scale.share(place): word for place, word in scale.ticks(6).items()}
        for y, word in (words | ({UNSET: "not set"} if ABSENT in values else {})).items():
            halo = [withStroke(linewidth=2.5, foreground="white")]
            ax.text(x + 0.04, y, word, fontsize=8, va="center", color=INK, path_effects=halo)
    slant: dict[str, Any] = {"rotation": 30, "ha": "left"} if len(columns) > 7 else {}
    labels = [written(name) if slant else escaped(wrapped(name)) for name, _, _ in columns]
    ax.set_xticks(range(len(columns)), labels, **slant)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.set(xlim=(-0.1, len(columns) - 0.5), yticks=[])
    ax.spines[:].set_visible(False)
    remark = f"A line is a trial: the darker, the better its {objectives[0].metric}; orange is the best. "
    remark += "At the top of an objective is its best value."
    remark += f" {len(drawn):,} of {len(rated):,} trials are drawn." * (len(drawn) < len(rated))
    add_remark(figure, remark + not_shown(varied, names))
    return figure


def slices(tried: Trials, objectives: Objectives, varied: Sequence[str]) -> Figure | None:
    """Each objective against each parameter, at most 8 of them, first those that matter most."""
    rated = with_values(tried, objectives)
    known = parameters_of(rated, varied)
    if not known:
        return None
    shares = importances(rated, objectives[0], known)
    names = sorted(known, key=lambda name: -shares.get(name, 0.0))[: 8 if len(objectives) == 1 else 4]
    deep = -(-len(names) // 4)
    rows, columns = deep * len(objectives), -(-len(names) // deep)
    title = f"{listed([one.metric for one in objectives])} against each parameter"
    figure, panels = new_figure(
        title, 0.8 + 2.5 * rows, rows, columns, min(9.0, 2 + 3.0 * columns), sharey="row"
    )
    for ax, (one, name) in zip(panels, product(objectives, names), strict=False):
        having = [trial for trial in rated if name in trial.parameters]
        x, y, top = Scale.of(values_of(having, name)), Scale.rated(one, rated), best(rated, one)
        at = {t.number: (x.place(t.parameters[name]), y.place(t.value(one.metric))) for t in having}
        draw_dots(ax, [(place + x.jitter(number), value) for number, (place, value) in at.items()], BLUE)
        for level in x.levels.values() if len(x.levels) <= KINDS else ():
            middle = median(value for place, value in at.values() if place == level)
            ax.plot([level - 0.3, level + 0.3], [middle, middle], color=INK)
        if top is not None and top.number in at:
            draw_star(ax, (at[top.number][0] + x.jitter(top.number), at[top.number][1]))
        x.lay_out(ax, "x", wrapped(name, 26))
        y.lay_out(ax, "y", aim_of(one).replace(" (", "\n(") if ax in panels[::columns] else "")
    for ax in panels[len(names) * len(objectives) :]:
        ax.remove()
    remark = "A dot is a trial, the star the best; the dash of a category is its median."
    add_remark(figure, remark + not_shown(known, names))
    return figure


def front(tried: Trials, objectives: Objectives) -> Figure | None:
    """Objectives against each other, with the trials that no other beats in all; None for one objective."""
    rated, pairs = with_values(tried, objectives), [*combinations(objectives, 2)]
    if not rated or not pairs:
        return None
    columns = min(len(pairs), 3)
    rows = -(-min(len(pairs), 6) // columns)
    width, height = (7.0, 4.6) if len(pairs) == 1 else (9.0, 0.9 + 2.8 * rows)
    figure, panels = new_figure(headline(tried, objectives), height, rows, columns, width)
    top = sorted(leaders(rated, objectives), key=lambda trial: trial.value(objectives[0].metric))
    for ax, (across, up) in zip(panels, pairs, strict=False):
        x, y = Scale.rated(across, rated), Scale.rated(up, rated)
        at = {t.number: (x.place(t.value(across.metric)), y.place(t.value(up.metric))) for t in rated}
        unbeaten = [at[trial.number] for trial in top]
        draw_dots(ax, [at[trial.number] for trial in others(rated, top)], BLUE, "a trial")
        draw_dots(ax, unbeaten, ORANGE, "beaten by no other")
        for trial in top if len(pairs) == 1 and len(top) <= 12 else ():
            ax.annotate(
                f"{trial.number}", at[trial.number], xytext=(5, 5), textcoords="offset points", fontsize=9
            )
        if len(pairs) == 1:
            ax.step(*zip(*unbeaten, strict=True), color=ORANGE, where="pre" if across.maximize else "post")
        x.lay_out(ax, "x", aim_of(across))
        y.lay_out(ax, "y", aim_of(up))
    remark = "Orange: no other trial is as good in all of them and better in one."
    add_remark(figure, remark + not_shown(pairs, panels, "pairs"))
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
    figure, [ax] = new_figure(f"{len(ended) or 'None'} of {len(found):,} trials were ended early{half}", 3.9)
    maximize = study.directions[0].name == "MAXIMIZE"
    scale = Scale.numbers([value for _, points in found.values() for _, value in points], maximize, 20)
    curves = {
        number: (early, [(float(at), scale.place(value)) for at, value in points])
        for number, (early, points) in found.items()
    }
    for pruned, colour, label in ((False, BLUE, "to the end"), (True, GREY, "ended early")):
        lines = [line for early, line in curves.values() if early is pruned]
        broken = [*chain.from_iterable([*line, (math.nan, math.nan)] for line in lines)]
        draw_dots(ax, [line[-1] for line in lines if pruned or len(line) == 1], colour)
        ax.plot(*apart(broken), color=colour, alpha=0.6, linewidth=1, label=label if lines else "")
    if best_number in curves:
        look: dict[str, Any] = {"color": ORANGE, "linewidth": 3, "label": f"the best, trial {best_number}"}
        ax.plot(*apart(curves[best_number][1]), "o-", **look)
    ax.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1))
    ax.set_xlabel("step", color=INK)
    ax.locator_params(axis="x", integer=True)
    scale.lay_out(ax, "y", aim_of(Objective(metric="value on the way", maximize=maximize)))
    return figure
