"""Which agent serves whom, and when one is out of date."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import make_project
from workbench.execution.agent import identity
from workbench.execution.agent.identity import NoPlace, identify, private_folder
from workbench.execution.agent.preload import LIBRARIES, OWN, modules_for
from workbench.tracking import store

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="agents fork, and that is for Linux")


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        yield {"HOME": "/home/somebody", "PATH": "/bin", "WORKBENCH_AGENT_DIR": f"{short}/agents"}


def project(folder: Path, text: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "workbench.toml").write_text(text)
    return folder


@pytest.mark.parametrize(
    "name", ["OMP_NUM_THREADS", "MLFLOW_LOGGING_LEVEL", "PYTHONPATH", "PYTHONHASHSEED", "LC_ALL", "HOME"]
)
def test_what_is_read_at_import_decides_which_agent(
    environment: dict[str, str], tmp_path: Path, name: str
) -> None:
    assert identify(environment, tmp_path).key != identify({**environment, name: "7"}, tmp_path).key


@pytest.mark.parametrize(
    "name",
    [
        *("MLFLOW_RUN_ID", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "WORKBENCH_CONTEXT", "PWD", "TERM"),
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR",  # a repetition turns it off for its process
    ],
)
def test_what_is_read_later_does_not(environment: dict[str, str], tmp_path: Path, name: str) -> None:
    assert identify(environment, tmp_path) == identify({**environment, name: "7"}, tmp_path)


def test_kernels_of_runs_and_commands_share_an_agent(environment: dict[str, str], tmp_path: Path) -> None:
    tiny = make_project(tmp_path / "project", {"show": ["phase"]})
    store.client(tiny)  # which is when MLflow is told how patient it is to be
    for_kernels = environment | store.environment(tiny, "a run", "1")
    assert len(for_kernels) > len(environment)
    assert identify(environment, tiny.root) == identify(for_kernels, tiny.root / "notebooks")


def test_our_defaults_are_the_same_said_and_unsaid(environment: dict[str, str], tmp_path: Path) -> None:
    said = {**environment, **identity.DEFAULTS}
    assert identify(environment, tmp_path) == identify(said, tmp_path)


def test_the_agent_gets_settings_and_no_secrets(environment: dict[str, str], tmp_path: Path) -> None:
    given = {**environment, "API_TOKEN": "secret", "OMP_NUM_THREADS": "1", "MLFLOW_TRACKING_TOKEN": "secret"}
    passed = identify(given, tmp_path).environment
    assert passed["OMP_NUM_THREADS"] == "1"
    assert passed["PATH"] == "/bin"
    assert "secret" not in passed.values()


def test_projects_share_an_agent_until_one_has_a_list_of_its_own(
    environment: dict[str, str], tmp_path: Path
) -> None:
    one, two = project(tmp_path / "one"), project(tmp_path / "two")
    assert identify(environment, one).key == identify(environment, two).key == identify(environment, "/").key
    project(two, '[execution]\npreload = ["json"]')
    assert identify(environment, one).key != identify(environment, two).key


def test_what_lies_in_a_projects_state_has_its_agent(environment: dict[str, str], tmp_path: Path) -> None:
    one = project(tmp_path / "one", '[execution]\npreload = ["json"]')
    (one / "requirements.lock").write_text("json==1")
    (one / ".workbench" / "worlds").mkdir(parents=True)
    world = project(one / ".workbench" / "worlds" / "monthly", '[execution]\npreload = ["json"]')
    assert identify(environment, world) == identify(environment, one)
    elsewhere = tmp_path / ".workbench"  # a folder of that name is not the state of no project
    elsewhere.mkdir()
    assert (
        identify(environment, project(elsewhere / "two", '[execution]\npreload = ["csv"]')).preload[-1]
        == "csv"
    )


def test_a_changed_list_or_lock_puts_the_agent_out_of_date(
    environment: dict[str, str], tmp_path: Path
) -> None:
    root = project(tmp_path / "one", '[execution]\npreload = ["json"]')
    (root / "requirements.lock").write_text("json==1")
    first = identify(environment, root)
    assert identify(environment, root) == first

    project(root, '[execution]\npreload = ["json", "csv"]')
    listed = identify(environment, root)
    assert (listed.key, listed.stamp == first.stamp) == (first.key, False)

    (root / "requirements.lock").write_text("json==2")
    locked = identify(environment, root)
    assert (locked.key, locked.stamp == listed.stamp) == (first.key, False)


def test_an_installed_package_puts_the_agent_out_of_date(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "site-packages"
    (packages / "thing-1.0.dist-info").mkdir(parents=True)
    monkeypatch.setattr(identity.site, "getsitepackages", lambda: [str(packages)])
    first = identify(environment, tmp_path)
    (packages / "thing.py").write_text("")
    assert identify(environment, tmp_path) == first
    (packages / "thing-1.0.dist-info").rename(packages / "thing-1.1.dist-info")
    second = identify(environment, tmp_path)
    assert (second.key, second.stamp == first.stamp) == (first.key, False)
    # The same version once more: installers make the folder anew.
    os.utime(packages / "thing-1.1.dist-info", ns=(1, 1))
    assert identify(environment, tmp_path).stamp != second.stamp


def test_a_list_that_is_no_list_is_not_used(tmp_path: Path) -> None:
    root = project(tmp_path / "one", "[execution]\npreload = 7")
    assert modules_for(root / "workbench.toml") == modules_for(None) == (*OWN, *LIBRARIES)
    project(root, "this is no TOML")
    assert modules_for(root / "workbench.toml") == modules_for(None)


def test_the_list_takes_the_place_of_the_libraries_and_not_of_what_kernels_need(tmp_path: Path) -> None:
    root = project(tmp_path / "one", '[execution]\npreload = ["polars"]')
    assert modules_for(root / "workbench.toml") == (*OWN, "polars")


def test_the_private_folder_is_private(environment: dict[str, str]) -> None:
    folder = private_folder(environment)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("spoil", ["open to all", "a link", "too long"])
def test_a_folder_that_is_not_private_is_refused(
    environment: dict[str, str], tmp_path: Path, spoil: str
) -> None:
    folder = Path(environment["WORKBENCH_AGENT_DIR"])
    if spoil == "open to all":
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)
    elif spoil == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        environment["WORKBENCH_AGENT_DIR"] = f"/tmp/{'long' * 30}"
    with pytest.raises(NoPlace, match=r"not private|too long"):
        private_folder(environment)
