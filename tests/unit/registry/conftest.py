"""A project with a small model, made new for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.registry import small
from workbench.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return small.small_project(tmp_path / "project")


@pytest.fixture
def run(project: Project) -> small.Run:
    return small.start(project)
