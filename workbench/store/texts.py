"""Texts from anywhere, as every database can hold them."""

from __future__ import annotations

__all__ = ["storable"]


def storable(text: str, longest: int | None = None) -> str:
    """The text without what PostgreSQL refuses (a zero byte, half a surrogate pair), cut to ``longest``."""
    kept = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return kept if longest is None or len(kept) <= longest else f"{kept[: longest - 1]}…"
