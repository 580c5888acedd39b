"""What a check says: passed, failed with findings, or skipped with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["CheckResult", "Finding", "place", "result"]


@dataclass(frozen=True)
class Finding:
    """One thing to mend: where it is, and what is wrong with it."""

    where: str
    message: str


@dataclass(frozen=True)
class CheckResult:
    """How one named check went.

    ``about`` says what is held, ``note`` what was looked at (or why nothing was).
    """

    check: str
    about: str
    status: Literal["passed", "failed", "skipped"]
    note: str = ""
    findings: tuple[Finding, ...] = ()


def result(check: str, about: str, findings: Sequence[Finding], note: str = "") -> CheckResult:
    """The result of a check that was made: failed exactly when there is a finding."""
    return CheckResult(check, about, "failed" if findings else "passed", note, tuple(findings))


def place(path: Path, root: Path) -> str:
    """How a finding names a file: as seen from the project's folder, if it lies in there."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
