"""Performance of a window: judged only when enough is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.monitoring import small
from workbench.monitoring.performance import Performance, Standard, measure_performance
from workbench.tracking.metrics import binary_metrics


def _measure(frame: pd.DataFrame, **options: Any) -> Performance:
    held = {"expected": 0.8, "threshold": 0.4}
    held |= {name: options.pop(name) for name in list(options) if name in Standard.__dataclass_fields__}
    given = {"config": small.CONFIG, "standard": Standard(**held), "label": "value", **options}
    return measure_performance(frame, role="champion", model_version=1, **given)


@pytest.mark.practice("L7", "M8")
def test_a_version_that_does_as_expected_holds() -> None:
    frame = small.predictions("2026-08")
    found = _measure(frame)
    assert found.verdict == "held"
    assert found.low < found.value < found.high
    assert found.metrics == pytest.approx(binary_metrics(frame["value"], frame["score"], 0.4))
    assert found.flagged == int((frame["score"] >= 0.4).sum())
    assert found.flagged_positive == int(frame.loc[frame["score"] >= 0.4, "value"].sum())
    assert found.positive_share == frame["value"].mean()
    assert found.coverage == 1.0
    assert "where 0.800 was expected" in found.why


@pytest.mark.practice("L7")
def test_a_version_that_surely_fell_dropped() -> None:
    found = _measure(small.predictions("2026-08", lost=0.8))
    assert found.verdict == "dropped"
    assert found.high < found.expected
    assert found.expected - found.value > small.CONFIG.performance_drop


def test_a_fall_that_may_be_chance_is_inconclusive() -> None:
    frame = small.predictions("2026-08")
    found = _measure(frame)
    reach = found.high - found.value
    config = small.CONFIG.model_copy(update={"performance_drop": reach / 2})
    for fall, verdict in ((0.4, "held"), (0.6, "inconclusive"), (1.2, "dropped")):
        judged = _measure(frame, config=config, expected=found.value + fall * reach)
        assert judged.verdict == verdict


def test_a_metric_that_should_be_low_drops_by_rising() -> None:
    frame = small.predictions("2026-08")
    value = _measure(frame, metric="log_loss").value
    assert _measure(frame, metric="log_loss", expected=value - 0.3).verdict == "dropped"
    assert _measure(frame, metric="log_loss", expected=value + 0.3).verdict == "held"


@pytest.mark.practice("L7")
@pytest.mark.parametrize(
    ("labelled", "says"),
    [(0, "0 labels, 300 are asked"), (299, "299 labels"), (600, "75% of the predictions is known")],
)
def test_too_few_labels_are_inconclusive(labelled: int, says: str) -> None:
    frame = small.predictions("2026-08", lost=1.0)
    frame.loc[labelled:, "value"] = np.nan
    found = _measure(frame)
    assert found.verdict == "inconclusive"
    assert says in found.why
    assert (found.rows, found.labelled) == (800, labelled)


@pytest.mark.parametrize("only", [0.0, 1.0])
def test_one_class_is_inconclusive(only: float) -> None:
    found = _measure(small.predictions("2026-08").assign(value=only))
    assert found.verdict == "inconclusive"
    assert found.why == f"all 800 labelled rows turned out {'positive' if only else 'negative'}"
    assert np.isnan(found.value)
    assert np.isnan(found.low)


def test_nothing_to_hold_it_against_is_inconclusive() -> None:
    found = _measure(small.predictions("2026-08"), expected=float("nan"))
    assert found.verdict == "inconclusive"
    assert "nothing to hold it against" in found.why


def test_no_predictions_are_inconclusive() -> None:
    found = _measure(small.predictions("2026-08").head(0))
    assert (found.verdict, found.why) == ("inconclusive", "no predictions")
    assert np.isnan(found.coverage)


def test_labels_may_be_booleans_with_holes() -> None:
    frame = small.predictions("2026-08")
    holes = frame.assign(value=frame["value"].astype("boolean").where(frame.index % 20 != 0))
    found = _measure(holes)
    assert found.labelled == 760
    assert found.verdict == "held"


def test_a_window_of_one_day_is_judged_by_its_hours() -> None:
    frame = small.predictions("2026-08")
    frame["asked_at"] = pd.Timestamp("2026-08-03", tz="UTC") + pd.to_timedelta(np.linspace(0, 23, 800), "h")
    found = _measure(frame)
    assert found.verdict == "held"
    assert found.low < found.value < found.high


def test_answers_without_a_score_do_not_count_and_are_said() -> None:
    frame = small.predictions("2026-08")
    frame.loc[3, "score"], frame.loc[4, "score"] = np.nan, np.inf
    found = _measure(frame)
    assert (found.rows, found.verdict) == (798, "held")
    assert found.notes == ("2 answers without a score do not count",)
    nothing = _measure(frame.assign(score=np.nan))
    assert (nothing.verdict, nothing.why) == ("inconclusive", "no predictions")
