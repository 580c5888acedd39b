"""Rules for notebooks: readable, stored without outputs, short, and free of definitions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.check.findings import CheckResult, Finding, place, result
from workbench.errors import NotebookError
from workbench.execution.notebook import read_notebook
from workbench.execution.notebook.parameters import read_parameters
from workbench.project import Project

__all__ = ["MAX_CODE_CELLS", "check_notebooks"]

MAX_CODE_CELLS = 14
_DEFINITION = re.compile(r"^\s*(?:async\s+)?(def|class)\s+(\w+)", re.MULTILINE)


def check_notebooks(project: Project) -> list[CheckResult]:
    """The checks on the phases' notebooks and on all others in the project's notebook folder."""
    paths = _notebooks(project)
    readable: dict[str, dict[str, Any]] = {}
    unreadable: list[Finding] = []
    for path in paths:
        name = place(path, project.root)
        try:
            readable[name] = _valid(path)
        except NotebookError as error:
            unreadable.append(Finding(name, error.message))
    python = {name: raw for name, raw in readable.items() if _is_python(raw)}
    return [
        result("notebook-format", "every notebook is there and valid", unreadable, f"{len(paths)} notebooks"),
        result("notebook-outputs", "notebooks are stored without outputs", list(_outputs(readable))),
        _check_parameters(project, list(python)),
        result(
            "notebook-definitions",
            "no def and no class in a notebook: a tested module is their place",
            list(_definitions(python)),
        ),
        result(
            "notebook-length", f"at most {MAX_CODE_CELLS} code cells in a notebook", list(_too_long(readable))
        ),
    ]


def _notebooks(project: Project) -> list[Path]:
    """The phases' notebooks as declared, then whatever else lies in the notebook folder."""
    declared = [project.root / phase.notebook for phase in project.config.phases.values()]
    found = [
        path
        for path in sorted(project.helpers.rglob("*.ipynb"))
        if not any(part.startswith(".") for part in path.relative_to(project.helpers).parts)
    ]
    return list(dict.fromkeys([*declared, *found]))


def _valid(path: Path) -> dict[str, Any]:
    raw = read_notebook(path)
    import nbformat

    try:
        nbformat.validate(nbformat.from_dict(raw))
    except nbformat.ValidationError as error:
        raise NotebookError(f"not valid: {str(error).splitlines()[0]}") from error
    return raw


def _is_python(raw: dict[str, Any]) -> bool:
    kernel = raw.get("metadata", {}).get("kernelspec", {})
    return str(kernel.get("language", "python")).lower() == "python"


def _code_cells(raw: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Code cells with their place among all cells, from 1 as a person counts."""
    for number, cell in enumerate(raw["cells"], start=1):
        if cell["cell_type"] == "code":
            yield number, cell


def _outputs(readable: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    for name, raw in readable.items():
        stored = [number for number, cell in _code_cells(raw) if cell["outputs"] or cell["execution_count"]]
        if stored:
            cells = f"cell{'s' if len(stored) > 1 else ''} {', '.join(map(str, stored))}"
            yield Finding(
                name,
                f"{cells} stored with outputs; clear them: jupyter nbconvert --clear-output --inplace {name}",
            )
        elif raw["metadata"].get("widgets"):
            yield Finding(name, "stored with the state of widgets; clear all outputs in JupyterLab and save")


def _check_parameters(project: Project, names: list[str]) -> CheckResult:
    findings, without = [], []
    for name in names:
        try:
            if not read_parameters(project.root / name):
                without.append(name)
        except NotebookError as error:
            findings.append(Finding(name, error.message))
    note = f"none in {', '.join(without)}" if without else ""
    return result("notebook-parameters", "one parameters cell of literals at the most", findings, note)


def _definitions(python: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    for name, raw in python.items():
        for number, cell in _code_cells(raw):
            for kind, defined in _DEFINITION.findall("".join(cell["source"])):
                yield Finding(name, f"cell {number} defines {kind} {defined}")


def _too_long(readable: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    for name, raw in readable.items():
        count = sum(1 for _ in _code_cells(raw))
        if count > MAX_CODE_CELLS:
            yield Finding(name, f"{count} code cells")
