"""The trials of a sweep in order: which is best, what matters, as a table and as a study of Optuna's.

Names and values are data: none is read as markup.
"""

from __future__ import annotations

import contextlib
import html
import textwrap
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from workbench.execution.sweep.drawing import aim_of, listed
from workbench.execution.sweep.scales import ABSENT, Scale, is_number, plain
from workbench.execution.sweep.trials import Objective, Tried, best

if TYPE_CHECKING:
    import optuna
    from pandas.io.formats.style import Styler

__all__ = [
    "ENOUGH",
    "KINDS",
    "Objectives",
    "Trials",
    "as_study",
    "headline",
    "importances",
    "leaders",
    "others",
    "parameters_of",
    "table",
    "values_of",
    "with_values",
]

Trials: TypeAlias = Sequence[Tried]
Objectives: TypeAlias = Sequence[Objective]
ENOUGH = 250  # trials to tell what matters by: more tell the same, and take minutes
KINDS = 20  # categories of which each has trials enough to be told from the others


def as_study(tried: Trials, objectives: Objectives) -> optuna.Study:
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
    scales = {name: Scale.of(values_of(tried, name)) for name in parameters_of(tried)}
    spaces = {name: scale.distribution() for name, scale in scales.items()}
    complete = {trial.number for trial in with_values(tried, objectives)}
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


def table(tried: Trials, objectives: Objectives, limit: int = 30) -> Styler:
    """The best trials first, in bold those that no other beats; after them those that failed, and why."""
    import pandas as pd

    rated, names = with_values(tried, objectives), parameters_of(tried)
    top = {trial.number for trial in leaders(rated, objectives)}
    for one in objectives[:1]:
        rated.sort(key=lambda t: (t.number not in top, t.value(one.metric) * (-1 if one.maximize else 1)))
    order = ("failed", "finished", "killed", "pruned")
    rest = sorted(others(tried, rated), key=lambda trial: order.index(trial.status))
    kept = min(len(rest), max(limit // 6, limit - len(rated)))
    shown = [*rated[: limit - kept], *rest[:kept]]
    columns: dict[tuple[str, str], list[str]] = {
        ("", "trial"): [f"{trial.number}" for trial in shown],
        ("", "status"): [trial.status + ", reused" * trial.reused for trial in shown],
        **{("objectives", o.metric): [plain(t.metrics.get(o.metric, "")) for t in shown] for o in objectives},
        **{("parameters", n): [plain(t.parameters.get(n, ""), 60) for t in shown] for n in names},
        ("", "seconds"): [f"{trial.seconds:,.1f}" for trial in shown],
        ("", "why"): [textwrap.shorten(trial.why, 160, placeholder=" …") for trial in shown],
    }
    hidden, few = len(tried) - len(shown), "1 trial" if len(tried) == 1 else f"{len(tried):,} trials"
    said = (f"{len(shown):,} of " if hidden else "") + few
    said += f", the best first: {listed([aim_of(one) for one in objectives])}" * bool(objectives)
    said += f"; {hidden:,} more, {len(rest) - kept:,} of them without a value" * bool(hidden)
    bold = pd.IndexSlice[[i for i, trial in enumerate(shown) if trial.number in top], :]
    left: list[Any] = [
        {"selector": selector, "props": "text-align: left"} for selector in ("caption", "th.level0")
    ]
    styler = pd.DataFrame(columns).style.set_properties(bold, **{"font-weight": "bold"})
    styler = styler.format(escape="html").format_index(escape="html", axis="columns")
    return styler.hide(axis="index").set_table_styles(left).set_caption(html.escape(said))


def importances(rated: Trials, objective: Objective, varied: Sequence[str]) -> dict[str, float]:
    """How much each parameter matters, what matters most first; nothing where that cannot be told."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    rated = rated[:: -(-len(rated) // ENOUGH) or 1]
    given = {name: values_of(rated, name) for name in varied}
    scales = {name: Scale.of(given[name]) for name in varied if ABSENT not in given[name]}
    names = [name for name, scale in scales.items() if not scale.levels or 1 < len(scale.levels) <= KINDS]
    if len(rated) < 4 or len(names) < 2 or len({trial.value(objective.metric) for trial in rated}) == 1:
        return {}
    scale = Scale.rated(objective, rated)
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


def with_values(tried: Trials, objectives: Objectives) -> list[Tried]:
    """Those that finished with a finite value of each objective and hold the constraints, by number."""
    finished = [trial for trial in tried if trial.status == "finished" and trial.holds and objectives]
    whole = [t for t in finished if all(is_number(t.value(one.metric)) for one in objectives)]
    return sorted(whole, key=lambda trial: trial.number)


def others(tried: Trials, rated: Trials) -> list[Tried]:
    known = {trial.number for trial in rated}
    return sorted((trial for trial in tried if trial.number not in known), key=lambda trial: trial.number)


def leaders(rated: Trials, objectives: Objectives) -> list[Tried]:
    """The best trial; of several objectives all that no other beats: as good in each, better in one."""
    import numpy as np

    if len(objectives) == 1:
        return [trial for trial in [best(rated, objectives[0])] if trial is not None]
    goods = np.array(
        [[t.value(one.metric) * (1 if one.maximize else -1) for one in objectives] for t in rated]
    )
    beaten = [((goods >= good).all(axis=1) & (goods > good).any(axis=1)).any() for good in goods]
    return [trial for trial, worse in zip(rated, beaten, strict=True) if not worse]


def headline(tried: Trials, objectives: Objectives) -> str:
    metrics = listed([one.metric for one in objectives])
    top = leaders(with_values(tried, objectives), objectives)
    if not top:
        return f"None of {len(tried):,} trials has a value of {metrics}"
    if len(objectives) > 1:
        return f"{len(top):,} of {len(tried):,} trials are beaten by no other in {metrics}"
    value = plain(top[0].value(objectives[0].metric))
    return f"Trial {top[0].number} is the best of {len(tried):,}: {metrics} {value}"


def parameters_of(trials: Trials, among: Sequence[str] | None = None) -> list[str]:
    """The parameters that these trials have."""
    found = dict.fromkeys(name for trial in trials for name in trial.parameters)
    return [*found] if among is None else [name for name in among if name in found]


def values_of(trials: Trials, name: str) -> list[Any]:
    return [trial.parameters.get(name, ABSENT) for trial in trials]
