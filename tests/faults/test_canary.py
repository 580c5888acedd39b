"""A secret that a notebook shows in every way it can is found nowhere afterwards, kill or not."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.faults.agents import until
from tests.faults.lives import Life, agent_folder, left_behind, no_process, torn
from tests.projects import make_project
from workbench.project import Project
from workbench.tracking import reports

CANARY = "kanarie-<Zeisig>&'7\\x41-vogel"

SHOWS = [
    "value = phase.secret(token)\nprint(value)\nprint(repr(value), [value], {value: 1})",
    "import os, sys\nprint(value, file=sys.stderr)\n"
    "os.write(1, value.encode() + b'\\n')\nos.write(2, value.encode() + b'\\n')",
    "phase.note('seen', {'it': [value], value: 1})\nphase.log_params({'key': value})",
    "phase.log_artifact('note.txt', f'the key is {value}')\nphase.log_artifact('note.bin', value.encode())",
    "import base64, json, logging, threading, warnings\nlogging.warning('trying %r', value)\n"
    "print(json.dumps(value), base64.b64encode(value.encode()).decode())\nwarnings.warn(value)",
    "phase.log_artifact('more.bin', b'\\xff\\x00' + value.encode() + b'\\xfe')",
    "def fails():\n    raise ValueError(value)\n\nthread = threading.Thread(target=fails)\n"
    "thread.start()\nthread.join()",
    "value",
]
WAIT = (
    "import time\nfrom pathlib import Path\nPath('../at').touch()\n"
    "while not Path('../go').exists():\n    time.sleep(0.02)"
)
FAILS = "raise RuntimeError(f'refused: {value!r}')"


@pytest.fixture
def agents() -> Iterator[Path]:
    with agent_folder() as folder:
        yield folder


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = make_project(
        tmp_path / "project", {"call": [*SHOWS, WAIT, FAILS]}, parameters={"call": 'token = ""'}
    )
    with (made.root / "workbench.toml").open("a") as file:
        file.write('\n[execution]\npreload = ["json"]\n')
    return made


def _start(project: Project, agents: Path) -> Life:
    environment = {"WB_CANARY": CANARY}
    return Life(project, agents, "--follow", "-p", "token=secret:WB_CANARY", environment=environment)


def _traces(*folders: Path) -> list[str]:
    shown = {CANARY, json.dumps(CANARY)[1:-1], repr(CANARY)[1:-1]}
    wanted = {text.encode() for text in shown} | {base64.b64encode(CANARY.encode())}
    wanted |= {CANARY[:12].encode(), CANARY[-12:].encode()}
    found = []
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        found += [f"{path} has {text!r}" for text in wanted if text in content]
    return found


def _command_lines() -> str:
    lines = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            lines += process.cmdline()
    return "\n".join(lines)


def test_a_secret_is_in_nothing_that_a_failed_run_leaves(project: Project, agents: Path) -> None:
    life = _start(project, agents)
    until(lambda: (project.root / "at").exists(), seconds=60)
    assert CANARY not in _command_lines()
    for folder in [project.state / "work", *(project.state / "work").glob("*/")]:
        assert folder.stat().st_mode & 0o077 == 0
    (project.root / "go").touch()
    status, _ = life.end()
    assert status == 1
    (report,) = (project.reports / "call").iterdir()
    manifest = reports.read(report)
    assert manifest is not None
    assert manifest.error is not None
    assert 'refused: "•••"' in manifest.error.message
    assert manifest.notes == {"seen": {"it": ["•••"], "•••": 1}}
    assert _traces(project.root, agents) == []


def test_a_secret_is_in_nothing_that_a_killed_run_leaves(project: Project, agents: Path) -> None:
    life = _start(project, agents)
    until(lambda: (project.root / "at").exists(), seconds=60)
    assert life.kill()
    until(lambda: no_process(agents))
    # Whoever comes next does not know the secret, so nothing that was shown can be told from it.
    (project.root / "go").touch()
    status, said = Life(project, agents, "-p", "token=secret:WB_CANARY").end()
    assert status == 1
    assert "was cut short in cell" in said
    assert torn(project) == []
    assert left_behind(project) == []
    assert _traces(project.root, agents) == []
