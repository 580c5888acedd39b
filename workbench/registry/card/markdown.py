"""A page as Markdown, as GitHub and GitLab show it: its text holds no markup that came from data."""

from __future__ import annotations

import re
from html import escape

from workbench.registry.card.document import (
    Block,
    Bullets,
    Cell,
    Code,
    Facts,
    Hash,
    Image,
    Link,
    Page,
    Picture,
    Pill,
    Table,
    Text,
)

__all__ = ["as_markdown"]

_SPECIAL = re.compile(r"([\\`*_\[\]|~#$])")
_NO_CODE, _NO_ADDRESS = re.compile(r"[`|\s]+"), re.compile(r"[<>|\s]")
# What starts a list, a heading or a rule where a line begins.
_AT_START = re.compile(r"^(\s*)([-+=]|\d+[.)])")
# Addresses and mentions that GitHub turns into links, or into a word to somebody.
_LINKED = re.compile(r"(?i)(https?|ftp)(://)|(www)(\.)|(?<!\w)@(?=\w)")


def as_markdown(page: Page) -> str:
    """The page as one Markdown document; pictures are told in words, since their figures stand in tables."""
    lines = [f"# {_text(page.heading)}", "", " · ".join(_cell(item) for item in page.byline), ""]
    if page.lead:
        lines += [_line(page.lead), ""]
    lines += [f"> **{_text(item)}**\n" for item in page.trouble]
    for section in page.sections:
        lines += [f"## {_text(section.title)}", ""]
        for block in section.blocks:
            lines += [*_block(block), ""]
    lines += ["---", "", f"_{_text(page.footer)}_", ""]
    return "\n".join(lines)


def _block(block: Block) -> list[str]:
    if isinstance(block, Text):
        return [f"{'> ' if block.remark else ''}{_line(block.text)}"]
    if isinstance(block, Bullets):
        return [f"- **{_text(about)}**: {_text(said)}" for about, said in block.items]
    if isinstance(block, Facts):
        return [f"- **{_text(name)}**: {_cell(value)}" for name, value in block.pairs]
    if isinstance(block, Code):
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", block.text)), default=0))
        return [fence, block.text, fence]
    if isinstance(block, Picture | Image):
        return [f"*Picture in the HTML page: {_text(block.alt)}*"]
    return _table(block)


def _table(table: Table) -> list[str]:
    rule = ["---:" if name in table.numbers else "---" for name in table.columns]
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    lines = ["| " + " | ".join(cells) + " |" for cells in (map(_text, table.columns), rule, *rows)]
    return [f"**{_text(table.folded)}**", "", *lines] if table.folded else lines


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return _text(cell)
    if isinstance(cell, Pill):
        return f"**{_text(cell.word)}**"
    if isinstance(cell, Hash):
        return f"`{_NO_CODE.sub(' ', cell.value)}`" if cell.value else ""
    if isinstance(cell, Link):
        return f"[{_text(cell.text)}](<{_NO_ADDRESS.sub('', cell.href)}>)"
    return ", ".join(_cell(item) for item in cell)


def _text(text: str) -> str:
    """One line in which nothing is markup."""
    flat = " ".join(text.split())
    marked = _SPECIAL.sub(r"\\\1", escape(flat, quote=False))
    return _LINKED.sub(_apart, marked)


def _apart(found: re.Match[str]) -> str:
    """An address or mention that stays text: an empty comment between its parts, which nobody sees."""
    whole = found[0]
    at = 1 if whole == "@" else len(found[1] or found[3])
    return f"{whole[:at]}<!-- -->{whole[at:]}"


def _line(text: str) -> str:
    return _AT_START.sub(r"\1\\\2", _text(text))
