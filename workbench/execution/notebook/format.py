"""What a notebook file has to look like: format 4 as Jupyter's own schema has it, and what papermill adds.

A model of our own, because importing ``nbformat`` costs more than a second, and because its reader only
logs what is wrong. A test holds that what passes here passes ``nbformat.validate`` too.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

__all__ = ["MINOR", "problem"]

#: The newest minor version of format 4 that this knows.
MINOR = 5
_JSON_TYPE = re.compile(r"^application/(.*\+)?json$")
_TAGGED = ("code", "markdown", "raw", "execute_result", "display_data", "stream", "error")


class _Closed(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Open(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


def _mimebundle(bundle: dict[str, Any]) -> dict[str, Any]:
    for kind, content in bundle.items():
        lines = content if isinstance(content, list) else [content]
        if not _JSON_TYPE.match(kind) and not all(isinstance(line, str) for line in lines):
            raise ValueError(f"{kind} has to be text, or a list of lines")
    return bundle


def _distinct(tags: list[str]) -> list[str]:
    if len(set(tags)) < len(tags):
        raise ValueError("a tag stands there twice")
    return tags


_Text = str | list[str]
_Count = Annotated[int, Field(ge=0)]
_Mimebundle = Annotated[dict[str, Any], AfterValidator(_mimebundle)]
_Tags = Annotated[
    list[Annotated[str, Field(pattern=r"^[^,]+$")]],
    AfterValidator(_distinct),
]
# A key that is there has to hold the right thing, and null is not it: so none of these is `| None`.
_ABSENT: Any = None


class _CellMetadata(_Open):
    name: Annotated[str, Field(pattern=r"^.+$")] = _ABSENT
    tags: _Tags = _ABSENT
    jupyter: dict[str, Any] = _ABSENT
    papermill: dict[str, Any] = _ABSENT


class _RawMetadata(_CellMetadata):
    format: str = _ABSENT


class _CodeMetadata(_CellMetadata):
    execution: dict[str, str] = _ABSENT
    collapsed: bool = _ABSENT
    scrolled: bool | Literal["auto"] = _ABSENT


class _Result(_Closed):
    output_type: Literal["execute_result"]
    execution_count: _Count | None
    data: _Mimebundle
    metadata: dict[str, Any]


class _Display(_Closed):
    output_type: Literal["display_data"]
    data: _Mimebundle
    metadata: dict[str, Any]


class _Stream(_Closed):
    output_type: Literal["stream"]
    name: str
    text: _Text


class _Error(_Closed):
    output_type: Literal["error"]
    ename: str
    evalue: str
    traceback: list[str]


class _Cell(_Closed):
    id: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]+$", max_length=64)] = _ABSENT
    source: _Text


class _Raw(_Cell):
    cell_type: Literal["raw"]
    metadata: _RawMetadata
    attachments: dict[str, _Mimebundle] = _ABSENT


class _Markdown(_Cell):
    cell_type: Literal["markdown"]
    metadata: _CellMetadata
    attachments: dict[str, _Mimebundle] = _ABSENT


class _Code(_Cell):
    cell_type: Literal["code"]
    metadata: _CodeMetadata
    outputs: list[Annotated[_Result | _Display | _Stream | _Error, Field(discriminator="output_type")]]
    execution_count: _Count | None


class _Kernelspec(_Open):
    name: str
    display_name: str
    language: str = _ABSENT


class _LanguageInfo(_Open):
    name: str
    codemirror_mode: str | dict[str, Any] = _ABSENT
    file_extension: str = _ABSENT
    mimetype: str = _ABSENT
    pygments_lexer: str = _ABSENT


class _Metadata(_Open):
    kernelspec: _Kernelspec = _ABSENT
    language_info: _LanguageInfo = _ABSENT
    orig_nbformat: Annotated[int, Field(ge=1)] = _ABSENT
    title: str = _ABSENT
    authors: list[Any] = _ABSENT
    papermill: dict[str, Any] = _ABSENT


class _Notebook(_Closed):
    nbformat: Literal[4]
    nbformat_minor: Annotated[int, Field(ge=0, le=MINOR)]
    metadata: _Metadata
    cells: list[Annotated[_Code | _Markdown | _Raw, Field(discriminator="cell_type")]]


def problem(raw: dict[str, Any]) -> str:
    """The first thing that keeps parsed JSON from being a notebook, and where; empty when it is one."""
    try:
        notebook = _Notebook.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        said = "has no such key" if first["type"] == "extra_forbidden" else first["msg"]
        return f"{_where(first['loc'])}: {said.removeprefix('Value error, ')}"
    if notebook.nbformat_minor < 5:
        for number, cell in enumerate(notebook.cells, start=1):
            if "id" in cell.model_fields_set:
                return f"cell {number}: an id, which format 4.{notebook.nbformat_minor} does not have"
    return ""


def _where(location: tuple[int | str, ...]) -> str:
    """Where as a person counts: ``cell 3, output 1, text``."""
    words: list[str] = []
    for before, part in zip(("", *location), location, strict=False):
        if isinstance(part, int):
            words[-1] = {"cells": "cell", "outputs": "output"}.get(words[-1], words[-1]) + f" {part + 1}"
        elif not (part in _TAGGED and isinstance(before, int)):
            words.append(part)
    return ", ".join(words) or "the notebook"
