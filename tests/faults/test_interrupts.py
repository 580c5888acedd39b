"""Ctrl-C, a kill, and two runs at once, through the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import make_project
from workbench.tracking import reports, runs

WORKBENCH = [sys.executable, "-m", "workbench"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_stops_cleanly_and_says_what_is_kept(
    tmp_path: Path, number: signal.Signals
) -> None:
    marker = tmp_path / "reached"
    project = make_project(
        tmp_path / "project",
        {
            "gather": ['phase.pull("numbers")'],
            "wait": [f"import os, time\nopen({str(marker)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"],
            "after": [],
        },
    )
    process = subprocess.Popen(
        [*WORKBENCH, "run", "--json"],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts what runs in its background with Ctrl-C ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not (marker.exists() and marker.read_text()):  # the cell runs
        assert process.poll() is None
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    told = json.loads(out)
    assert told["status"] == "killed"
    assert [phase["status"] for phase in told["phases"]] == ["finished", "killed", "skipped"]
    assert "kept: gather; the same command goes on from there" in err
    with pytest.raises(ProcessLookupError):
        os.kill(int(marker.read_text()), 0)
    manifest = reports.find(project, "wait", told["phases"][1]["run_id"])
    assert manifest is not None
    assert manifest.status == "killed"
    assert {run.status for run in runs.list_runs(project)} == {"finished", "killed"}


@pytest.mark.practice("T1")
def test_two_runs_at_once_on_one_new_project_do_not_mix(tmp_path: Path) -> None:
    project = make_project(
        tmp_path / "project",
        {
            "gather": ['phase.pull("numbers")'],
            "double": ['numbers = phase.read("numbers")\nphase.write("doubled", numbers.assign(y=factor))'],
            "show": ['print("sum is", phase.read("doubled").y.sum())'],
        },
        parameters={"double": "factor: float = 1.0"},
    )
    both = [
        subprocess.Popen(
            [*WORKBENCH, "run", "--json", "-p", f"factor={factor}"],
            cwd=project.root,
            stdout=subprocess.PIPE,
            text=True,
        )
        for factor in (2, 3)
    ]
    for process, total in zip(both, ("20.0", "30.0"), strict=True):
        told = json.loads(process.communicate(timeout=120)[0])
        assert process.returncode == 0, told
        notebook = Path(told["phases"][2]["report"], "notebook.ipynb").read_text()
        assert f"sum is {total}" in notebook
