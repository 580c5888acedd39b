"""A project with two versions, made once and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.baked import FLIPPED, make_baked
from workbench.project import Project, open_project

Make = Callable[[str], Project]


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("baked") / "project"
    make_baked(root, "# guards", bad=(FLIPPED,))
    return root


@pytest.fixture
def make(_template: Path, tmp_path: Path) -> Make:
    """The project with what ``[baking]`` is to hold; version 1 is good, 2 answers the opposite."""

    def copied(baking: str = "") -> Project:
        root = tmp_path / "project"
        shutil.copytree(_template, root)
        config = root / "workbench.toml"
        config.write_text(config.read_text().replace("# guards", baking))
        return open_project(root)

    return copied
