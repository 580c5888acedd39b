"""The pictures and the table of a sweep's report, as a person sees them, and the notebook that shows them."""

from __future__ import annotations

import ast
import json
import math
import random
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from tests.pages import HOSTILE, parse
from workbench.execution.sweep import charts, results
from workbench.execution.sweep.trials import Objective, TrialStatus, Tried
from workbench.tracking.sanitize import clean_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

AUC = Objective(metric="roc_auc")
LOSS = Objective(metric="log_loss", maximize=False)
MILLISECONDS = Objective(metric="latency_ms", maximize=False)
SUMMARY = Path(charts.__file__).with_name("summary.ipynb")


def tried(number: int, status: TrialStatus = "finished", why: str = "", **given: Any) -> Tried:
    """A trial; what is named like an objective is a metric of it, all else a parameter."""
    known = {objective.metric for objective in (AUC, LOSS, MILLISECONDS)}
    metrics = {name: float(value) for name, value in given.items() if name in known}
    parameters = {name: value for name, value in given.items() if name not in known}
    return Tried(number, parameters, status, metrics, why, seconds=1.5)


def searched(count: int, seed: int = 0) -> list[Tried]:
    """A search in which the rate matters and the leaves do not; each 5th trial is pruned, each 7th failed."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        rate, leaves, kind = 10 ** draw.uniform(-3, 0), draw.randint(3, 63), draw.choice(["hist", "forest"])
        value = 0.75 - 0.03 * (math.log10(rate) + 1) ** 2 - 0.01 * (kind == "forest") + draw.gauss(0, 0.002)
        given = {"learning_rate": rate, "max_leaf_nodes": leaves, "kind": kind}
        if number % 5 == 4:
            found.append(tried(number, "pruned", "worse than the others at step 3", **given))
        elif number % 7 == 6:
            found.append(tried(number, "failed", "ValueError: no such column", **given))
        else:
            worth = {"roc_auc": value, "log_loss": 1.1 - value, "latency_ms": leaves / 10 + value}
            found.append(tried(number, **given, **worth))
    return found


def names_of(trials: Sequence[Tried]) -> list[str]:
    return list(dict.fromkeys(name for trial in trials for name in trial.parameters))


def shown(figure: Figure | None) -> Figure:
    """The picture, drawn without a warning and in the size that it has in a report."""
    assert figure is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert png(figure).startswith(b"\x89PNG")
    return figure


def png(figure: Figure) -> bytes:
    drawn: bytes = figure._repr_png_()  # type: ignore[attr-defined]
    return drawn


def title(figure: Figure) -> str:
    return figure.get_suptitle()


def words(figure: Figure) -> str:
    """All that is written in a picture."""
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text) if isinstance(text, Text))


def labelled(ax: Axes, label: str) -> Line2D:
    (line,) = [line for line in ax.get_lines() if line.get_label() == label]
    return line


def panel(figure: Figure, name: str) -> Axes:
    """The panel with that parameter below it."""
    (ax,) = [ax for ax in figure.axes if ax.get_xlabel().replace("\n", "") == name]
    return ax


# -- how the search went


@pytest.mark.practice("M7")
def test_the_history_names_the_best_trial_and_has_a_dot_for_each_that_finished() -> None:
    trials = searched(40)
    finished = [trial for trial in trials if trial.status == "finished"]
    best = max(finished, key=lambda trial: trial.metrics["roc_auc"])
    figure = shown(charts.history(trials, [AUC]))
    assert f"Trial {best.number} is the best of 40" in title(figure)
    ax = figure.axes[0]
    assert list(labelled(ax, "a trial").get_xdata()) == [trial.number for trial in finished]
    assert "higher is better" in ax.get_ylabel()
    reached = list(labelled(ax, "best so far").get_ydata())
    assert reached == sorted(reached)
    assert reached[-1] == best.metrics["roc_auc"]


def test_where_less_is_better_the_best_so_far_goes_down() -> None:
    figure = shown(charts.history(searched(40), [LOSS]))
    assert "lower is better" in figure.axes[0].get_ylabel()
    reached = list(labelled(figure.axes[0], "best so far").get_ydata())
    assert reached == sorted(reached, reverse=True)
    assert reached[0] > reached[-1]


def test_pruned_and_failed_trials_stand_at_the_foot_and_can_be_told_apart() -> None:
    trials = [*searched(40), tried(40, "killed", learning_rate=0.1), tried(41, learning_rate=0.1)]
    figure = shown(charts.history(trials, [AUC]))
    foot = figure.axes[-1]
    for status in ("pruned", "failed", "killed"):
        numbers = [trial.number for trial in trials if trial.status == status]
        assert list(labelled(foot, status).get_xdata()) == numbers
        assert f"{status} ({len(numbers)})" in words(figure)
    assert list(labelled(foot, "without a value").get_xdata()) == [41]
    lines = foot.get_lines()
    assert len({line.get_marker() for line in lines}) == len({line.get_color() for line in lines}) == 4


def test_when_none_has_a_value_the_history_says_so() -> None:
    figure = shown(charts.history([tried(0, "failed", a=1), tried(1, a=2), tried(2, "pruned", a=3)], [AUC]))
    assert title(figure) == "None of 3 trials has a value of roc_auc"
    assert len(figure.axes) == 1


def test_each_objective_has_its_history() -> None:
    figure = shown(charts.history(searched(30), [AUC, MILLISECONDS]))
    labels = [ax.get_ylabel() for ax in figure.axes]
    assert labels[:2] == ["roc_auc (higher is better)", "latency_ms (lower is better)"]
    assert "beaten by no other in roc_auc and latency_ms" in title(figure)


def test_one_trial_far_off_does_not_hide_how_the_others_differ() -> None:
    trials = [tried(number, a=number, roc_auc=0.7 + number / 1000) for number in range(30)]
    trials[3] = tried(3, a=3, roc_auc=-1e6)
    figure = shown(charts.history(trials, [AUC]))
    low, _ = figure.axes[0].get_ylim()
    assert 0.5 < low < 0.7
    assert len(labelled(figure.axes[0], "a trial").get_xdata()) == 30
    assert "1 far worse at the edge" in figure.axes[0].get_ylabel()


def with_steps(*curves: tuple[bool, list[float]]) -> Any:
    """A study whose trials reported these values, and whether they were pruned."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    for pruned, values in curves:
        trial = study.ask()
        for step, value in enumerate(values):
            trial.report(value, step)
        if pruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, values[-1] if values and math.isfinite(values[-1]) else 0.5)
    return study


