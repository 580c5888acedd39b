"""Secret values out of text, notebooks and files, also in the disguises that printing gives them."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["MARK", "Redactor"]

#: What stands where a secret was.
MARK = "•••"
_LONG = 8  # a line of a secret, or a part of its base64, that is shorter may well be something else
_CHUNK = 8 * 2**20
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_BINARY = re.compile(r"(image/(?!svg)|audio/|video/|font/|application/(pdf|octet-stream|zip))")


class Redactor:
    """Replaces secret values and their usual disguises.

    These are: as ``repr``, JSON, HTML and URLs escape it (and one such escape inside of another), base64 of
    it, also within something longer, hexadecimal, each longer line of one with several, and terminal colours
    in between.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: frozenset[str] = frozenset()
        self._forms: tuple[str, ...] = ()
        for value in values:
            self.add(value)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._values)} values>"

    def __bool__(self) -> bool:
        return bool(self._values)

    def add(self, value: str) -> None:
        """Hide this value too."""
        if value and value not in self._values:
            self._values |= {value}
            # Longest first: what is left of a longer form must not show the rest of the secret.
            self._forms = tuple(sorted({*self._forms, *_forms(value)}, key=len, reverse=True))

    def redact_text(self, text: str) -> str:
        """The text without secrets."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MARK)
        if self._forms and "\x1b[" in text:
            plain = _COLOUR.sub("", text)
            if any(form in plain for form in self._forms):
                return self.redact_text(plain)
        return text

    def redact_bytes(self, content: bytes) -> bytes:
        """A file's content without secrets; in what is no text, short ones are met by chance and stay."""
        try:
            return self.redact_text(content.decode()).encode()
        except UnicodeDecodeError:
            text = content.decode("utf-8", "surrogateescape")
            return self._long_only().redact_text(text).encode("utf-8", "surrogateescape")

    def redact(self, value: Any) -> Any:
        """The same structure without secrets, at any depth and in keys too; numbers included."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self.redact_text(value)
        if isinstance(value, dict):
            return {self.redact(key): self._entry(key, item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)([self.redact(item) for item in value])
        if isinstance(value, int | float) and not isinstance(value, bool) and str(value) in self._values:
            return MARK
        return value

    def _entry(self, key: Any, item: Any) -> Any:
        if isinstance(item, str) and isinstance(key, str) and _BINARY.match(key):
            # Millions of random characters hold any short text by chance.
            return self._long_only().redact_text(item)
        return self.redact(item)

    def _long_only(self) -> Redactor:
        redactor = Redactor()
        redactor._values = self._values
        redactor._forms = tuple(form for form in self._forms if len(form) >= _LONG)
        return redactor

    def redact_notebook(self, notebook: NotebookNode) -> None:
        """Take secrets out of a notebook in place: outputs, metadata, sources, all of it."""
        if not self._forms:
            return
        from nbformat import from_dict

        for key in list(notebook):
            notebook[key] = from_dict(self.redact(notebook[key]))

    def redact_file(self, path: Path) -> bool:
        """Take secrets out of a file, such as a log, whole or not at all; whether there were any.

        It is read in pieces that end with a line: some megabytes, or the longest line.
        """
        if not self._forms:
            return False
        found = False
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with path.open("rb") as file, os.fdopen(handle, "wb") as redacted:
                while piece := file.read(_CHUNK) + file.readline():
                    text = piece.decode("utf-8", "surrogateescape")
                    clean = self.redact_text(text)
                    found |= clean != text
                    redacted.write(clean.encode("utf-8", "surrogateescape"))
            if found:
                shutil.copymode(path, name)
                os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
        return found


def _forms(value: str) -> set[str]:
    """The value and its disguises, each long enough not to be met by chance."""
    lines = [line for line in value.splitlines() if len(line.strip()) >= _LONG]
    whole = {value, value.strip()}
    found = whole | set(lines) | {line.strip() for line in lines}
    found = {form for text in found for once in _once(text) for form in _again(once)}
    for text in whole:
        found |= set(_encoded(text))
    minimum = min(len(value.strip()), 4)
    return {form for form in found if len(form.strip()) >= minimum}


def _reprs(text: str) -> Iterator[str]:
    for shown in (repr(text), ascii(text), repr(text.encode("utf-8", "surrogateescape"))[1:]):
        yield shown[1:-1]
    yield repr(f'"{text}')[2:-1]  # as it stands in a longer text that needs the other quotes
    yield repr(f"\"'{text}")[4:-1]


def _jsons(text: str) -> Iterator[str]:
    for shown in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        yield shown[1:-1]
        yield shown[1:-1].replace("/", "\\/")


def _htmls(text: str) -> Iterator[str]:
    yield html.escape(text, quote=False)
    escaped = html.escape(text)
    yield escaped
    yield escaped.replace("&#x27;", "&#39;")
    yield escaped.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")


def _urls(text: str) -> Iterator[str]:
    for quoted in (
        quote(text, errors="replace"),
        quote(text, safe="", errors="replace"),
        quote_plus(text, errors="replace"),
    ):
        yield quoted
        yield re.sub("%..", lambda match: match[0].lower(), quoted)


def _once(text: str) -> Iterator[str]:
    yield text
    for escape in (_urls, _reprs, _jsons, _htmls):
        yield from escape(text)


def _again(text: str) -> Iterator[str]:
    """The escapes that what is escaped already goes through: a log in JSON, an error's message shown."""
    yield text
    yield repr(text)[1:-1]
    yield html.escape(text)
    yield html.escape(text, quote=False)
    for shown in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        yield shown[1:-1]


def _encoded(text: str) -> Iterator[str]:
    """Base64 and hexadecimal: of the value, and what any text around it leaves as it is."""
    content = text.encode("utf-8", "surrogateescape")
    yield content.hex()
    yield content.hex().upper()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(content).decode()
        yield whole
        if len(whole.rstrip("=")) >= _LONG:
            yield whole.rstrip("=")
        for before in range(3):
            padded = encode(b"\0" * before + content).decode().rstrip("=")
            # The first and last characters depend on the neighbours as well.
            inner = padded[-(-before * 8 // 6) : (before + len(content)) * 8 // 6]
            if len(inner) >= _LONG:
                yield inner
