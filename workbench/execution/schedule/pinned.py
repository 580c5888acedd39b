"""The project's files at the commit that a schedule is pinned to, with the project's own stores."""

from __future__ import annotations

import subprocess
from pathlib import Path

from filelock import FileLock

from workbench.errors import RunError
from workbench.project import CONFIG_NAME, Project

__all__ = ["folder_of", "let_go", "trees"]

_SECONDS = 120
_STATE, _TREES = ".workbench", "pinned"


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
        if not (folder / _STATE).is_symlink():
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
        (place / within / _STATE).unlink(missing_ok=True)  # leads to the project's own stores
        _git(project, "worktree", "remove", "--force", str(place))
    Path(f"{place}.lock").unlink(missing_ok=True)


def _check_out(project: Project, commit: str, place: Path) -> None:
    _git(project, "worktree", "prune")
    if not (place / ".git").exists():
        _git(project, "worktree", "add", "--detach", "--force", str(place), commit)


def _share_state(project: Project, folder: Path) -> None:
    """The same stores and reports; and git takes the link to them for no change of the files."""
    exclude = Path(_git(project, "rev-parse", "--path-format=absolute", "--git-path", "info/exclude"))
    known = exclude.read_text(encoding="utf-8") if exclude.exists() else ""
    if _STATE not in known.splitlines():
        exclude.parent.mkdir(exist_ok=True)
        exclude.write_text(f"{known.rstrip()}\n{_STATE}\n".lstrip(), encoding="utf-8")
    (folder / _STATE).symlink_to(project.state.resolve(), target_is_directory=True)


def _git(project: Project, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=project.root,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"a pinned schedule needs git, which does not answer: {error}") from error
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise RunError(f"the files of a pinned schedule cannot be checked out: {said}")
    return done.stdout.strip()
