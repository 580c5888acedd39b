"""Untrusted markup made fit for a page: what a notebook prints is data, and data may be hostile.

A category value, a file name or a library's message ends up in an output as it came. Only tags,
attributes and style properties listed here survive, so what nobody thought of is dropped.
"""

from __future__ import annotations

import re
from functools import lru_cache

import nh3
from markupsafe import Markup

__all__ = ["clean_html", "clean_style"]

_TAGS = {
    *("a", "abbr", "b", "cite", "code", "del", "dfn", "em", "i", "ins", "kbd", "mark", "q", "s", "samp"),
    *("small", "span", "strong", "sub", "sup", "time", "u", "var", "br", "wbr", "img", "meter", "progress"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "pre", "blockquote", "hr", "div", "section", "figure"),
    *("figcaption", "details", "summary", "ul", "ol", "li", "dl", "dt", "dd"),
    *("table", "caption", "colgroup", "col", "thead", "tbody", "tfoot", "tr", "th", "td"),
}
_ATTRIBUTES: dict[str, set[str]] = {
    "*": {"class", "id", "style", "title", "align"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "table": {"border"},
    "td": {"colspan", "rowspan", "valign"},
    "th": {"colspan", "rowspan", "scope", "valign"},
    "col": {"span"},
    "colgroup": {"span"},
    "ol": {"start"},
    "details": {"open"},
    "meter": {"value", "min", "max", "low", "high", "optimum"},
    "progress": {"value", "max"},
    "time": {"datetime"},
}
# What stands inside these is no text for a reader, so it goes with them.
_DROPPED_WHOLE = {"script", "style", "template", "noscript", "iframe", "object", "svg", "math", "title"}

_PROPERTIES = re.compile(
    r"color|background(-color|-image|-size|-position|-repeat)?|opacity|text-[a-z-]+|font(-[a-z-]+)?|line-height"
    r"|letter-spacing|white-space|word-break|overflow(-[xy]|-wrap)?|vertical-align|(margin|padding)(-[a-z]+)?"
    r"|border(-[a-z-]+)?|(min-|max-)?(width|height)|display|box-sizing|float|clear|gap|(row|column)-gap"
    r"|flex(-[a-z]+)?|grid(-[a-z-]+)?|(align|justify)-(items|content|self)|list-style(-type)?|position|left"
    r"|right|top|bottom|transform|table-layout"
)
# Letters, digits and the punctuation of colours and lengths: no quotes, no backslash, no "<", ":" or "@".
_VALUE = re.compile(r"[\w\s#%.,()/+-]*(!\s*important)?\s*")
_FUNCTION = re.compile(r"([\w-]*)\s*\(")
_FUNCTIONS = {
    *("", "rgb", "rgba", "hsl", "hsla", "calc", "min", "max", "clamp", "minmax", "repeat"),
    *("linear-gradient", "translate", "translatex", "translatey", "rotate", "scale"),
}
# What pandas writes and what highlighted code carries; the page's furniture has none of these.
_CLASS = re.compile(r"dataframe|(row|col|level|blank|data)\w*|highlight|[a-z]{1,2}\d?")
_STYLER_ID = re.compile(r"T_\w+")
_STYLER_SELECTOR = re.compile(r"#T_\w+[\w\s.#>-]*(:(hover|nth-child\((even|odd|\d+)\)))?")
_STYLE_BLOCK = re.compile(r"<style[^>]*>(.*?)</style", re.DOTALL | re.IGNORECASE)
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_LINK = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*", re.IGNORECASE)
_SIZE = re.compile(r"\d{1,4}(px|%)?")


@lru_cache(maxsize=4096)
def clean_style(declarations: str) -> str:
    """The declarations of a ``style`` attribute that only change how a thing looks in its own place.

    Whatever could fetch (``url()``), reach outside of its output (``position: fixed``) or end the
    attribute is left out.
    """
    kept = []
    for declaration in re.sub(r"/\*.*?\*/", "", declarations, flags=re.DOTALL).split(";"):
        name, _, value = declaration.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not value or not _PROPERTIES.fullmatch(name) or not _VALUE.fullmatch(value):
            continue
        if name == "position" and value.lower() not in {"relative", "absolute", "static"}:
            continue
        if all(function.lower() in _FUNCTIONS for function in _FUNCTION.findall(value)):
            kept.append(f"{name}: {value}")
    return "; ".join(kept)


def clean_html(untrusted: str) -> Markup:
    """Markup that shows tables, text and embedded pictures, runs nothing and fetches nothing.

    Links leave only for ``http``, ``https`` and ``mailto``, pictures only come as ``data:``. The
    style sheet that a pandas ``Styler`` writes for its own table is kept; any other is dropped.
    """
    sheet = _styler_sheet(untrusted)
    body = nh3.clean(
        untrusted,
        tags=_TAGS,
        clean_content_tags=_DROPPED_WHOLE,
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer",
    )
    return Markup(sheet + body)


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "style":
        return clean_style(value) or None
    if name == "class":
        return " ".join(word for word in value.split() if _CLASS.fullmatch(word)) or None
    if name == "id":
        return value if _STYLER_ID.fullmatch(value) else None
    if name == "href":
        return value if _LINK.match(value) else None
    if name == "src":
        return value if _PICTURE.fullmatch(value) else None
    if name in {"width", "height"}:
        return value if _SIZE.fullmatch(value) else None
    return value


def _styler_sheet(untrusted: str) -> str:
    """The rules of a pandas ``Styler``, each bound to the id of its table, rebuilt from safe parts."""
    if "#T_" not in untrusted:
        return ""
    rules = []
    for block in _STYLE_BLOCK.findall(untrusted):
        for selectors, declarations in _RULE.findall(block):
            each = [selector.strip() for selector in selectors.split(",")]
            style = clean_style(declarations)
            if style and all(_STYLER_SELECTOR.fullmatch(selector) for selector in each):
                rules.append(f"{', '.join(each)} {{ {style} }}")
    return f"<style>{' '.join(rules)}</style>" if rules else ""
