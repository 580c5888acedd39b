"""``workbench diff``, as a person sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.projects import make_project
from tests.unit.tracking.published import leave_run
from workbench.cli.diff import diff
from workbench.errors import UnknownName
from workbench.project import Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = make_project(tmp_path / "project", {"train": []})
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("COLUMNS", "200")
    return made


def _call(*arguments: str) -> str:
    done = CliRunner().invoke(diff, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_diff_shows_values_and_lines(project: Project) -> None:
    metrics = {"auc": 0.5, "workbench.peak_memory_bytes": 1e9}
    left = leave_run(project, cells=["x = 1\ny = 2\nprint(x, y)"], metrics=metrics, code_hash="aa")
    right = leave_run(
        project,
        cells=["x = 1\ny = 3\nprint(x, y)"],
        metrics=metrics | {"auc": 0.75},
        parameters={"rate": 0.2},
    )
    shown = _call(left[:8], right[:8])
    for expected in (left[:8], right[:8], "+0.25", "rate", "0.2", "cell 1", "-y = 2", "+y = 3"):
        assert expected in shown
    assert "peak memory" not in shown
    told = json.loads(_call(left[:8], right[:8], "--json"))
    assert told["metrics"] == [{"name": "auc", "left": 0.5, "right": 0.75, "difference": 0.25}]
    assert told["cells"][0]["lines"][1:3] == ["-y = 2", "+y = 3"]
    assert (told["left"]["run_id"], told["same"]) == (left, False)


def test_the_same_run_twice_does_not_differ(project: Project) -> None:
    run_id = leave_run(project)
    assert "do not differ" in _call(run_id, run_id)


def test_values_cannot_write_on_the_terminal(project: Project) -> None:
    runs = [leave_run(project, parameters={"text": f"[red]\x1b[31m{number}"}) for number in range(2)]
    shown = _call(*runs)
    assert "[red]" in shown
    assert "\x1b[31m" not in shown


def test_an_unknown_run_is_named(project: Project) -> None:
    with pytest.raises(UnknownName, match="no run 'xyz'"):
        _call(leave_run(project), "xyz")
