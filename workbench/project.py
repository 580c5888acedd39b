"""The handle of a project, which everything else takes.

A project is a folder with a ``workbench.toml``. Its state (stores, reports, drafts) lies in
``.workbench/`` beside that file unless ``[stores]`` points elsewhere.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from workbench.config import (
    Config,
    ModelConfig,
    ObjectiveConfig,
    PhaseConfig,
    ProjectConfig,
    SourceConfig,
    read_config,
)
from workbench.errors import ConfigError, ProjectNotFound, UnknownName
from workbench.locate import CONFIG_NAME, STATE_NAME, find_root, starting_folder

__all__ = ["CONFIG_NAME", "Project", "open_project"]


@dataclass(frozen=True)
class Project:
    """A project on disk: its configuration and where its things lie."""

    root: Path
    config: Config

    @classmethod
    def around(cls, folder: Path) -> Project:
        """A project for notebooks that have none: this folder, without phases."""
        plain = re.sub(r"[^a-z0-9_-]+", "-", folder.name.lower()).strip("-_")
        name = plain if plain[:1].isalpha() else f"notebooks-{plain}".rstrip("-")
        return cls(folder, Config(project=ProjectConfig(name=name), phases={}))

    @property
    def name(self) -> str:
        return self.config.project.name

    @property
    def state(self) -> Path:
        """The ``.workbench`` folder (made when first asked for)."""
        folder = self.root / STATE_NAME
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def reports(self) -> Path:
        return self.state / "reports"

    @property
    def tracking_uri(self) -> str:
        return self.config.stores.tracking or f"sqlite:///{self.state / 'mlflow.db'}"

    @property
    def data_uri(self) -> str:
        return self.config.stores.data or str(self.state / "data")

    @property
    def database_url(self) -> str:
        return self.config.stores.database or f"sqlite:///{self.state / 'workbench.db'}"

    @property
    def helpers(self) -> Path:
        """The folder that notebooks and the server put on their import path."""
        return self.root / self.config.project.helpers

    @property
    def objective(self) -> ObjectiveConfig:
        """What is predicted (:class:`ConfigError` in a project that does not say)."""
        if self.config.objective is None:
            raise ConfigError(f"{CONFIG_NAME} has no [objective]: say what is predicted (target, time)")
        return self.config.objective

    @property
    def model(self) -> ModelConfig:
        """The registered model (:class:`ConfigError` in a project that has none)."""
        if self.config.model is None:
            raise ConfigError(f"{CONFIG_NAME} has no [model]: say what it is called (name, features)")
        return self.config.model

    def phase(self, name: str) -> PhaseConfig:
        """The phase of that name.

        Raises
        ------
        UnknownName
            With the nearest name that exists.
        """
        if name not in self.config.phases:
            raise UnknownName("phase", name, self.config.phases, where=CONFIG_NAME)
        return self.config.phases[name]

    def order(self, names: Iterable[str] = ()) -> list[str]:
        """The given phases (default: all) so that each comes after what it needs.

        Raises
        ------
        UnknownName
            For a phase that the project does not have.
        """
        wanted = list(names)
        for name in wanted:
            self.phase(name)
        graph = {name: phase.needs for name, phase in self.config.phases.items()}
        return [name for name in TopologicalSorter(graph).static_order() if not wanted or name in wanted]

    def source(self, name: str) -> SourceConfig:
        """The declared source of that name (:class:`UnknownName` if there is none)."""
        if name not in self.config.sources:
            raise UnknownName("source", name, self.config.sources, where=CONFIG_NAME)
        return self.config.sources[name]

    def resolve(self, reference: str) -> Any:
        """Import ``module:attribute`` with the project's helpers on the path.

        Raises
        ------
        ConfigError
            When there is no such module or attribute.
        """
        if str(self.helpers) not in sys.path:
            sys.path.insert(0, str(self.helpers))
        module_name, _, attribute = reference.partition(":")
        try:
            return getattr(importlib.import_module(module_name), attribute)
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"{CONFIG_NAME} names {reference!r}, which cannot be imported from {self.helpers}: {error}"
            ) from error


def open_project(start: Path | str | None = None) -> Project:
    """Find and read the project that ``start`` (default: the current folder) lies in.

    ``WORKBENCH_PROJECT`` overrides the search; the runner sets it for the kernels it starts.

    Raises
    ------
    ProjectNotFound
        No ``workbench.toml`` in the folder or above it.
    ConfigError
        The file cannot be read as TOML, or a key is wrong; file, line and key are named.
    """
    here = Path(start).resolve() if start else starting_folder()
    root = find_root(here)
    if root is None:
        raise ProjectNotFound(
            f"no {CONFIG_NAME} in {here} or above; go to a project's folder, or make one: workbench init NAME"
        )
    return Project(root, read_config(root / CONFIG_NAME))
