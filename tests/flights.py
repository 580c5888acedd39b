"""The flights project, run once from end to end as a user would, for all tests that look at it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from workbench.project import Project, open_project
from workbench.tracking import reports

WORKBENCH = [sys.executable, "-m", "workbench"]


@dataclass(frozen=True)
class FlightsRun:
    """A finished ``workbench run --json`` on a year of flights, in a project of its own."""

    project: Project
    result: dict[str, Any]
    told: str

    def report(self, phase: str) -> Path:
        """The report folder of a phase in this run."""
        return Path(next(item["report"] for item in self.result["phases"] if item["phase"] == phase))

    def manifest(self, phase: str) -> reports.Manifest:
        text = (self.report(phase) / reports.MANIFEST).read_text()
        return reports.Manifest.model_validate_json(text)

    def command(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Call ``workbench`` in the project and expect an exit status."""
        return workbench(self.project.root, *arguments, code=code)


def workbench(root: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Call ``workbench`` in a folder and expect an exit status."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("WORKBENCH") or key == "WORKBENCH_AGENT_DIR"
    }
    done = subprocess.run([*WORKBENCH, *arguments], cwd=root, capture_output=True, text=True, env=environment)
    assert done.returncode == code, f"workbench {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="session")
def flights_run(tmp_path_factory: pytest.TempPathFactory) -> FlightsRun:
    """The whole lifecycle, run once in a session. Tests may add runs to it, not take any away."""
    root = tmp_path_factory.mktemp("flights") / "demo"
    workbench(root.parent, "init", str(root), "--template", "flights")
    done = workbench(root, "run", "--json")
    return FlightsRun(open_project(root), json.loads(done.stdout), done.stderr)
