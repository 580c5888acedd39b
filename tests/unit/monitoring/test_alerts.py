"""Rules and episodes: what is raised, extended and cleared, and what late labels change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from tests.repeats import repeats
from tests.unit.monitoring.alerting import Monitor, day, make, rule, windows
from workbench.config import AlertConfig
from workbench.monitoring.alerts import WindowSignals
from workbench.monitoring.alerts.episodes import Episode, Recorded, reconcile, settled_by
from workbench.monitoring.alerts.evaluating import steps_of
from workbench.monitoring.alerts.rules import Stream, judge, streams
from workbench.monitoring.findings.signal import Signal
from workbench.store import backlog


@pytest.fixture
def monitor(tmp_path: Path) -> Monitor:
    return Monitor.of(make(tmp_path / "project"), rule(to=("backlog", "webhook:x")))


@pytest.mark.practice("L7")
def test_violations_in_a_row_are_one_alert_with_its_evidence(monitor: Monitor) -> None:
    found = monitor.sees(".!")
    (alert,) = found.raised
    assert (found.open, alert.subject, alert.signal, alert.first_window) == (
        (alert,),
        "m v1",
        "drift.share",
        "d1",
    )
    assert alert.evidence["rule"] == "drift.share is bad"
    (shown,) = alert.evidence["windows"]
    assert (shown["value"], shown["says"]) == (0.8, "drift.share of day 1 is bad")
    for letters in (".!!", ".!!?", ".!!?!", ".!!?!-"):
        again = monitor.sees(letters)
        assert (again.raised, again.cleared) == ((), ())
    assert monitor.spans == ["d1-d4"]
    assert [each["verdict"] for each in monitor.alerts[0].evidence["windows"]] == [
        *("bad", "bad", "inconclusive", "bad")
    ]
    (cleared,) = monitor.sees(".!!?!-.").cleared
    assert (cleared.cleared, cleared.cleared_at, cleared.id) == ("recovered", monitor.now, alert.id)
    (second,) = monitor.sees(".!!?!-.!").raised
    assert second.id != alert.id
    assert monitor.spans == ["d1-d4 recovered", "d7-d7"]
    assert monitor.told == [(1, "raised"), (1, "cleared"), (2, "raised")]


@pytest.mark.parametrize(
    ("windows_asked", "violations", "letters", "expected"),
    [
        (3, 2, "!", []),
        (3, 2, "!.!", ["d2-d2"]),
        (3, 2, "!!.", ["d1-d2"]),
        (3, 2, "!!..", ["d1-d2 recovered"]),
        (3, 2, "!..!", []),
        (3, 2, "!??-!", ["d4-d4"]),  # what cannot be told does not count
        (2, None, "!.!!", ["d3-d3"]),
        (1, None, "?-?", []),
    ],
)
def test_k_of_the_last_n_windows(
    monitor: Monitor, windows_asked: int, violations: int | None, letters: str, expected: list[str]
) -> None:
    monitor.rules = (rule(windows=windows_asked, violations=violations),)
    for upto in range(1, len(letters) + 1):
        monitor.sees(letters[:upto])
    assert monitor.spans == expected
    whole = Monitor(monitor.database, monitor.rules)
    whole.sees(letters)
    assert monitor.spans == expected


def test_a_figure_is_held_against_the_rules_own(monitor: Monitor) -> None:
    monitor.rules = (rule("high", above=0.5), rule("low", below=0.5), rule("never", above=0.8))
    found = monitor.sees("!")
    assert [alert.rule for alert in found.raised] == ["high"]
    assert [alert.rule for alert in monitor.sees("!.").raised] == ["low"]
    nothing = [WindowSignals("d2", day(2), day(3), "m", 1, [Signal("drift.share", float("nan"), "ok", "")])]
    assert monitor.sees([*windows("!."), *nothing]).raised == ()


def test_a_family_is_told_signal_by_signal_and_version_by_version(monitor: Monitor) -> None:
    monitor.rules = (rule("features", "drift.feature.*"),)
    seen = [
        *windows("!!", signal="drift.feature.wind"),
        *windows("..", signal="drift.feature.rain", version=2),
        *windows(".!", signal="drift.feature.\0rain\ud800", version=3),
    ]
    assert [(a.signal, a.version) for a in monitor.sees(seen).raised] == [
        ("drift.feature.wind", 1),
        ("drift.feature.\ufffdrain?", 3),
    ]
    assert monitor.sees(seen).raised == ()


def test_rules_that_nothing_answers_are_said(monitor: Monitor) -> None:
    monitor.rules = (rule(), rule("skew", "skew.share"), rule("slow", "health.p99_ms", above=5))
    found = monitor.sees([*windows("."), *windows("?", signal="skew.share", version=2)])
    assert (found.unseen, found.undecided) == (("slow",), ("skew",))
    assert monitor.sees([]).unseen == ("drift", "skew", "slow")


def test_the_order_of_windows_and_the_clock_do_not_matter(monitor: Monitor) -> None:
    monitor.sees(windows(".!!.!!")[::-1])
    before = monitor.alerts
    monitor.now = day(-1000)
    found = monitor.sees(".!!.!!")
    assert (found.raised, found.cleared, monitor.alerts) == ((), (), before)
    assert monitor.sees(".!!.!!.").cleared[0].cleared_at == day(-998)
    assert len(monitor.alerts) == 2


def test_of_what_was_over_before_anybody_looked_the_newest_is_told(monitor: Monitor) -> None:
    monitor.sees("!.!.!.")
    assert monitor.spans == ["d0-d0 recovered", "d2-d2 recovered", "d4-d4 recovered"]
    assert monitor.told == [(3, "raised")]
    (item,) = monitor.items
    assert "in d4: drift.share of day 4 is bad" in item.title
    monitor.sees("!.!.!.")
    assert monitor.told == [(3, "raised")]


@pytest.mark.parametrize(
    ("before", "after", "spans", "told"),
    [
        # Labels come late: raised late, over by then or not.
        ("??.", "!?.", ["d0-d0 recovered"], ["raised"]),
        ("???", "?!?", ["d1-d1"], ["raised"]),
        # The window before turns out bad, too: the same episode.
        ("?!", "!!", ["d1-d1"], ["raised"]),
        ("?!!.", "!!!.", ["d1-d2 recovered"], ["raised"]),
        # It never was.
        ("!", ".", ["d0-d0 corrected"], ["raised", "cleared"]),
        ("!!", "..", ["d0-d1 corrected"], ["raised", "cleared"]),
        ("!!", ".!", ["d0-d1"], ["raised"]),
        ("!!", "!.", ["d0-d0 recovered"], ["raised", "cleared"]),
        # A window in its middle was fine after all: its newest part carries it on.
        ("!!!", "!.!", ["d0-d2"], ["raised"]),
        # What ended stays as it was; what is violated after it is new.
        ("!.", "!!", ["d0-d0 recovered", "d1-d1"], ["raised", "raised"]),
        ("!.!", "!!!", ["d0-d0 recovered", "d2-d2"], ["raised"]),
        ("!.!", "...", ["d0-d0 recovered", "d2-d2 corrected"], ["raised", "cleared"]),
        # Nothing is cleared because nothing is known any more.
        ("!", "?", ["d0-d0"], ["raised"]),
        ("!", "-", ["d0-d0"], ["raised"]),
        ("!?", "!-", ["d0-d0"], ["raised"]),
    ],
)
def test_what_is_known_later_is_followed(
    monitor: Monitor, before: str, after: str, spans: list[str], told: list[str]
) -> None:
    monitor.sees(before)
    for _ in range(3):  # and to see it again changes nothing
        monitor.sees(after)
        assert monitor.spans == spans
    assert [event for _, event in monitor.told] == told


def test_a_correction_that_is_corrected_opens_the_same_alert_again(monitor: Monitor) -> None:
    monitor.sees("!")
    monitor.sees(".")
    (again,) = monitor.sees("!").reopened
    assert (again.id, again.open, again.cleared_at) == (1, True, None)
    monitor.sees(".")
    monitor.sees("!")
    assert monitor.told == [(1, "raised"), (1, "cleared"), (1, "reopened")], "each is told once"


def test_windows_that_are_not_handed_in_stay_as_they_are(monitor: Monitor) -> None:
    monitor.sees("!!")
    monitor.sees(windows("!!", first=2))
    assert monitor.spans == ["d0-d3"]
    assert [each["window"] for each in monitor.alerts[0].evidence["windows"]] == ["d0", "d1", "d2", "d3"]
    monitor.sees(windows("?", first=9))
    monitor.sees([])
    assert monitor.spans == ["d0-d3"]
    monitor.sees(windows("?.", first=4))
    assert monitor.spans == ["d0-d3 recovered"]


def test_what_others_watch_under_the_same_name_is_theirs(monitor: Monitor) -> None:
    monitor.sees("!")
    theirs = Monitor(monitor.database, (rule("another"),))
    found = theirs.sees([replace(each, model="theirs") for each in windows("!")], serving=(7,))
    assert [alert.model for alert in (*found.raised, *found.cleared)] == ["theirs"]
    assert [alert.model for alert in monitor.sees("!").open] == ["m"]


def test_a_long_episode_keeps_its_newest_figures(monitor: Monitor) -> None:
    for upto in (20, 40, 60):
        monitor.sees("!" * upto)
    for _ in range(2):
        monitor.sees(windows("!" * 5, first=60))
        evidence = monitor.alerts[0].evidence
        assert (len(evidence["windows"]), evidence["earlier"]) == (24, 41)
        assert evidence["windows"][-1]["window"] == "d64"


def test_alerts_of_what_is_no_longer_used_are_retired(monitor: Monitor) -> None:
    seen = [*windows("!!"), *windows("!", version=2)]
    assert len(monitor.sees(seen, serving=(1, 2)).open) == 2
    (gone,) = monitor.sees(seen, serving=(2,)).cleared
    assert (gone.version, gone.cleared) == (1, "retired")
    assert monitor.sees(seen, serving=(2,)).cleared == ()
    # Back again: what was retired is not raised again, what is violated since is.
    assert monitor.sees(seen, serving=(1, 2)).raised == ()
    (anew,) = monitor.sees([*windows("!!!"), *seen[2:]], serving=(1, 2)).raised
    assert anew.first_window == "d2"
    monitor.rules = (rule("other"),)
    found = monitor.sees([*windows("..."), *windows(".", version=2)])
    assert [alert.cleared for alert in found.cleared] == ["retired", "retired"]


@pytest.mark.practice("T2")
def test_an_alert_is_one_item_of_the_backlog_that_tells_what_became_of_it(monitor: Monitor) -> None:
    monitor.rules = (rule(severity="critical", owner="grace"),)
    for letters in ("!", "!!", "!!"):
        monitor.sees(letters)
    (item,) = monitor.items
    assert (item.kind, item.priority, item.assignee, item.subject) == ("alert", "high", "grace", "m v1")
    assert item.title == "drift: drift.share of m v1 in d0: drift.share of day 0 is bad"
    assert item.links == ("alert 1", f"log {monitor.alerts[0].log}")
    for letters in ("..", ".."):
        monitor.sees(letters)
    with monitor.database.write() as connection:
        (item,) = backlog.items(connection, "late")
        told = [(event.what, event.detail, event.actor) for event in backlog.history(connection, item)]
        backlog.close(connection, item, "labels were wrong", by="grace", at=day(0))
    assert told[1:] == [("remark", "corrected as of d1", "monitor")]
    monitor.sees("!!")
    assert [item.status for item in monitor.items] == ["open"]
    assert monitor.told == []


def test_whatever_labels_do_each_evaluation_settles_it() -> None:
    random = Random(0)
    for _ in range(repeats(3000)):
        rule_now = rule(windows=(n := random.randint(1, 4)), violations=random.randint(1, n))
        letters, recorded = "", dict[int, Episode]()
        for _ in range(random.randint(1, 8)):
            # A new window, and perhaps an old one is judged anew.
            letters += random.choice("!!..?-")
            at = random.randrange(len(letters))
            letters = letters[:at] + random.choice([letters[at], letters[at], *"!.?-"]) + letters[at + 1 :]
            _settle(rule_now, letters, recorded)


@pytest.mark.parametrize(
    ("longest", "often", "at_once"), [(24, 1.0, 1), (120, 0.0, 1), (120, 0.3, 30), (40, 1.0, 30)]
)
def test_what_settled_is_not_gone_through_again_and_nothing_comes_out_different(
    longest: int, often: float, at_once: int
) -> None:
    random = Random(longest)
    for _ in range(repeats(3000, 150) * 40 // longest):
        rule_now = rule(windows=(n := random.randint(1, 4)), violations=random.randint(1, n))
        usual = random.choice(["!!..?-", "!!!!!!!!!?-.", "!????????????????????????????"])
        letters, whole, lately = "", dict[int, Episode](), dict[int, Episode]()
        for _ in range(random.randint(1, longest)):
            known = letters
            letters += random.choice(usual)
            if random.random() < often:  # labels come late: mostly the last windows are judged anew
                at = max(0, len(letters) - 1 - int(random.expovariate(0.4)))
                since = max(0, at + 1 - random.choice([1, 1, 1, 1, 1, at_once]))
                anew = random.choice([letters[at], *usual]) * (at + 1 - since)
                letters = letters[:since] + anew + letters[at + 1 :]
            same = next((at for at, one in enumerate(known) if letters[at] != one), len(known))
            _judge(rule_now, letters, same, whole, lately)
            if longest > 24 and often:
                # Of more than 24 windows the evidence may show others once some were judged anew.
                assert [*map(_span, lately.values())] == [*map(_span, whole.values())], letters
            else:
                assert lately == whole, letters


@pytest.mark.parametrize(
    "story",
    [
        ["!", "!" + "?" * 30 + "!", "!" + "." * 30 + "!", "!" + "." * 31, "!" + "." * 30 + "!"],
        ["!", "!" + "?" * 30 + "!", "!" + "." * 30 + "!", "!" + "." * 30 + "?"],
        ["?" * 36 + "!", "!" * 37, "!" * 31 + "......"],
    ],
)
def test_labels_of_a_month_that_come_at_once_tell_the_same(story: list[str]) -> None:
    whole, lately = dict[int, Episode](), dict[int, Episode]()
    for known, letters in pairwise(["", *story]):
        same = next((at for at, one in enumerate(known) if letters[at] != one), len(known))
        _judge(rule(), letters, same, whole, lately)
        assert [*map(_span, lately.values())] == [*map(_span, whole.values())], letters


def _judge(
    rule_now: AlertConfig, letters: str, same: int, whole: dict[int, Episode], lately: dict[int, Episode]
) -> None:
    """All of the windows, and as far back as needed when so many are what they were."""
    until = settled_by(_recorded(lately), [day(number + 1) for number in range(same)])
    _apply(streams([rule_now], windows(letters)), letters, whole)
    _apply(streams([rule_now], windows(letters), lambda _: until), letters, lately)


def _span(episode: Episode) -> Episode:
    return replace(episode, evidence={})


def _recorded(known: dict[int, Episode]) -> list[Recorded]:
    return [Recorded(number, each) for number, each in known.items()]


def _apply(found: Iterable[Stream], letters: str, recorded: dict[int, Episode]) -> None:
    for stream in found:
        for step in steps_of(stream, windows(letters), _recorded(recorded))[1]:
            recorded[len(recorded) if step.id is None else step.id] = step.episode


def _settle(rule_now: AlertConfig, letters: str, recorded: dict[int, Episode]) -> None:
    """Evaluate twice: the second time there is nothing to do."""
    for stream in streams([rule_now], windows(letters)):
        for again in (False, True):
            steps = reconcile(stream, _recorded(recorded))
            assert not (again and steps), (letters, steps)
            for step in steps:
                recorded[len(recorded) if step.id is None else step.id] = step.episode
        starts = [each.first_start for each in recorded.values()]
        assert len(starts) == len(set(starts)), letters
        if conclusive := judge(stream):
            last = conclusive[-1]
            # Of one whose windows tell nothing any more, nothing is known.
            still_open = [
                each for each in recorded.values() if not each.cleared and each.first_start < last.look.end
            ]
            covered = any(last.look.end <= each.last_end for each in recorded.values())
            assert len(still_open) <= last.violated, letters
            assert covered or not last.violated, letters
