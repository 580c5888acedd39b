"""The settings of a world: the project's own, a policy's laid over them, and what must not reach outside."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any

from pydantic import ValidationError

from workbench.config import Config
from workbench.errors import UsageError
from workbench.monitoring.backtest.policies import Policy
from workbench.project import CONFIG_NAME, Project
from workbench.store.hashing import hash_value

__all__ = ["as_toml", "left_out", "memory_note", "settings_of", "slug"]

# Of what a machine measures two runs would say two things: gates on it always pass.
_MEASURED_GATES = ("latency_ms", "memory_mb")
_ANYTHING = 1e9
_MEASURED_GUARDS = ("p99_ms", "slower_than_before")
# What says where things lie, who may ask, who is told, and what runs by itself.
_OUTSIDE = {
    "serving": ("host", "port", "workers", "log", "keys", "tls"),
    "monitoring": ("webhooks", "mail"),
    "execution": ("preload",),  # with a list of its own each world would have an agent of its own
}
_APART = ("backtest", "schedules", "stores")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def slug(name: str) -> str:
    """A policy's name as folders and models can have it; different for different names."""
    plain = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")[:60]
    return plain if plain == name else f"{plain}-{hash_value(name)[:8]}"


def settings_of(project: Project, policy: Policy, stores: Mapping[str, str]) -> dict[str, Any]:
    """What stands in the ``workbench.toml`` of a policy's world.

    Parameters
    ----------
    stores : mapping
        Its ``[stores]``.

    Raises
    ------
    UsageError
        The policy sets what there is not; it is named.
    """
    raw = tomllib.loads((project.root / CONFIG_NAME).read_text(encoding="utf-8"))
    for key, value in policy.settings.items():
        _set(raw, policy, key.split("."), value)
    _check(raw, policy)
    for name in _APART:
        raw.pop(name, None)
    for section, names in _OUTSIDE.items():
        for name in names:
            raw.get(section, {}).pop(name, None)
    for each in (*raw.get("monitoring", {}).get("alerts", ()), raw.get("baking", {})):
        if "to" in each:
            each["to"] = [channel for channel in each["to"] if channel == "backlog"]
    raw.setdefault("gates", {}).update(dict.fromkeys(_MEASURED_GATES, _ANYTHING))
    for name in _MEASURED_GUARDS:
        raw.get("baking", {}).pop(name, None)
    raw["model"]["name"] = f"{project.model.name}-{slug(policy.name)}"
    raw["stores"] = dict(stores)
    return raw


def left_out(project: Project) -> tuple[str, ...]:
    """What of the project's settings does not hold in worlds, in sentences."""
    config = project.config
    gates = " and ".join(_MEASURED_GATES)
    notes = [f"The gates {gates} measure the machine, so they were left out: they always pass."]
    guards = [name for name in _MEASURED_GUARDS if getattr(config.baking, name) is not None]
    if guards and config.baking.enabled:
        notes.append(f"So were the guards of the baking period that do: {', '.join(guards)}.")
    return tuple(notes)


def memory_note(project: Project) -> str:
    """How fresh worlds take memory features to be; empty where the model has none."""
    names = ", ".join(project.model.memory)
    if not names:
        return ""
    return (
        f"{names} are written when something is trained, and looked up as of each question: where they hold "
        "the whole history, they are as fresh as if they had just been written; in production they are only "
        "as fresh as the schedules that write them"
    )


def _set(raw: dict[str, Any], policy: Policy, keys: list[str], value: Any) -> None:
    section = raw
    for key in keys[:-1]:
        section = section.setdefault(key, {})
        if not isinstance(section, dict):
            raise UsageError(f"policy {policy.name}: {'.'.join(keys)}: {key} holds no settings")
    section[keys[-1]] = value


def _check(raw: dict[str, Any], policy: Policy) -> None:
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        problem = error.errors()[0]
        said = str(problem["msg"]).removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            said = "no such key; correct its name"
        where = ".".join(map(str, problem["loc"]))
        raise UsageError(f"policy {policy.name}: {where}: {said}") from None
    if "new_data" in config.retraining.trigger:
        raise UsageError(
            f"policy {policy.name}: its trigger new_data cannot be tried, since nobody knows on which day "
            "which version of the data would have been gathered; try it with other triggers"
        )


def as_toml(raw: Mapping[str, Any]) -> str:
    """Settings as TOML: a table for each section, what lies deeper within one line."""
    return "".join(_tables(raw))


def _tables(raw: Mapping[str, Any]) -> Iterator[str]:
    for name, value in raw.items():
        if isinstance(value, Mapping):
            yield f"\n[{_key(name)}]\n"
            yield from (f"{_key(key)} = {_value(each)}\n" for key, each in value.items())
        else:
            raise TypeError(f"{name} is no section")


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {_value(each)}' for key, each in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value)
    # JSON writes what else there is as TOML does, but for one sign that TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)
