"""The monitor as a whole: a log looked at month by month, as by somebody who does not know its end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.monitoring import story
from tests.unit.monitoring.receiving import webhook
from tests.unit.monitoring.story import OLDER, Live, month
from workbench import monitoring
from workbench.errors import UsageError
from workbench.monitoring import Watched, WindowFinding, publish, verdicts
from workbench.monitoring.findings.finding import VersionFinding
from workbench.monitoring.looking import looks
from workbench.monitoring.looking.looks import Look
from workbench.monitoring.performance import Performance
from workbench.project import open_project
from workbench.serving import PredictionLog
from workbench.serving.log.answerers import Answerer
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database

DAY = timedelta(days=1)
CHRISTMAS = datetime(2026, 12, 25, tzinfo=UTC)
_HOOK = '[[monitoring.alerts]]\nname = "drift"\nsignal = "drift.share"\nto = ["backlog", "webhook:x"]\n'
_HOOK += '[monitoring.webhooks.x]\nurl = "{url}"\n'

Make = Callable[[str], Live]


@pytest.fixture(scope="module")
def make() -> Make:
    """A log of that name in a shop that all tests share."""
    return lambda name: Live(story.shared_shop(), f"predictions/{name}")


@pytest.fixture(scope="module")
def year(make: Make) -> Live:
    """August and September as ever; in October orders are older; in November labels are mostly chance.

    Of November's labels half come after two days, and half on the 20th of December.
    """
    live = make("year")
    august = live.answers(month(8))
    september = live.answers(month(9), failing=4)
    live.compact()
    october = live.answers(month(10), older=OLDER, groups=("gate", "desk"))
    november = live.answers(month(11), chance=0.7, shadow=2)
    live.tell([*august, *september, *october, *november[:300]])
    live.tell(november[300:], datetime(2026, 12, 20, tzinfo=UTC))
    wrong = {name: 1 - live.truth[name] for name in august[:200]}
    live.tell(august[:200], truth=wrong)
    live.tell(august[:200], timedelta(days=3))  # corrected a day later
    live.tell(["never-made", "nor-this"], month(9))
    live.think(october[:40], 2.0, "gate", month(11) - DAY)
    live.think(october[40:60], 5.0, "desk", month(11) - DAY)
    return live


def champion(finding: WindowFinding) -> VersionFinding:
    found = finding.champion
    assert found is not None
    return found


def performance(finding: WindowFinding) -> Performance:
    found = champion(finding).performance
    assert found is not None
    return found


def drifted(watched: Watched) -> list[tuple[str, ...]]:
    return [champion(finding).drift.drifted for finding in watched.findings]


def judged(watched: Watched) -> list[str]:
    return [performance(finding).verdict for finding in watched.findings]


def named(watched: Sequence[Any]) -> list[tuple[str, str]]:
    return [(alert.rule, alert.first_window) for alert in watched]


@pytest.mark.practice("L7", "M8")
def test_month_by_month_each_thing_is_found_when_it_could_be_known(year: Live) -> None:
    kept = {"record_as": "by month"}
    first = year.watch(month(9), **kept)
    assert [finding.name for finding in first.findings] == ["2026-08"]
    assert (drifted(first), judged(first)) == ([()], ["held"])
    assert first.raised == ()
    second = year.watch(month(10), **kept)
    assert (drifted(second), judged(second)) == ([(), ()], ["held"] * 2)
    third = year.watch(month(11), **kept)
    assert drifted(third) == [(), (), ("age",)]
    assert named(third.raised) == [("data-drift", "2026-10")]
    assert judged(third) == ["held"] * 3
    fourth = year.watch(month(12), **kept)
    assert drifted(fourth) == [(), (), ("age",), ()]
    assert judged(fourth)[-1] == "inconclusive"
    assert performance(fourth.findings[-1]).why == "the truth of 50% of the predictions is known so far"
    assert named(fourth.cleared) == [("data-drift", "2026-10")]
    assert "performance-dropped" not in dict(named(fourth.raised))
    last = year.watch(CHRISTMAS, **kept)
    assert judged(last) == ["held", "held", "held", "dropped"]
    dropped = next(alert for alert in last.raised if alert.version == 1)
    assert (dropped.rule, dropped.first_window, dropped.raised_at) == (
        "performance-dropped",
        "2026-11",
        CHRISTMAS,
    )
    assert dropped in last.open
    titles = [item.title for item in year.items("by month")]
    assert any(title.startswith("performance-dropped: performance.drop of tiny-model v1") for title in titles)


@pytest.mark.practice("P12")
def test_what_comes_later_than_now_is_not_seen(year: Live) -> None:
    now = datetime(2026, 9, 15, 12, tzinfo=UTC)
    found = year.watch(now, record_as="by mid-September")
    assert [finding.name for finding in found.findings] == ["2026-08", "2026-09"]
    present = champion(found.findings[1])
    assert present.rows == sum(month(9) <= moment < now for moment in year.asked.values())
    labels = performance(found.findings[1]).labels
    assert labels is not None
    assert labels.labelled == sum(month(9) <= moment <= now - 2 * DAY for moment in year.asked.values())
    assert present.health.asked_in_future == 0
    assert year.watch(month(8), record_as="before it began").findings == ()


@dataclass(frozen=True)
class Noting(PredictionLog):
    """A log that notes of which months answers are read: more than who gave them, and their ids.

    That all of it is gone through to tell who gave them is noted as a month, too: 0.
    """

    months: list[int] = field(default_factory=list)

    def answerers(self, start: Any = None, end: Any = None) -> list[Answerer]:
        if start is None:
            self.months.append(0)
        return super().answerers(start, end)

    def batches(self, start: Any = None, end: Any = None, **more: Any) -> Iterator[Any]:
        if start is not None and "score" in more["columns"]:
            self.months.append(start.month)
        return super().batches(start, end, **more)

    def read(self, start: Any = None, end: Any = None, **more: Any) -> pd.DataFrame:
        if start.year > 1970:
            self.months.append(start.month)
        return super().read(start, end, **more)


def test_what_is_known_is_not_looked_at_again(year: Live) -> None:
    first = year.watch(CHRISTMAS, record_as="twice")
    assert first.recorded == 4
    log, clock = Noting(year.log.folder), SimulatedClock(CHRISTMAS + timedelta(hours=1))
    second = monitoring.watch(year.project, log, year.name, clock=clock, record_as="twice")
    assert log.months == []
    assert (second.recorded, second.raised, second.cleared) == (0, (), ())
    assert [alert.id for alert in second.alerts] == [alert.id for alert in first.alerts]
    assert verdicts(second.findings).equals(verdicts(first.findings))
    assert len(year.items("twice")) == len(first.raised)


@pytest.mark.practice("L7", "M8")
def test_a_late_label_is_found_wherever_it_lies_and_only_its_window_is_measured(make: Make) -> None:
    live = make("late")
    months = [live.answers(month(number), count=300) for number in (7, 8, 9, 10)]
    live.tell([name for ids in months for name in ids[:290]])
    now = month(11) + 3 * DAY
    assert live.watch(now, last=1).recorded == 4
    live.tell(months[1][290:], now)
    log, clock = Noting(live.log.folder), SimulatedClock(now + DAY)
    late = monitoring.watch(live.project, log, live.name, clock=clock, last=1)
    assert late.recorded == 1
    assert log.months == [8]
    found = live.watch(now + DAY)
    assert [performance(finding).labelled for finding in found.findings] == [290, 300, 290, 290]


@pytest.mark.practice("L7")
def test_after_a_look_as_of_an_earlier_time_the_next_goes_through_all(make: Make) -> None:
    """What it recorded, the last look knows nothing of: nobody may build on that any more."""
    live = make("back")
    live.tell(live.answers(month(8), count=300))
    assert live.watch(month(9) + 3 * DAY).recorded == 1
    assert _last_look(live).judged_by
    live.answers(month(8), count=20)
    live.watch(month(9) + 2 * DAY)  # a clock was set back
    assert (_last_look(live).judged_by, _last_look(live).as_of) == ("", month(9) + 3 * DAY)
    live.watch(month(9) + 4 * DAY)
    assert _last_look(live).judged_by


def _last_look(live: Live) -> Look:
    database = open_database(live.project)
    try:
        with database.read() as connection:
            found = looks.read(connection, live.name, live.project.model.name)
    finally:
        database.close()
    assert found is not None
    return found


@pytest.mark.practice("L7")
def test_what_is_said_before_it_can_be_known_counts_when_it_is(make: Make) -> None:
    live = make("foretold")
    august = live.answers(month(8), count=300)
    live.tell(august[:280])
    live.tell(august[280:290], month(9) + 5 * DAY)
    live.think(august[:20], 4.0, "desk", month(9) + 5 * DAY)
    assert live.watch(month(9) + 3 * DAY).recorded == 1
    assert live.watch(month(9) + 4 * DAY, present=False).recorded == 0
    then = live.watch(month(9) + 6 * DAY, present=False)
    assert (then.recorded, performance(then.findings[0]).labelled) == (1, 290)
    assert champion(then.findings[0]).opinions is not None
    assert live.watch(month(9) + 7 * DAY, present=False).recorded == 0


@pytest.mark.practice("L7")
def test_the_window_under_way_can_be_left_until_it_is_over(make: Make) -> None:
    live = make("under way")
    august = live.answers(month(8), count=300)
    september = live.answers(month(9), count=300)
    live.tell([*august, *september])
    assert live.watch(month(8) + 9 * DAY, present=False).findings == ()
    first = live.watch(month(9), present=False)
    assert [finding.name for finding in first.findings] == ["2026-08"]
    live.answers(month(9) + DAY, month(9) + 2 * DAY, 30)
    log = Noting(live.log.folder)
    for day in (4, 9):  # all labels are of what is under way, but for those of August's last days
        clock = SimulatedClock(month(9) + day * DAY)
        again = monitoring.watch(live.project, log, live.name, clock=clock, present=False)
        assert verdicts(again.findings).equals(verdicts(live.watch(clock.now()).findings[:1]))
    live.tell(august[:3], month(9) + 10 * DAY, dict.fromkeys(august[:3], 0.0))
    corrected = live.watch(month(9) + 11 * DAY, present=False)
    assert corrected.recorded == 1
    over = live.watch(month(10), present=False)
    assert [finding.name for finding in over.findings] == ["2026-08", "2026-09"]
    assert all(finding.over for finding in over.findings)


@pytest.mark.practice("L7")
def test_what_was_recorded_is_judged_by_the_lines_of_today(make: Make) -> None:
    live = make("lines")
    live.tell(live.answers(month(8), older=OLDER))
    (found,) = live.watch(month(9) + 3 * DAY).findings
    share = champion(found).drift.share
    assert named(live.watch(month(9) + 3 * DAY).open) == [("data-drift", "2026-08")]
    path = live.project.root / "workbench.toml"
    text = path.read_text()
    try:
        path.write_text(
            text.replace("drift_share = 0.3", "drift_share = 0.9").replace(
                "minimum_labels = 200", "minimum_labels = 900"
            )
        )
        milder = Live(open_project(live.project.root), live.name).watch(month(9) + 4 * DAY)
    finally:
        path.write_text(text)
    assert champion(milder.findings[0]).drift.share == share
    assert [(alert.rule, alert.cleared) for alert in milder.cleared] == [("data-drift", "corrected")]
    assert performance(milder.findings[0]).why == "600 labels, 900 are asked"
    assert live.watch(month(9) + 5 * DAY).recorded == 1


@pytest.mark.practice("P7")
def test_a_training_path_that_was_away_is_tried_again(make: Make) -> None:
    live = make("untrained")
    live.answers(month(8))
    path = live.project.root / "workbench.toml"
    text = path.read_text()
    feature = next(line for line in text.splitlines() if line.startswith("features ="))
    try:
        path.write_text(text.replace(feature, 'features = "nowhere:build"'))
        away = Live(open_project(live.project.root), live.name).watch(month(9))
    finally:
        path.write_text(text)
    skew = champion(away.findings[0]).skew
    assert skew is not None
    assert skew.verdict == "inconclusive"
    again = champion(live.watch(month(9)).findings[0]).skew
    assert again is not None
    assert again.verdict == "equal"


@pytest.mark.practice("L7")
def test_of_what_both_were_asked_only_the_champion_raises_drift(make: Make) -> None:
    live = make("both")
    live.answers(month(8), older=OLDER, shadow=1, version=3)
    live.answers(month(9), older=OLDER, shadow=2)
    raised = live.watch(month(10)).raised
    assert [(alert.rule, alert.version) for alert in raised] == [("data-drift", 1)]


def test_failures_shadows_groups_and_opinions_stand_beside_the_champion(year: Live) -> None:
    found = year.watch(CHRISTMAS, record_as="beside")
    august, september, october, november = found.findings
    assert (champion(september).failed, champion(september).health.failed) == (4, 4)
    slices = {(item.column, item.slice) for item in performance(october).slices}
    assert {("user_group", "gate"), ("user_group", "desk"), ("colour", "red")} <= slices
    opinions = champion(october).opinions
    assert opinions is not None
    assert {(group.group, group.rating.value) for group in opinions.groups} == {("gate", 2.0), ("desk", 5.0)}
    assert champion(august).opinions is None
    _, shadow = november.versions
    assert (shadow.role, shadow.version, shadow.skew, shadow.trend) == ("shadow", 2, None, None)
    assert shadow.delta is not None
    assert (shadow.delta.rows, shadow.delta.labelled) == (600, 600)
    assert champion(november).delta is None


@pytest.mark.practice("P7")
def test_served_and_trained_are_compared_in_every_window(year: Live) -> None:
    skews = [champion(finding).skew for finding in year.watch(CHRISTMAS, record_as="skew").findings]
    assert [skew.verdict for skew in skews if skew] == ["equal"] * 4
    assert {skew.rows for skew in skews if skew} == {50}  # the sample that the shop asks for


def test_the_last_truth_counts_and_labels_of_nothing_do_not(year: Live) -> None:
    watched = year.watch(CHRISTMAS, record_as="corrected")
    assert "2 labels are about predictions that this log never made" in watched.notes
    found = watched.findings[0]
    assert performance(found).labelled == 600
    august = [year.truth[name] for name, moment in year.asked.items() if moment < month(9)]
    assert performance(found).positive_share == pytest.approx(np.mean(august))


def test_a_look_records_nothing_and_tells_nobody(year: Live) -> None:
    kept = {"record_as": year.name}
    found = year.look(CHRISTMAS)
    assert (found.recorded, found.alerts, year.items()) == (None, (), [])
    assert judged(found)[-1] == "dropped"
    weeks = year.look(CHRISTMAS, window="7d", last=5)
    assert [finding.name for finding in weeks.findings] == [
        *("2026-11-02", "2026-11-09", "2026-11-16", "2026-11-23", "2026-11-30"),
    ]
    assert weeks.notes[0].startswith("14 windows before 2026-11-02 were not looked at")
    hours = year.look(datetime(2026, 10, 2, tzinfo=UTC), window="6h", last=4)
    assert [finding.name[-5:] for finding in hours.findings] == ["00:00", "06:00", "12:00", "18:00"]
    assert sum(champion(finding).rows for finding in hours.findings) == 20
    alone = year.look(CHRISTMAS, version=2)
    assert [(item.role, item.version) for item in alone.findings[0].versions] == [("shadow", 2)]
    assert year.watch(CHRISTMAS, **kept).recorded == 4  # nothing was there
    with pytest.raises(UsageError, match=r'--window 7x: .*"7d" or "6h"'):
        year.look(CHRISTMAS, window="7x")


def test_the_last_windows_are_handed_out_and_all_are_looked_at(year: Live) -> None:
    kept = {"record_as": "last"}
    newest = year.watch(CHRISTMAS, last=1, **kept)
    assert [finding.name for finding in newest.findings] == ["2026-11"]
    assert newest.notes[-1] == "3 windows before 2026-11 are not shown"
    assert newest.recorded == 4
    assert "performance-dropped" in dict(named(newest.raised))
    assert year.watch(CHRISTMAS, **kept).recorded == 0


def test_who_waits_is_told_which_window_is_next(year: Live) -> None:
    told: list[tuple[int, int, str]] = []
    year.watch(
        CHRISTMAS, record_as="told", on_window=lambda done, of, window: told.append((done, of, window.name))
    )
    assert told == [(0, 4, "2026-08"), (1, 4, "2026-09"), (2, 4, "2026-10"), (3, 4, "2026-11")]


@pytest.mark.practice("L7")
def test_more_rows_and_late_or_corrected_labels_are_new_revisions(make: Make) -> None:
    live = make("revised")
    august = live.answers(month(8), chance=0.7)
    assert judged(live.watch(month(9))) == ["inconclusive"]
    assert live.watch(month(9)).recorded == 0
    more = live.answers(month(8) + 10 * DAY, month(8) + 20 * DAY, 300, chance=0.7)  # from another server
    grown = live.watch(month(9) + DAY)
    assert (grown.recorded, champion(grown.findings[0]).rows) == (1, 900)
    live.tell(august[:300])
    half = live.watch(month(9) + 3 * DAY)
    assert (judged(half), half.raised) == (["inconclusive"], ())
    live.tell([*august[300:], *more], month(9) + 5 * DAY)
    late = live.watch(month(9) + 6 * DAY)
    assert judged(late) == ["dropped"]
    assert named(late.raised) == [("performance-dropped", "2026-08")]
    # It turns out that who labelled them was wrong.
    known = live.log.read(columns=["prediction_id", "score"]).set_index("prediction_id")["score"]
    right = {str(name): float(score > 0.5) for name, score in known.items()}
    live.tell(list(right), month(9) + 7 * DAY, right)
    corrected = live.watch(month(9) + 8 * DAY)
    assert judged(corrected) == ["held"]
    assert [(alert.rule, alert.cleared) for alert in corrected.cleared] == [
        ("performance-dropped", "corrected")
    ]
    assert live.watch(month(9) + 9 * DAY).recorded == 0


def test_labels_that_stop_coming_are_found_by_time_alone(make: Make) -> None:
    live = make("unlabelled")
    for number in (8, 9, 10):
        live.tell(live.answers(month(number), count=300))
    live.answers(month(11), count=300)
    early = live.watch(month(12))
    labels = [performance(finding).labels for finding in early.findings]
    assert [each.state for each in labels if each] == ["ripe"] * 3 + ["early"]
    late = live.watch(month(12) + 20 * DAY)
    found = performance(late.findings[-1]).labels
    assert found is not None
    assert (found.state, late.recorded) == ("short", 1)
    assert live.watch(month(12) + 30 * DAY).recorded == 0


def test_a_champion_that_is_asked_nothing_until_the_end_was_silent(make: Make) -> None:
    live = make("silent")
    live.answers(month(8), month(8) + 20 * DAY, 4800)
    before = live.watch(month(8) + 20 * DAY)
    assert champion(before.findings[0]).health.silences == ()
    after = live.watch(month(9))
    (silence,) = champion(after.findings[0]).health.silences
    assert silence.start == month(8) + 20 * DAY
    assert live.watch(month(9) + DAY).recorded == 0


@pytest.mark.practice("L7", "M9")
def test_after_a_promotion_each_version_is_held_against_its_own_reference(make: Make) -> None:
    live = make("promoted")
    middle = month(8) + 12 * DAY
    live.answers(month(8), middle, 300)
    live.answers(middle, month(9), 500, older=OLDER, version=2)
    watched = live.watch(month(9))
    (found,) = watched.findings
    assert [(item.version, item.rows, item.drift.drifted) for item in found.versions] == [
        (2, 500, ()),
        (1, 300, ()),
    ]
    assert champion(found).version == 2
    live.answers(month(9), version=2)  # orders are young again, as version 1 knew them
    assert drifted(live.watch(month(10))) == [(), ("age",)]
    unlike = live.look(month(10), version=2)
    assert [item.version for finding in unlike.findings for item in finding.versions] == [2, 2]


@pytest.mark.parametrize(
    ("version", "says"),
    [(3, "v3 was registered without a reference: its drift cannot be told"), (77, "no model version '77'")],
)
def test_what_is_not_known_of_a_version_is_a_note(make: Make, version: int, says: str) -> None:
    live = make(f"unknown-{version}")
    live.tell(live.answers(month(8), version=version))
    now = month(9) + 2 * DAY
    watched = live.watch(now)
    found = champion(watched.findings[0])
    assert len(found.notes) == 1
    assert says in found.notes[0]
    assert np.isnan(found.drift.share)
    assert (found.rows, found.health.rows) == (600, 600)
    assert performance(watched.findings[0]).labelled == 600
    assert "no window can tell yet about these rules: data-drift" in watched.notes[0]
    assert live.watch(now).recorded == 0


@pytest.mark.practice("T2")
def test_a_reference_that_was_away_is_looked_for_again(make: Make, tmp_path: Path) -> None:
    live = make("away")
    live.answers(month(8))
    artifacts = live.project.state / "artifacts"
    artifacts.rename(tmp_path / "away")
    try:
        (without,) = live.watch(month(9)).findings
    finally:
        (tmp_path / "away").rename(artifacts)
    assert champion(without).notes
    (again,) = live.watch(month(9)).findings
    assert champion(again).notes == ()
    assert len(champion(again).drift.judged) == 3


def test_a_replay_tells_the_backlog_and_nobody_else(tmp_path: Path) -> None:
    with webhook() as posted:
        project = story.open_shop(tmp_path / "shop", more=_HOOK.format(url=posted.url))
        live = Live(project)
        live.answers(month(8), older=OLDER)
        replayed = live.watch(month(9), record_as="predictions/replay", replayed=True)
        assert named(replayed.raised) == [("drift", "2026-08")]
        assert posted.keys == []
        assert len(live.items("predictions/replay")) == 1
        assert named(live.watch(month(9)).raised) == [("drift", "2026-08")]
        assert len(posted.keys) == 1
    assert len(live.items()) == 1


def test_a_clock_that_was_wrong_is_said_and_makes_few_windows(make: Make) -> None:
    live = make("clocks")
    live.answers(month(8))
    live.answers(datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC), 5)
    live.answers(datetime(2031, 1, 1, tzinfo=UTC), datetime(2031, 1, 2, tzinfo=UTC), 5)
    watched = live.watch(month(9), last=3)
    assert [finding.name for finding in watched.findings] == ["2026-06", "2026-07", "2026-08"]
    assert [len(finding.versions) for finding in watched.findings] == [0, 0, 1]
    assert "a clock is wrong: something was asked at 2031-01-01 19:12 UTC" in watched.notes[0]
    assert watched.notes[1] == "280 windows before 1993-05 were not looked at"
    assert watched.notes[-1] == "397 windows before 2026-06 are not shown"
    assert "a clock is wrong" not in str(live.watch(month(9), last=1, replayed=True).notes)
    seconds = live.look(month(9), window="1s", last=3)
    first, newest = datetime(1970, 1, 1, tzinfo=UTC), seconds.findings[-1].window.start
    assert seconds.findings[-1].window.end - newest == timedelta(seconds=1)
    left_out = (newest - first) // timedelta(seconds=1) + 1 - 3
    assert seconds.notes[1].startswith(f"{left_out:,} windows before {seconds.findings[0].name}")


def test_an_empty_log_and_a_single_answer(make: Make, tmp_path: Path) -> None:
    live = make("empty")
    empty = live.watch(month(9))
    assert (empty.findings, empty.recorded, empty.notes[0]) == ((), 0, "nobody has been asked yet")
    assert live.look(month(9), version=9).findings == ()
    live.tell(live.answers(month(8), count=1))
    (found,) = live.watch(month(9)).findings
    assert champion(found).drift.drifted == ()
    assert performance(found).verdict == "inconclusive"
    shown(tmp_path, live.watch(month(9)))


def shown(folder: Path, watched: Watched) -> str:
    """The page, with everything beside it; whatever was found has to be plain JSON."""
    json.dumps([finding.to_dict() for finding in watched.findings], allow_nan=False)
    page = publish(folder, watched.findings, watched.alerts, model="tiny-model", now=month(9))
    return page.read_text()


def _colours(kinds: int) -> Any:
    return np.array([f"c{number % kinds}" for number in range(3000)], dtype=object)


_EDGES: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "all missing": ({"size": np.full(3000, np.nan)}, ("size",), "all values are missing"),
    "infinities": ({"size": np.full(3000, np.inf)}, ("size",), "3000 infinite values count as missing"),
    "some infinite": ({"age": np.where(np.arange(3000) % 3, 0.5, -np.inf)}, ("age",), "1000 infinite values"),
    "gone": ({"colour": None}, ("colour",), "the column is gone: no row has a value"),
    "text": ({"size": np.array(["large"] * 3000, dtype=object)}, ("size",), "was a number, is text"),
    "a number": ({"colour": np.arange(3000.0)}, ("colour",), "was text, is a number"),
    "categories": ({"colour": _colours(1500)}, ("colour",), "new"),
    "one class": ({}, (), ""),
}


@pytest.mark.practice("L7")
@pytest.mark.parametrize("edge", _EDGES)
def test_an_edge_case_is_a_verdict_from_the_log_to_the_page(make: Make, tmp_path: Path, edge: str) -> None:
    features, expected, note = _EDGES[edge]
    live = make(edge.replace(" ", "-"))
    ids = live.answers(month(8), count=3000, features=features)
    live.tell(ids, truth=dict.fromkeys(ids, 1.0) if edge == "one class" else None)
    now = month(9) + 2 * DAY
    watched = live.watch(now)
    found = champion(watched.findings[0])
    assert found.drift.drifted == expected
    notes = dict(zip(found.drift.features["feature"], found.drift.features["note"], strict=True))
    assert all(note in notes[name] for name in expected)
    verdict, why = performance(watched.findings[0]).verdict, performance(watched.findings[0]).why
    assert verdict == ("inconclusive" if edge == "one class" else "held")
    assert edge != "one class" or why == "all 3,000 labelled rows turned out positive"
    page = shown(tmp_path, watched)
    assert all(name in page for name in expected)
    assert live.watch(now).recorded == 0


def test_a_month_in_which_nothing_was_answered_and_one_in_which_all_failed(
    make: Make, tmp_path: Path
) -> None:
    live = make("failed")
    live.answers(month(8))
    live.answers(month(10), count=5)
    live.answers(month(11), count=1, failing=1)
    watched = live.watch(month(12))
    assert [len(finding.versions) for finding in watched.findings] == [1, 0, 1, 1]
    assert champion(watched.findings[3]).failed == 1
    assert watched.findings[1].to_dict()["versions"] == []
    assert "tiny-model from 2026-08 to 2026-11" in shown(tmp_path, watched)


def test_windows_of_another_length_begin_anew_and_the_old_ones_stay(make: Make) -> None:
    live = make("lengths")
    live.answers(month(8), older=OLDER)
    months = live.watch(month(9))
    path = live.project.root / "workbench.toml"
    text = path.read_text()
    try:
        path.write_text(text.replace('window = "month"', 'window = "week"'))
        weekly = Live(open_project(live.project.root), live.name).watch(month(9))
    finally:
        path.write_text(text)
    assert weekly.recorded == len(weekly.findings) == 6
    assert live.watch(month(9)).recorded == 0
    assert named(months.raised) == [("data-drift", "2026-08")]


@pytest.mark.practice("L7")
def test_a_service_that_nobody_asks_any_more_is_found(make: Make) -> None:
    live = make("silent")
    live.answers(month(8))
    assert live.watch(month(9)).raised == ()
    october = live.watch(month(10))
    assert [finding.name for finding in october.findings] == ["2026-08", "2026-09"]
    assert named(october.raised) == [("silence", "2026-09")]
    assert october.raised[0].says == "nobody was asked anything"
    assert live.watch(month(10) + DAY).raised == ()
    live.answers(month(10))
    assert named(live.watch(month(11)).cleared) == [("silence", "2026-09")]
