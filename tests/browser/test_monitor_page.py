"""What the monitor writes for people, in a browser without a network."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from tests.browser.pictures import take_picture
from tests.pages import HOSTILE
from tests.unit.monitoring import watched
from workbench.monitoring.page import render
from workbench.monitoring.page.evidently import evidently_page, write_pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


class Seen:
    """What a page asked for and complained of."""

    def __init__(self, page: Page) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    @property
    def fetched(self) -> list[str]:
        return [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]


@pytest.fixture(scope="module")
def monitor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A year whose features are named to do harm."""
    names = list(HOSTILE.values())[:12]
    html = render(
        watched.year(features=15, rename=names),
        watched.alerts(),
        model=HOSTILE["handler"],
        evaluated_at=datetime(2014, 1, 2, tzinfo=UTC),
        beside=[("Evidently's report", "evidently.html")],
    )
    path = tmp_path_factory.mktemp("monitor") / "monitor.html"
    path.write_text(html)
    return path


@pytest.mark.practice("M8")
@pytest.mark.parametrize("policy", ["with its policy", "without its policy"])
@pytest.mark.parametrize("width", [1280, 400])
def test_the_monitor_is_shown_whole_and_nothing_runs(
    browser: Browser, monitor: Path, tmp_path: Path, screenshots: Path, width: int, policy: str
) -> None:
    path = tmp_path / "page.html"
    text = monitor.read_text()
    path.write_text(text if policy == "with its policy" else text.replace("Content-Security-Policy", "x"))
    context = browser.new_context(offline=True, viewport={"width": width, "height": 900})
    page = context.new_page()
    seen = Seen(page)
    page.goto(path.as_uri())
    for fold in page.locator("details.folded > summary").all():
        fold.click()
    take_picture(page, screenshots / f"monitor-{width}.png", full_page=True)
    assert page.evaluate("typeof window.__pwned") == "undefined"
    assert (seen.fetched, seen.complaints) == ([], [])
    assert all(page.eval_on_selector_all("img", "all => all.map(picture => picture.naturalWidth)"))
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    # Nothing is squeezed to a column of single letters.
    tallest = page.eval_on_selector_all("td", "all => Math.max(...all.map(cell => cell.offsetHeight))")
    assert tallest < 300
    context.close()


def test_on_paper_every_figure_is_there(browser: Browser, monitor: Path) -> None:
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(monitor.as_uri())
    cell = page.locator("details.folded td").last
    assert not cell.is_visible()
    page.emulate_media(media="print")
    assert cell.is_visible()
    context.close()


@pytest.fixture(scope="module")
def evidently(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    names = list(HOSTILE.values())
    frame = pd.DataFrame(
        {
            "wind": random.normal(size=600),
            "</script><script>window.__pwned=1</script>": random.normal(size=600),
            HOSTILE["handler"]: random.choice(names, 600),
        }
    )
    moved = frame.assign(wind=frame["wind"] + 2).iloc[:500]
    gone = moved.drop(columns=HOSTILE["handler"])
    pages = {HOSTILE["script"]: evidently_page(frame, moved), "2026-02": evidently_page(frame, gone)}
    return write_pages(pages, tmp_path_factory.mktemp("evidently") / "evidently.html")


@pytest.mark.parametrize("policy", ["with its policy", "without its policy"])
def test_evidently_draws_each_window_and_nothing_else_runs(
    browser: Browser, evidently: Path, tmp_path: Path, screenshots: Path, policy: str
) -> None:
    path = tmp_path / "page.html"
    text = evidently.read_text()
    path.write_text(text if policy == "with its policy" else text.replace("Content-Security-Policy", "x"))
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    seen = Seen(page)
    page.goto(path.as_uri())
    page.get_by_text("Dataset Drift", exact=True).wait_for()
    assert page.locator(".about:visible").inner_text().endswith("(the column is gone).")
    page.locator("#window").select_option("1")
    page.get_by_text("‹img src=x onerror=window.__pwned=1›", exact=True).first.wait_for()
    for row in range(3):
        page.locator("table tbody tr button").nth(row).click()
    page.get_by_text("DATA DISTRIBUTION").first.wait_for()
    page.locator(".js-plotly-plot .xtick").first.wait_for()
    take_picture(page, screenshots / "evidently.png", full_page=True)
    assert page.evaluate("typeof window.__pwned") == "undefined"
    assert (seen.fetched, seen.complaints) == ([], [])
    context.close()


def test_mlflow_shows_evidentlys_page_as_an_artifact(browser: Browser, evidently: Path) -> None:
    """Its interface puts an HTML artifact into a frame without an origin that may run scripts."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_content("<iframe sandbox='allow-scripts' width=1200 height=800></iframe>")
    page.evaluate(
        "text => { document.querySelector('iframe').src ="
        " URL.createObjectURL(new Blob([text], {type: 'text/html'})) }",
        evidently.read_text(),
    )
    page.frame_locator("iframe").get_by_text("Dataset Drift", exact=True).wait_for()
    context.close()
