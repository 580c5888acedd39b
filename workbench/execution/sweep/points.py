"""What is typed for a sweep or a search, on a command line or in a form, turned into points and domains."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.errors import UsageError
from workbench.execution.notebook import parameters
from workbench.execution.notebook.parameters import Parameter
from workbench.execution.sweep import space
from workbench.execution.sweep.space import Choice, Domain
from workbench.execution.sweep.target import Target

__all__ = ["check", "domains", "during", "points"]


def points(
    target: Target, given: Sequence[str], *, paired: bool, file: Path | None, count: int | None, seed: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The points of a sweep, and the parameters that are the same for all.

    Raises
    ------
    UsageError
        What was given makes no points, or contradicts itself.
    """
    typed = _typed(given)
    if sum(map(bool, (paired, file, count))) > 1:
        raise UsageError("--zip, --from-file and --random are three ways to choose trials: give one")
    if file is not None:
        declared = {name: item for items in target.declared.values() for name, item in items.items()}
        rows = space.from_file(file, declared)
        fixed = {name: parameters.parse(target.parameter(name), text) for name, text in typed.items()}
        if both := {name for row in rows for name in row} & fixed.keys():
            raise UsageError(f"{file} has a column {min(both)!r}, which -p gives as well: give it once")
        return rows, fixed
    if count is not None:
        chosen, fixed = _domains(target, typed, lists=True)
        if not chosen:
            raise UsageError("--random draws from values or ranges: -p 'learning_rate=log(0.01..0.3)'")
        return space.sampled(chosen, count, seed), fixed
    if name := next((name for name, text in typed.items() if space.is_domain(text)), ""):
        raise UsageError(f"parameter {name!r} is given a range: a sweep draws from one with --random 20")
    values = {name: space.read_values(target.parameter(name), text) for name, text in typed.items()}
    varied = {name: items for name, items in values.items() if len(items) > 1}
    fixed = {name: items[0] for name, items in values.items() if len(items) == 1}
    if not varied:
        raise UsageError("there is nothing to go through: give several values, -p learning_rate=0.05,0.1")
    return (space.paired if paired else space.grid)(varied), fixed


def check(parameter: Parameter, text: str, *, drawn: bool) -> None:
    """Hold what was typed for one parameter of a sweep against its declaration.

    Raises
    ------
    UsageError
        It makes no values of that parameter, or is a range where none are ``drawn``.
    """
    if not space.is_domain(text):
        space.read_values(parameter, text)
    elif not drawn:
        raise UsageError(f"parameter {parameter.name!r} is given a range: a sweep draws from one at random")
    else:
        space.read_domain(parameter, text)


def domains(
    target: Target, given: Sequence[str], declared: Mapping[str, str]
) -> tuple[dict[str, Domain], dict[str, Any]]:
    """The domains of a search, those declared and those given, and the parameters that are the same for all.

    A single value that is given takes a declared domain out of the search.
    """
    return _domains(target, {**declared, **_typed(given)}, lists=False)


def during(
    target: Target, given: Sequence[str], declared: Mapping[str, Any], others: Collection[str]
) -> dict[str, Any]:
    """Parameters of the trials only, those declared and those given, but for ``others`` that are given, too.

    Raises
    ------
    ParameterError
        A value has the wrong type.
    """
    found = {
        name: parameters.check(target.parameter(name), value)
        for name, value in declared.items()
        if name not in others
    }
    typed = _typed(given)
    if both := set(typed) & set(others):
        raise UsageError(f"parameter {min(both)!r} is given with -p and with --during: give it once")
    return found | {name: parameters.parse(target.parameter(name), text) for name, text in typed.items()}


def _domains(
    target: Target, typed: Mapping[str, str], *, lists: bool
) -> tuple[dict[str, Domain], dict[str, Any]]:
    found: dict[str, Domain] = {}
    fixed: dict[str, Any] = {}
    for name, text in typed.items():
        parameter = target.parameter(name)
        if space.is_domain(text):
            found[name] = space.read_domain(parameter, text)
        elif lists and len(values := space.read_values(parameter, text)) > 1:
            found[name] = Choice(values)
        else:
            chosen = space.read_domain(parameter, text, single=True)
            if isinstance(chosen, Choice) and len(chosen.values) == 1:
                fixed[name] = chosen.values[0]
            else:
                found[name] = chosen
    return found, fixed


def _typed(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in given:
        name, equals, text = item.partition("=")
        if not equals or not name:
            raise UsageError(f"-p takes NAME=…, not {item!r}; for example: -p learning_rate=0.05,0.1")
        if name in found:
            raise UsageError(f"parameter {name!r} is given twice; give all of its values in one -p")
        found[name] = text
    return found
