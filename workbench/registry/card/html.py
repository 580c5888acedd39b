"""A page as one HTML file: no script, nothing fetched, light and dark, and fit to be printed."""

from __future__ import annotations

import base64
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.registry.card.document import Block, Page

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["as_html", "fragment"]


@cache
def _template(name: str) -> Template:
    from workbench.tracking.page import environment

    jinja = environment(Path(__file__).parent / "templates")
    jinja.filters.update(kind=_kind, anchor=_anchor, picture=_picture, png=_png)
    return jinja.get_template(name)


def as_html(page: Page, *, index: str = "") -> str:
    """The whole page; ``index`` is the relative address of the page that lists reports."""
    return _template("card.html.j2").render(title=page.title, page=page, index=index)


def fragment(page: Page) -> str:
    """The page's body with its style, for a notebook's output."""
    return _template("fragment.html.j2").render(page=page)


def _kind(block: Block | object) -> str:
    """The word by which the template tells parts apart."""
    if isinstance(block, str):
        return "str"
    return "several" if isinstance(block, list | tuple) else type(block).__name__


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _png(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _picture(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
