"""Agents that a test may break: in a folder of its own, gone when it is over."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults.agents import LIGHT, agents_in
from workbench.execution.agent import preload


@contextlib.contextmanager
def _private_folder(ahead: Sequence[str] = LIGHT) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="wb-", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_AGENT_DIR", str(folder))
        patch.setattr(preload, "OWN", ahead)
        yield folder
    for pid in agents_in(folder):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder.resolve(), ignore_errors=True)
    folder.unlink(missing_ok=True)  # a test may have put a link in its place


def _project(folder: Path) -> Path:
    (folder / "workbench.toml").write_text('[execution]\npreload = ["json"]\n')
    return folder


@pytest.fixture
def place() -> Iterator[Path]:
    """The private folder of agents that import little; a short path, as sockets need it."""
    with _private_folder() as folder:
        yield folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project that asks for next to nothing, and so has an agent of its own."""
    return _project(tmp_path)


@pytest.fixture(scope="module")
def shared_place() -> Iterator[Path]:
    """As ``place``, for tests that leave their agent as they found it."""
    with _private_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def earnest_place() -> Iterator[Path]:
    """As ``shared_place``, of agents that import all that they do in earnest."""
    with _private_folder(preload.OWN) as folder:
        yield folder


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As ``folder``."""
    return _project(tmp_path_factory.mktemp("shared"))
