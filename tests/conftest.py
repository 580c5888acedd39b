"""What all tests share: their surroundings, and where things are."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["pytester", "tests.flights", "tests.recorder", "tests.scheduling"]

REPOSITORY_ROOT = Path(__file__).resolve().parents[1]

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="1", MPLBACKEND="Agg")
# A tracking server otherwise starts processes for jobs, which nothing here gives it.
os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
os.environ.pop("WORKBENCH_PROJECT", None)
# What a shell in the background or nohup has ignored would be ignored by all that tests start and signal.
for _number, _usual in (
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, _usual)
# Agents of the tests' own, which two processes of pytest share.
OWN_AGENTS = "WORKBENCH_AGENT_DIR" not in os.environ
os.environ.setdefault("WORKBENCH_AGENT_DIR", tempfile.mkdtemp(prefix="wb-tests-", dir="/tmp"))


def pytest_unconfigure() -> None:
    if OWN_AGENTS:
        from workbench.execution.agent import client

        folder = Path(os.environ["WORKBENCH_AGENT_DIR"])
        for place in client.running(folder):
            client.ask(place, "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def own_helpers() -> Iterator[None]:
    """Every project's helpers are called ``helpers``, and many projects are opened in one process."""
    before = list(sys.path)
    sys.modules.pop("helpers", None)
    yield
    sys.modules.pop("helpers", None)
    sys.path[:] = before


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
