"""The rules of a project, each checked by name: configuration, sources, notebooks, code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.check import code, notebooks
from workbench.check.findings import CheckResult, Finding, result
from workbench.errors import ConfigError
from workbench.execution import pipeline
from workbench.project import CONFIG_NAME, Project, open_project
from workbench.registry import shared

__all__ = ["check_project"]


def check_project(*, seen: bool = False) -> list[CheckResult]:
    """Every check on the project that the current folder lies in, in a fixed order.

    With ``seen`` also that others see what a run here leaves: its stores are shared.

    A configuration that cannot be read is a finding like any other; the rest is then left out,
    since all of it is read from there.

    Raises
    ------
    ProjectNotFound
        There is no ``workbench.toml`` here or above.
    """
    about = f"{CONFIG_NAME} can be read, and the needs of its phases make no circle"
    try:
        project = open_project()
        phases = pipeline.order(project)
    except ConfigError as error:
        messages = [error.message, *filter(None, error.details.splitlines())]
        return [result("config", about, [Finding(CONFIG_NAME, message) for message in messages])]
    return [
        result("config", about, [], note=f"{len(phases)} phases"),
        _check_stores(project),
        *([_check_seen(project)] if seen else []),
        _check_sources(project),
        _check_features(project),
        *notebooks.check_notebooks(project),
        *code.check_code(project),
    ]


def _check_stores(project: Project) -> CheckResult:
    about = "models that are shared have a ledger that is shared"
    why = shared.why_apart(project)
    return result("stores", about, [Finding(f"{CONFIG_NAME} stores", why)] if why else [])


def _check_seen(project: Project) -> CheckResult:
    """A runner is thrown away, with whatever lies on it."""
    findings = [
        Finding(
            f"{CONFIG_NAME} stores.{name}", "is on this machine only: what a run here leaves, nobody sees"
        )
        for name in shared.unshared(project)
    ]
    return result("shared", "others see what is trained and promoted here", findings)


def _check_sources(project: Project) -> CheckResult:
    findings = []
    for name, source in project.config.sources.items():
        where = f"{CONFIG_NAME} sources.{name}"
        findings += _resolve(project, source.load, f"{where}.load", callable, "a function")
        findings += _resolve(project, source.check, f"{where}.check", _is_schema, "a pandera schema")
    count = len(project.config.sources)
    note = f"{count} sources" if count else "no source is declared"
    return result("sources", "every source has a function that loads it and a check", findings, note)


def _is_schema(value: Any) -> bool:
    return callable(getattr(value, "validate", None))


def _check_features(project: Project) -> CheckResult:
    model = project.config.model
    about = "training and serving can import the function that builds the features"
    if model is None:
        return result("features", about, [], note="no model is declared")
    findings = _resolve(project, model.features, f"{CONFIG_NAME} model.features", callable, "a function")
    if model.memory and not findings:
        reference = f"{model.features.partition(':')[0]}:MEMORY"
        where = f"{CONFIG_NAME} model.memory"
        findings = _resolve(project, reference, where, lambda value: isinstance(value, dict), "a mapping")
        if not findings:
            undescribed = [name for name in model.memory if name not in project.resolve(reference)]
            findings = [Finding(where, f"{name!r} is not described in {reference}") for name in undescribed]
    return result("features", about, findings, note=model.features)


def _resolve(
    project: Project, reference: str, where: str, fits: Callable[[Any], bool], wanted: str
) -> list[Finding]:
    """A finding when ``reference`` cannot be imported, or is not what it has to be."""
    try:
        value = project.resolve(reference)
    except ConfigError as error:
        return [Finding(where, error.message)]
    except Exception as error:  # a helper module may raise anything while it is imported
        return [Finding(where, f"{reference!r} raises when imported: {type(error).__name__}: {error}")]
    if not fits(value):
        return [Finding(where, f"{reference!r} is {type(value).__name__}, not {wanted}")]
    return []
