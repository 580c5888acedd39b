"""What tests need to make report pages and to read them as a browser would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from workbench.data.tables import DatasetVersion
from workbench.tracking.reports import Manifest

__all__ = [
    "HOSTILE",
    "PNG",
    "Element",
    "code",
    "display",
    "manifest",
    "markdown",
    "notebook",
    "parse",
    "printed",
    "raised",
    "shown",
    "version",
]

# One black pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


#: What a notebook may print to do harm: each would set ``window.__pwned``, fetch, or deceive.
HOSTILE = {
    "script": "<script>window.__pwned=1</script>",
    "handler": "<img src=x onerror=window.__pwned=1>",
    "handler in a picture": f'<img src="data:image/png;base64,{PNG}" onload="window.__pwned=1">',
    "link": '<a href="javascript:window.__pwned=1">x</a>',
    "link in disguise": '<a href="java&#10;script:window.__pwned=1">x</a>',
    "link to data": '<a href="data:text/html,<script>window.__pwned=1</script>">x</a>',
    "frame": '<iframe srcdoc="<script>parent.__pwned=1</script>"></iframe>',
    "form": '<form action="https://evil.example"><input name=q><button formaction="https://evil.example">b</button></form>',
    "drawing": '<svg onload="window.__pwned=1"><script>window.__pwned=1</script></svg>',
    "confused namespaces": "<math><mtext><table><mglyph><style><img src=x onerror=window.__pwned=1></style>",
    "text that becomes a tag": '<noscript><p title="</noscript><img src=x onerror=window.__pwned=1>">',
    "unfinished tag": "<img src=x onerror=window.__pwned=1 ",
    "remote picture": '<img src="https://evil.example/pixel.png">',
    "remote style": '<link rel="stylesheet" href="https://evil.example/x.css">',
    "remote background": '<p style="background:url(https://evil.example/x.png)">x</p>',
    "sheet for the page": "<style>.pill{display:none} @import url(https://evil.example/x.css);</style>",
    "sheet of a styler": "<style>#T_a, body {display:none} #T_b {background:url(//evil.example)}</style>",
    "lies over the page": '<div style="position:fixed;inset:0">all is well</div>',
    "refresh": '<meta http-equiv="refresh" content="0;url=https://evil.example">',
    "base": '<base href="https://evil.example/">',
    "object": '<object data="https://evil.example"></object><embed src="https://evil.example">',
    "furniture": '<p class="pill finished" id="cell-1">finished</p>',
}


@dataclass
class Element:
    """A tag of a page with its attributes and the text inside of it."""

    tag: str
    attributes: dict[str, str]
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


class _Reader(HTMLParser):
    _VOID = frozenset({"br", "col", "hr", "img", "input", "link", "meta", "wbr", "base", "embed", "source"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attributes})
        self.elements.append(element)
        if tag not in self._VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, text: str) -> None:
        for element in self._open:
            element.texts.append(text)


def parse(page: str) -> list[Element]:
    """All elements in the order in which they start."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.elements


def shown(page: str, tag: str, css_class: str = "") -> Iterator[Element]:
    """The elements with this tag and, if given, this class."""
    for element in parse(page):
        classes = element.attributes.get("class", "").split()
        if element.tag == tag and (not css_class or css_class in classes):
            yield element


def version(name: str, number: int) -> DatasetVersion:
    """A dataset version by name and number."""
    return DatasetVersion(name, number, f"data/{name}", rows=3, content="c" * 64)


def manifest(**changes: Any) -> Manifest:
    """The manifest of a finished train run, with the changes that a test cares about."""
    started = changes.pop("started_at", datetime(2024, 5, 17, 8, 30, tzinfo=UTC))
    seconds = changes.pop("seconds", 42.0)
    facts: dict[str, Any] = {
        "run_id": "a1b2c3d4" * 4,
        "pipeline_run_id": "f" * 32,
        "project": "tiny",
        "phase": "train",
        "notebook": "notebooks/train.ipynb",
        "status": "finished",
        "started_at": started,
        "ended_at": started + timedelta(seconds=seconds),
        "seconds": seconds,
        "who": "maria",
    }
    return Manifest(**{**facts, **changes})


def notebook(*cells: NotebookNode) -> NotebookNode:
    """A Python notebook as it looks after it was executed."""
    count = 0
    for cell in cells:
        if cell.cell_type == "code" and cell.execution_count is None and not cell.metadata.get("never_ran"):
            count += 1
            cell.execution_count = count
    return new_notebook(cells=list(cells), metadata={"language_info": {"name": "python"}})


def markdown(source: str, **changes: Any) -> NotebookNode:
    """A Markdown cell."""
    return new_markdown_cell(source, **changes)


def code(
    source: str = "1", *outputs: NotebookNode, tags: list[str] | None = None, **metadata: Any
) -> NotebookNode:
    """A code cell with outputs; ``never_ran=True`` leaves it without an execution count."""
    if tags:
        metadata["tags"] = tags
    return new_code_cell(source, outputs=list(outputs), metadata=metadata)


def display(data: dict[str, Any], metadata: dict[str, Any] | None = None) -> NotebookNode:
    """An output with one thing in the given forms."""
    return new_output("display_data", data=data, metadata=metadata or {})


def printed(text: str, name: str = "stdout") -> NotebookNode:
    """An output of printed text."""
    return new_output("stream", name=name, text=text)


def raised(name: str = "ValueError", message: str = "too few rows", trace: str = "") -> NotebookNode:
    """The output of a cell that raised."""
    lines = [trace or f"Traceback (most recent call last)\n{name}: {message}"]
    return new_output("error", ename=name, evalue=message, traceback=lines)
