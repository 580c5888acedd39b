"""``workbench.toml`` as frozen models: what may stand in it, and what is said when it is wrong."""

from __future__ import annotations

import difflib
import re
import tomllib
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from workbench.errors import ConfigError, UsageError

__all__ = [
    "ApprovalsConfig",
    "BehaviourConfig",
    "Config",
    "ExecutionConfig",
    "FingerprintConfig",
    "FreshnessConfig",
    "GatesConfig",
    "ModelConfig",
    "MonitoringConfig",
    "ObjectiveConfig",
    "PhaseConfig",
    "ProjectConfig",
    "RetentionConfig",
    "RetrainingConfig",
    "SourceConfig",
    "StoresConfig",
    "TuneConfig",
    "UtilityConfig",
    "duration",
    "read_config",
    "size",
]

_NAME = r"^[a-z][a-z0-9_-]*$"
_MODULE = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"
_REFERENCE = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days", "day": "days", "days": "days"}


def _seconds(value: Any) -> Any:
    """``"30 min"`` as a duration; a plain number counts seconds."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", value)
    if match is None or (match[2] and match[2] not in _UNITS):
        raise ValueError('a duration is a number and a unit, such as "90 s", "30 min", "2 h" or "7 d"')
    return timedelta(**{_UNITS[match[2] or "s"]: float(match[1])})


_Duration = Annotated[timedelta, BeforeValidator(_seconds), Field(gt=timedelta(0))]
_Size = Annotated[ByteSize, Field(gt=0)]


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
    """The registered model and how a raw row becomes its input.

    ``trusted_types`` are types and functions of scikit-learn pipelines that do no harm with whatever a model
    file gives them; ``classes`` are the classes of PyTorch networks that a model file may name.
    """

    name: str = Field(pattern=_NAME)
    features: str = Field(pattern=_REFERENCE)
    memory: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    trusted_types: tuple[str, ...] = ()
    classes: tuple[Annotated[str, Field(pattern=_REFERENCE)], ...] = ()


class FreshnessConfig(_Section):
    """How new the newest row of a source has to be: by age, or up to a fixed date."""

    column: str
    until: str = ""
    max_age: str = ""


class FingerprintConfig(_Section):
    """How to tell, without pulling it, whether a source has changed: one of these.

    The version of an installed ``package``, the content of ``files`` (patterns), what a server says of
    a ``url`` (its ETag or time of change), or the text that a ``function`` returns.
    """

    package: str = ""
    files: tuple[str, ...] = ()
    url: str = ""
    function: str = Field(default="", pattern=rf"^$|{_REFERENCE}")

    @model_validator(mode="after")
    def _one(self) -> FingerprintConfig:
        if sum(map(bool, (self.package, self.files, self.url, self.function))) != 1:
            raise ValueError("give one of package, files, url, function")
        return self


class SourceConfig(_Section):
    """An external source; one without a check is refused.

    Without a ``fingerprint`` nobody can tell whether it has changed, so it is pulled in every run.
    """

    load: str = Field(pattern=_REFERENCE)
    check: str = Field(pattern=_REFERENCE)
    key: tuple[str, ...] = Field(min_length=1)
    description: str = ""
    freshness: FreshnessConfig | None = None
    fingerprint: FingerprintConfig | None = None


class PhaseConfig(_Section):
    """A named notebook, the phases that must have run before it, and what it may take.

    ``reads`` are files (patterns below the project's folder) that the notebook opens by itself, and
    ``writes`` datasets or files that it has written when it has finished. ``memory`` and ``timeout``
    end it; ``cores`` is what it takes of the machine while others run beside it.
    """

    notebook: str
    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    cores: int = Field(default=1, ge=1)
    memory: _Size | None = None
    timeout: _Duration | None = None
    cell_timeout: _Duration | None = None
    retries: int = Field(default=0, ge=0, le=20)
    retry_delay: _Duration = timedelta(seconds=10)


class UtilityConfig(_Section):
    """What each kind of answer is worth in the business's own ``unit``; what costs is below zero.

    The candidate's answers for 1,000 rows have to be worth ``minimum_gain`` more than the champion's.
    """

    unit: str
    true_positive: float = 0.0
    false_positive: float = 0.0
    false_negative: float = 0.0
    true_negative: float = 0.0
    minimum_gain: float = 0.0


class BehaviourConfig(_Section):
    """How scores have to follow when features change, whatever the labels say.

    ``change`` holds for each feature what becomes of it: ``"+10"``, ``"-3"``, ``"*1.5"``, ``"shuffle"``, or
    a value. In the ``share`` of rows that is asked, the score must do as expected within ``tolerance``.
    """

    name: str = Field(min_length=1)
    change: dict[str, str | float | bool] = Field(min_length=1)
    expect: Literal["same", "not lower", "not higher"]
    tolerance: float = Field(default=0.01, ge=0)
    share: float = Field(default=1.0, gt=0, le=1)


class GatesConfig(_Section):
    """Thresholds that a candidate is held against.

    ``max_data_age`` is from what it learnt last to the end of the holdout. ``regression_cases`` is a CSV file
    below the project's folder; ``threshold`` the score from which a row is flagged.
    """

    minimum_primary: float = 0.5
    minimum_effect: float = 0.0
    bootstrap_rounds: int = Field(default=1000, ge=100)
    minimum_rows: int = Field(default=1000, ge=1)
    slice_tolerance: float = 0.1
    fairness_gap: float = 0.1
    calibration_error: float = 0.1
    latency_ms: float = 100.0
    size_mb: float = 50.0
    memory_mb: float = 500.0
    threshold: float = Field(default=0.5, gt=0, lt=1)
    max_data_age: _Duration | None = None
    regression_cases: str = ""
    utility: UtilityConfig | None = None
    behaviour: tuple[BehaviourConfig, ...] = ()


class ApprovalsConfig(_Section):
    """How many people other than its author must approve a version before it becomes that.

    The challenger is not among them: whatever is registered challenges.
    """

    champion: int = Field(default=0, ge=0)
    shadow: int = Field(default=0, ge=0)


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
    """How notebooks are run.

    ``preload`` is what the agent imports ahead (None: its own list). Phases that do not need each other
    run at once within ``cores`` and ``memory`` (None: the machine's). ``max_output`` is what is kept of
    one cell's output. ``price_per_hour`` is of one core, in ``currency``.
    """

    preload: tuple[Annotated[str, Field(pattern=_MODULE)], ...] | None = None
    cores: int | None = Field(default=None, ge=1)
    memory: _Size | None = None
    max_output: _Size = ByteSize(10_000_000)
    price_per_hour: float | None = Field(default=None, ge=0)
    currency: str = "EUR"


class TuneConfig(_Section):
    """What ``workbench tune PHASE`` searches for, where, and for how long, unless it is told otherwise.

    ``space`` holds domains as the command line takes them: ``"log(0.01..0.3)"``, ``"int(50..400)"``,
    ``"a|b"``. ``during`` holds parameters of all trials that ``--from-trial`` does not take on, such as a
    smaller sample. ``constraints`` are bounds on logged metrics: ``"latency_ms<=20"``.
    """

    during: dict[str, Any] = {}
    space: dict[str, str] = {}
    maximize: tuple[str, ...] = ()
    minimize: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    trials: int = Field(default=50, ge=1)
    timeout: _Duration | None = None
    trial_timeout: _Duration | None = None
    pruner: Literal["median", "halving", "hyperband", "none"] = "median"
    seed: int = Field(default=0, ge=0)


class RetentionConfig(_Section):
    """What ``workbench prune`` removes: reports and runs older than ``days``, drafts than ``drafts_days``.

    The newest ``keep`` reports of each phase stay, and so does all that models and the ledger need.
    """

    days: float | None = Field(default=None, ge=0)
    keep: int = Field(default=10, ge=1)
    drafts_days: float = Field(default=30, ge=0)


class StoresConfig(_Section):
    """Where state lies; empty means inside ``.workbench/``."""

    tracking: str = ""
    data: str = ""
    database: str = ""


class Config(_Section):
    """The whole of ``workbench.toml``."""

    project: ProjectConfig
    objective: ObjectiveConfig | None = None
    model: ModelConfig | None = None
    phases: dict[Annotated[str, Field(pattern=_NAME)], PhaseConfig]
    sources: dict[str, SourceConfig] = {}
    gates: GatesConfig = GatesConfig()
    approvals: ApprovalsConfig = ApprovalsConfig()
    monitoring: MonitoringConfig = MonitoringConfig()
    retraining: RetrainingConfig = RetrainingConfig()
    execution: ExecutionConfig = ExecutionConfig()
    retention: RetentionConfig = RetentionConfig()
    tune: dict[str, TuneConfig] = {}
    stores: StoresConfig = StoresConfig()

    @field_validator("phases")
    @classmethod
    def _needs_hold(cls, phases: dict[str, PhaseConfig]) -> dict[str, PhaseConfig]:
        for name, phase in phases.items():
            for need in phase.needs:
                if need not in phases:
                    near = difflib.get_close_matches(need, phases, n=1)
                    advice = f"; did you mean {near[0]!r}?" if near else ""
                    raise ValueError(f"phase {name!r} needs {need!r}, which is no phase{advice}")
        try:
            TopologicalSorter({name: phase.needs for name, phase in phases.items()}).prepare()
        except CycleError as error:
            path = " needs ".join(reversed(error.args[1]))
            raise ValueError(f"phases need each other in a circle: {path}") from error
        return phases

    @model_validator(mode="after")
    def _tuned(self) -> Config:
        for name in self.tune:
            if name not in self.phases:
                near = difflib.get_close_matches(name, self.phases, n=1)
                advice = f"; did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"[tune.{name}] is of no phase{advice}")
        return self


def duration(option: str, value: str | timedelta | None) -> timedelta | None:
    """A duration typed for an option: ``"30 min"``; None where nothing was.

    Raises
    ------
    UsageError
        It is none.
    """
    found: timedelta | None = _typed(_Duration, option, value, "a number and a unit, such as '90 s' or '2 h'")
    return found


def size(option: str, value: str | None) -> int | None:
    """A size in bytes typed for an option: ``"2 GB"``; None where nothing was (errors as above)."""
    found: int | None = _typed(_Size, option, value, "a number and a unit, such as '500 MB' or '2 GB'")
    return found


def _typed(kind: Any, option: str, value: Any, expected: str) -> Any:
    if not value:
        return None
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError:
        raise UsageError(f"{option} takes {expected}, not {value!r}") from None


def read_config(path: Path) -> Config:
    """Read the file.

    Raises
    ------
    ConfigError
        It cannot be read as TOML, or a key is wrong; file, line and key are named.
    """
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
