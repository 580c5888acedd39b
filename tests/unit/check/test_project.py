"""``workbench check``: each rule, kept and broken."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from workbench.check.findings import CheckResult
from workbench.check.project import check_project
from workbench.cli.check import check

CONFIG = """
[project]
name = "tiny"

[objective]
target = "late"
time = "asked_at"

[model]
name = "tiny"
features = "{helper}:build"
memory = ["weather"]

[sources.flights]
load = "{helper}:load"
check = "{helper}:SCHEMA"
key = ["flight"]

[phases.train]
notebook = "notebooks/train.ipynb"
"""
HELPER = '''"""Loads and checks one source."""

import pandera.pandas as pa

SCHEMA = pa.DataFrameSchema({"flight": pa.Column(int)})
MEMORY = {"weather": None}


def load():
    return None


def build():
    return None
'''


def code(source: str, *, tags: tuple[str, ...] = (), outputs: tuple[Any, ...] = ()) -> dict[str, Any]:
    metadata = {"tags": list(tags)} if tags else {}
    count = 1 if outputs else None
    return {
        "cell_type": "code",
        "execution_count": count,
        "metadata": metadata,
        "outputs": list(outputs),
        "source": source,
    }


PARAMETERS = code("rate = 0.1  # learning rate", tags=("parameters",))
STREAM = {"output_type": "stream", "name": "stdout", "text": "1"}


@pytest.fixture
def helper(tmp_path: Path) -> str:
    """A module name of this test's own, since modules stay imported."""
    return f"helper_{tmp_path.name}"


