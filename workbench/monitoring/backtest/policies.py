"""The retraining policies that a backtest tries: by name, from a file, or varied in some settings."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from workbench.config import PolicyConfig
from workbench.errors import UnknownName, UsageError
from workbench.project import CONFIG_NAME, Project

__all__ = ["USUAL", "Policy", "find", "parse_variation", "read_file", "vary"]

#: What is compared when nobody says what.
USUAL = ("never", "monthly", "drift", "performance")

_SECTIONS = ("retraining", "gates", "monitoring", "baking")


@dataclass(frozen=True)
class Policy:
    """One policy.

    Attributes
    ----------
    settings : mapping
        What it sets otherwise than the project, such as ``{"retraining.training_days": 60}``.
    schedule : str
        When it is called as by a schedule: five fields of cron, in ``timezone`` (that of ``[monitoring]``, if
        it is empty).
    """

    name: str
    about: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    schedule: str = ""
    timezone: str = ""

    @classmethod
    def of(cls, name: str, config: PolicyConfig) -> Policy:
        """As it is declared."""
        declared = ((section, getattr(config, section)) for section in _SECTIONS)
        settings = {f"{section}.{key}": value for section, given in declared for key, value in given.items()}
        return cls(name, config.about, settings, config.schedule)


def _triggered(name: str, about: str, *triggers: str, schedule: str = "") -> Policy:
    return Policy(name, about, {"retraining.trigger": list(triggers)}, schedule)


_BUILT_IN = (
    _triggered("never", "the first champion stays"),
    _triggered("monthly", "retrains on the first of each month", "schedule", schedule="0 0 1 * *"),
    _triggered("weekly", "retrains each Monday", "schedule", schedule="0 0 * * MON"),
    _triggered("drift", "retrains when the inputs have drifted", "data_drift"),
    _triggered("performance", "retrains when the performance has dropped", "performance"),
)


def find(project: Project, names: Sequence[str] = USUAL) -> tuple[Policy, ...]:
    """The policies of these names: built in, or the project's own (``[backtest.policies.NAME]``).

    ``never``, ``monthly``, ``weekly``, ``drift`` and ``performance`` are the project's ``[retraining]`` with
    another trigger, and ``declared`` is what it says itself.

    Raises
    ------
    UnknownName
        With the nearest name that there is.
    """
    own = {name: Policy.of(name, config) for name, config in project.config.backtest.policies.items()}
    known = {policy.name: policy for policy in (*_BUILT_IN, _declared(project))} | own
    for name in names:
        if name not in known:
            raise UnknownName("policy", name, known, where=f"[backtest.policies] of {CONFIG_NAME}")
    return tuple(known[name] for name in dict.fromkeys(names))


def _declared(project: Project) -> Policy:
    """What the project itself would do: by its schedule, if one calls for retraining."""
    about = f"as [retraining] of {CONFIG_NAME} says"
    for schedule in project.config.schedules:
        if schedule.enabled and schedule.command[:1] == ("retrain",) and "--scheduled" in schedule.command:
            return Policy("declared", about, {}, schedule.cron, schedule.timezone)
    return Policy("declared", about)


def read_file(path: Path) -> tuple[Policy, ...]:
    """The policies of a file: TOML with a table ``[policies.NAME]`` each, as below ``[backtest]``.

    Raises
    ------
    UsageError
        It cannot be read, or a key is wrong.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        declared = TypeAdapter(dict[str, PolicyConfig]).validate_python(raw.get("policies"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(["policies", *map(str, problem["loc"])])
        raise UsageError(f"{path}: {where}: {problem['msg'].removeprefix('Value error, ')}") from None
    return tuple(Policy.of(name, config) for name, config in declared.items())


def parse_variation(text: str) -> tuple[str, tuple[Any, ...]]:
    """``retraining.training_days=60,120`` as the setting and its values, which are read as TOML.

    Raises
    ------
    UsageError
        It is no such text.
    """
    key, _, given = text.partition("=")
    key = key.strip()
    if key.partition(".")[0] not in _SECTIONS or "." not in key or not given.strip():
        raise UsageError(
            f"--vary {text}: a setting and its values are meant, such as retraining.training_days=60,120 "
            f"(sections: {', '.join(_SECTIONS)})"
        )
    try:
        values = tomllib.loads(f"values = [{given}]")["values"]
    except tomllib.TOMLDecodeError:  # words without quotes
        values = [part.strip() for part in given.split(",")]
    return key, tuple(values)


def vary(policies: Sequence[Policy], variations: Mapping[str, Sequence[Any]]) -> tuple[Policy, ...]:
    """Each policy with each combination of values, named like ``drift[training_days=60]``.

    One that nothing ever triggers, such as ``never``, stays as it is: it would do the same with all of them.
    """
    if not variations:
        return tuple(policies)
    return tuple(one for policy in policies for one in _variants(policy, variations))


def _variants(policy: Policy, variations: Mapping[str, Sequence[Any]]) -> Iterator[Policy]:
    if policy.settings.get("retraining.trigger") == []:
        yield policy
        return
    for values in itertools.product(*variations.values()):
        chosen = dict(zip(variations, values, strict=True))
        told = ",".join(f"{key.rpartition('.')[2]}={_text(value)}" for key, value in chosen.items())
        yield replace(policy, name=f"{policy.name}[{told}]", settings={**policy.settings, **chosen})


def _text(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)
