"""``workbench agent`` and ``workbench doctor``, with a real agent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="agents fork, and that is for Linux")


def workbench(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workbench", *arguments],
        cwd=folder,
        env={**os.environ, "WORKBENCH_AGENT_DIR": str(folder / "a"), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("p")
    (folder / "workbench.toml").write_text('[execution]\npreload = ["csv", "no_such_module"]')
    yield folder
    workbench("agent", "stop", folder=folder)


def test_from_no_agent_to_one_and_back(folder: Path) -> None:
    assert "no agent runs for this folder" in workbench("agent", "status", folder=folder).stdout
    assert "no agent runs now" in workbench("doctor", folder=folder).stdout
    logs = workbench("agent", "logs", folder=folder)
    assert (logs.returncode, "workbench agent start" in logs.stderr) == (1, True)

    started = workbench("agent", "start", folder=folder)
    assert started.returncode == 0
    assert "left out     no_such_module: ModuleNotFoundError" in started.stdout

    (facts,) = json.loads(workbench("agent", "status", "--json", folder=folder).stdout)
    assert facts["here"]
    assert {item["module"] for item in facts["imports"]} >= {"csv", "papermill", "workbench.cli.commands"}
    assert "no_such_module: ModuleNotFoundError" in workbench("agent", "logs", folder=folder).stdout

    doctor = workbench("doctor", folder=folder)
    assert doctor.returncode == 1
    assert "no_such_module: not imported ahead" in doctor.stdout

    rows = json.loads(workbench("agent", "memory", "--json", folder=folder).stdout)
    assert [(row["kind"], row["pid"]) for row in rows] == [("agent", facts["pid"])]
    assert rows[0]["mib"] > 20

    assert f"stopped agent {facts['pid']}" in workbench("agent", "stop", folder=folder).stdout
    assert "no agent runs" in workbench("agent", "stop", folder=folder).stdout
    assert json.loads(workbench("agent", "status", "--json", folder=folder).stdout) == []


def test_switched_off_it_is_said(folder: Path) -> None:
    status = workbench("agent", "status", folder=folder, WORKBENCH_AGENT="0")
    assert "no agent is used: WORKBENCH_AGENT=0" in status.stdout
    started = workbench("agent", "start", folder=folder, WORKBENCH_AGENT="0")
    assert (started.returncode, "WORKBENCH_AGENT=0" in started.stderr) == (1, True)
    doctor = workbench("doctor", folder=folder, WORKBENCH_AGENT="0")
    assert "ordinary kernels instead: WORKBENCH_AGENT=0" in doctor.stdout


def test_no_private_folder_is_one_line(folder: Path) -> None:
    told = workbench("agent", "status", folder=folder, WORKBENCH_AGENT_DIR="/proc/nowhere")
    assert told.returncode == 1
    assert told.stderr.startswith("workbench: no agent can run here: /proc/nowhere")
    assert len(told.stderr.splitlines()) == 1