@pytest.fixture
def root(tmp_path: Path, helper: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that keeps every rule; the current folder."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "workbench.toml").write_text(CONFIG.format(helper=helper))
    (tmp_path / "notebooks" / f"{helper}.py").write_text(HELPER)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    write_notebook(tmp_path, PARAMETERS, code("rate"))
    return tmp_path


def write_notebook(root: Path, *cells: dict[str, Any], name: str = "train") -> None:
    raw = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    (root / "notebooks" / f"{name}.ipynb").write_text(json.dumps(raw))


def failed() -> dict[str, str]:
    """Where and what, by the name of the failed check."""
    return {
        item.check: " | ".join(f"{finding.where}: {finding.message}" for finding in item.findings)
        for item in check_project()
        if item.status == "failed"
    }


def by_name(name: str) -> CheckResult:
    (found,) = [item for item in check_project() if item.check == name]
    return found


def test_a_project_that_keeps_the_rules_passes(root: Path) -> None:
    assert {item.status for item in check_project()} == {"passed"}


@pytest.mark.parametrize(
    ("check_name", "cells", "said"),
    [
        ("notebook-outputs", [code("1", outputs=(STREAM,))], "cell 1 stored with outputs"),
        ("notebook-definitions", [code("x = 1\ndef helper():\n    return x")], "cell 1 defines def helper"),
        ("notebook-definitions", [PARAMETERS, code("async def wait():\n    ...")], "cell 2 defines def wait"),
        ("notebook-length", [code("1")] * 15, "15 code cells"),
        ("notebook-parameters", [PARAMETERS, PARAMETERS], "2 cells tagged 'parameters'"),
        ("notebook-parameters", [code("rate = rate()", tags=("parameters",))], "'rate' is no literal"),
        ("notebook-format", [{"cell_type": "code", "source": "1"}], "not valid"),
        ("code-lint", [code("import os")], "F401"),
        ("code-format", [code("rate=1")], "not formatted"),
    ],
)
def test_a_broken_notebook_rule_is_named(
    root: Path, check_name: str, cells: list[dict[str, Any]], said: str
) -> None:
    write_notebook(root, *cells)
    found = failed()
    assert said in found[check_name]
    assert "notebooks/train.ipynb" in found[check_name]


@pytest.mark.practice("K2")
def test_notebooks_and_helpers_are_linted_in_one_command(root: Path, helper: str) -> None:
    write_notebook(root, code("import os"))
    (root / "notebooks" / f"{helper}.py").write_text("import json\n" + HELPER)
    done = invoke()
    assert done.exit_code == 1
    assert "notebooks/train.ipynb cell 1:1: F401" in done.output
    assert f"notebooks/{helper}.py:1: F401" in done.output


def test_a_notebook_without_parameters_is_said_not_refused(root: Path) -> None:
    write_notebook(root, code("1 + 1"), name="other")
    found = by_name("notebook-parameters")
    assert (found.status, found.note) == ("passed", "none in notebooks/other.ipynb")


def test_saved_widget_state_counts_as_outputs(root: Path) -> None:
    path = root / "notebooks" / "train.ipynb"
    raw = json.loads(path.read_text())
    raw["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    path.write_text(json.dumps(raw))
    assert "state of widgets" in failed()["notebook-outputs"]


def test_a_missing_notebook_is_named(root: Path) -> None:
    (root / "notebooks" / "train.ipynb").unlink()
    assert "no notebook at" in failed()["notebook-format"]


def test_checkpoints_are_not_looked_at(root: Path) -> None:
    hidden = root / "notebooks" / ".ipynb_checkpoints"
    hidden.mkdir()
    (hidden / "train-checkpoint.ipynb").write_text("torn")
    assert failed() == {}


@pytest.mark.practice("D1")
@pytest.mark.parametrize(
    ("edit", "check_name", "said"),
    [
        (lambda text: text.replace('check = "', '# check = "'), "config", "sources.flights.check"),
        (lambda text: text.replace(":SCHEMA", ":NOWHERE"), "sources", "cannot be imported"),
        (lambda text: text.replace(":SCHEMA", ":load"), "sources", "not a pandera schema"),
        (lambda text: text.replace(":load", ":SCHEMA.name"), "config", "sources.flights.load"),
    ],
    ids=["no check", "a check that is not there", "a check that is no schema", "no name of a function"],
)
def test_a_source_without_a_check_is_refused(
    root: Path, edit: Callable[[str], str], check_name: str, said: str
) -> None:
    path = root / "workbench.toml"
    path.write_text(edit(path.read_text()))
    assert said in failed()[check_name]


@pytest.mark.parametrize(
    ("old", "new", "check_name", "said"),
    [
        (":build", ":MEMORY", "features", "is dict, not a function"),
        ('["weather"]', '["wind"]', "features", "'wind' is not described"),
        ('target = "late"', "", "config", "objective.target: this key is required"),
        ('train.ipynb"', 'train.ipynb"\nneeds = ["train"]', "config", "circle"),
    ],
)
def test_a_broken_configuration_is_named(root: Path, old: str, new: str, check_name: str, said: str) -> None:
    path = root / "workbench.toml"
    path.write_text(path.read_text().replace(old, new))
    assert said in failed()[check_name]


def test_a_helper_that_raises_when_imported_is_a_finding(root: Path, helper: str) -> None:
    (root / "notebooks" / f"{helper}.py").write_text('raise ValueError("no such folder")\n')
    assert "raises when imported: ValueError: no such folder" in failed()["sources"]


def test_the_projects_own_ruff_configuration_counts(root: Path) -> None:
    write_notebook(root, code("import os"))
    (root / "ruff.toml").write_text('lint.ignore = ["F401"]')
    assert failed() == {}


# --- the command ----------------------------------------------------------------------------------


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(check, list(arguments))


def test_the_command_prints_each_check_and_exits_1_on_a_finding(root: Path) -> None:
    passed = invoke()
    assert passed.exit_code == 0
    assert "✓ notebook-outputs" in passed.output
    assert "0 findings" in passed.output
    write_notebook(root, code("1", outputs=(STREAM,)))
    done = invoke()
    assert done.exit_code == 1
    assert "✗ notebook-outputs" in done.output
    assert "notebooks/train.ipynb: cell 1 stored with outputs" in done.output


def test_json_holds_the_same(root: Path) -> None:
    write_notebook(root, *[code("1")] * 15)
    done = invoke("--json")
    assert done.exit_code == 1
    printed = json.loads(done.stdout)
    assert printed["status"] == "failed"
    (broken,) = [item for item in printed["checks"] if item["status"] == "failed"]
    assert broken["check"] == "notebook-length"
    assert broken["findings"] == [{"where": "notebooks/train.ipynb", "message": "15 code cells"}]


def test_shared_models_with_a_ledger_on_this_machine_are_found(root: Path) -> None:
    file = root / "workbench.toml"
    file.write_text(file.read_text() + '\n[stores]\ntracking = "https://ada:pw@mlflow.example.org"\n')
    (found,) = (item for item in check_project() if item.check == "stores")
    assert "https://mlflow.example.org are shared" in found.findings[0].message
    assert "[stores] database" in found.findings[0].message
    file.write_text(file.read_text() + 'database = "postgresql+psycopg://db.example.org/workbench"\n')
    assert {item.check: item.status for item in check_project()}["stores"] == "passed"
