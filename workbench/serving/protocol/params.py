"""What a request asks for beside its rows: ``version``, ``simulated_time``, ``user_group``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from workbench.serving.protocol.refused import Refused, shown

__all__ = ["Params", "read_params"]

_NAMES = ("version", "simulated_time", "user_group")
_LONGEST_GROUP = 100
_MOST = 50
# The arguments of Asked behind its rows.
Params = tuple[int | None, str | list[str] | None, str | list[str]]


def read_params(given: Mapping[str, Any] | None) -> Params:
    """The version, the simulated time and the user group that are asked for.

    Other parameters are passed over, as MLflow does with those that a model does not declare; one that is
    nearly ours is refused, since ``versoin`` would otherwise be answered by the champion.

    Raises
    ------
    Refused
        With 400 and the parameter's name.
    """
    if not given:
        return None, None, ""
    if len(given) > _MOST:
        raise Refused(400, f"{len(given)} parameters in one request; at most {_MOST} are looked at")
    for name in given:
        if name not in _NAMES:
            near = difflib.get_close_matches(name[:100], _NAMES, n=1, cutoff=0.75)
            if near:
                raise Refused(400, f"unknown parameter {shown(name)}; did you mean {near[0]!r}?")
    return (
        read_version(given.get("version")),
        _texts("simulated_time", given.get("simulated_time")),
        _groups(given.get("user_group")),
    )


def read_version(given: object) -> int | None:
    """A version number, or its text; None for the champion."""
    if given is None or type(given) is int:
        return given
    if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) < 10:
        return int(given)
    raise Refused(400, f"params.version {shown(given)} is no version number")


def _texts(name: str, given: object) -> Any:
    if given is None or isinstance(given, str):
        return given
    if isinstance(given, list) and all(isinstance(text, str) for text in given):
        return given
    raise Refused(400, f"params.{name} has to be text, or a list with one text for each row")


def _groups(given: object) -> str | list[str]:
    groups: str | list[str] = _texts("user_group", given) or ""
    for group in [groups] if isinstance(groups, str) else groups:
        if len(group) > _LONGEST_GROUP or not (group == "" or group.isprintable()):
            raise Refused(
                400, f"params.user_group {shown(group)} is no name of at most {_LONGEST_GROUP} characters"
            )
    return groups
