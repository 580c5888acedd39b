"""Reports in a browser without a network: they show their charts, and what is hostile stays dead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.pictures import take_picture
from tests.flights import FlightsRun
from tests.pages import HOSTILE, PNG, code, display, manifest, markdown, notebook, printed, raised
from tests.projects import make_project
from workbench.site.index import build_index
from workbench.tracking import reports
from workbench.tracking.html import render
from workbench.tracking.page import CONTENT_SECURITY_POLICY

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# The first to ask for the run waits for all of it.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

_PHASES = ("gather", "analyze", "prepare", "train", "validate", "serve", "monitor", "retrain")
_WITH_CHARTS = {"analyze", "prepare", "train", "validate", "serve", "monitor"}
_PHONE, _DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@dataclass
class Watched:
    """A page and what it tried beyond being shown."""

    page: Page
    asked_for: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def assert_shown(self) -> None:
        """Nothing was asked for, nothing went wrong, no picture is broken, nothing sticks out."""
        assert self.asked_for == []
        assert self.complaints == []
        widths = self.page.eval_on_selector_all("img[src]", "all => all.map(picture => picture.naturalWidth)")
        assert all(widths)
        assert self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@contextmanager
def _opened(browser: Browser, path: Path, size: dict[str, int] | None = None) -> Iterator[Watched]:
    context = browser.new_context(offline=True, viewport=size or _DESK)  # type: ignore[arg-type]
    watched = Watched(context.new_page())
    address = path.as_uri()
    watched.page.on(
        "request",
        lambda request: (
            None if request.url.startswith(("data:", address)) else watched.asked_for.append(request.url)
        ),
    )
    watched.page.on(
        "console",
        lambda message: watched.complaints.append(message.text) if message.type == "error" else None,
    )
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    watched.page.goto(address)
    yield watched
    context.close()


def _hostile_page() -> str:
    cells = [markdown(f"# Report\n\n{payload}") for payload in HOSTILE.values()]
    for payload in HOSTILE.values():
        cells += [
            code("1", display({"text/html": payload})),
            code("1", display({"text/markdown": payload}), printed(payload), raised(message=payload)),
            code("1", display({"image/png": PNG}, {"width": '1" onload="window.__pwned=1'})),
            code(
                "1",
                display(
                    {
                        "image/svg+xml": '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
                        f"{'<script>window.__pwned=1</script>'}</svg>"
                    }
                ),
            ),
        ]
    return render(notebook(*cells), title=HOSTILE["script"], manifest=manifest(who=HOSTILE["handler"]))


@pytest.mark.parametrize("policy", ["with its policy", "without its policy"])
def test_hostile_outputs_neither_run_nor_call_anybody(browser: Browser, tmp_path: Path, policy: str) -> None:
    page = _hostile_page()
    if policy == "without its policy":
        page = page.replace(CONTENT_SECURITY_POLICY, "")
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    with _opened(browser, path) as report:
        assert report.page.evaluate("typeof window.__pwned") == "undefined"
        assert report.page.locator("img").count() > len(HOSTILE)
        report.assert_shown()


def test_no_output_lies_over_the_words_of_the_page(browser: Browser, tmp_path: Path) -> None:
    cover = (
        '<div style="position:absolute;top:-500px;left:-500px;width:3000px;height:3000px">all is well</div>'
    )
    path = tmp_path / "report.html"
    page = render(notebook(code("1", display({"text/html": cover}))), title="t", manifest=manifest())
    path.write_text(page, encoding="utf-8")
    with _opened(browser, path) as report:
        pill = report.page.locator(".pill").bounding_box()
        assert pill is not None
        middle = [pill["x"] + pill["width"] / 2, pill["y"] + pill["height"] / 2]
        on_top = report.page.evaluate("([x, y]) => document.elementFromPoint(x, y).className", middle)
        assert on_top == "pill finished"


def test_code_is_shown_at_a_click_without_a_script(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    cells = notebook(markdown("# T\n\n## One"), code("a = 1\nb = 2"), code("c = 3"))
    path.write_text(render(cells, title="t", manifest=manifest()), encoding="utf-8")
    with _opened(browser, path) as report:
        sources = report.page.locator(".code .highlight")
        assert [source.is_visible() for source in sources.all()] == [False, False]
        report.page.locator(".code summary").first.click()
        assert [source.is_visible() for source in sources.all()] == [True, False]
        report.page.get_by_label("Show all code").check()
        assert [source.is_visible() for source in sources.all()] == [True, True]
        report.assert_shown()


def test_the_index_leads_to_a_report_and_back(browser: Browser, tmp_path: Path) -> None:
    project = make_project(tmp_path / "tiny", {"train": []})
    page = render(notebook(markdown("# Train")), title="train", manifest=manifest(), index="../../index.html")
    reports.publish(project.reports, manifest(), "{}", page)
    with _opened(browser, build_index(project), _PHONE) as index:
        index.assert_shown()
        index.page.locator(".step a").click()
        index.page.wait_for_url("**/report.html")
        assert index.page.locator("h1").inner_text() == "Train"
        index.page.get_by_role("link", name="All reports").click()
        index.page.wait_for_url("**/index.html")


@pytest.mark.parametrize("phase", _PHASES)
def test_reports_of_a_run_open_offline_and_show_their_charts(
    browser: Browser, flights_run: FlightsRun, screenshots: Path, phase: str
) -> None:
    path = flights_run.report(phase) / reports.HTML
    assert path.stat().st_size < 1_500_000
    for name, size in (("desk", _DESK), ("phone", _PHONE)):
        with _opened(browser, path, size) as report:
            take_picture(report.page, screenshots / f"{phase}-{name}.png", full_page=True)
            report.assert_shown()
            assert "finished" in report.page.locator(".byline").inner_text()
            assert report.page.locator(".output").count() > 0
            if phase in _WITH_CHARTS:
                assert report.page.locator(".picture img").count() > 0


def test_index_of_a_run_lists_all_phases(
    browser: Browser, flights_run: FlightsRun, screenshots: Path
) -> None:
    with _opened(browser, build_index(flights_run.project)) as index:
        take_picture(index.page, screenshots / "index.png", full_page=True)
        index.assert_shown()
        names = [step.inner_text().split()[1] for step in index.page.locator(".step").all()]
        assert names == list(_PHASES)
