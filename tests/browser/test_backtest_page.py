"""What a policy backtest writes for people, in a browser without a network."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.pictures import take_picture
from tests.pages import HOSTILE
from tests.unit.monitoring.backtest.invented import Policy, backtest
from workbench.monitoring.backtest.choosing import choose
from workbench.monitoring.backtest.page import publish

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

_MARCH = date(2013, 3, 1)


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A year with a stretch without labels, of policies whose names are there to do harm."""
    names = list(HOSTILE.values())
    policies = [
        Policy(name, {_MARCH: 30.0 * at}, [_MARCH], alerts={_MARCH: True})
        for at, name in enumerate(names[:5])
    ]
    found = backtest([Policy("never"), *policies], unlabelled=(date(2013, 5, 1), date(2013, 7, 1)))
    found = replace(found, notes=(names[5],), project=names[1])
    return publish(tmp_path_factory.mktemp("backtest"), found, choose(found, until=date(2013, 9, 1)))


@pytest.mark.practice("L8")
@pytest.mark.parametrize("policy", ["with its policy", "without its policy"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_backtest_is_shown_whole_and_nothing_runs(
    browser: Browser, page_path: Path, tmp_path: Path, screenshots: Path, width: int, policy: str
) -> None:
    path = tmp_path / "page.html"
    text = page_path.read_text()
    path.write_text(text if policy == "with its policy" else text.replace("Content-Security-Policy", "x"))
    context = browser.new_context(offline=True, viewport={"width": width, "height": 900})
    page = context.new_page()
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(path.as_uri())
    for fold in page.locator("details.folded > summary").all():
        fold.click()
    take_picture(page, screenshots / f"backtest-{width}.png", full_page=True)
    assert page.evaluate("typeof window.__pwned") == "undefined"
    assert ([url for url in requests if not url.startswith(("file:", "data:"))], complaints) == ([], [])
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    # Charts are drawn for the width that they have: none is scrolled, and none is made small to fit.
    pictures = page.eval_on_selector_all("main img", "all => all.map(one => [one.naturalWidth, one.width])")
    assert len(pictures) == 4
    assert all(0 < shown <= width and natural / shown < 2.4 for natural, shown in pictures)
    context.close()


def test_on_paper_the_answer_the_chart_and_the_table_are_on_the_first_page(
    browser: Browser, page_path: Path
) -> None:
    """A4 within margins of a centimetre, at 96 pixels an inch."""
    context = browser.new_context(offline=True, viewport={"width": 718, "height": 1047})
    page = context.new_page()
    page.goto(page_path.as_uri())
    page.emulate_media(media="print")
    assert page.locator("details.folded td").last.is_visible()
    chart = page.locator("main img").first.bounding_box()
    assert chart is not None
    assert chart["width"] <= 718
    assert chart["y"] + chart["height"] < 1047
    context.close()
