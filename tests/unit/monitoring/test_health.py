"""How versions served, told from the log in bounded memory."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.health import health_of
from tests.unit.serving.log.batches import NOON, batch
from workbench.monitoring.health import Health, HealthCount
from workbench.monitoring.health.quantiles import EXACT, RELATIVE_ERROR, Quantiles
from workbench.monitoring.health.volume import Hours
from workbench.serving.log.batch import Batch
from workbench.serving.log.compact import compact
from workbench.serving.log.decoding import LEADING
from workbench.serving.log.read import PredictionLog
from workbench.serving.log.sqlite import SqliteWriter
from workbench.serving.log.unkept import unkept_note

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NEXT_YEAR = NOON + 365 * DAY


def table(asked_at: list[datetime], **given: list[Any]) -> pa.Table:
    nothing = [None] * len(asked_at)
    columns = {
        "asked_at": asked_at,
        "answered_at": [at + timedelta(milliseconds=3) for at in asked_at],
        "latency_ms": [2.0] * len(asked_at),
        "request_id": [f"request-{number}" for number in range(len(asked_at))],
        "note": nothing,
        "error": nothing,
        **given,
    }
    return pa.table({name: pa.array(values, LEADING[name]) for name, values in columns.items()})


def health(*tables: pa.Table, now: datetime = NEXT_YEAR, until: datetime | None = None) -> Health:
    count = HealthCount("champion", 3, now)
    for one in tables:
        count.add(one)
    return count.health(until)


def signal(found: Health, name: str) -> Any:
    return next(item for item in found.signals() if item.name == f"health.{name}")


def failure(number: int, error: str, **changed: Any) -> Batch:
    return batch(number, features={}, classes=(), outputs=np.full(2, np.nan), error=error, **changed)


@pytest.mark.practice("L7")
def test_every_version_of_a_log_has_its_health(tmp_path: Path) -> None:
    writer = SqliteWriter(tmp_path, "test")
    slow, apart = np.array([1.0, 9.0], "float32"), ["one", "another"]
    answered = batch(0, notes={1: ("cut",)}, latency_ms=slow, request_ids=apart)
    writer.append([answered, batch(0, role="shadow", version=4)])
    writer.append(
        [
            failure(1, "KeyError", request_ids=apart),
            failure(1, "refused"),
            failure(2, "timeout", role="shadow", version=4),
        ]
    )
    compact(tmp_path)
    writer.append([batch(2, version=5)])
    writer.close()
    first, second, shadow = health_of(PredictionLog(tmp_path), now=NEXT_YEAR)
    assert (first.role, first.version, first.rows, first.failed, first.refused) == ("champion", 3, 2, 2, 2)
    assert (first.flagged, first.flagged_share, first.failed_share) == (1, 0.5, 0.5)
    assert first.refused_share == 1 / 3
    assert (first.p50_ms, first.p99_ms) == (1.0, 9.0)
    assert (first.first, first.last) == (NOON, NOON + 1.5 * HOUR)
    assert (first.volume.period, first.volume.start, first.volume.rows) == ("hour", NOON, (2, 4))
    assert signal(first, "failed_share").verdict == "bad"
    assert (
        signal(first, "failed_share").says
        == "2 of 4 requests failed (50.00%); 2 more rows were refused as no rows at all"
    )
    assert (second.version, second.rows, second.failed) == (5, 2, 0)
    assert (shadow.role, shadow.rows, shadow.failed) == ("shadow", 2, 2)
    assert (shadow.requests, shadow.failed_requests) == (1, 1)
    (only,) = health_of(PredictionLog(tmp_path), NOON + 2 * HOUR, NOON + 2.25 * HOUR, now=NEXT_YEAR)[:1]
    assert (only.version, only.rows) == (5, 1)


def test_health_is_told_as_json_and_back(tmp_path: Path) -> None:
    found = health(table([NOON, NOON + DAY]), until=NOON + 2 * DAY)
    assert Health.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    empty = health()
    again = Health.from_dict(json.loads(json.dumps(empty.to_dict())))
    assert math.isnan(again.p99_ms)
    assert again.volume == empty.volume


def test_of_no_rows_everything_is_inconclusive() -> None:
    assert {item.verdict for item in health().signals()} == {"inconclusive"}
    assert health_of(PredictionLog(Path("/nowhere/at/all")), now=NOON) == ()


def test_failures_that_were_not_kept_are_counted() -> None:
    found = health(
        table([NOON] * 3, error=[None, "KeyError", "refused"], note=[None, unkept_note(97), unkept_note(9)])
    )
    assert (found.rows, found.failed, found.refused) == (1, 98, 10)
    assert found.failed_requests == 98
    together = table(
        [NOON] * 5, request_id=["a"] * 5, error=["KeyError"] * 5, note=[unkept_note(12), *[None] * 4]
    )
    assert (health(together).failed, health(together).failed_requests) == (17, 1 + 3)


@pytest.mark.practice("L7")
def test_rows_that_were_asked_together_fail_and_take_their_time_together() -> None:
    one = table([NOON] * 500, request_id=["large"] * 500, error=["KeyError"] * 500, latency_ms=[900.0] * 500)
    found = health(table([NOON] * 1000), one)
    assert (found.rows, found.failed, found.requests, found.failed_requests) == (1000, 500, 1000, 1)
    assert signal(found, "failed_share").verdict == "ok"
    assert signal(found, "failed_share").says == "1 of 1,001 requests failed (0.10%)"
    files = [
        table([NOON] * 10_000, request_id=[f"file {number}"] * 10_000, latency_ms=[900.0] * 10_000)
        for number in range(10)
    ]
    found = health(*files, table([NOON] * 100, error=["KeyError"] * 100))
    assert signal(found, "failed_share").verdict == "bad"
    assert signal(found, "failed_share").says == "100 of 110 requests failed (90.91%)"
    found = health(*files, table([NOON] * 2000))
    assert (found.p50_ms, found.p99_ms) == (2.0, 2.0)
    assert signal(found, "p99_ms").says == "2 ms in 2,010 requests"


def test_findings_from_before_requests_were_counted_go_by_rows() -> None:
    raw = health(table([NOON] * 4, error=["KeyError", "KeyError", None, None])).to_dict()
    del raw["requests"], raw["failed_requests"]
    assert signal(Health.from_dict(raw), "failed_share").says == "2 of 4 rows failed (50.00%)"


@pytest.mark.parametrize(("failed", "verdict"), [(0, "ok"), (1, "ok"), (12, "ok"), (40, "bad")])
def test_a_few_failures_call_nobody(failed: int, verdict: str) -> None:
    error = ["KeyError"] * failed + [None] * (1000 - failed)
    assert signal(health(table([NOON] * 1000, error=error)), "failed_share").verdict == verdict


def test_one_odd_row_where_little_is_asked_calls_nobody() -> None:
    error = ["KeyError"] + [None] * 9
    assert signal(health(table([NOON] * 10, error=error)), "failed_share").verdict == "ok"


@pytest.mark.parametrize("count", [1, 50, EXACT, 4 * EXACT])
def test_quantiles_are_exact_or_within_what_is_stated(count: int) -> None:
    random = np.random.default_rng(count)
    values = np.exp(random.normal(1, 3, count))
    values[: count // 10] = values[0]
    quantiles = Quantiles()
    for part in np.array_split(values, 7):
        quantiles.add(np.append(part, np.nan))
    for share in (0.01, 0.5, 0.95, 0.99, 1.0):
        exact = np.quantile(values, share, method="inverted_cdf")
        tolerance = 0 if count <= EXACT else RELATIVE_ERROR * (1 + 1e-9)
        assert abs(quantiles.at(share) - exact) <= tolerance * exact
    assert quantiles.count == count


def test_durations_that_cannot_be_are_no_crash() -> None:
    quantiles = Quantiles()
    quantiles.add(np.array([-5.0, 0.0, np.inf, -np.inf, np.nan] * EXACT))
    assert quantiles.at(0.01) < 1e-3
    assert quantiles.at(1.0) > 1e8


def asked(days: int, hours: range, *, without: range = range(0), rows: int = 5) -> np.ndarray[Any, Any]:
    """Microseconds: rows in these hours of each day from 2013-08-01 (a Thursday), without some."""
    start = datetime(2013, 8, 1, tzinfo=NOON.tzinfo)
    places = [24 * day + hour for day in range(days) for hour in hours]
    moments = [start + place * HOUR for place in places if place not in without for _ in range(rows)]
    return np.array([moment.replace(tzinfo=None) for moment in moments], "datetime64[us]").astype("int64")


@pytest.mark.parametrize(
    ("moments", "silent"),
    [
        (asked(10, range(6, 22)), []),  # nights
        (asked(10, range(6, 22), without=range(32, 37)), [(32, 37)]),
        (asked(10, range(6, 22), without=range(32, 35)), []),  # 15 rows may be missing by chance
        (asked(10, range(24), without=range(30, 54)), [(30, 54)]),
        (asked(1, range(24), without=range(8, 16), rows=50), []),  # no other day to go by
        (asked(30, range(24), without=range(40, 41), rows=50), [(40, 41)]),
    ],
)
def test_a_silence_that_is_not_usual_is_found(moments: Any, silent: list[tuple[int, int]]) -> None:
    hours = Hours()
    for part in np.array_split(moments, 3):
        hours.add(part)
    start = datetime(2013, 8, 1, tzinfo=NOON.tzinfo)
    found = [((item.start - start) // HOUR, (item.end - start) // HOUR) for item in hours.silences()]
    assert found == silent


def test_weekends_without_anybody_are_usual() -> None:
    hours = Hours()
    moments = asked(21, range(24))
    hours.add(moments[((moments // (24 * 3_600_000_000)) + 3) % 7 < 5])
    assert hours.silences() == ()


def test_a_champion_that_is_asked_no_more_is_told() -> None:
    start = datetime(2013, 8, 1, tzinfo=NOON.tzinfo)
    moments = [start + hour * HOUR for hour in range(24 * 9) for _ in range(5)]
    found = health(table(moments), until=start + 10 * DAY)
    assert [(item.start, item.end) for item in found.silences] == [(start + 9 * DAY, start + 10 * DAY)]
    assert signal(found, "rows").verdict == "bad"
    assert "24 h from 2013-08-10 00:00 UTC on, where about 120 rows are usual" in signal(found, "rows").says
    assert health(table(moments)).silences == ()


def test_wrong_clocks_are_told() -> None:
    at = [NOON, NOON + HOUR, NOON + 2 * HOUR]
    found = health(table(at, answered_at=[NOON - HOUR, NOON + HOUR, NOON + 3 * HOUR]), now=NOON + 1.5 * HOUR)
    assert (found.answered_before_asked, found.asked_in_future, found.clock_skew) == (1, 1, 2)
    assert signal(found, "rows").verdict == "bad"
    assert "clocks are wrong" in signal(found, "rows").says


def test_a_long_time_is_told_by_the_day_and_any_time_in_bounded_memory() -> None:
    found = health(table([NOON + day * DAY for day in range(60)]))
    assert found.volume.period == "day"
    assert found.volume.rows == (1,) * 60
    ancient = health(table([datetime(1, 1, 2, tzinfo=NOON.tzinfo), NOON]))
    assert sum(ancient.volume.rows) == 1
    assert ancient.silences == ()
