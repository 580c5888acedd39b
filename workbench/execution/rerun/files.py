"""The files that a run was made of, in a folder of their own: its notebook, helpers, settings and data files.

They come from the repository at the run's commit, and from where they are now if that is what the run had.
The notebook is the report's own, without what came out of it. Of the project's state the folder has only what
is to be read: what a repetition writes there goes with the folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workbench.config import Config, read_config
from workbench.errors import ConfigError, UsageError
from workbench.execution.rerun import code
from workbench.execution.rerun.record import Recorded
from workbench.locate import LOCK_NAMES
from workbench.project import CONFIG_NAME, Project
from workbench.store.hashing import hash_file
from workbench.tracking import environment, reports
from workbench.tracking.inputs import setting_identity
from workbench.tracking.reports import Manifest

__all__ = ["Files", "lay_out"]

_PUT_IN = {"papermill-error-cell-tag", "injected-parameters"}
_PYTHON_KERNELS = ("python3", "python", "workbench", "")
_STORES = re.compile(r"\s*\[\s*stores\s*\]")


@dataclass(frozen=True)
class Files:
    """A project out of these files.

    Attributes
    ----------
    notebook : str
        Path of its notebook below the project's folder.
    differences : tuple of str
        Which of them are not what the run had, in words.
    """

    project: Project
    notebook: str
    differences: tuple[str, ...]


def lay_out(project: Project, recorded: Recorded, root: Path) -> Files:
    """Put the files of a run into an empty folder.

    Raises
    ------
    UsageError
        A file that the run needs is neither in the repository nor there now.
    """
    return _Layout(project, recorded, root).make()


class _Layout:
    def __init__(self, project: Project, recorded: Recorded, root: Path) -> None:
        self._project, self._recorded, self._root = project, recorded, root
        self._manifest = recorded.manifest
        self._commit = code.commit_of(self._manifest.code_version)
        self._at_commit = False
        self._said: list[str] = []

    @property
    def _is_untouched(self) -> bool:
        """Whether the files are those of the commit, from which nothing differed when it ran."""
        return self._at_commit and self._manifest.code_version == self._commit

    def make(self) -> Files:
        self._at_commit = bool(self._commit) and code.extract(self._project.root, self._commit, self._root)
        if not self._at_commit:
            self._take_present()
        for name in LOCK_NAMES:  # an agent of its own would be started for a folder with a lock
            (self._root / name).unlink(missing_ok=True)
        for name, then in self._manifest.code.items():
            self._place(name, then, "helper")
        self._data_files()
        notebook = self._notebook()
        self._state()
        return Files(self._settings(), notebook, tuple(self._said))

    def _take_present(self) -> None:
        """Without the commit: the code as it is now, of which each recorded file is held to its hash."""
        if self._commit:
            self._said.append(
                f"commit {self._commit[:8]} is not in the repository: files are taken as they are"
            )
        for name in _modules(self._project.root):
            _copy(self._project.root / name, self._root / name)
        with suppress(OSError):
            _copy(self._project.root / CONFIG_NAME, self._root / CONFIG_NAME)

    def _place(self, name: str, then: str, kind: str) -> None:
        """See to it that a file is what it was, if that can be had; ``then`` is empty when nobody knows."""
        now, here = self._project.root / name, self._root / name
        if os.path.isabs(name) or name.startswith(".."):
            here = now  # outside of the project: it stays where it is
        if here.is_file() and then in ("", _hash(here)):
            return
        if here != now and now.is_file() and (not here.exists() or _hash(now) == then):
            _copy(now, here)
        if not here.exists():
            raise UsageError(
                f"run {self._manifest.run_id[:8]} of {self._manifest.phase} cannot be repeated: "
                f"{kind} {name} is gone"
            )
        if then and _hash(here) != then:
            whose = "the one of the commit" if here != now and self._at_commit else "the present one"
            self._said.append(f"{kind} {name} is not to be had as it was; {whose} is taken")

    def _data_files(self) -> None:
        """Files that the notebook opened by itself: only those, so that nothing else can be written to."""
        for item in self._manifest.inputs:
            if item.kind == "file":
                self._place(item.name, item.identity, "file")
        for told in self._manifest.unaccounted:
            kind, _, name = told.partition(":")
            if kind == "file" and name != self._manifest.notebook:
                self._unaccounted(name)

    def _unaccounted(self, name: str) -> None:
        """A file that the run read by itself, of which no hash was recorded."""
        now, here = self._project.root / name, self._root / name
        if here.exists() and not os.path.isabs(name) and self._is_untouched:
            return
        if now.is_dir() and not here.exists():
            here.parent.mkdir(parents=True, exist_ok=True)
            here.symlink_to(now)
        elif not here.is_dir():
            self._place(name, "", "file")
        self._said.append(f"it read {name} by itself, and nobody can tell whether that has changed")

    def _notebook(self) -> str:
        """The notebook as it was executed: of several copies the one whose code has the recorded hash."""
        name = self._manifest.notebook
        if os.path.isabs(name) or name.startswith(".."):
            name = Path(name).name
        here, now = self._root / name, self._project.root / self._manifest.notebook
        here.parent.mkdir(parents=True, exist_ok=True)
        then = self._manifest.code_hash
        executed = here.with_name(f".executed-{here.name}")
        for text in _without_results(self._recorded.report / reports.NOTEBOOK):
            executed.write_text(text, encoding="utf-8")
            if environment.code_hash(executed) == then:
                break
        found = next((path for path in (executed, here, now) if environment.code_hash(path) == then), None)
        if found is None and then:
            self._said.append("its notebook is taken from its report, where it is not as it was executed")
        if found != here:
            shutil.copyfile(found or executed, here)
        executed.unlink()
        return name

    def _state(self) -> None:
        """What is read from the project's state; the stores are named in the project file."""
        state = self._root / ".workbench"
        shutil.rmtree(state, ignore_errors=True)
        (state / "predictions").mkdir(parents=True)
        self._project.reports.mkdir(exist_ok=True)
        (state / "reports").symlink_to(self._project.reports)
        for log in self._project.state.glob("predictions/*"):
            (state / "predictions" / log.name).symlink_to(log)

    def _settings(self) -> Project:
        """The project file of the commit or the present one: which of them says what it said."""
        path = self._root / CONFIG_NAME
        texts = [
            file.read_text(encoding="utf-8")
            for file in (path, self._project.root / CONFIG_NAME)
            if file.is_file()
        ]
        best: tuple[list[str], str] | None = None
        for text in texts:
            path.write_text(_with_stores(text, self._project), encoding="utf-8")
            try:
                wrong = list(_other_settings(_project_at(self._root).config, self._manifest))
            except ConfigError:
                continue
            if best is None or len(wrong) < len(best[0]):
                best = wrong, path.read_text(encoding="utf-8")
        if best is None:
            raise ConfigError(f"neither the {CONFIG_NAME} of the commit nor the present one can be read")
        path.write_text(best[1], encoding="utf-8")
        self._said += best[0]
        return _project_at(self._root)


