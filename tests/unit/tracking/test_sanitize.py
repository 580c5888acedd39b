"""What notebooks print is untrusted: nothing of it runs, fetches or deceives, by the page's markup alone."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.pages import (
    HOSTILE,
    PNG,
    code,
    display,
    manifest,
    markdown,
    notebook,
    parse,
    printed,
    raised,
    shown,
    version,
)
from workbench.tracking.html import render
from workbench.tracking.reports import Failure
from workbench.tracking.sanitize import clean_html, clean_style

# Tags that our own pages are made of; a report has no other ones.
_HARMLESS = {
    *("html", "head", "meta", "title", "style", "body", "header", "footer", "main", "nav", "section", "div"),
    *("p", "span", "h1", "h2", "h3", "a", "ol", "ul", "li", "dl", "dt", "dd", "details", "summary", "code"),
    *("pre", "label", "input", "img", "table", "thead", "tbody", "tr", "th", "td", "strong", "em", "b", "q"),
}


def _assert_harmless(page: str) -> None:
    """By the page's own markup, without the help of the content security policy."""
    for element in parse(page):
        assert element.tag in _HARMLESS, element
        for name, value in element.attributes.items():
            assert not name.startswith("on"), element
            assert name not in {"srcdoc", "formaction", "action", "srcset", "background", "ping"}, element
            if name == "href":
                assert re.match(r"https?://|mailto:|#|\.\./", value), element
            if name == "src":
                assert value.startswith("data:image/"), element
            if name == "style":
                assert "url(" not in value, element
                assert "fixed" not in value, element
            if name == "http-equiv":
                assert value == "Content-Security-Policy", element
        if element.tag == "style" and ":root" not in element.text:
            selectors = re.sub(r"\{[^{}]*\}", ",", element.text).split(",")
            assert all(re.match(r"#T_\w+", selector.strip()) for selector in selectors if selector.strip())


def _render(*cells: Any) -> str:
    return render(notebook(*cells), title="train · tiny", manifest=manifest())


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE)
def test_hostile_markup_is_harmless_wherever_it_stands(payload: str) -> None:
    page = render(
        notebook(
            markdown(f"# Title {payload}\n\n## Section {payload}\n\n{payload}\n\n```\n{payload}\n```"),
            code(payload, display({"text/html": payload, "text/plain": payload})),
            code("1", display({"text/markdown": payload}), display({"text/latex": payload})),
            code("1", display({"image/svg+xml": payload}), display({"image/png": payload})),
            code("1", display({"application/javascript": payload}), display({"text/vnd.mermaid": payload})),
            code("1", display({"application/vnd.jupyter.widget-view+json": {"model_id": payload}})),
            code("1", printed(payload), printed(payload, "stderr"), raised(payload, payload, payload)),
        ),
        title=payload,
        manifest=manifest(
            project=payload,
            phase=payload,
            run_id=payload,
            pipeline_run_id=payload,
            status="failed",
            error=Failure(message=payload),
            parameters={payload: payload},
            reads=(version(payload, 1),),
            writes=(version(payload, 2),),
            code_version=payload,
            who=payload,
        ),
    )
    _assert_harmless(page)
    ids = [element.attributes["id"] for element in parse(page) if "id" in element.attributes]
    own = {"all-code", "section-1-1", "section-1-2", *(f"cell-{number}" for number in range(1, 8))}
    assert set(ids) <= own
    assert len(ids) == len(set(ids))
    assert not list(shown(page, "p", "pill"))


@pytest.mark.parametrize("metadata", [{"width": '1" onload="x'}, {"image/png": {"height": "1 onerror=x"}}])
def test_hostile_picture_sizes_are_dropped(metadata: dict[str, Any]) -> None:
    page = _render(code("1", display({"image/png": PNG}, metadata)))
    (picture,) = shown(page, "img")
    assert set(picture.attributes) == {"src", "alt"}


def test_mermaid_in_markdown_stays_text() -> None:
    page = _render(markdown('```mermaid\ngraph TD; A["<img src=x onerror=alert(1)>"]\n```'))
    _assert_harmless(page)
    assert "graph TD" in page


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("color: #fff; width: 40%", "color: #fff; width: 40%"),
        ("background: linear-gradient(90deg, #d65f5f 40.0%, transparent 40.0%)", None),
        ("display:flex;justify-content:flex-end", "display: flex; justify-content: flex-end"),
        ("color: red !important", None),
        ("background: url(x)", ""),
        ("background: u\\72l(x)", ""),
        ("width: expression(alert(1))", ""),
        ("behavior: x; -moz-binding: x; color: blue", "color: blue"),
        ("position: fixed", ""),
        ("position: relative", None),
        ("color: red /* ; */; width: 1px", "color: red; width: 1px"),
        ("font-family: '</style><script>'", ""),
        ("--x: 1; color: var(--x)", ""),
    ],
)
def test_styles_keep_looks_and_lose_reach(given: str, kept: str | None) -> None:
    assert clean_style(given) == (given if kept is None else kept)


def test_links_leave_only_for_the_web_and_for_mail() -> None:
    cleaned = clean_html(
        '<a href="https://a.example">a</a><a href="mailto:a@b.example">b</a><a href="5.ipynb">c</a>'
    )
    assert [link.attributes.get("href") for link in shown(cleaned, "a")] == [
        "https://a.example",
        "mailto:a@b.example",
        None,
    ]


def test_a_pandas_styler_keeps_its_colours() -> None:
    import pandas as pd

    styled = pd.DataFrame({"x": [0.0, 1.0]}).style.background_gradient(cmap="Blues").to_html(table_uuid="abc")
    page = _render(code("1", display({"text/html": styled})))
    _assert_harmless(page)
    sheet = list(shown(page, "style"))[1].text
    assert "#T_abc_row0_col0 { background-color: #f7fbff; color: #000000 }" in sheet
    assert "T_abc_row0_col0" in {cell.attributes.get("id") for cell in shown(page, "td")}
