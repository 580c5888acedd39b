"""``workbench.toml`` as frozen models, and the handle that everything else takes.

A project is a folder with a ``workbench.toml``. Its state (stores, reports, drafts) lies in
``.workbench/`` beside that file unless ``[stores]`` points elsewhere.
"""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from workbench.errors import ConfigError, ProjectNotFound, UnknownName
from workbench.locate import CONFIG_NAME, find_root, starting_folder

__all__ = [
    "CONFIG_NAME",
    "Config",
    "ExecutionConfig",
    "GatesConfig",
    "ModelConfig",
    "MonitoringConfig",
    "ObjectiveConfig",
    "PhaseConfig",
    "Project",
    "RetrainingConfig",
    "SourceConfig",
    "open_project",
]

_NAME = r"^[a-z][a-z0-9_-]*$"
_MODULE = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"
_REFERENCE = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProjectConfig(_Section):
    """Who owns the project and what it is for (governance: shown, checked, on the model card)."""

    name: str = Field(pattern=_NAME)
    title: str = ""
    owner: str = ""
    intended_use: str = ""
    risk: str = ""
    retention: str = ""
    helpers: str = "notebooks"


class ObjectiveConfig(_Section):
    """What is predicted, and the one metric that decides."""

    task: Literal["binary"] = "binary"
    target: str
    time: str
    primary_metric: str = "roc_auc"
    metric_in_words: str = ""


class ModelConfig(_Section):
    """The registered model and how a raw row becomes its input."""

    name: str = Field(pattern=_NAME)
    features: str = Field(pattern=_REFERENCE)
    memory: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    trusted_types: tuple[str, ...] = ()


class FreshnessConfig(_Section):
    """How new the newest row of a source has to be: by age, or up to a fixed date."""

    column: str
    until: str = ""
    max_age: str = ""


class SourceConfig(_Section):
    """An external source; one without a check is refused."""

    load: str = Field(pattern=_REFERENCE)
    check: str = Field(pattern=_REFERENCE)
    key: tuple[str, ...] = Field(min_length=1)
    description: str = ""
    freshness: FreshnessConfig | None = None


class PhaseConfig(_Section):
    """A named notebook and the phases that must have run before it."""

    notebook: str
    needs: tuple[str, ...] = ()


class GatesConfig(_Section):
    """Thresholds that a candidate is held against."""

    minimum_primary: float = 0.5
    minimum_effect: float = 0.0
    bootstrap_rounds: int = Field(default=1000, ge=100)
    minimum_rows: int = Field(default=1000, ge=1)
    slice_tolerance: float = 0.1
    fairness_gap: float = 0.1
    calibration_error: float = 0.1
    latency_ms: float = 100.0
    size_mb: float = 50.0


class MonitoringConfig(_Section):
    """When a window of predictions is worth a word."""

    window: Literal["day", "week", "month"] = "month"
    drift_share: float = 0.5
    performance_drop: float = 0.03
    minimum_labels: int = 500


class RetrainingConfig(_Section):
    """The retraining policy: what starts it, on which data, and what may follow."""

    trigger: tuple[Literal["data_drift", "performance"], ...] = ("data_drift", "performance")
    windows_in_a_row: int = Field(default=1, ge=1)
    training_days: int = Field(default=180, ge=1)
    action: Literal["propose", "promote"] = "promote"


class ExecutionConfig(_Section):
    """How notebooks are run; ``preload`` is what the agent imports ahead (None: its own list)."""

    preload: tuple[Annotated[str, Field(pattern=_MODULE)], ...] | None = None


class StoresConfig(_Section):
    """Where state lies; empty means inside ``.workbench/``."""

    tracking: str = ""
    data: str = ""
    database: str = ""


class Config(_Section):
    """The whole of ``workbench.toml``."""

    project: ProjectConfig
    objective: ObjectiveConfig
    model: ModelConfig
    phases: dict[str, PhaseConfig]
    sources: dict[str, SourceConfig] = {}
    gates: GatesConfig = GatesConfig()
    monitoring: MonitoringConfig = MonitoringConfig()
    retraining: RetrainingConfig = RetrainingConfig()
    execution: ExecutionConfig = ExecutionConfig()
    stores: StoresConfig = StoresConfig()

    @field_validator("phases")
    @classmethod
    def _needs_exist(cls, phases: dict[str, PhaseConfig]) -> dict[str, PhaseConfig]:
        for name, phase in phases.items():
            for need in phase.needs:
                if need not in phases:
                    raise ValueError(f"phase {name!r} needs {need!r}, which is no phase")
        return phases


@dataclass(frozen=True)
class Project:
    """A project on disk: its configuration and where its things lie."""

    root: Path
    config: Config

    @property
    def name(self) -> str:
        return self.config.project.name

    @property
    def state(self) -> Path:
        """The ``.workbench`` folder (made when first asked for)."""
        folder = self.root / ".workbench"
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
    return Project(root, _read(root / CONFIG_NAME))


def _read(path: Path) -> Config:
    text = path.read_text(encoding="utf-8")
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        problems = [_explain(path, text, item) for item in error.errors()]
        raise ConfigError(problems[0], details="\n".join(problems[1:])) from None


def _explain(path: Path, text: str, problem: Any) -> str:
    keys = [str(part) for part in problem["loc"]]
    expected = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        expected = "no such key; remove it or correct its name"
    elif problem["type"] == "missing":
        expected = "this key is required"
    given = problem.get("input")
    shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) else ""
    return f"{path}:{_line(text, keys)}: {'.'.join(keys)}: {expected}{shown}"


def _line(text: str, keys: list[str]) -> int:
    """The line on which the innermost of ``keys`` that can be found stands (1-based)."""
    lines = text.splitlines()
    found, start = 1, 0
    for depth in range(len(keys), 0, -1):
        header = re.compile(r"^\s*\[+\s*" + r"\s*\.\s*".join(map(re.escape, keys[:depth])) + r"\s*\]+")
        at = next((i for i, line in enumerate(lines) if header.match(line)), None)
        if at is not None:
            found, start = at + 1, at + 1
            keys = keys[depth:]
            break
    for key in keys[:1]:
        for i in range(start, len(lines)):
            if lines[i].lstrip().startswith("["):
                break
            if re.match(rf"\s*\"?{re.escape(key)}\"?\s*[=.]", lines[i]):
                return i + 1
    return found
