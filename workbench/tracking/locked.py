"""What it takes to load a model again, from the project's lock: looked up, never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from workbench.errors import MissingExtra
from workbench.locate import LOCK_NAMES
from workbench.store.hashing import hash_file

__all__ = ["Requirements", "requirements"]

_COMMENT = re.compile(r"\s+#.*")
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
_CONDA = re.compile(r"^- name: (\S+)\n(?:  .*\n)*?  version: ['\"]?([^\s'\"]+)", re.MULTILINE)


@dataclass(frozen=True)
class Requirements:
    """Pinned requirements of a model.

    Attributes
    ----------
    pins : list of str
        ``name==version``, sorted.
    lock, lock_sha256 : str
        The lock that they are from, and the hash of its content; empty where the project has none.
    apart : list of str
        What is installed in another version than the lock has, in words.
    """

    pins: list[str]
    lock: str
    lock_sha256: str
    apart: list[str]

    @property
    def tags(self) -> dict[str, str]:
        """As tags of a logged model, without those that are empty."""
        found = {"lock": self.lock, "lock_sha256": self.lock_sha256, "apart_from_lock": "; ".join(self.apart)}
        return {name: text for name, text in found.items() if text}


def requirements(root: Path, needed: Iterable[Sequence[str]]) -> Requirements:
    """The versions of distributions that the lock in ``root`` has, or that are installed where it has none.

    Parameters
    ----------
    needed : iterable of sequences of str
        Distributions, each with the names that it may go by.

    Raises
    ------
    MissingExtra
        One is neither locked nor installed.
    """
    lock = next((root / name for name in LOCK_NAMES if (root / name).is_file()), None)
    locked = _locked(lock) if lock else {}
    pins, apart = [], []
    for names in needed:
        name, installed = _installed(names)
        known = locked.get(name) or []
        chosen = installed if installed in known else (known or [installed])[0]
        if not chosen:
            raise MissingExtra(names[0], names[0], "this model")
        if installed and chosen != installed:
            apart.append(f"{name} {installed} is installed, {chosen} is locked")
        pins.append(f"{name}=={chosen}")
    return Requirements(sorted(pins), lock.name if lock else "", hash_file(lock) if lock else "", apart)


def _installed(names: Sequence[str]) -> tuple[str, str]:
    for name in names:
        try:
            return name, version(name)
        except PackageNotFoundError:
            continue
    return names[0], ""


def _locked(lock: Path) -> dict[str, list[str]]:
    """Versions by normalised name; one that differs by platform has several."""
    text = lock.read_text(encoding="utf-8", errors="replace")
    if lock.suffix == ".toml" or lock.name in ("uv.lock", "poetry.lock"):
        found = _from_toml(text)
    elif lock.suffix in (".yml", ".yaml"):
        found = _CONDA.findall(text)
    else:
        found = _PIN.findall(_COMMENT.sub("", text))
    versions: dict[str, list[str]] = {}
    for name, number in found:
        versions.setdefault(re.sub(r"[-_.]+", "-", name).lower(), []).append(number)
    return versions


def _from_toml(text: str) -> list[tuple[str, str]]:
    import tomllib

    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return []
    packages = content.get("package") or content.get("packages") or []
    return [(item["name"], item["version"]) for item in packages if "name" in item and "version" in item]
