"""What a cell showed, chosen, cleaned and cut to a length; every byte of it is untrusted."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from markupsafe import Markup, escape
from nbconvert.filters import ansi2html, strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from workbench.tracking.sanitize import clean_html

__all__ = ["Limits", "Output", "markdown", "read_outputs", "summary_of_error"]

# The first that an output offers is shown. A widget's picture is its text/html: the live view needs a kernel.
_PRIORITY = (
    "text/html",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "image/gif",
    "text/markdown",
    "text/latex",
    "text/plain",
)
_WIDGET = "application/vnd.jupyter.widget-view+json"
_NOT_SHOWN = "This output is interactive; open the notebook in JupyterLab to use it."
_TAG = re.compile(r"<[^>]+>")


@dataclass(frozen=True)
class Limits:
    """How much of an output a page shows; the notebook beside it keeps the whole.

    Parameters
    ----------
    characters : int
        Of printed text, each output.
    lines : int
        Of printed text, each output.
    markup : int
        Characters of HTML, before cleaning.
    picture : int
        Characters of an encoded picture.
    """

    characters: int = 20_000
    lines: int = 200
    markup: int = 400_000
    picture: int = 4_000_000


@dataclass(frozen=True)
class Output:
    """One thing that a cell showed."""

    kind: Literal["text", "log", "error", "html", "markdown", "picture", "note"]
    body: Markup
    headline: str = ""


def markdown(source: str, attachments: Mapping[str, Any] | None = None) -> Markup:
    """Markdown as cleaned markup, without anchors of its own."""
    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True, attachments=dict(attachments or {}))
    return clean_html(MarkdownWithMath(renderer=renderer).render(source))


def summary_of_error(error: NotebookNode) -> str:
    """Such as ``ValueError: what it says``, without colours and on one line."""
    said = " ".join(_plain(str(error.get("evalue", ""))).split())
    return f"{error.get('ename', 'error')}: {said[:300]}" if said else str(error.get("ename", "error"))


def read_outputs(cell: NotebookNode, limits: Limits, heading: str) -> Iterator[Output]:
    """The outputs of a code cell; ``heading`` is what a chart is called for who cannot see it."""
    # What was printed in pieces is one text: a progress bar writes over what it wrote before.
    for stream, group in groupby(cell.outputs, lambda output: output.get("name", "")):
        if stream:
            text = _settled("".join(output.text for output in group))
            if text.strip():
                yield Output("log" if stream == "stderr" else "text", _text(text, limits))
            continue
        for output in group:
            if output.output_type == "error":
                trace = "\n".join(output.get("traceback", [])) or summary_of_error(output)
                yield Output("error", _text(trace, limits), headline=summary_of_error(output))
            elif output.output_type in {"display_data", "execute_result"}:
                yield from _display(output, limits, heading)


def _display(output: NotebookNode, limits: Limits, heading: str) -> Iterator[Output]:
    data: Mapping[str, Any] = output.data
    if _WIDGET in data and "text/html" not in data:
        yield Output("note", escape(_NOT_SHOWN))
        return
    for kind in _PRIORITY:
        if kind not in data:
            continue
        value = "".join(data[kind]) if isinstance(data[kind], list) else str(data[kind])
        if kind == "text/html":
            shown = _markup(value, limits, plain="text/plain" in data)
            if shown is None:
                continue
            yield shown
        elif kind.startswith("image/"):
            yield _picture(kind, value, output, limits, heading)
        elif kind == "text/markdown":
            yield Output("markdown", markdown(value))
        else:
            yield Output("text", _text(value, limits))
        return
    if data:
        yield Output("note", escape(_NOT_SHOWN))


def _markup(value: str, limits: Limits, *, plain: bool) -> Output | None:
    """Cleaned markup, or None where the next best form of the output says more."""
    if len(value) > limits.markup:
        if plain:
            return None
        return Output("note", escape(f"A table or page of {len(value):,} characters: see the notebook."))
    if plain and "sk-top-container" in value:
        return None  # scikit-learn's diagram lives from a style sheet of its own; its text form reads better
    body = clean_html(value)
    scripted = "<script" in value.lower() or "<iframe" in value.lower()
    if scripted and len(_TAG.sub("", body).strip()) < 80 and "<table" not in body and "<img" not in body:
        return Output("note", escape(_NOT_SHOWN))
    return Output("html", body)


def _picture(kind: str, value: str, output: NotebookNode, limits: Limits, heading: str) -> Output:
    if len(value) > limits.picture:
        return Output("note", escape(f"A picture of {len(value):,} characters: see the notebook."))
    if kind == "image/svg+xml":  # as a picture, so that nothing inside of it can run or fetch
        value = base64.b64encode(value.encode()).decode()
    metadata = output.metadata.get(kind, output.metadata)
    size = Markup().join(
        Markup(' {}="{}"').format(side, metadata[side])
        for side in ("width", "height")
        if isinstance(metadata.get(side), int) and 0 < metadata[side] < 10_000
    )
    source = f"data:{kind};base64,{''.join(value.split())}"
    name = f"Chart: {heading}" if heading else "Chart"
    return Output("picture", Markup('<img src="{}" alt="{}"{}>').format(source, name, size))


def _settled(text: str) -> str:
    """Progress bars as they stood at the end: what a carriage return wrote over is gone."""
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _text(text: str, limits: Limits) -> Markup:
    """Printed text with its colours, the middle left out when it is long."""
    lines = text.strip("\n").split("\n")
    if len(lines) > limits.lines:
        head, tail = limits.lines * 3 // 4, limits.lines // 4
        left_out = f"… {len(lines) - head - tail:,} lines left out; the notebook has them …"
        lines = [*lines[:head], left_out, *lines[len(lines) - tail :]]
    whole = "\n".join(lines)
    if len(whole) > limits.characters:
        head, tail = limits.characters * 3 // 4, limits.characters // 4
        left_out = f"… {len(whole) - head - tail:,} characters left out; the notebook has them …"
        whole = f"{whole[:head]}\n{left_out}\n{whole[len(whole) - tail :]}"
    try:
        return Markup(ansi2html(whole))
    except (IndexError, ValueError):  # a colour code that says nothing, such as a bare ESC[38m
        return escape(_plain(whole))


def _plain(text: str) -> str:
    return str(strip_ansi(text))
