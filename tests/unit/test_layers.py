"""Imports go one way, and importing the package costs nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# A room may import from rooms that stand on a later line, and from itself.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("check", "panels", "site"),
    ("monitoring",),
    ("serving",),
    ("registry",),
    ("execution",),
    ("tracking",),
    ("data",),
    ("store",),
    ("project",),
    ("config",),
    ("locate",),
    ("errors",),
)
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}
HEAVY = ("evidently", "matplotlib", "mlflow", "numpy", "pandas", "papermill", "sklearn", "sqlalchemy")


def _room(module: str) -> str:
    return module.split(".")[1]


def _imports(path: Path, package: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import of the workbench in a file, wherever in it it stands."""
    module = ["workbench", *path.relative_to(package).with_suffix("").parts]
    if module[-1] == "__init__":
        module.pop()
        parent = module
    else:
        parent = module[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = parent[: len(parent) + 1 - node.level] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])])
            # `from workbench import data` names a room, too.
            names = [f"{source}.{alias.name}" if source == "workbench" else source for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == "workbench")


def violations(package: Path) -> list[str]:
    """Every import within ``package`` that goes against the order, as file:line and why."""
    found = []
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        if inside.as_posix() == "__init__.py":
            continue  # the public API, which hands out what the rooms below it hold
        room = inside.parts[0].removesuffix(".py")
        for line, name in _imports(path, package):
            where = f"{inside.as_posix()}:{line}"
            if room not in RANK:
                found.append(f"{where}: room {room!r} has no place in the order")
            elif name == "workbench" or _room(name) not in RANK:
                if name not in ("workbench.__version__",):
                    found.append(f"{where}: imports {name}; name the module that holds it")
            elif RANK[_room(name)] < RANK[room] or (RANK[_room(name)] == RANK[room] and _room(name) != room):
                found.append(f"{where}: {room} may not import {name}")
    return found


def test_imports_go_one_way(repository_root: Path) -> None:
    assert violations(repository_root / "workbench") == []


@pytest.mark.parametrize(
    ("room", "statement"),
    [
        ("store", "from workbench.tracking import runs"),
        ("data", "def late():\n    import workbench.registry.aliases"),
        ("panels", "from ..site import page"),
        ("tracking", "from workbench import serving"),
        ("data", "import workbench"),
        ("attic", "from workbench import errors"),
    ],
)
def test_an_import_against_the_order_is_seen(tmp_path: Path, room: str, statement: str) -> None:
    folder = tmp_path / room
    folder.mkdir()
    (folder / "module.py").write_text(statement)
    assert len(violations(tmp_path)) == 1


def test_every_room_has_a_place(repository_root: Path) -> None:
    package = repository_root / "workbench"
    rooms = {path.name.removesuffix(".py") for path in package.iterdir() if not path.name.startswith("__")}
    assert rooms - {"py.typed"} <= set(RANK)


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = "import sys, workbench; print(*(name for name in sys.argv[1:] if name in sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", program, *HEAVY], capture_output=True, text=True, check=True
    ).stdout.split()
    assert loaded == []


def test_the_api_exports_exactly_what_it_lists() -> None:
    # In a process of its own: tests import submodules, which then are attributes of the package.
    program = """
import types, workbench
public = {name for name, value in vars(workbench).items()
          if not name.startswith("_") and not isinstance(value, types.ModuleType)}
public -= {"annotations", "TYPE_CHECKING", "Any"}
listed = set(workbench.__all__)
assert public <= listed, public - listed  # the rest is imported when it is first asked for
assert list(workbench.__all__) == sorted(workbench.__all__), "not sorted"
assert all(hasattr(workbench, name) for name in listed), "lists what is not there"
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
