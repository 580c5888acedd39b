"""The project's own modules that a model needs, by hash: what a raw row goes through before it.

They are found by reading the imports of those that ``workbench.toml`` names, without running any. What a
module imports under a name that it makes up while it runs is not found.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from workbench.project import Project
from workbench.store.hashing import hash_file

__all__ = ["differences", "helper_hashes"]


def helper_hashes(project: Project) -> dict[str, str]:
    """SHA-256 of each helper that the features function, the types and the classes need.

    Returns
    -------
    dict
        By the file's path below the project's folder, sorted.
    """
    model = project.model
    wanted = [reference.partition(":")[0] for reference in (model.features, *model.classes)]
    wanted += [name.rpartition(".")[0] for name in model.trusted_types]
    found: dict[Path, str] = {}
    while wanted:
        for file in _files(project.helpers, wanted.pop()):
            if file not in found:
                found[file] = hash_file(file)
                wanted += _imports(file, project.helpers)
    return {file.relative_to(project.root).as_posix(): found[file] for file in sorted(found)}


def differences(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """What is otherwise now, in words."""
    said = []
    for name in sorted({*then, *now}):
        if name not in now:
            said.append(f"{name} is gone, or no longer needed")
        elif name not in then:
            said.append(f"{name} is needed now, and was not then")
        elif then[name] != now[name]:
            said.append(f"{name} was changed")
    return said


def _files(folder: Path, module: str) -> Iterator[Path]:
    """The module's file and those of the packages that it lies in; nothing for a library's."""
    place = folder
    for part in filter(None, module.split(".")):
        place = place / part
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if file.is_file():
                yield file


def _imports(file: Path, folder: Path) -> list[str]:
    """Names that the file imports; of ``from a import b`` both ``a`` and ``a.b``, which may be a module."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return []
    package = file.relative_to(folder).parent.parts
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            names += [module, *(f"{module}.{alias.name}".lstrip(".") for alias in node.names)]
    return names