def test_steps_show_the_pruned_pale_and_short_and_the_best_strong() -> None:
    study = with_steps(
        (False, [0.5, 0.6, 0.7, 0.72]),
        (True, [0.4, 0.45]),
        (False, [0.5, 0.62, 0.73, 0.75]),
        (True, [0.3, 0.35]),
    )
    figure = shown(charts.steps(study, 2))
    ax = figure.axes[0]
    assert title(figure) == "2 of 4 trials were ended early, half of them by step 1"
    best, early = labelled(ax, "the best, trial 2"), labelled(ax, "ended early")
    assert list(best.get_ydata()) == [0.5, 0.62, 0.73, 0.75]
    assert best.get_linewidth() > early.get_linewidth()
    assert max(step for step in early.get_xdata() if not math.isnan(step)) == 1
    assert "higher is better" in ax.get_ylabel()


def test_there_are_no_steps_where_no_trial_reported_any() -> None:
    assert charts.steps(None, None) is None
    assert charts.steps(with_steps((False, []), (False, [])), 0) is None
    assert charts.steps(with_steps((False, [math.nan])), 0) is None


# -- what matters


def test_what_matters_stands_above_what_does_not_each_time_alike() -> None:
    trials = searched(60)
    figure = shown(charts.importance(trials, [AUC], names_of(trials)))
    ax = figure.axes[0]
    order = [label.get_text() for label in ax.get_yticklabels()]
    assert order == ["learning_rate", "kind", "max_leaf_nodes"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first is on top
    assert title(figure).startswith("learning_rate matters most for roc_auc")
    assert "a hint, not a proof" in words(figure).replace("\n", " ")
    widths = [bar.get_width() for bar in ax.patches]  # type: ignore[attr-defined]
    assert widths[0] > 5 * widths[2]
    again = shown(charts.importance(trials, [AUC], names_of(trials)))
    assert widths == [bar.get_width() for bar in again.axes[0].patches]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "trials",
    [
        [tried(number, a=number, b=-number, roc_auc=number) for number in range(3)],
        [tried(number, a=number, roc_auc=number) for number in range(20)],
        [tried(number, a=number, b="same", roc_auc=number) for number in range(20)],
        [tried(number, a=number, b=number % 3, roc_auc=0.7) for number in range(20)],
        [tried(number, "failed", a=number, b=-number) for number in range(20)],
        [],
    ],
    ids=["three trials", "one parameter", "one that varies", "no variance", "all failed", "none"],
)
def test_what_matters_is_not_told_where_it_cannot_be(trials: list[Tried]) -> None:
    assert charts.importance(trials, [AUC], ["a", "b"]) is None


