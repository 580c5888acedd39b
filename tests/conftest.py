"""What all tests share: their surroundings, and where things are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester", "tests.flights", "tests.recorder"]

REPOSITORY_ROOT = Path(__file__).resolve().parents[1]

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="1", MPLBACKEND="Agg")
os.environ.pop("WORKBENCH_PROJECT", None)


@pytest.fixture(scope="session")
def repository_root() -> Path:
    """The checkout, which is itself the flights project. Only to be read."""
    return REPOSITORY_ROOT


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """An installed Chromium or Chrome, for playwright's ``executable_path``; skips without one."""
    for name in ("chromium", "google-chrome", "chromium-browser"):
        if path := shutil.which(name):
            return path
    pytest.skip("no Chromium on this machine: apt-get install chromium")
