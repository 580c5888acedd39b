"""The monitor's page says the verdict first, and nothing in it is markup that came from data."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.pages import HOSTILE, parse
from tests.unit.monitoring import watched
from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.page import monitor_page, render
from workbench.registry.card.document import Bullets, Image, Page, Section, Table, Text
from workbench.registry.card.html import fragment
from workbench.registry.card.markdown import as_markdown

NOW = datetime(2014, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def year() -> list[WindowFinding]:
    return watched.year()


@pytest.fixture(scope="module")
def page(year: list[WindowFinding]) -> Page:
    return monitor_page(year, watched.alerts(), model="flights", evaluated_at=NOW)


def _section(page: Page, title: str) -> Section:
    return next(section for section in page.sections if section.title == title)


def _tables(page: Page, title: str) -> list[Table]:
    return [block for block in _section(page, title).blocks if isinstance(block, Table)]


def test_one_sentence_says_what_the_newest_window_showed(page: Page) -> None:
    assert page.lead == (
        "In 2013-12 v4 cannot be judged yet: the truth of 34% of the answers is known so far; "
        "1 of 15 features drifted (temperature); temperature is on its way to the line; "
        "1 feature is not served as in training; 1 alert is open."
    )
    assert page.trouble == ("flights v3: performance.drop is bad, as it has been since 2013-07",)


def test_alerts_come_first_with_the_windows_they_stand_on(page: Page) -> None:
    assert page.sections[0].title == "Alerts"
    listed, evidence = _tables(page, "Alerts")
    assert [row[1] for row in listed.rows] == ["performance-dropped", "data-drift"]
    assert evidence.folded.endswith("performance.drop is bad in 2 of 3 windows")
    assert [row[0] for row in evidence.rows] == ["2013-08", "2013-07"]


@pytest.mark.practice("M8")
def test_pictures_come_before_the_tables(page: Page) -> None:
    titles = [section.title for section in page.sections]
    assert titles == [
        *("Alerts", "All versions", "Performance", "Drift", "Trends", "Training-serving skew"),
        *("Champion and shadow", "Opinions", "Figures by version", "Every feature", "Newest window"),
    ]
    pictures = [block for section in page.sections for block in section.blocks if isinstance(block, Image)]
    assert len(pictures) == 9
    assert all(picture.alt and picture.png.startswith(b"\x89PNG") for picture in pictures)
    tables = [block for title in titles[-3:] for block in _tables(page, title)]
    assert all(table.folded for table in tables)


def test_every_feature_has_its_verdict_in_every_window(page: Page, year: list[WindowFinding]) -> None:
    fourth, noted, third, _, shadow, _ = _tables(page, "Every feature")
    assert third.columns == ("feature", *(window.name for window in year[:8]))
    assert fourth.columns == ("feature", *(window.name for window in year[8:]))
    assert shadow.columns == ("feature", *(window.name for window in year[5:8]))
    assert len(third.rows) == len(fourth.rows) == len(shadow.rows) == 16
    drift = year[-1].versions[0].drift
    newest = dict(zip(drift.features["feature"], drift.features["score"], strict=True))
    cells = {row[0]: row[-1] for row in fourth.rows}
    assert cells["temperature"] == f"▲ {newest['temperature']:.3f}"
    assert cells["hour"] == f"{newest['hour']:.3f}"
    assert noted.rows[0][:2] == ("2013-12", "temperature")


def test_figures_by_version_name_each_window(page: Page) -> None:
    tables = _tables(page, "Figures by version")
    assert [table.folded for table in tables] == [
        "champion v4, by window",
        "champion v3, by window",
        "shadow v4, by window",
    ]
    assert [row[0] for row in tables[0].rows] == ["2013-12", "2013-11", "2013-10", "2013-09"]


def test_what_could_not_be_looked_at_is_said(page: Page) -> None:
    notes, *_ = _section(page, "Newest window").blocks
    assert notes == Bullets((("champion v4", "3 answers without a time are left out"),))


def test_nothing_is_said_of_nothing(year: list[WindowFinding]) -> None:
    page = monitor_page([], model="flights", evaluated_at=NOW)
    assert page.heading == "flights has not been watched yet"
    assert [section.blocks for section in page.sections] == [(Text("No rule has been violated."),)]
    unasked = replace(year[0].versions[0], rows=0, performance=None)
    silent = [replace(year[0], versions=()), replace(year[1], versions=(unasked,))]
    page = monitor_page(silent, model="flights", evaluated_at=NOW)
    assert page.lead == "In 2013-02 nobody asked the champion; no alert is open."
    assert "flights" in render(silent, model="flights", evaluated_at=NOW)


def test_a_page_without_markup_from_data_and_without_scripts() -> None:
    names = list(HOSTILE.values())
    months = watched.year(windows=5, features=len(names), rename=names)
    html = render(
        months,
        watched.alerts(),
        model=HOSTILE["script"],
        evaluated_at=NOW,
        beside=[(HOSTILE["handler"], "evidently.html")],
    )
    elements = list(parse(html))
    tags = {element.tag for element in elements}
    assert not tags & {"script", "iframe", "form", "object", "embed", "base", "link", "svg", "button"}
    assert not [name for element in elements for name in element.attributes if name.startswith("on")]
    assert html.index("Content-Security-Policy") < html.index("<style>")


def test_the_same_page_is_told_in_markdown_and_in_a_notebook(page: Page) -> None:
    text = as_markdown(page)
    assert (
        "*Picture in the HTML page: Quality, drift, volume, latency and failures of v3, v4 in 12 windows*"
        in text
    )
    shown = fragment(page)
    assert shown.count("data:image/png;base64,") == 9
    assert "<b>too late" not in text + shown


def test_sixty_windows_of_five_hundred_features_fit_into_two_megabytes() -> None:
    html = render(watched.year(windows=60, features=500), model="flights", evaluated_at=NOW)
    assert len(html) < 2_000_000
