"""Findings as documents and as rows of a dataset, and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from tests.unit.monitoring import watched
from workbench.data.tables import Origin, Tables
from workbench.monitoring import WindowFinding, from_frame, to_frame, verdicts
from workbench.monitoring.findings.windows import Window, cut

YEAR = watched.year()
EMPTY = WindowFinding(
    Window("2014-01", datetime(2014, 1, 1, tzinfo=UTC), datetime(2014, 2, 1, tzinfo=UTC)),
    (),
    datetime(2014, 2, 3, 4, 5, 6, 7, tzinfo=UTC),
    told=12,
)


def test_a_document_is_plain_json_and_leads_back_to_the_finding() -> None:
    for finding in (*YEAR, EMPTY):
        text = json.dumps(finding.to_dict(), allow_nan=False)
        again = WindowFinding.from_dict(json.loads(text))
        assert json.dumps(again.to_dict(), allow_nan=False) == text
        assert (again.window, again.evaluated_at, again.told) == (
            finding.window,
            finding.evaluated_at,
            finding.told,
        )
        assert verdicts([again]).equals(verdicts([finding]))


def test_all_parts_have_signals_and_what_is_not_there_has_none() -> None:
    newest = YEAR[-1].champion
    assert newest is not None
    names = {signal.name.partition(".")[0] for signal in newest.signals()}
    assert names >= {"drift", "performance", "labels", "calibration", "fairness"}
    assert names >= {"skew", "trend", "health", "opinions"}
    shadow = YEAR[6].versions[1]
    names = {signal.name.partition(".")[0] for signal in shadow.signals()}
    assert "shadow" in names
    assert not names & {"skew", "trend", "opinions"}


def test_the_champion_is_the_one_that_answered_and_an_empty_window_has_none() -> None:
    found = [finding.champion for finding in YEAR]
    assert [item.version for item in found if item] == [3] * 8 + [4] * 4
    assert EMPTY.champion is None
    shadow_only = WindowFinding(YEAR[6].window, YEAR[6].versions[1:], YEAR[6].evaluated_at)
    assert shadow_only.champion is None


def test_a_dataset_has_a_row_for_each_version_and_one_for_a_window_without_any(tmp_path: Path) -> None:
    frame = to_frame([*YEAR, EMPTY])
    assert frame["window"].tolist()[4:9] == ["2013-05", "2013-06", "2013-06", "2013-07", "2013-07"]
    assert frame["role"].tolist()[5:7] == ["champion", "shadow"]
    assert frame.iloc[-1][["window", "role", "rows"]].tolist() == ["2014-01", "", 0]
    tables = Tables(str(tmp_path))
    again = from_frame(tables.read(tables.write("findings", frame, origin=Origin("r", "monitor", "ada"))))
    pd.testing.assert_frame_equal(to_frame(again), frame, check_dtype=False)
    assert [finding.window for finding in again] == [finding.window for finding in (*YEAR, EMPTY)]
    assert [finding.evaluated_at for finding in again][-1] == EMPTY.evaluated_at
    assert verdicts(again).equals(verdicts(YEAR))


def test_nothing_is_a_dataset_without_rows() -> None:
    assert to_frame([]).empty
    assert list(to_frame([]).columns) == list(to_frame(YEAR).columns)
    assert from_frame(to_frame([])) == []


def test_two_hours_that_the_clock_calls_alike_stay_two_windows() -> None:
    night = datetime(2026, 11, 1, 5, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    windows = cut(*night, timedelta(minutes=30), "America/New_York")
    assert [window.name[-5:] for window in windows] == ["01:00", "01:30", "01:00", "01:30"]
    findings = [WindowFinding(window, YEAR[0].versions, window.end) for window in windows]
    assert [finding.window for finding in from_frame(to_frame(findings))] == list(windows)
