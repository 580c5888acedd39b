"""Frozen dataclasses of a finding as plain JSON values, and back."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from workbench.registry.gates.validation import plain

__all__ = ["from_document", "to_document"]

_T = TypeVar("_T")


def to_document(item: Any) -> dict[str, Any]:
    """A dataclass as JSON holds it: NaN is null."""
    return dict(plain(asdict(item)))


def from_document(kind: type[_T], raw: dict[str, Any]) -> _T:
    """What :func:`to_document` was given; a field that an older document lacks has its default."""
    hints = _hints(kind)  # type: ignore[arg-type]
    names = [field.name for field in fields(kind) if field.name in raw]  # type: ignore[arg-type]
    return kind(**{name: _value(hints[name], raw[name]) for name in names})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(kind: Any, raw: Any) -> Any:
    if kind is float:
        return float("nan") if raw is None else float(raw)
    if kind is datetime:
        return datetime.fromisoformat(raw)
    if isinstance(kind, type) and is_dataclass(kind):
        return from_document(kind, raw)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if raw is None else _value(inner[0], raw)
    if origin is tuple:
        return tuple(_value(inner[0], each) for each in raw)
    if origin in (dict, Mapping):
        return {key: _value(inner[1], each) for key, each in raw.items()}
    return raw
