"""Static analysis of notebooks and helpers by ruff, where it is installed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from workbench.check.findings import CheckResult, Finding, place, result
from workbench.errors import RunError
from workbench.project import Project

__all__ = ["check_code"]

_LINT = ("code-lint", "ruff finds nothing in notebooks and helpers")
_FORMAT = ("code-format", "notebooks and helpers are formatted")
# A project that configures nothing gets what the templates are written in. Imports are sorted as in a
# checkout: helpers and the workbench stand last.
_DEFAULTS = ("line-length = 110", 'lint.isort.known-first-party = ["workbench"]')


def check_code(project: Project) -> list[CheckResult]:
    """``ruff check`` and ``ruff format --check`` over the folder of notebooks and helpers.

    Raises
    ------
    RunError
        When ruff itself fails, for example over its configuration.
    """
    if importlib.util.find_spec("ruff") is None:
        reason = "ruff is not installed: pip install 'mlops-workbench[lint]'"
        return [CheckResult(*check, "skipped", reason) for check in (_LINT, _FORMAT)]
    options = [] if _is_configured(project.root) else _defaults(project)
    return [result(*_LINT, _lint(project, options)), result(*_FORMAT, _formatting(project, options))]


def _defaults(project: Project) -> list[str]:
    source = f"src = {json.dumps(['.', place(project.helpers, project.root)])}"
    return [word for setting in (*_DEFAULTS, source) for word in ("--config", setting)]


def _is_configured(root: Path) -> bool:
    for folder in (root, *root.parents):
        if (folder / "ruff.toml").exists() or (folder / ".ruff.toml").exists():
            return True
        pyproject = folder / "pyproject.toml"
        if pyproject.exists() and "ruff" in tomllib.loads(pyproject.read_text(encoding="utf-8")).get(
            "tool", {}
        ):
            return True
    return False


def _lint(project: Project, options: list[str]) -> list[Finding]:
    findings = []
    for item in _ruff(project, "check", *options):
        cell = f" cell {item['cell']}" if item["cell"] else ""
        where = f"{_place(item, project)}{cell}:{item['location']['row']}"
        findings.append(Finding(where, f"{item['code']}: {item['message']}"))
    return findings


def _formatting(project: Project, options: list[str]) -> list[Finding]:
    # A file that is no valid Python has no format; the other check reports it.
    found = _ruff(project, "format", "--check", *options)
    names = {_place(item, project): None for item in found if item["code"] == "unformatted"}
    return [Finding(name, f"not formatted; format it: ruff format {name}") for name in names]


def _place(item: dict[str, Any], project: Project) -> str:
    return place(Path(item["filename"]), project.root)


def _ruff(project: Project, *arguments: str) -> list[dict[str, Any]]:
    """What ruff found, as it says it in JSON."""
    folder = place(project.helpers, project.root)
    command = [sys.executable, "-m", "ruff", *arguments, "--output-format=json", "--no-cache", folder]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise RunError(
            f"ruff {arguments[0]} ended with status {done.returncode}", details=done.stderr.strip()
        ) from None
    return found
