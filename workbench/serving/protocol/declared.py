"""A project's ``REQUEST``, read and checked.

Each column is a kind, or a mapping with a ``kind`` and more::

    {"kind": "number", "minimum": 0, "maximum": 6000, "outside": "reject" | "coerce" | "flag"}
    {"kind": "number", "booleans": True}
    {"kind": "category", "values": ["AA", "UA"], "outside": "flag"}

or a :class:`~workbench.serving.protocol.ranges.Range` (a category if it has ``values``, else a number). The
name ``"*"`` says what is done about columns that are not named: ``"reject"`` (the default) or ``"ignore"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from workbench.errors import ConfigError
from workbench.serving.protocol.cells import Kind
from workbench.serving.protocol.ranges import Range

__all__ = ["read_declared"]

_KINDS: tuple[Kind, ...] = get_args(Kind)
_OTHERS = "*"


class _Column(msgspec.Struct, forbid_unknown_fields=True):
    kind: Kind
    minimum: float | None = None
    maximum: float | None = None
    values: list[str] | None = None
    outside: str = "reject"
    booleans: bool = False


def read_declared(columns: object, where: str) -> dict[str, Any]:
    """The fields of a :class:`~workbench.serving.protocol.schema.RequestSchema`.

    Raises
    ------
    ConfigError
        When ``columns`` is not what it has to be.
    """
    if not isinstance(columns, Mapping) or not set(columns) - {_OTHERS}:
        raise ConfigError(f"{where} has to name columns and their kinds: {', '.join(_KINDS)}")
    unknown = columns.get(_OTHERS, "reject")
    if unknown not in ("reject", "ignore"):
        raise ConfigError(f'{where}: "*" is {unknown!r}; it may be "reject" or "ignore"')
    kinds: dict[str, Kind] = {}
    ranges: dict[str, Range] = {}
    booleans: set[str] = set()
    for name, given in columns.items():
        if name == _OTHERS:
            continue
        column, limits = _read_column(f"{where}: column {name!r}", given)
        kinds[str(name)] = column.kind
        if limits is not None:
            ranges[str(name)] = limits
        if column.booleans:
            booleans.add(str(name))
    return {"columns": kinds, "ranges": ranges, "booleans": frozenset(booleans), "unknown": unknown}


def _read_column(where: str, given: object) -> tuple[_Column, Range | None]:
    if isinstance(given, Range):
        column = _Column("category" if given.values is not None else "number", given.minimum, given.maximum)
        column.values = None if given.values is None else list(given.values)
        column.outside = given.outside
    elif isinstance(given, Mapping):
        try:
            column = msgspec.convert(dict(given), _Column)
        except msgspec.ValidationError as error:
            raise ConfigError(f"{where}: {error}") from None
    elif given in _KINDS:
        return _Column(given), None
    else:
        raise ConfigError(f"{where} is {given!r}; known kinds: {', '.join(_KINDS)}")
    return column, _range(where, column)


def _range(where: str, column: _Column) -> Range | None:
    bounds = (column.minimum, column.maximum)
    bounded = any(bound is not None for bound in bounds)
    if column.outside not in ("reject", "coerce", "flag"):
        raise ConfigError(f'{where}: outside is {column.outside!r}; it may be "reject", "coerce" or "flag"')
    if (bounded or column.booleans) and column.kind != "number":
        raise ConfigError(f"{where}: minimum, maximum and booleans are for numbers, not for a {column.kind}")
    if column.values is not None and (column.kind != "category" or not column.values):
        raise ConfigError(f"{where}: values are the texts that a category may be")
    if column.minimum is not None and column.maximum is not None and column.minimum > column.maximum:
        raise ConfigError(f"{where}: the minimum {column.minimum:g} is above the maximum {column.maximum:g}")
    if not bounded and column.values is None:
        return None
    values = None if column.values is None else tuple(column.values)
    return Range(column.minimum, column.maximum, values, column.outside)  # type: ignore[arg-type]
