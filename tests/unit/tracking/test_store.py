"""The MLflow store: who makes it, and who waits meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from tests.projects import make_project
from workbench.project import Project, open_project
from workbench.tracking import store


def _project(folder: Path, uri: str) -> Project:
    project = make_project(folder, {"show": ["phase"]})
    config = folder / "workbench.toml"
    config.write_text(config.read_text() + f'\n[stores]\ntracking = "{uri}"\n')
    return open_project(project.root)


def test_projects_with_a_store_in_common_take_turns_to_make_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shared").mkdir()
    uri = f"sqlite:///{tmp_path / 'shared' / 'runs.db'}"
    one, two = (_project(tmp_path / name, uri) for name in ("one", "two"))
    monkeypatch.setattr(store, "_WAIT_FOR_MIGRATION_SECONDS", 0.1)
    lock = tmp_path / "shared" / "runs.lock"
    with FileLock(lock):  # somebody makes it
        for project in (one, two):
            with pytest.raises(Timeout):
                store.client(project)
    monkeypatch.undo()
    lock.unlink(missing_ok=True)
    assert store.experiment_id(one, draft=False) != store.experiment_id(two, draft=True)
    assert lock.stat().st_mode & 0o777 == 0o666  # whoever else may write there may take it, too


def test_a_place_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    project = _project(tmp_path / "project", f"sqlite:///{tmp_path / 'mistyped' / 'runs.db'}")
    with pytest.raises(OSError, match="mistyped"):
        store.client(project)
    assert not (tmp_path / "mistyped").exists()
