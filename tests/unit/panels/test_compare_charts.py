"""The charts of the compare panel: which runs are drawn, and what is said of them."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from workbench.panels.compare import figures, view
from workbench.panels.compare.view import Shown, View, look
from workbench.tracking.run_table import ABOUT, Column, RunTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _shown(metric: str, values: list[float], chosen: tuple[str, ...] = ()) -> Shown:
    """Runs of train with one metric and two parameters; their ids are their numbers."""

    def column(name: str, of: list[object]) -> Column:
        array = np.empty(len(of), dtype=object)
        array[:] = of
        return Column(name, array)

    numbers = range(len(values))
    start = datetime(2024, 5, 17, tzinfo=UTC)
    known: dict[str, list[object]] = {
        "run_id": [str(number) for number in numbers],
        "phase": ["train" for _ in numbers],
        "started_at": [start - timedelta(minutes=number) for number in numbers],
        f"metrics.{metric}": [*values],
        "params.rate": [str(number / 10) for number in numbers],
        "params.kind": ["abc"[number % 3] for number in numbers],
    }
    nothing = {name: column(name, [None for _ in numbers]) for name in ABOUT}
    table = RunTable(nothing | {name: column(name, of) for name, of in known.items()})
    return look(table, View(metric=metric, chosen=chosen))


def _said(figure: Figure | None) -> str:
    assert figure is not None
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def test_the_darkest_is_only_called_the_best_where_that_is_known() -> None:
    values = [0.1, 0.2, 0.3]
    assert "the darker, the better its boosting.log_loss" in _said(
        figures.parallel(_shown("boosting.log_loss", values), "boosting.log_loss")
    )
    assert "the darker, the higher its loss;" in _said(figures.parallel(_shown("loss", values), "loss"))


def test_of_a_metric_whose_direction_is_unknown_none_is_called_far_worse() -> None:
    values = [*map(float, range(20)), 1e6]

    def label(metric: str) -> str:
        figure = figures.over_time(_shown(metric, values), metric)
        assert figure is not None
        return figure.axes[0].get_ylabel()

    assert label("log_loss") == "log_loss\n1 far worse at the edge"
    assert label("loss") == "loss"


def test_of_very_many_runs_some_are_drawn_the_best_and_the_chosen_among_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(figures, "_MOST_DOTS", 20)
    monkeypatch.setattr(figures, "_MOST_LINES", 20)
    shown = _shown("roc_auc", [number / 100 for number in range(100)], chosen=("1", "50"))
    for draw in (figures.over_parameters, figures.over_time, figures.parallel):
        figure = draw(shown, "roc_auc")
        assert "of 100 are drawn: the best, and an even choice of the others" in _said(figure)
        assert "100 runs" in _said(figure)
    over = figures.over_time(shown, "roc_auc")
    assert over is not None
    all_dots, marked = (line.get_ydata() for line in over.axes[0].lines)
    assert 20 <= len(np.asarray(all_dots)) <= 22
    assert {*np.asarray(all_dots)} >= {number / 100 for number in range(90, 100)}
    assert {*np.asarray(marked)} == {0.01, 0.5}


def test_a_parameter_that_is_only_shown_because_one_sorts_by_it_is_drawn_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(view, "_MOST_COLUMNS", 3)  # the id, the start, and the first that differs
    shown = _shown("roc_auc", [0.1, 0.2, 0.3])
    by_kind = look(shown.table, replace(shown.view, sort="params.kind"))
    assert [column.name for column in by_kind.columns][2:] == ["params.kind", "params.rate"]
    figure = figures.over_parameters(by_kind, "roc_auc")
    assert figure is not None
    assert sorted(ax.get_xlabel() for ax in figure.axes) == ["kind", "rate"]


def test_runs_that_diverged_leave_room_for_the_others() -> None:
    shown = _shown("loss", [math.inf, -math.inf, math.nan, 1.0, 2.0, 3.0])
    figure = figures.over_time(shown, "loss")
    assert figure is not None
    assert "3 runs" in _said(figure)
    assert figure.axes[0].get_ylim()[1] < 4
