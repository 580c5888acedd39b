"""Two runs side by side: what is found to differ, and how that is shown without a kernel."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.pages import parse, shown
from workbench.panels.choosing import run_label
from workbench.panels.compare.comparison import MetricPair, compare_runs
from workbench.tracking.runs import RunInfo
from workbench.tracking.sanitize import clean_html


def _run(number: int, **changes: Any) -> RunInfo:
    """The ``number``-th run of train; later ones have a higher number."""
    started = datetime(2024, 5, 17, 8, 30, tzinfo=UTC) + timedelta(hours=number)
    facts: dict[str, Any] = {
        "run_id": f"{number:04d}" * 8,
        "phase": "train",
        "status": "finished",
        "started_at": started,
        "ended_at": started + timedelta(seconds=42),
        "parent_run_id": "",
        "draft": False,
        "who": "maria",
        "code_version": "c0ffee",
        "report": "",
        "params": {"rounds": "60"},
        "metrics": {"boosting.roc_auc": 0.74, "boosting.log_loss": 0.51},
        "datasets": {"prepared": 3},
    }
    return RunInfo(**{**facts, **changes})


# -- what differs ----------------------------------------------------------------------------------


def test_differences_are_found_in_metrics_parameters_data_and_code() -> None:
    left = _run(1)
    right = _run(
        2,
        params={"rounds": "90", "seed": "1"},
        metrics={"boosting.roc_auc": 0.75, "boosting.log_loss": 0.51, "rows": 10.0},
        datasets={"prepared": 4},
        code_version="c0ffee+changed",
    )
    found = compare_runs(left, right)
    assert found.differing == ("rows", "boosting.roc_auc", "rounds", "seed", "prepared", "code")
    assert compare_runs(left, left).differing == ()


@pytest.mark.parametrize(
    ("name", "left", "right", "better"),
    [
        ("boosting.roc_auc", 0.70, 0.72, True),
        ("roc_auc", 0.72, 0.70, False),
        ("boosting.log_loss", 0.5, 0.4, True),
        ("brier", 0.1, 0.2, False),
        ("flagged_share", 0.1, 0.2, None),
        ("rows", 1.0, 2.0, None),
        ("roc_auc", 0.7, 0.7, None),
        ("roc_auc", None, 0.7, None),
        ("roc_auc", math.nan, 0.7, None),
    ],
)
def test_better_is_only_said_of_metrics_whose_direction_is_known(
    name: str, left: float | None, right: float | None, better: bool | None
) -> None:
    assert MetricPair(name, left, right).better is better


@pytest.mark.parametrize(
    ("left", "right", "change", "same"),
    [
        (1.0, 3.0, 2.0, False),
        (math.nan, math.nan, None, True),
        (None, None, None, True),
        (None, math.nan, None, False),
        (math.inf, 1.0, None, False),
        (0.0, 0.0, 0.0, True),
    ],
)
def test_changes_of_odd_numbers(
    left: float | None, right: float | None, change: float | None, same: bool
) -> None:
    pair = MetricPair("m", left, right)
    assert (pair.change, pair.same) == (change, same)
    assert -2 <= pair.share <= 2


# -- the table of a report -------------------------------------------------------------------------


def test_table_shows_what_differs_first_and_folds_the_rest() -> None:
    left = _run(1, params={"rounds": "60", "as_of": "2013-07-01"})
    right = _run(2, params={"rounds": "90", "as_of": "2013-07-01"}, metrics={"boosting.roc_auc": 0.7521})
    page = compare_runs(left, right)._repr_html_()
    before, _, folded = page.partition("<details>")
    rows = [row.text for row in shown(before, "tr")]
    assert "boosting.roc_auc0.74000.7521▲ +0.0121 better" in rows
    assert "boosting.log_loss0.5100–" in rows
    assert "rounds6090" in rows
    assert not [row for row in rows if "as_of" in row]
    assert [row.text for row in shown("<details>" + folded, "tr")][1:] == [
        "as_of2013-07-012013-07-01",
        "preparedv3v3",
        "codec0ffeec0ffee",
    ]


def test_counts_read_as_counts_and_small_numbers_keep_their_digits() -> None:
    left = _run(1, metrics={"rows": 327346.0, "latency": 0.00012, "odd": math.nan})
    right = _run(2, metrics={"rows": 327340.0, "latency": 0.00015, "odd": 1.5})
    rows = [row.text for row in shown(compare_runs(left, right)._repr_html_(), "tr")]
    assert "rows327,346327,340▼ −6" in rows
    assert "latency0.000120.00015▲ +3e-05" in rows
    assert "oddnan1.5000" in rows


def test_many_metrics_are_folded_after_the_first() -> None:
    left = _run(1, metrics={f"m{number:02d}": 1.0 for number in range(20)})
    right = _run(2, metrics={f"m{number:02d}": 2.0 for number in range(20)})
    before, _, after = compare_runs(left, right)._repr_html_().partition("<details>")
    assert before.count("▲") == 12
    assert after.startswith("<summary>8 more metrics that differ</summary>")
    assert after.partition("</details>")[0].count("▲") == 8


def test_equal_runs_say_so() -> None:
    assert "do not differ" in compare_runs(_run(1), _run(2))._repr_html_()


def test_longest_bar_belongs_to_the_largest_relative_change() -> None:
    left = _run(1, metrics={"a": 1.0, "b": 100.0, "c": 1.0})
    right = _run(2, metrics={"a": 1.5, "b": 101.0, "c": 0.5})
    page = compare_runs(left, right)._repr_html_()
    bars = [
        element.attributes["style"].split("px")[0].removeprefix("width: ")
        for element in shown(page, "div")
        if "height: 10px" in element.attributes.get("style", "")
    ]
    assert bars == ["37", "1", "56"]


def test_everything_from_a_run_is_escaped() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    left = _run(1)
    right = _run(
        2,
        run_id=hostile,
        phase=hostile,
        status=hostile,
        who=hostile,
        code_version=hostile,
        params={hostile: hostile},
        metrics={hostile: 1.0},
        datasets={hostile: 1},
    )
    page = compare_runs(left, right)._repr_html_()
    assert "img" not in {element.tag for element in parse(page)}
    assert hostile in next(shown(page, "div")).text


def test_a_report_keeps_the_table_as_it_is() -> None:
    page = compare_runs(_run(1), _run(2, params={"rounds": "90"}))._repr_html_()
    kept = str(clean_html(page))
    assert [row.text for row in shown(kept, "tr")] == [row.text for row in shown(page, "tr")]
    assert kept.count("border-bottom") == page.count("border-bottom")


# -- where one chooses -----------------------------------------------------------------------------


def test_drafts_are_marked_where_one_chooses() -> None:
    assert run_label(_run(1)) == "train · 17 May 2024, 09:30 UTC · finished · 00010001"
    assert "draft" in run_label(_run(1, draft=True))
