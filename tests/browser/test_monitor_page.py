"""What the monitor writes for people, in a browser without a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from tests.pages import HOSTILE
from workbench.monitoring.evidently_page import evidently_page, write_pages

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
    page.screenshot(path=screenshots / "evidently.png", full_page=True)
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
