"""The command line: help, wrong usage, and one clear line for what goes wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import make_project, write_notebook

COMMANDS = [
    "init",
    "adopt",
    "run",
    "status",
    "runs",
    "diff",
    "prune",
    "models",
    "promote",
    "approve",
    "rollback",
    "retire",
    "ledger",
    "serve",
    "truth",
    "feedback",
    "site",
    "check",
    "agent",
    "doctor",
]


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workbench", *arguments], cwd=folder, capture_output=True, text=True
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(tmp_path: Path, command: str) -> None:
    done = call(tmp_path, command, "--help")
    assert done.returncode == 0
    assert f"workbench {command}" in done.stdout.split("Example", 1)[1]


def test_outside_a_project_one_line_says_what_to_do(tmp_path: Path) -> None:
    for arguments in (["run"], ["status"], ["runs"], ["models"], ["check"]):
        done = call(tmp_path, *arguments)
        assert done.returncode == 2
        assert "no workbench.toml" in done.stderr
        assert "workbench init" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["rnu"], "did you mean 'run'"),
        (["run", "gahter"], "did you mean 'gather'"),
        (["run", "gather", "-p", "facto=2"], "did you mean 'factor'"),
        (["run", "gather", "-p", "factor=much"], "'factor' is a number"),
        (["run", "-p", "factor"], "-p takes NAME=VALUE"),
        (["runs", "--phase", "gahter"], "did you mean 'gather'"),
    ],
)
def test_wrong_usage_is_told_with_what_is_right(tmp_path: Path, arguments: list[str], expected: str) -> None:
    make_project(tmp_path, {"gather": []}, parameters={"gather": "factor: float = 1.0"})
    done = call(tmp_path, *arguments)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failing_notebook_is_told_with_phase_cell_source_error_and_report(tmp_path: Path) -> None:
    make_project(tmp_path, {"gather": [], "after": []})
    write_notebook(tmp_path / "notebooks" / "gather.ipynb", ["fine = 1", "1 / 0  # the culprit"])
    done = call(tmp_path, "run", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert [phase["status"] for phase in told["phases"]] == ["failed", "skipped"]
    for expected in ("'gather' failed", "ZeroDivisionError", "cell 3 of", "# the culprit", "report.html"):
        assert expected in done.stderr
    assert (Path(told["phases"][0]["report"]) / "report.html").is_file()
    assert json.loads(call(tmp_path, "runs", "--json").stdout)[0]["status"] == "failed"
    assert json.loads(call(tmp_path, "status", "--json").stdout)["phases"][0]["status"] == "failed"


def test_init_refuses_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    done = call(tmp_path, "init", "mine")
    assert done.returncode == 2
    assert "not empty" in done.stderr
    done = call(tmp_path, "init", "other", "--template", "flihgts")
    assert done.returncode == 2
    assert "did you mean 'flights'" in done.stderr
