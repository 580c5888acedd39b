"""The page of a backtest: one plain answer with its certainty, whether it held, and the figures behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.pages import HOSTILE, parse
from tests.unit.monitoring.backtest import invented
from tests.unit.monitoring.backtest.invented import Policy, backtest
from workbench.monitoring.backtest.choosing import choose
from workbench.monitoring.backtest.outcome import Backtest
from workbench.monitoring.backtest.page import answer, backtest_page, publish
from workbench.monitoring.backtest.page.answer import heading
from workbench.monitoring.backtest.page.tables import detail_sections, ranking
from workbench.registry.card.document import Bullets, Facts, Image, Page, Section, Table, Text

SEPTEMBER, _MARCH = date(2013, 9, 1), date(2013, 3, 1)


@pytest.fixture(scope="module")
def page() -> Page:
    found = invented.four(noise=250.0)
    return backtest_page(found, choose(found, until=SEPTEMBER))


def _answer(*policies: Policy, **options: Any) -> str:
    return answer(choose(backtest(policies, **options), until=SEPTEMBER))


def _section(page: Page, title: str) -> Section:
    return next(section for section in page.sections if section.title == title)


# -- the answer --------------------------------------------------------------------------------------------


@pytest.mark.practice("L8")
def test_the_answer_says_what_was_gained_how_sure_that_is_and_that_it_held(page: Page) -> None:
    assert page.heading == "“drift” is the policy to take"
    assert page.lead == (
        "Over January to August 2013 “drift” would have brought about 15,700 more minutes of waiting saved "
        "than “never” (between 8,400 and 23,000), with 2 retrainings. “monthly” came out ahead of it by "
        "7,680 (between −2,900 and 18,000), which may be chance, and takes 7 retrainings. Over September to "
        "December 2013, which the choice had not seen, it held: it would have brought about 11,700 more "
        "minutes of waiting saved than “never” there (between 6,200 and 17,000), and no policy was surely "
        "better."
    )
    assert page.trouble == ()


def test_that_it_did_not_hold_is_said_with_who_was_better() -> None:
    drift = Policy("drift", {_MARCH: 100.0, SEPTEMBER: 0.1}, [_MARCH])
    told = _answer(Policy("never"), drift, Policy("weekly", {SEPTEMBER: 90.0}, [_MARCH] * 9))
    assert "it did not hold: “weekly” would have brought about " in told
    assert "more minutes of waiting saved than “drift” (between " in told


def test_a_gain_that_did_not_come_again_is_said() -> None:
    told = _answer(Policy("never"), Policy("drift", {_MARCH: 100.0, SEPTEMBER: -12.0}, [_MARCH]))
    assert "it was not confirmed: it would have brought about " in told
    assert " fewer minutes of waiting saved than “never” there (between −" in told


def test_where_nothing_beats_never_that_is_the_answer() -> None:
    worse = _answer(Policy("never"), Policy("drift", {_MARCH: -40.0}, [_MARCH, SEPTEMBER]))
    assert "no policy came to more than “never”: the next, “drift”, would have brought about " in worse
    hardly = _answer(Policy("never"), Policy("drift", {_MARCH: 2.0}, [_MARCH]), noise=100.0)
    assert "the days cannot tell the best policy from “never”: “drift” would have brought about " in hardly
    still = choose(backtest([Policy("never"), Policy("drift")]))
    assert heading(still) == "“never” would have been enough"
    assert "no policy retrained, and all came to the same" in answer(still)


def test_without_a_utility_it_is_told_in_the_metric() -> None:
    told = _answer(Policy("never"), Policy("drift", {_MARCH: 100.0}, [_MARCH]), unit="")
    assert "“drift” would have had a roc auc that is 0.00" in told
    assert " better than “never” (between 0.00" in told


def test_what_cannot_be_told_is_not_told() -> None:
    unchecked = answer(choose(invented.four(unlabelled=(date(2013, 9, 5), invented.UNTIL)), until=SEPTEMBER))
    assert unchecked.endswith("too little is known of what was true to check it.")
    nobody = answer(choose(invented.four(unlabelled=(invented.BEGAN, invented.UNTIL))))
    assert "nobody knows what was true" in nobody
    alone = answer(choose(backtest([Policy("monthly", {}, [_MARCH])])))
    assert "no other policy was there to compare it with" in alone
    none_left = answer(choose(invented.four(), until=invented.UNTIL))
    assert none_left.endswith("No days were left to check that on.")


# -- the page ----------------------------------------------------------------------------------------------


def test_charts_come_first_and_every_figure_is_folded_below(page: Page) -> None:
    assert [section.title for section in page.sections] == [
        *("What it was worth", "Policies", "How sure that is", "Quality over time", "What each policy did"),
        *("Worth against retrainings", "What it cannot know", "Policy by policy", "How it was made"),
    ]
    pictures = [block for section in page.sections for block in section.blocks if isinstance(block, Image)]
    assert len(pictures) == 5
    assert all(each.alt and each.png[:4] == each.narrow[:4] == b"\x89PNG" for each in pictures)
    details = [block for block in _section(page, "Policy by policy").blocks if isinstance(block, Table)]
    assert all(table.folded for table in details)


def test_the_table_holds_what_each_policy_did_and_lost_against_the_best(page: Page) -> None:
    table = next(block for block in _section(page, "Policies").blocks if isinstance(block, Table))
    rows = {str(row[0] if isinstance(row[0], str) else row[0][0]): row for row in table.rows}  # type: ignore[index]
    assert list(rows) == ["monthly", "drift", "never", "performance"]
    assert table.columns[2:] == (
        *("more than never (95 %)", "lost to the best", "retrainings", "alerts that mattered", "computing"),
    )
    assert rows["monthly"][3:6] == ("0", "11: 8 promoted, 3 refused", "none raised")
    assert rows["performance"][4] == "2: 2 promoted, 1 rolled back"
    assert rows["never"][4:6] == ("0", "1 of 3, 1 unknown")


def test_rows_without_an_answer_are_said_with_what_they_count_as() -> None:
    policies = [Policy("never", refuses=2), Policy("drift", {_MARCH: 100.0}, [_MARCH]), Policy("all")]
    found = backtest(policies)
    page = backtest_page(found, choose(found, until=SEPTEMBER))
    table = next(block for block in _section(page, "Policies").blocks if isinstance(block, Table))
    at = table.columns.index("answered")
    rows = {row[0] if isinstance(row[0], str) else row[0][0]: row[at] for row in table.rows}  # type: ignore[index]
    assert rows["never"] == "327,770 of 328,500"
    assert rows["all"] == "328,500 of 328,500"
    (bullets,) = _section(page, "What it cannot know").blocks
    assert isinstance(bullets, Bullets)
    assert dict(bullets.items)["Not answered"] == (
        "of 328,500 rows that were asked, 730 under “never” got no answer: each counts as not flagged, so "
        "that all policies are valued on the same rows; the roc auc knows of answers only"
    )
    windows = next(block for block in _section(page, "Policy by policy").blocks if isinstance(block, Table))
    assert windows.columns[:4] == ("window", "asked", "answered", "labelled")


def test_how_it_was_made_says_how_much_at_a_time(page: Page) -> None:
    (facts,) = _section(page, "How it was made").blocks
    assert isinstance(facts, Facts)
    assert dict(facts.pairs)["history"] == "January to December 2013, a day at a time"
    steps = ("hour", "7d", "500 rows")
    paces = [replace(invented.four(), step=step).pace for step in steps]
    assert paces == ["an hour", "7d", "500 rows"]


def test_how_fresh_memory_was_taken_to_be_is_said(page: Page) -> None:
    found = replace(invented.four(), memory_note="weather is as fresh as if it had just been written")
    told, untold = (
        _section(each, "What it cannot know").blocks[0]
        for each in (backtest_page(found, choose(found, until=SEPTEMBER)), page)
    )
    assert isinstance(told, Bullets)
    assert isinstance(untold, Bullets)
    assert ("How fresh memory is", found.memory_note) in told.items
    assert "How fresh memory is" not in dict(untold.items)


def test_names_are_text_nothing_runs_and_files_hold_all_that_the_page_was_made_of(tmp_path: Path) -> None:
    """A year that did not hold, with stretches without labels, of which each name is there to do harm."""
    names = list(HOSTILE.values())
    policies = [Policy("never"), Policy(names[0], {_MARCH: 100.0, SEPTEMBER: 0.1}, [_MARCH])]
    policies += [Policy(names[1], {SEPTEMBER: 90.0}, [_MARCH] * 9)]
    policies += [Policy(name, {_MARCH: at}, [_MARCH]) for at, name in enumerate(names[2:6])]
    found = backtest(policies, unlabelled=(date(2013, 12, 5), invented.UNTIL))
    found = replace(found, notes=(names[2],), project=names[3])
    path = publish(tmp_path / "out", found, choose(found, until=SEPTEMBER))
    html = path.read_text()
    elements = list(parse(html))
    tags = {element.tag for element in elements}
    assert not tags & {"script", "iframe", "form", "object", "embed", "base", "link", "svg", "button"}
    assert not [name for element in elements for name in element.attributes if name.startswith("on")]
    assert html.index("Content-Security-Policy") < html.index("<style>")
    (trouble,) = (element.text for element in elements if "trouble" in element.attributes.get("class", ""))
    assert trouble.endswith(f"“{names[1]}” was surely better.")
    assert "2013-12-05 to 2014-01-01: no labels" in html
    assert sorted(file.name for file in path.parent.iterdir()) == ["backtest.json", "days.csv", "index.html"]
    assert Backtest.from_json((tmp_path / "out/backtest.json").read_text()) == found
    days = pd.read_csv(tmp_path / "out/days.csv")
    assert days.groupby("policy")["worth"].sum()["never"] == pytest.approx(found.policy("never").worth)


def test_of_two_dozen_the_table_has_all_and_details_have_those_that_stand_out() -> None:
    found = invented.many()
    choice = choose(found)
    _, table = ranking(found, choice)
    assert isinstance(table, Table)
    assert len(table.rows) == 25
    (details,) = detail_sections(found, choice)
    windows = [block for block in details.blocks if isinstance(block, Table) and block.columns[0] == "window"]
    assert len(windows) == 6
    assert details.blocks[-1] == Text("The other 19 policies are in the files beside this page.")
