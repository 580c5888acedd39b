"""The project's files at the commit that a schedule is pinned to, with the project's own stores.

The link to the stores is made last: a work tree that has it is whole. One that does not was left by somebody
who was killed, or by a git that took too long, and may hold a part of the files: it is made anew.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from filelock import FileLock

from workbench.errors import RunError
from workbench.locate import STATE_NAME
from workbench.project import CONFIG_NAME, Project

__all__ = ["folder_of", "let_go", "trees"]

_SECONDS = 120
_TREES = "pinned"


def folder_of(project: Project, commit: str) -> Path:
    """The project's folder in a work tree of that commit, which is made when it is first asked for.

    Raises
    ------
    RunError
        git has no such commit, there was no project at it, or git cannot.
    """
    place = project.state / _TREES / commit
    place.parent.mkdir(exist_ok=True)
    within = _git(project, "rev-parse", "--show-prefix")
    folder = place / within if within else place
    with FileLock(f"{place}.lock", timeout=_SECONDS):
        if not (folder / STATE_NAME).is_symlink():
            _check_out(project, commit, place)
            if not (folder / CONFIG_NAME).is_file():
                raise RunError(f"there was no {CONFIG_NAME} at commit {commit}; pin to one that has it")
            _share_state(project, folder)
    return folder


def trees(project: Project) -> list[Path]:
    """The work trees that were made, each called by its commit."""
    return sorted(path for path in (project.state / _TREES).glob("*") if path.is_dir())


def let_go(project: Project, commit: str) -> None:
    """Remove the work tree of a commit; it is made again when somebody asks for it.

    Raises
    ------
    RunError
        git cannot.
    """
    place = project.state / _TREES / commit
    with FileLock(f"{place}.lock", timeout=_SECONDS):
        within = _git(project, "rev-parse", "--show-prefix")
        (place / within / STATE_NAME).unlink(missing_ok=True)  # first: from here on it is not whole
        if place.exists():
            shutil.rmtree(place)
        _git(project, "worktree", "remove", "--force", "--force", str(place))
    Path(f"{place}.lock").unlink(missing_ok=True)


def _check_out(project: Project, commit: str, place: Path) -> None:
    if place.exists():
        shutil.rmtree(place)
    _git(project, "worktree", "prune")
    # Twice: a git that was killed leaves its tree locked, so that pruning keeps what is known of it.
    _git(project, "worktree", "add", "--detach", "--force", "--force", str(place), commit)


def _share_state(project: Project, folder: Path) -> None:
    """The same stores and reports; and git takes the link to them for no change of the files."""
    exclude = Path(_git(project, "rev-parse", "--path-format=absolute", "--git-path", "info/exclude"))
    known = exclude.read_text(encoding="utf-8") if exclude.exists() else ""
    if STATE_NAME not in known.splitlines():
        exclude.parent.mkdir(exist_ok=True)
        exclude.write_text(f"{known.rstrip()}\n{STATE_NAME}\n".lstrip(), encoding="utf-8")
    (folder / STATE_NAME).symlink_to(project.state.resolve(), target_is_directory=True)


def _git(project: Project, *arguments: str) -> str:
    try:
        status, printed, said = _ask(["git", *arguments], project.root)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"a pinned schedule needs git, which does not answer: {error}") from error
    if status != 0:
        why = (said.strip().splitlines() or ["no reason given"])[-1]
        raise RunError(f"the files of a pinned schedule cannot be checked out: {why}")
    return printed.strip()


def _ask(command: list[str], folder: Path) -> tuple[int, str, str]:
    """Its exit status, and what it prints and says; one that takes too long ends with all it has started."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=folder, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            printed, said = process.communicate(timeout=_SECONDS)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, printed, said
