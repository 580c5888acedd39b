"""In what the environment is not what it was, as far as a hash and a lock can tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import metadata

from workbench.execution.rerun import code
from workbench.execution.rerun.models import files_of
from workbench.locate import LOCK_NAMES
from workbench.project import Project
from workbench.tracking import environment
from workbench.tracking.reports import Manifest

__all__ = ["other_environment"]

_PINNED = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
_SHOWN = 8


def other_environment(project: Project, manifest: Manifest) -> str:
    """A line on how the environment differs from the run's; empty when it does not."""
    if manifest.environment_hash == environment.environment_hash():
        return ""
    changed = {**_of_locks(project, manifest), **_of_models(project, manifest)}
    if not changed:
        return (
            "the environment is another (packages, Python or the workbench); its lock does not tell in what"
        )
    told = [f"{name} {then} → {now}" for name, (then, now) in sorted(changed.items())]
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return f"the environment is another: {', '.join(told[:_SHOWN])}{more}"


def _of_locks(project: Project, manifest: Manifest) -> dict[str, tuple[str, str]]:
    """What the lock fixed at the run's commit, against what is installed; only what is installed counts."""
    commit = code.commit_of(manifest.code_version)
    for name in LOCK_NAMES:
        then = code.file_at(project.root, commit, name)
        if then is not None:
            return _moved(_pins(name, then.decode("utf-8", "replace")))
    return {}


def _of_models(project: Project, manifest: Manifest) -> dict[str, tuple[str, str]]:
    """What a model that it trained says was installed."""
    for model in manifest.models[:1]:
        # It may be gone, or of a kind that says nothing: there are other ways to tell.
        with suppress(Exception), files_of(project, model) as folder:
            return _moved(_pins("requirements.txt", (folder / "requirements.txt").read_text("utf-8")))
    return {}


def _pins(name: str, text: str) -> dict[str, str]:
    if name.endswith(".txt") or name == "requirements.lock":
        return dict(_PINNED.findall(text))
    with suppress(tomllib.TOMLDecodeError, KeyError, AttributeError, TypeError):
        content = tomllib.loads(text)
        found = content.get("package") or content.get("packages") or []
        return {item["name"]: item["version"] for item in found if "version" in item}
    return {}


def _moved(pins: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    return {name: (then, now) for name, then in pins.items() for now in _installed(name) if now != then}


def _installed(name: str) -> Iterator[str]:
    with suppress(metadata.PackageNotFoundError):
        yield metadata.version(name)
