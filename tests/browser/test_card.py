"""Cards, delta reports and the runbook in a browser without a network: light, dark, on a phone, on paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.pictures import take_picture
from tests.pages import HOSTILE
from tests.unit.registry import carded, small
from tests.unit.site import handed
from workbench.project import Project
from workbench.registry import promotion
from workbench.registry.card.writing import write_card
from workbench.registry.deltas.recorded import recorded_delta
from workbench.site.runbook.writing import write_runbook
from workbench.tracking.page import CONTENT_SECURITY_POLICY

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

_SIZES = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    project = carded.carded_project(tmp_path_factory.mktemp("card") / "project", owner=HOSTILE["handler"])
    _two(project)
    handed.watch(project)
    return {
        "card": write_card(project, 2).html,
        "runbook": write_runbook(project).html,
        "delta": recorded_delta(project, 1, 2).write(project.state)[0],
    }


def _two(project: Project) -> None:
    """Two versions on rows whose groups are named to do harm."""
    rows = small.rows().copy()
    for colour, payload in zip(("red", "green", "blue"), list(HOSTILE.values())[:3], strict=True):
        rows.loc[rows["colour"] == colour, "colour"] = payload
    carded.register(project, rows=rows, model=carded.other_model(), until=carded.EARLIER)
    carded.register(project, rows=rows)
    promotion.promote(project, 2, reason=HOSTILE["drawing"])


@pytest.mark.practice("O3", "P9", "T4")
@pytest.mark.parametrize("policy", ["with its policy", "without its policy"])
@pytest.mark.parametrize("size", ["desk", "phone"])
@pytest.mark.parametrize("name", ["card", "delta", "runbook"])
def test_pages_are_shown_whole_and_nothing_runs(
    browser: Browser,
    pages: dict[str, Path],
    tmp_path: Path,
    screenshots: Path,
    name: str,
    size: str,
    policy: str,
) -> None:
    text = pages[name].read_text()
    if policy == "without its policy":
        text = text.replace(CONTENT_SECURITY_POLICY, "")
    path = tmp_path / "page.html"
    path.write_text(text)
    context = browser.new_context(offline=True, viewport=_SIZES[size])  # type: ignore[arg-type]
    page, asked_for, complaints = context.new_page(), list[str](), list[str]()
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith(("data:", path.as_uri())) else asked_for.append(request.url)
        ),
    )
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(path.as_uri())
    take_picture(page, screenshots / f"{name}-{size}.png", full_page=True)
    assert (asked_for, complaints) == ([], [])
    assert page.evaluate("typeof window.__pwned") == "undefined"
    widths = page.eval_on_selector_all("img", "all => all.map(picture => picture.naturalWidth)")
    assert widths or name == "runbook"
    assert all(widths)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    context.close()


def _look(browser: Browser, path: Path, scheme: str) -> dict[str, Any]:
    context = browser.new_context(offline=True, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(path.as_uri())
    look: dict[str, Any] = page.evaluate(
        "({page: getComputedStyle(document.body).backgroundColor,"
        " picture: document.querySelector('.drawn img').currentSrc})"
    )
    context.close()
    return look


def test_the_dark_page_has_dark_pictures(browser: Browser, pages: dict[str, Path]) -> None:
    light, dark = (_look(browser, pages["card"], scheme) for scheme in ("light", "dark"))
    assert light["page"] != dark["page"]
    assert light["picture"] != dark["picture"]


def test_on_paper_what_is_folded_is_open_and_ids_are_whole(browser: Browser, pages: dict[str, Path]) -> None:
    context = browser.new_context(offline=True, color_scheme="dark")
    page = context.new_page()
    page.goto(pages["card"].as_uri())
    cell = page.locator("details.folded td").first
    assert not cell.is_visible()
    page.emulate_media(media="print")
    assert cell.is_visible()
    assert page.locator(".hash .whole").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    context.close()
