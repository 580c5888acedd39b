"""The command ``workbench`` as an agent does it: the same words, and no trace of one that was killed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.agents import alive, below, sockets_in, until
from tests.projects import make_project
from workbench.execution import recover
from workbench.execution.agent import client
from workbench.execution.agent.identity import identify
from workbench.project import open_project

MODES = ["agent", "here"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, earnest_place: Path) -> Iterator[Path]:
    """A project with a warm agent, in a folder where nobody else has kernels."""
    made = make_project(
        tmp_path_factory.mktemp("forward") / "project",
        {
            "wait": [
                "import os, subprocess, time",
                "apart = subprocess.Popen(['sleep', '600'], start_new_session=True)",
                "stubborn = subprocess.Popen(['sh', '-c', 'trap \"\" TERM; echo; sleep 600'], stdout=-1)",
                "stubborn.stdout.readline()",
                "text = f'{os.getpid()} {os.getppid()} {apart.pid} {stubborn.pid}'",
                "open(os.environ['MARKER'], 'w').write(text)",
                "time.sleep(600)",
            ]
        },
    )
    config = made.root / "workbench.toml"
    config.write_text(config.read_text() + '\n[execution]\npreload = ["json"]\n')
    agent = identify(os.environ, made.root)
    client.start_agent(agent)
    assert client.ask(agent.socket, "status", seconds=client.IMPORT_SECONDS) is not None
    yield made.root
    client.ask(agent.socket, "stop")


def _workbench(project: Path, mode: str, *words: str, **options: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "WORKBENCH_AGENT": "0" if mode == "here" else "1", **options.pop("more", {})}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, "-m", "workbench", *words]
    return subprocess.Popen(command, cwd=project, env=environment, **pipes, **options)


@pytest.mark.parametrize("mode", MODES)
def test_the_kill_of_a_command_ends_all_of_it(project: Path, tmp_path: Path, mode: str) -> None:
    marker = tmp_path / "marker"
    with _workbench(project, mode, "run", more={"MARKER": str(marker)}) as process:
        try:
            until(lambda: marker.exists() and len(marker.read_text().split()) == 4, 60)
            forked = _commands_in(project)
            assert len(forked) == (mode == "agent")
            pids = [*map(int, marker.read_text().split()), *forked]
            assert all(map(alive, pids))
        finally:
            process.kill()
        until(lambda: not any(map(alive, pids)), 5, "all of it to go")
    agent = identify(os.environ, project)
    facts = client.ask(agent.socket, "status")
    assert facts is not None
    until(lambda: not below(facts["pid"]), 5)
    assert not sockets_in(agent.folder)


def _commands_in(folder: Path) -> list[int]:
    """Processes that do a command in this folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "workbench" and process.cwd().startswith(str(folder)):
                found.append(process.pid)
    return found


@pytest.mark.parametrize(
    "words", [["runs", "--json"], ["ledger"], ["nonsense"], ["run", "-p", "x"], ["run", "nothing"]]
)
def test_commands_end_and_speak_alike_with_and_without_an_agent(project: Path, words: list[str]) -> None:
    agent = identify(os.environ, project)
    recover.tidy(open_project(project))  # what an earlier test has killed: the first command would tell of it
    ends = []
    for mode in MODES:
        before = client.ask(agent.socket, "status")
        with _workbench(project, mode, *words) as process:
            ends.append((*process.communicate(timeout=60), process.returncode))
        after = client.ask(agent.socket, "status")
        assert before is not None
        assert after is not None
        assert after["forked"] - before["forked"] == 1 + (mode == "agent")
    assert ends[0] == ends[1]
