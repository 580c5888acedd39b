"""The charts of a backtest draw what happened, name what matters, and say when there is nothing to see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from matplotlib.dates import date2num

from tests.unit.monitoring.backtest import invented
from tests.unit.monitoring.backtest.invented import Policy, backtest
from workbench.monitoring.backtest.choosing import choose
from workbench.monitoring.backtest.figures import (
    events_over_time,
    frontier,
    gains,
    quality_over_time,
    worth_over_time,
)
from workbench.monitoring.figures import Chart

SEPTEMBER = date(2013, 9, 1)
DRAWINGS = (worth_over_time, gains, quality_over_time, events_over_time, frontier)


def _drawn(draw: Callable[..., Chart], found: Any, **options: Any) -> Chart:
    return draw(found, choose(found, until=SEPTEMBER), **options)


def _texts(chart: Chart) -> str:
    return "\n".join(
        text.get_text() for ax in chart.axes for text in [*ax.texts, ax.title, *ax.get_yticklabels()]
    )


@pytest.mark.practice("L8")
def test_the_main_chart_ends_at_what_each_policy_came_to_beyond_never() -> None:
    found = invented.four()
    choice = choose(found, until=SEPTEMBER, retraining_costs=500.0)
    chart = worth_over_time(found, choice)
    texts = _texts(chart)
    for standing in choice.whole.standings:
        assert standing.policy in texts
        if standing.policy != "never":
            assert f"{standing.gain.value:+,.0f}".replace("-", "−") in texts
    assert "(zero)" in texts
    assert "chosen on" in texts
    ends = [np.asarray(line.get_ydata(), float)[-1] for line in chart.axes[0].lines if len(line.get_xdata())]  # type: ignore[arg-type]
    assert choice.whole.of("drift").gain.value == pytest.approx(max(ends))


def test_of_many_policies_a_few_are_named_and_the_others_lie_behind() -> None:
    chart = _drawn(worth_over_time, invented.many())
    assert len(chart.axes[0].texts) == 6 + 2
    keys = [text.get_text() for text in chart.legends[0].get_texts()]
    assert "19 other policies" in keys


def test_labels_of_lines_that_end_together_do_not_cover_each_other() -> None:
    close = [Policy(f"p{number}", {date(2013, 3, 1): 100.0}, [date(2013, 3, 1)]) for number in range(5)]
    chart = _drawn(worth_over_time, backtest([Policy("never"), *close], noise=1.0))
    chart.canvas.draw()
    boxes = [text.get_window_extent() for text in chart.axes[0].texts if "+" in text.get_text()]
    assert len(boxes) == 5
    assert not any(one.overlaps(other) for at, one in enumerate(boxes) for other in boxes[at + 1 :])


def test_both_parts_of_the_days_have_a_panel_with_intervals() -> None:
    found = invented.four()
    choice = choose(found, until=SEPTEMBER)
    seen, unseen = gains(found, choice).axes
    assert seen.get_title(loc="left") == "chosen on January to August 2013"
    assert unseen.get_title(loc="left") == "checked on September to December 2013"
    spans = [line.get_segments()[0][:, 0] for line in seen.collections]  # type: ignore[attr-defined]
    best = choice.seen.best.gain
    assert spans[0].tolist() == pytest.approx([best.low, best.high])


def test_quality_has_a_panel_for_each_policy_with_its_promotions() -> None:
    drift, *others = _drawn(quality_over_time, invented.four()).axes
    assert drift.get_title(loc="left") == "drift"
    promotions = [line for line in drift.lines if line.get_linestyle() == ":" and len(line.get_xdata()) == 2]  # type: ignore[arg-type]
    assert len(promotions) == 3
    assert len(others) == 3


def test_each_policy_has_a_lane_with_what_became_of_its_trainings_and_alerts() -> None:
    chart = _drawn(events_over_time, invented.four())
    lanes = [label.get_text() for label in chart.axes[0].get_yticklabels()]
    assert lanes == ["drift", "monthly", "performance", "never"]
    keys = [text.get_text() for text in chart.legends[0].get_texts()]
    assert keys == [
        *("retrained", "promoted", "refused", "rolled back"),
        *("alert that mattered", "alert that did not", "alert, nobody knows"),
    ]


def test_stretches_without_labels_are_shaded_and_drawn_by_nobody() -> None:
    found = invented.four(unlabelled=(date(2013, 5, 10), date(2013, 7, 20)))
    chart = _drawn(worth_over_time, found)
    assert "no labels" in [text.get_text() for text in chart.legends[0].get_texts()]
    middle = _drawn(quality_over_time, found).axes[0].lines[0]
    assert np.isnan(np.asarray(middle.get_ydata(), float)[5])


def test_what_happened_is_drawn_and_paid_on_the_day_of_the_place() -> None:
    """The first moment of September in Berlin, which is August in UTC."""
    drift = Policy("drift", {date(2013, 3, 1): 100.0}, [date(2013, 3, 1)])
    found = invented.moved(
        backtest([Policy("never"), drift]), datetime(2013, 8, 31, 22, tzinfo=UTC), "Europe/Berlin"
    )
    place = date2num(SEPTEMBER)  # type: ignore[no-untyped-call]
    lane = _drawn(events_over_time, found).axes[0]
    marks = [line.get_xdata() for line in lane.lines if line.get_marker() == "^"]
    assert np.ravel(marks).tolist() == [place]
    dotted = _drawn(quality_over_time, found).axes[0].lines
    assert [list(line.get_xdata()) for line in dotted if line.get_linestyle() == ":"] == [[place, place]]  # type: ignore[call-overload]
    choice = choose(found, until=SEPTEMBER, retraining_costs=1e6)
    main = worth_over_time(found, choice).axes[0].lines
    (dot,) = [line for line in main if line.get_marker() == "o" and len(line.get_xdata())]  # type: ignore[arg-type]
    assert list(dot.get_xdata()) == [place]  # type: ignore[arg-type]
    (line,) = [line for line in main if line.get_marker() == "None" and np.ptp(line.get_ydata()) > 5e5]
    steps = np.diff(np.asarray(line.get_ydata(), float))
    assert np.asarray(line.get_xdata(), float)[1 + int(steps.argmin())] == place


@pytest.mark.parametrize("draw", DRAWINGS)
@pytest.mark.parametrize(
    ("found", "narrow"),
    [
        (backtest([Policy("never"), Policy("drift")]), False),
        (backtest([Policy("monthly", {SEPTEMBER: 10.0}, [SEPTEMBER])]), True),
        (backtest([Policy("never"), Policy("$x_$\n{", {SEPTEMBER: 10.0}, [SEPTEMBER])], unit=""), True),
        (invented.four(unlabelled=(invented.BEGAN, invented.UNTIL)), False),
    ],
    ids=["nothing retrained", "one policy", "no utility, an odd name", "no labels at all"],
)
def test_whatever_there_is_it_can_be_drawn(draw: Callable[..., Chart], found: Any, narrow: bool) -> None:
    assert _drawn(draw, found, narrow=narrow).png(40).startswith(b"\x89PNG")


def test_that_no_policy_did_otherwise_is_said() -> None:
    still = backtest([Policy("never"), Policy("drift")])
    assert "no policy came to more or less than never on any day" in _texts(_drawn(worth_over_time, still))
    assert "no policy came to more or less than another" in _texts(_drawn(gains, still))
