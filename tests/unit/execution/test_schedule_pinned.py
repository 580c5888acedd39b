"""The files of a commit for what is pinned to it: all of them, whatever was killed that checked them out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.scheduled import make
from tests.unit.serving.tiny import alive, until
from workbench.errors import RunError
from workbench.execution.schedule import pinned
from workbench.project import Project

# A filter of git that kills it, with all of its session, when it comes to the file.
_DEADLY = ("-c", "filter.deadly.smudge=kill -9 0")


def _git(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    return subprocess.run(
        ["git", *who, *arguments],
        cwd=project.root,
        check=False,
        capture_output=True,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Its last file in git's order has the filter, which is not declared until somebody does."""
    made = make(tmp_path / "project")
    (made.root / ".gitignore").write_text(".workbench/\n")
    (made.root / ".gitattributes").write_text("z.txt filter=deadly\n")
    (made.root / "z.txt").write_text("all of it\n")
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "good")):
        assert _git(made, *arguments).returncode == 0
    return made


def _left_half(project: Project, commit: str) -> Path:
    place = project.state / "pinned" / commit
    place.parent.mkdir()
    assert (
        _git(project, *_DEADLY, "worktree", "add", "--detach", "--force", str(place), commit).returncode < 0
    )
    assert (place / ".git").exists()
    assert (place / "workbench.toml").exists()
    assert not (place / "z.txt").exists()
    return place


def _commit(project: Project) -> str:
    return _git(project, "rev-parse", "--short=12", "HEAD").stdout.strip()


def test_a_tree_that_was_half_checked_out_is_made_anew_and_a_whole_one_is_kept(project: Project) -> None:
    place = _left_half(project, _commit(project))
    assert pinned.folder_of(project, place.name) == place
    assert (place / "z.txt").read_text() == "all of it\n"
    assert (place / ".workbench").resolve() == project.state.resolve()
    (place / "made.txt").touch()
    assert pinned.folder_of(project, place.name) == place
    assert (place / "made.txt").exists()


def test_a_tree_that_was_half_checked_out_can_be_let_go(project: Project) -> None:
    place = _left_half(project, _commit(project))
    pinned.let_go(project, place.name)
    assert (pinned.trees(project), place.exists()) == ([], False)
    assert len(_git(project, "worktree", "list").stdout.splitlines()) == 1
    assert (project.state / "workbench.db").exists()


def test_a_git_that_takes_too_long_ends_with_all_that_it_has_started(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {started}.new && mv {started}.new {started}\nwait\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:/usr/bin:/bin")

    def too_long(_process: object, timeout: float) -> None:
        until(started.exists)
        raise subprocess.TimeoutExpired("git", timeout)

    monkeypatch.setattr(subprocess.Popen, "communicate", too_long)
    with pytest.raises(RunError, match="git, which does not answer"):
        pinned.folder_of(project, "0" * 12)
    until(lambda: not alive(int(started.read_text())))
