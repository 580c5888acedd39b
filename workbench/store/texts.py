"""Texts from anywhere, as databases can hold them and as a line of text can show them."""

from __future__ import annotations

__all__ = ["one_line", "storable"]


def storable(text: str, longest: int | None = None) -> str:
    """The text without what PostgreSQL refuses (a zero byte, half a surrogate pair), cut to ``longest``."""
    kept = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return kept if longest is None or len(kept) <= longest else f"{kept[: longest - 1]}…"


def one_line(text: str, longest: int | None = None) -> str:
    """The same without what a terminal or a mail's header would obey, line breaks included."""
    return storable("".join(letter if letter.isprintable() else "\ufffd" for letter in text), longest)
