"""Lives of ``workbench run`` that tests cut short, and what has to be true of a project afterwards.

The command runs in a process forked from one that has imported it all, so that a life takes a second and
its process id is known; kernels come from an agent of the test's own, as they do for anybody.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import nbformat
import psutil

from tests.faults.agents import LIGHT, agents_in, alive, below
from tests.processes import FORKED
from workbench.execution.agent import preload
from workbench.project import Project
from workbench.tracking import reports

__all__ = ["WHOLE", "Life", "agent_folder", "kernels_of", "left_behind", "results", "torn"]

WHOLE = preload.OWN
#: Who starts a process also looks whether all others have ended, those of other threads too: and of two
#: that read the same exit status at once, one finds none and makes it 255.
_looking = threading.Lock()


class Life:
    """One ``workbench run`` (or another command) in a process of its own; what it says goes to a file.

    ``own`` is what its agent imports: an agent with little starts sooner, kernels of one with
    :data:`WHOLE` do. A project with a ``preload`` list has an agent of its own; those without share one,
    which also imports ``libraries``.
    """

    def __init__(
        self,
        project: Project,
        agents: Path,
        *arguments: str,
        command: str = "run",
        own: Sequence[str] = LIGHT,
        libraries: Sequence[str] = preload.LIBRARIES,
        environment: dict[str, str] | None = None,
    ) -> None:
        handle, self._said = tempfile.mkstemp(suffix=".txt")
        os.close(handle)
        setting = {"WORKBENCH_AGENT_DIR": str(agents)} | (environment or {})
        self.process: BaseProcess = FORKED.Process(
            target=_live,
            args=(
                str(project.root),
                [command, *arguments],
                self._said,
                (tuple(own), tuple(libraries)),
                setting,
            ),
        )
        with _looking:
            self.process.start()

    @property
    def alive(self) -> bool:
        """Whether it goes on; unlike its process's ``is_alive``, from any thread."""
        with _looking:
            return self.process.is_alive()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def kill(self) -> bool:
        """SIGKILL; whether it was still alive."""
        self.process.kill()
        return self.end()[0] == -9

    def end(self, seconds: float = 120.0) -> tuple[int | None, str]:
        """Its exit status and everything that it said."""
        wait([self.process.sentinel], seconds)
        with _looking:
            status = self.process.exitcode
        if status is None:
            self.process.kill()
        said = Path(self._said).read_text()
        with suppress(FileNotFoundError):
            os.unlink(self._said)
        return status, said


def _live(
    folder: str,
    arguments: list[str],
    said: str,
    imports: tuple[tuple[str, ...], tuple[str, ...]],
    setting: dict[str, str],
) -> None:
    handle = os.open(said, os.O_WRONLY | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    os.chdir(folder)
    os.environ.update(setting)
    preload.OWN, preload.LIBRARIES = imports  # type: ignore[assignment]
    from workbench.cli.commands import main

    main(arguments)


@contextmanager
def agent_folder() -> Iterator[Path]:
    """A place for one project's agent, ended afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="wb-", dir="/tmp"))
    try:
        yield folder
    finally:
        for pid in agents_in(folder):
            with suppress(ProcessLookupError):
                os.kill(pid, 9)
        shutil.rmtree(folder, ignore_errors=True)


def kernels_of(project: Project, agents: Path) -> list[int]:
    """A project's kernels that were forked from the agent in this place, as long as that lives."""
    found = []
    for agent in agents_in(agents):
        for keeper in below(agent, recursive=False):
            for process in below(keeper.pid, recursive=False):
                with suppress(psutil.Error):
                    if Path(process.cwd()) == project.root / "notebooks":
                        found.append(process.pid)
    return found


def torn(project: Project) -> list[str]:
    """What is wrong with the reports that a reader sees: at any moment, nothing."""
    wrong = []
    for folder in _reports(project):
        if {path.name for path in folder.iterdir()} != _FILES:
            wrong.append(f"{folder} has {sorted(path.name for path in folder.iterdir())}")
            continue
        if reports.read(folder) is None:
            wrong.append(f"{folder} has a manifest that cannot be read")
        if not (folder / reports.HTML).read_text().rstrip().endswith("</html>"):
            wrong.append(f"{folder} has half a page")
        try:
            nbformat.validate(nbformat.read(folder / reports.NOTEBOOK, as_version=4))
        except Exception as error:
            wrong.append(f"{folder}: {error}")
    return wrong


def left_behind(project: Project) -> list[str]:
    """What a command should have put in order: stuck runs, scratch and temporary folders, untold reports."""
    state = project.state
    wrong = [f"{path} is left" for path in state.rglob(".*") if path.name != ".crc"]
    wrong += [f"{path} is left" for path in (state / "work").glob("*") if path.is_dir()]
    wrong += [f"{path} is not told" for path in (state / "outbox").glob("*")]
    statuses = _statuses(project)
    wrong += [f"run {run_id} is {status}" for run_id, status in statuses.items() if status == "RUNNING"]
    for folder in _reports(project):
        manifest = reports.read(folder)
        assert manifest is not None
        if statuses.get(manifest.run_id) != manifest.status.upper():
            wrong.append(f"{folder} {manifest.status}, its run is {statuses.get(manifest.run_id)}")
        kept = state / "artifacts" / manifest.run_id / "artifacts" / "report"
        if {path.name for path in kept.glob("*")} != _FILES:
            wrong.append(f"run {manifest.run_id} does not have its report")
    return wrong


def results(project: Project) -> dict[str, Any]:
    """What the newest finished runs came to: equal for runs that do the same."""
    found = {}
    for phase in project.config.phases:
        manifest = reports.latest(project, phase)
        assert manifest is not None, f"{phase} never finished"
        found[phase] = {item.name: (item.content, item.rows) for item in manifest.writes} | manifest.notes
    return found


def no_process(agents: Path) -> bool:
    """Whether nothing of kernels and commands lives any more, agents aside."""
    return not any(below(agent) for agent in agents_in(agents)) and not _of(agents)


def _of(agents: Path) -> list[int]:
    """Processes that were started for this place, whoever is their parent now."""
    found, known = [], set(agents_in(agents))
    for pid in psutil.pids():
        with suppress(OSError):
            if os.fsencode(agents) in Path(f"/proc/{pid}/environ").read_bytes() and alive(pid):
                found.append(pid)
    return [pid for pid in found if pid not in known]


_FILES = {reports.NOTEBOOK, reports.HTML, reports.LOG, reports.MANIFEST}


def _reports(project: Project) -> list[Path]:
    """Those of phases, and those of trials, which lie a level deeper: by their sweep."""
    found = [path for path in project.reports.glob("*/*") if path.parent.name != "trials"]
    found += project.reports.glob("trials/*/*")
    return [path for path in found if path.is_dir() and path.name[0] != "."]


def _statuses(project: Project) -> dict[str, str]:
    with closing(sqlite3.connect(project.state / "mlflow.db", timeout=30)) as connection:
        return dict(connection.execute("select run_uuid, status from runs").fetchall())