def test_a_parameter_that_some_trials_lack_is_named_as_not_told() -> None:
    trials = [tried(n, a=n, b=n % 4, roc_auc=n, **({"depth": n} if n % 2 else {})) for n in range(20)]
    figure = shown(charts.importance(trials, [AUC], ["a", "b", "depth"]))
    assert "or not always set: depth." in words(figure).replace("\n", " ")
    assert {label.get_text() for label in figure.axes[0].get_yticklabels()} == {"a", "b"}


def test_slices_choose_log_axes_only_where_values_span_far() -> None:
    trials = searched(40)
    figure = shown(charts.slices(trials, [AUC], names_of(trials)))
    assert panel(figure, "learning_rate").get_xscale() == "log"
    assert panel(figure, "max_leaf_nodes").get_xscale() == "linear"
    kinds = panel(figure, "kind")
    assert [label.get_text() for label in kinds.get_xticklabels()] == ["forest", "hist"]


def test_slices_have_a_dot_a_trial_and_a_star_at_the_best() -> None:
    trials = searched(40)
    finished = [trial for trial in trials if trial.status == "finished"]
    best = max(finished, key=lambda trial: trial.metrics["roc_auc"])
    ax = panel(shown(charts.slices(trials, [AUC], names_of(trials))), "learning_rate")
    (dots,) = [line for line in ax.get_lines() if line.get_marker() == "o"]
    assert len(dots.get_xdata()) == len(finished)
    (star,) = [line for line in ax.get_lines() if line.get_marker() == "*"]
    assert star.get_xydata().tolist() == [[best.parameters["learning_rate"], best.metrics["roc_auc"]]]


def test_of_many_parameters_the_eight_that_matter_most_are_shown_and_the_others_counted() -> None:
    draw = random.Random(0)
    trials = []
    for number in range(50):
        given = {f"p{i:02}": draw.random() for i in range(12)}
        trials.append(tried(number, **given, roc_auc=given["p11"]))
    figure = shown(charts.slices(trials, [AUC], names_of(trials)))
    assert len(figure.axes) == 8
    assert figure.axes[0].get_xlabel() == "p11"
    assert "4 more parameters are not shown" in words(figure)


# -- all together


def test_the_best_trial_is_the_thickest_line_and_lies_on_top() -> None:
    trials = searched(40)
    finished = [trial for trial in trials if trial.status == "finished"]
    figure = shown(charts.parallel(trials, [AUC], names_of(trials)))
    (lines,) = figure.axes[0].collections
    segments, widths = lines.get_segments(), lines.get_linewidths()  # type: ignore[attr-defined]
    assert len(segments) == len(finished)
    assert widths[-1] == max(widths) > 2 * min(widths)
    assert segments[-1][-1].tolist() == [3, 1]  # at the top of the last axis, which is the objective
    names = [label.get_text().replace("\n", "") for label in figure.axes[0].get_xticklabels()]
    assert names == ["learning_rate", "max_leaf_nodes", "kind", "roc_auc"]


def test_the_top_of_an_objective_is_its_best_where_less_is_better_too() -> None:
    trials = [tried(number, a=number, log_loss=loss) for number, loss in enumerate([0.5, 0.3, 0.9])]
    (lines,) = shown(charts.parallel(trials, [LOSS], ["a"])).axes[0].collections
    heights = {segment[0][1]: segment[-1][1] for segment in lines.get_segments()}  # type: ignore[attr-defined]
    assert heights[0.5] == 1.0  # of the middle of the three
    assert min(heights.values()) == heights[1.0] == 0.0


def test_of_a_thousand_lines_some_are_drawn_and_that_is_said() -> None:
    trials = searched(1000)
    figure = shown(charts.parallel(trials, [AUC], names_of(trials)))
    drawn = len(figure.axes[0].collections[0].get_segments())  # type: ignore[attr-defined]
    finished = sum(trial.status == "finished" for trial in trials)
    assert drawn < 100
    assert f"{drawn} of {finished} trials are drawn" in words(figure).replace("\n", " ")