def _project_at(root: Path) -> Project:
    return Project(root, read_config(root / CONFIG_NAME))


def _other_settings(config: Config, manifest: Manifest) -> Iterator[str]:
    """Sections of the project file that the run looked at, and that say something else."""
    for item in manifest.inputs:
        if item.kind == "setting" and setting_identity(config, item.name) != item.identity:
            yield f"[{item.name}] in {CONFIG_NAME} is not what it was"


def _with_stores(text: str, project: Project) -> str:
    """The project file with the project's present stores in place of its own."""
    kept, inside = list[str](), False
    for line in text.splitlines():
        if line.lstrip().startswith("["):
            inside = _STORES.match(line) is not None
        if not inside:
            kept.append(line)
    stores = {"tracking": project.tracking_uri, "data": project.data_uri, "database": project.database_url}
    # A JSON text is a TOML text, too.
    kept += ["", "[stores]", *(f"{name} = {json.dumps(value)}" for name, value in stores.items())]
    return "\n".join(kept) + "\n"


def _modules(root: Path) -> Iterator[str]:
    """The Python files below a folder, without hidden folders and virtual environments."""
    for folder, inner, files in os.walk(root):
        inner[:] = [
            name
            for name in inner
            if not name.startswith((".", "__pycache__", "node_modules"))
            and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
        ]
        for name in files:
            if name.endswith(".py"):
                yield os.path.relpath(os.path.join(folder, name), root)


def _without_results(path: Path) -> Iterator[str]:
    """An executed notebook as it was before: no outputs, no cells that the runner put in.

    It names the kernel that it got, which need not be the one that it had asked for.
    """
    notebook = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
    cells = []
    for cell in notebook.get("cells", []):
        if _PUT_IN & set(cell.get("metadata", {}).get("tags", [])):
            continue
        if cell.get("cell_type") == "code":
            cell |= {"outputs": [], "execution_count": None}
        for name in ("execution", "papermill"):
            cell.get("metadata", {}).pop(name, None)
        cells.append(cell)
    metadata = {
        name: value
        for name, value in notebook.get("metadata", {}).items()
        if name not in ("papermill", "widgets")
    }
    got = metadata.get("kernelspec", {})
    for kernel in (got.get("name", ""), *_PYTHON_KERNELS):
        metadata["kernelspec"] = {**got, "name": kernel}
        yield json.dumps(notebook | {"cells": cells, "metadata": metadata}, indent=1)


def _hash(path: Path) -> str:
    return environment.code_hash(path) if path.suffix == ".ipynb" else hash_file(path)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
