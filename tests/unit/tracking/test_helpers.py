"""Which of the project's own modules a model needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.projects import make_project
from workbench.project import Project, open_project
from workbench.store.hashing import hash_file
from workbench.tracking.helpers import differences, helper_hashes


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose features function stands in a package, with helpers that it needs or does not."""
    project = make_project(tmp_path / "project", {"train": []})
    files = {
        "shop/__init__.py": "",
        "shop/features.py": "import json\nfrom . import cleaning\nfrom shop.units import kilo\nimport pandas",
        "shop/cleaning.py": "def f():\n    from .deep.more import g\n    return g",
        "shop/units.py": "kilo = 1000\nfrom shop import features",
        "shop/deep/__init__.py": "",
        "shop/deep/more.py": "raise RuntimeError('it is read, not run')",
        "shop/sources.py": "",
        "steps.py": "",
        "nets.py": "",
    }
    for name, text in files.items():
        file = project.helpers / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    config = (project.root / "workbench.toml").read_text()
    config = config.replace(
        'features = "helpers:build"',
        'features = "shop.features:build"\n'
        'trusted_types = ["steps.Clip", "posix.getpid"]\nclasses = ["nets:Net"]',
    )
    (project.root / "workbench.toml").write_text(config)
    return open_project(project.root)


def test_those_are_found_that_features_types_and_classes_need(project: Project) -> None:
    found = helper_hashes(project)
    assert list(found) == [
        "notebooks/nets.py",
        "notebooks/shop/__init__.py",
        "notebooks/shop/cleaning.py",
        "notebooks/shop/deep/__init__.py",
        "notebooks/shop/deep/more.py",
        "notebooks/shop/features.py",
        "notebooks/shop/units.py",
        "notebooks/steps.py",
    ]
    assert found["notebooks/steps.py"] == hash_file(project.helpers / "steps.py")


def test_what_differs_is_said(project: Project) -> None:
    before = helper_hashes(project)
    assert differences(before, helper_hashes(project)) == []
    (project.helpers / "shop" / "cleaning.py").write_text("import steps, extra")
    (project.helpers / "extra.py").write_text("this is no Python")
    (project.helpers / "shop" / "sources.py").write_text("nobody needs it")
    assert differences(before, helper_hashes(project)) == [
        "notebooks/extra.py is needed now, and was not then",
        "notebooks/shop/cleaning.py was changed",
        "notebooks/shop/deep/__init__.py is gone, or no longer needed",
        "notebooks/shop/deep/more.py is gone, or no longer needed",
    ]


def test_the_flights_project_needs_its_features_and_not_its_sources(repository_root: Path) -> None:
    found = set(helper_hashes(open_project(repository_root)))
    assert "notebooks/flights/features.py" in found
    assert "notebooks/flights/sources.py" not in found
