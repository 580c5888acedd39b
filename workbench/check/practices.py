"""Which practices a project's tests show.

``tests/practices.toml`` lists the practices by id. A test names those that it shows with
``@pytest.mark.practice("L1")``; what came of it is recorded in ``.workbench/practices.json`` by the
hooks in ``tests/recorder.py``, and read here.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock

from workbench.errors import ConfigError, MissingExtra, RunError, UsageError

__all__ = [
    "Evidence",
    "Outcome",
    "Practice",
    "PracticeStatus",
    "code_hash",
    "read_table",
    "record",
    "recorded",
    "run_tests",
    "statuses",
]

_TABLE = Path("tests", "practices.toml")
_RECORD = Path(".workbench", "practices.json")
_CODE = ("workbench", "notebooks", "tests")
_CODE_SUFFIXES = {".py", ".ipynb", ".toml"}
_STANDARD_ERROR = 2


@dataclass(frozen=True)
class Practice:
    """A row of the table: the practice, and in one line what a user sees of it."""

    id: str
    name: str
    shows: str


@dataclass(frozen=True)
class Outcome:
    """What came of one test that names practices.

    ``outcome`` is ``passed``, ``failed`` or ``skipped`` (a test that was expected to fail counts as
    skipped: it shows nothing). ``code`` is :func:`code_hash` at that time.
    """

    test: str
    practices: tuple[str, ...]
    outcome: Literal["passed", "failed", "skipped"]
    at: datetime
    commit: str
    dirty: bool
    code: str


@dataclass(frozen=True)
class Evidence:
    """One recorded test as evidence; ``code_changed`` when the code is no longer what it tested."""

    test: str
    outcome: Literal["passed", "failed", "skipped"]
    at: datetime
    commit: str
    dirty: bool
    code_changed: bool


@dataclass(frozen=True)
class PracticeStatus:
    """A practice with its evidence: shown by a passing test, failed by a failing one, or missing."""

    practice: Practice
    status: Literal["shown", "missing", "failed"]
    evidence: tuple[Evidence, ...]


def read_table(root: Path) -> list[Practice]:
    """The practices that the project's own table lists, in its order.

    Raises
    ------
    UsageError
        The project has no such table.
    ConfigError
        The table cannot be read.
    """
    path = root / _TABLE
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return [Practice(id, str(row["practice"]), str(row["shows"])) for id, row in raw.items()]
    except FileNotFoundError:
        raise UsageError(f"no {_TABLE} in {root}: this project keeps no table of practices") from None
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: each practice is a table [ID] with 'practice' and 'shows': {error!r}"
        ) from error


def code_hash(root: Path) -> str:
    """SHA-256 over the code that tests are about: package, notebooks with helpers, tests, configuration."""
    digest = hashlib.sha256()
    for path in _code_files(root):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _code_files(root: Path) -> Iterator[Path]:
    yield from sorted(root.glob("*.toml"))
    for folder in _CODE:
        for path in sorted((root / folder).rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
            if path.suffix in _CODE_SUFFIXES and not hidden:
                yield path


def recorded(root: Path) -> list[Outcome]:
    """What is recorded, except for tests that no longer exist."""
    path = root / _RECORD
    if not path.is_file():
        return []
    rows = json.loads(path.read_text(encoding="utf-8"))["tests"]
    outcomes = [
        Outcome(**{**row, "practices": tuple(row["practices"]), "at": datetime.fromisoformat(row["at"])})
        for row in rows
    ]
    sources = {test_file: _source(root / test_file) for test_file in {_file(item.test) for item in outcomes}}
    return [item for item in outcomes if f"def {_function(item.test)}(" in sources[_file(item.test)]]


def _file(test: str) -> str:
    return test.partition("::")[0]


def _function(test: str) -> str:
    return test.partition("[")[0].rpartition("::")[2]


def _source(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def record(root: Path, outcomes: Iterable[Outcome]) -> None:
    """Keep outcomes; those of tests that were not run this time stay as they were."""
    path = root / _RECORD
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        merged = {item.test: item for item in (*recorded(root), *outcomes)}
        rows = [{**asdict(merged[test]), "at": merged[test].at.isoformat()} for test in sorted(merged)]
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps({"tests": rows}, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, path)


def statuses(root: Path) -> list[PracticeStatus]:
    """Every practice of the table with its status and evidence."""
    code = code_hash(root)
    by_practice: dict[str, list[Evidence]] = {}
    for item in recorded(root):
        seen = Evidence(item.test, item.outcome, item.at, item.commit, item.dirty, item.code != code)
        for id in item.practices:
            by_practice.setdefault(id, []).append(seen)
    return [_status(practice, tuple(by_practice.get(practice.id, ()))) for practice in read_table(root)]


def _status(practice: Practice, evidence: tuple[Evidence, ...]) -> PracticeStatus:
    outcomes = {item.outcome for item in evidence}
    if "failed" in outcomes:
        return PracticeStatus(practice, "failed", evidence)
    return PracticeStatus(practice, "shown" if "passed" in outcomes else "missing", evidence)


def run_tests(root: Path) -> None:
    """Run the tests that name a practice; their progress goes to standard error.

    Raises
    ------
    MissingExtra
        pytest is not installed.
    RunError
        pytest could not run them (that one of them fails is no error here: it gets recorded).
    """
    if importlib.util.find_spec("pytest") is None:
        raise MissingExtra("pytest", "test", "running the tests that show practices")
    command = [sys.executable, "-m", "pytest", "-m", "practice", "-q"]
    done = subprocess.run(command, cwd=root, stdout=_STANDARD_ERROR, check=False)
    nothing_to_run = 5
    if done.returncode not in (0, 1, nothing_to_run):
        raise RunError(f"{' '.join(command[1:])} ended with status {done.returncode}; see above")