def test_the_front_is_what_no_other_trial_beats() -> None:
    points = [(0.70, 5), (0.75, 9), (0.72, 6), (0.71, 8), (0.74, 20)]
    trials = [tried(i, a=i, roc_auc=auc, latency_ms=ms) for i, (auc, ms) in enumerate(points)]
    figure = shown(charts.front(trials, [AUC, MILLISECONDS]))
    ax = figure.axes[0]
    assert labelled(ax, "beaten by no other").get_xydata().tolist() == [[0.70, 5], [0.72, 6], [0.75, 9]]
    assert {text.get_text() for text in ax.texts} == {"0", "1", "2"}
    assert title(figure) == "3 of 5 trials are beaten by no other in roc_auc and latency_ms"
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "roc_auc (higher is better)",
        "latency_ms (lower is better)",
    )


def test_three_objectives_are_drawn_in_pairs_and_one_is_not() -> None:
    trials = searched(40)
    assert len(shown(charts.front(trials, [AUC, LOSS, MILLISECONDS])).axes) == 3
    assert charts.front(trials, [AUC]) is None
    assert charts.front(trials, []) is None


# -- the table


def rows(html: str) -> list[list[str]]:
    """The cells of each row of a table's body."""
    found: list[list[str]] = []
    for element in parse(html):
        if element.tag == "tr":
            found.append([])
        elif element.tag == "td":
            found[-1].append(element.text)
    return [row for row in found if row]


def test_the_best_trials_come_first_and_those_that_failed_say_why() -> None:
    trials = [
        tried(0, "failed", "MemoryError: more than 4 GB", rate=0.5),
        tried(1, rate=0.1, roc_auc=0.7),
        tried(2, "pruned", "worse than the median at step 3", rate=0.9),
        tried(3, rate=0.2, roc_auc=0.8),
        tried(4, rate=0.3, roc_auc=math.nan),
    ]
    html = charts.table(trials, [AUC]).to_html()
    body = rows(html)
    assert [row[0] for row in body] == ["3", "1", "0", "4", "2"]
    assert body[0] == ["3", "finished", "0.8", "0.2", "1.5", ""]
    assert body[2] == ["0", "failed", "", "0.5", "1.5", "MemoryError: more than 4 GB"]


def test_of_several_objectives_the_front_comes_first() -> None:
    points = [(0.71, 8), (0.75, 9), (0.72, 6), (0.70, 5), (0.74, 20)]
    trials = [tried(i, a=i, roc_auc=auc, latency_ms=ms) for i, (auc, ms) in enumerate(points)]
    body = rows(charts.table(trials, [AUC, MILLISECONDS]).to_html())
    assert [row[0] for row in body] == ["1", "2", "3", "4", "0"]


