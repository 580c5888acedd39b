"""A notebook's cells as what a page shows of them: chosen, cleaned and cut to a length."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup
from nbconvert.filters import Highlight2HTML
from nbformat import NotebookNode

from workbench.tracking.outputs import Limits, Output, markdown, read_outputs, summary_of_error

__all__ = ["Cell", "Section", "State", "numbers", "read_cells"]

State = Literal["ran", "failed", "stopped", "not run"]

# Cells that papermill put in have no number of their own, so that the others keep the notebook's.
_NOTICE, _INJECTED, _PARAMETERS = "papermill-error-cell-tag", "injected-parameters", "parameters"
_HEADING = re.compile(r"<h([1-6])>(.*?)</h\1>", re.DOTALL)


@dataclass(frozen=True)
class Section:
    """A heading that the table of contents leads to."""

    anchor: str
    title: str
    level: int


@dataclass(frozen=True)
class Cell:
    """A cell as shown: prose, or code with its outputs.

    Attributes
    ----------
    number : int or None
        Its place in the notebook, from 1; None for the parameters that the runner put in.
    count : int or None
        The kernel's execution count.
    state : str
        ``failed``: its error ended the run; ``stopped``: the run ended in it from outside, or before it.
    """

    kind: Literal["prose", "code"]
    number: int | None
    body: Markup
    sections: tuple[Section, ...] = ()
    count: int | None = None
    first_line: str = ""
    more_lines: int = 0
    seconds: float | None = None
    outputs: tuple[Output, ...] = ()
    state: State = "ran"
    error: str = ""
    parameters: bool = False

    @property
    def is_open(self) -> bool:
        """Whether its code is shown at once: parameters say what was asked for, a failure where to look."""
        return self.parameters or self.state in {"failed", "stopped"}

    @property
    def anchor(self) -> str:
        return "cell-parameters" if self.number is None else f"cell-{self.number}"


def read_cells(notebook: NotebookNode, limits: Limits, status: str) -> list[Cell]:
    """All cells in order, ready to be printed.

    Parameters
    ----------
    notebook : NotebookNode
        As it was executed, untrusted.
    limits : Limits
        What is shown at most.
    status : str
        How the run ended; unless it is ``finished``, the cell where it did is marked.
    """
    return _Reader(notebook, limits, status).read()


def numbers(notebook: NotebookNode) -> Iterator[int | None]:
    """Of each cell the number that a page tells it by; None for what the runner put in."""
    number = 0
    for cell in notebook.cells:
        own = {_NOTICE, _INJECTED}.isdisjoint(cell.metadata.get("tags", []))
        number += own
        yield number if own else None


class _Reader:
    """One pass over the cells, remembering the last heading and whether the run had ended."""

    def __init__(self, notebook: NotebookNode, limits: Limits, status: str) -> None:
        language = notebook.metadata.get("language_info", {})
        lexer = language.get("pygments_lexer") or language.get("name")
        self._highlight = Highlight2HTML(pygments_lexer=lexer)
        self._notebook, self._limits, self._status = notebook, limits, status
        self._heading = ""
        self._over = status == "finished"

    def read(self) -> list[Cell]:
        found: list[Cell] = []
        for cell, number in zip(self._notebook.cells, numbers(self._notebook), strict=True):
            if _NOTICE in cell.metadata.get("tags", []):
                continue
            if cell.cell_type == "markdown":
                found.append(self._prose(cell, number))
            elif cell.cell_type == "code" and (cell.source.strip() or cell.outputs):
                found.append(self._code(cell, number))
        return found

    def _prose(self, cell: NotebookNode, number: int | None) -> Cell:
        try:
            body = markdown(cell.source, cell.get("attachments"))
        except Exception:  # a page with one cell shown as it was typed is better than no report
            return Cell("prose", number, body=Markup("<pre>{}</pre>").format(cell.source))
        sections: list[Section] = []

        def with_anchor(match: re.Match[str]) -> str:
            anchor, title = f"section-{number}-{len(sections) + 1}", Markup(match[2]).striptags()
            section = Section(anchor, title, int(match[1]))
            sections.append(section)
            return f'<h{section.level} id="{section.anchor}">{match[2]}</h{section.level}>'

        body = Markup(_HEADING.sub(with_anchor, body))
        if sections:
            self._heading = sections[-1].title
        return Cell("prose", number, body=body, sections=tuple(sections))

    def _code(self, cell: NotebookNode, number: int | None) -> Cell:
        source = cell.source.strip("\n")
        state, error = self._state(cell)
        return Cell(
            "code",
            number,
            body=Markup(self._highlight(source, metadata=cell.metadata)),
            count=cell.get("execution_count"),
            first_line=next((line for line in source.splitlines() if line.strip()), ""),
            more_lines=max(0, len(source.splitlines()) - 1),
            seconds=cell.metadata.get("papermill", {}).get("duration"),
            outputs=tuple(read_outputs(cell, self._limits, self._heading)),
            state=state,
            error=error,
            parameters=not {_PARAMETERS, _INJECTED}.isdisjoint(cell.metadata.get("tags", [])),
        )

    def _state(self, cell: NotebookNode) -> tuple[State, str]:
        never_ran = cell.get("execution_count") is None and bool(cell.source.strip())
        if self._over:
            return ("not run" if never_ran and self._status != "finished" else "ran"), ""
        raised = next((output for output in cell.outputs if output.output_type == "error"), None)
        if raised is not None and "raises-exception" not in cell.metadata.get("tags", []):
            self._over = True
            return ("stopped" if self._status == "killed" else "failed"), summary_of_error(raised)
        # A kernel that died leaves its cell "running", or the next one without a count.
        if never_ran or cell.metadata.get("papermill", {}).get("status") == "running":
            self._over = True
            return "stopped", ""
        return "ran", ""
