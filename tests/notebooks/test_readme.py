"""Every command that README shows does what it says, on the flights project."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.flights import FlightsRun
from tests.ports import free_port

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

# What a test of its own covers: the installation by CI, the wheel by tests/unit/test_packaging.py, policy
# backtests (minutes on the flights) by tests/unit/cli/test_backtest.py on a shop.
ELSEWHERE = ("git clone", "make ", "pip install", "workbench init", "workbench backtest")
SERVERS = {"serve": "/health", "ui": "/health"}
# The gates may refuse the version, and there may be no champion before: then the command says so.
MAY_REFUSE = ("promote", "rollback")
# A search is as good a search with fewer trials of fewer flights, and a tracking server with one process.
FEWER_TRIALS = ["2", "-p", "flights=20000"]
FEWER_PROCESSES = ["--workers", "1"]


def _commands(readme: Path) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    lines = [
        line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")
    ]
    return [part for line in lines for part in line.split(" && ")]


def test_readme_shows_its_parts_in_order(repository_root: Path) -> None:
    text = (repository_root / "README.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == [
        "Two commands",
        "Five minutes with it",
        "Your own data",
        "Going to production",
        "Going to a cluster",
        "Reference",
    ]
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text):
        assert (repository_root / picture).is_file(), picture


def test_every_command_in_readme_works(flights_run: FlightsRun, repository_root: Path) -> None:
    ran = 0
    for command in _commands(repository_root / "README.md"):
        if command.startswith((*ELSEWHERE, "cd ")):
            continue
        words = shlex.split(command)
        tool = Path(words[0]).name
        assert tool in ("workbench", "mlflow"), command
        call = [sys.executable, "-m", tool, *words[1:]]
        if "--trials" in call:
            at = call.index("--trials") + 1
            call[at : at + 1] = FEWER_TRIALS
        if tool == "mlflow":
            call += FEWER_PROCESSES
        if words[1] in SERVERS:
            _answers(call, SERVERS[words[1]], flights_run.project.root)
        else:
            done = subprocess.run(call, cwd=flights_run.project.root, capture_output=True, text=True)
            allowed = (0, 1) if words[1] in MAY_REFUSE else (0,)
            assert done.returncode in allowed, f"{command}\n{done.stdout}\n{done.stderr}"
            assert "Traceback" not in done.stderr, command
        ran += 1
    assert ran >= 8


def _answers(call: list[str], path: str, root: Path) -> None:
    """The server answers on a free port and ends when it is told to."""
    port = free_port()
    if "--port" in call:
        call[call.index("--port") + 1] = str(port)
    else:
        call += ["--port", str(port)]
    process = subprocess.Popen(
        call, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        while True:
            assert process.poll() is None, process.communicate()[0]
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
                    assert response.status == 200
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                continue
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)