def test_a_long_table_is_cut_and_says_so_and_still_shows_failures() -> None:
    trials = searched(200)
    html = charts.table(trials, [AUC], limit=30).to_html()
    body = rows(html)
    assert len(body) == 30
    assert "failed" in {row[1] for row in body}
    assert "30 of 200 trials" in html
    assert "170 more" in html
    values = [float(row[2]) for row in body if row[1] == "finished"]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_a_value_says_is_text_in_the_table(text: str) -> None:
    trial = Tried(0, {"kind": text, text: [text]}, "finished", {text: 0.5}, why=text)
    objective = Objective(metric=text)
    page = parse(str(clean_html(charts.table([trial], [objective]).to_html())))
    assert {element.tag for element in page} == {
        "style",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    body = [element.text for element in page if element.tag == "td"]
    assert body[3].startswith(" ".join(text.split())[:25])
    assert any(" ".join(text.split()) == element.text for element in page if element.tag == "th")
    shown(charts.slices([trial], [objective], ["kind", text]))


# -- a study for Optuna's own tools


def test_a_study_holds_each_trial_in_the_state_it_ended_in() -> None:
    trials = [
        tried(0, rate=0.001, depth=3, kind="hist", layers=[64, 32], roc_auc=0.7),
        tried(1, "pruned", rate=0.01, depth=5, kind="hist", layers=[64]),
        tried(2, "failed", rate=0.1, depth=7, kind="forest", layers=None),
        tried(3, "killed", rate=0.2, depth=7, kind="forest", layers=None),
        tried(4, rate=1.0, depth=9, kind="forest", layers=[64], roc_auc=math.inf),
    ]
    study = charts.as_study(trials, [AUC])
    states = [trial.state.name for trial in study.trials]
    assert states == ["COMPLETE", "PRUNED", "FAIL", "FAIL"]
    assert study.best_trial.params == {"rate": 0.001, "depth": 3, "kind": "hist", "layers": "[64, 32]"}
    ranges = study.trials[0].distributions
    assert ranges["rate"].log  # type: ignore[attr-defined]
    assert not ranges["depth"].log  # type: ignore[attr-defined]
    assert type(ranges["depth"]).__name__ == "IntDistribution"
    assert set(ranges["kind"].choices) == {"hist", "forest"}  # type: ignore[attr-defined]


def test_a_study_of_several_objectives_knows_the_front() -> None:
    trials = [tried(i, a=i, roc_auc=i, latency_ms=i) for i in range(4)]
    study = charts.as_study([*trials, tried(4, a=9, roc_auc=2.5, latency_ms=3)], [AUC, MILLISECONDS])
    assert sorted(trial.user_attrs["number"] for trial in study.best_trials) == [0, 1, 2, 3]


def test_optuna_says_nothing_and_is_left_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            charts.as_study([tried(i, a=[i], b=i % 2 == 0, roc_auc=i) for i in range(5)], [AUC])
        assert optuna.logging.get_verbosity() == optuna.logging.INFO
    finally:
        optuna.logging.set_verbosity(before)
    assert capfd.readouterr() == ("", "")


# -- whatever a sweep may hold

LONG = "gradient_boosting_column_subsample_fraction_of_each_tree"
ODD: dict[str, list[Tried]] = {
    "no trial": [],
    "one trial": [tried(0, a=1, roc_auc=0.7, log_loss=0.4)],
    "without parameters": [tried(i, roc_auc=i, log_loss=i) for i in range(5)],
    "all failed": [tried(i, "failed", a=i, b="x") for i in range(9)],
    "all equal": [tried(i, a=0.1, b="x", roc_auc=0.7, log_loss=0.3) for i in range(12)],
    "all at zero": [tried(i, a=i, b=i % 2, roc_auc=0.0, log_loss=0.0) for i in range(12)],
    "nothing but NaN": [tried(i, a=i, roc_auc=math.nan, log_loss=math.inf) for i in range(5)],
    "numbers of all kinds": [
        tried(i, a=a, b=i, roc_auc=i / 10, log_loss=10.0**i)
        for i, a in enumerate([0, 1, 1.0, True, False, None, "1", math.nan, -math.inf, 10**400, 1e-320, -0.0])
    ],
    "extremes": [
        tried(i, a=a, b=i, roc_auc=a, log_loss=-a) for i, a in enumerate([1e299, -1e299, 1e-300, 0, 5, 7])
    ],
    "far extremes": [tried(i, a=i, b=i % 3, roc_auc=(-1) ** i * 1.7e308, log_loss=i) for i in range(14)],
    "mixed values": [
        tried(i, a=a, roc_auc=i, log_loss=i) for i, a in enumerate([[1], {"x": [2]}, "y", 3, None, 2.5])
    ],
    "some lack parameters": [
        tried(i, **{"a" if i % 2 else "b": i}, roc_auc=i, log_loss=i) for i in range(20)
    ],
    "one category": [tried(i, a="only", b=i, roc_auc=i % 4, log_loss=i) for i in range(20)],
    "as many categories as trials": [
        tried(i, a=f"category {i} of many", b=i, roc_auc=i, log_loss=i) for i in range(300)
    ],
    "long names": [
        tried(i, **{f"{LONG}_{k}": i * k for k in range(12)}, roc_auc=i, log_loss=i) for i in range(20)
    ],
    "text with formulas": [
        tried(i, a=a, b=i, roc_auc=i, log_loss=i)
        for i, a in enumerate(["$\\frac{1$", "$x$ $", "_^{", "%s\n\n", "", " "])
    ],
    "a thousand": searched(1000),
}


@pytest.mark.parametrize("objectives", [[], [AUC], [AUC, LOSS], [AUC, LOSS, MILLISECONDS]], ids=len)
@pytest.mark.parametrize("trials", ODD.values(), ids=ODD)
def test_whatever_a_sweep_holds_there_is_a_picture_or_none(
    trials: list[Tried], objectives: list[Objective]
) -> None:
    names = names_of(trials)
    drawn = [
        charts.history(trials, objectives),
        charts.importance(trials, objectives, names),
        charts.parallel(trials, objectives, names),
        charts.slices(trials, objectives, names),
        charts.front(trials, objectives),
    ]
    for figure in drawn:
        if figure is not None:
            shown(figure)
    assert len(rows(charts.table(trials, objectives).to_html())) == min(30, len(trials))
    if objectives:
        assert len(charts.as_study(trials, objectives).trials) == len(trials)


def test_the_pictures_of_a_hundred_trials_are_light() -> None:
    trials = searched(100)
    names = names_of(trials)
    pictures = [
        charts.history(trials, [AUC]),
        charts.importance(trials, [AUC], names),
        charts.slices(trials, [AUC], names),
        charts.parallel(trials, [AUC], names),
    ]
    assert sum(len(png(shown(figure))) for figure in pictures) < 250_000


def test_asking_for_no_picture_imports_nothing_heavy() -> None:
    program = "import sys; import workbench.execution.sweep.charts; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"matplotlib", "optuna", "pandas", "IPython"} & set(done.stdout.split())


def test_no_picture_is_left_with_pyplot() -> None:
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    trials = searched(10)
    shown(charts.slices(trials, [AUC], names_of(trials)))
    assert plt.get_fignums() == before


# -- the notebook that shows all of it


def code_cells() -> list[str]:
    notebook = nbformat.read(SUMMARY, as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def test_the_notebook_is_short_and_has_no_outputs() -> None:
    raw = json.loads(SUMMARY.read_text(encoding="utf-8"))
    nbformat.validate(raw)
    assert (raw["nbformat"], raw["nbformat_minor"]) == (4, 5)
    assert raw["cells"][0]["source"][0].startswith("# ")
    code = [cell for cell in raw["cells"] if cell["cell_type"] == "code"]
    assert len(code) <= 12
    assert [cell["metadata"].get("tags") for cell in code[:2]] == [["parameters"], None]
    for cell in code:
        assert len(cell["source"]) <= 10
        assert (cell["outputs"], cell["execution_count"]) == ([], None)
    nodes = [node for source in code_cells() for node in ast.walk(ast.parse(source))]
    assert not [node for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda)]


@pytest.mark.parametrize(
    ("trials", "objectives", "study", "pictures"),
    [
        (searched(40), (AUC,), lambda: with_steps((False, [0.5, 0.6]), (True, [0.4])), 5),
        (searched(40), (AUC, MILLISECONDS), lambda: None, 5),
        ([tried(i, "failed", a=i) for i in range(3)], (AUC,), lambda: with_steps(), 1),
        ([], (), lambda: None, 0),
    ],
    ids=["search", "two objectives", "all failed", "nothing"],
)
def test_the_notebook_shows_pictures_or_says_in_words_why_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
    trials: list[Tried],
    objectives: tuple[Objective, ...],
    study: Callable[[], Any],
    pictures: int,
) -> None:
    from IPython.display import Markdown
    from matplotlib.figure import Figure

    rated = [trial for trial in trials if trial.status == "finished"]
    found = SimpleNamespace(
        tried=trials,
        objectives=objectives,
        varied=names_of(trials),
        study=study(),
        best=rated[:1],
        judged="develop: 25,368 rows",
        next="workbench run train --from-trial 0addcef1" if rated else "",
    )
    monkeypatch.setattr(results, "load", lambda prefix: found)
    names: dict[str, Any] = {"sweep": ""}
    last = [outcome for source in code_cells()[1:] for outcome in [_last_value(source, names)]]
    assert last[0] is found
    said = [value for value in last if isinstance(value, Markdown)]
    assert len([value for value in last if isinstance(value, Figure)]) == pictures
    assert all(value.data.endswith(".") for value in said)
    silent = [source for source, value in zip(code_cells()[1:], last, strict=True) if value is None]
    assert len(silent) == 1
    assert "print(found.next" in silent[0]


def _last_value(source: str, names: dict[str, Any]) -> Any:
    """What a cell would show: the value of its last line."""
    *before, last = ast.parse(source).body
    exec(compile(ast.Module(before, []), "cell", "exec"), names)
    assert isinstance(last, ast.Expr)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)
