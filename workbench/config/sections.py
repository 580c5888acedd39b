"""The other sections of ``workbench.toml``, one model each."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import ByteSize, Field, model_validator

from workbench.config.fields import MODULE, NAME, REFERENCE, Duration, Section, Size

__all__ = [
    "ExecutionConfig",
    "FingerprintConfig",
    "FreshnessConfig",
    "ModelConfig",
    "ObjectiveConfig",
    "PhaseConfig",
    "ProjectConfig",
    "RetentionConfig",
    "SourceConfig",
    "StoresConfig",
    "TuneConfig",
]


class ProjectConfig(Section):
    """Who owns the project and what it is for (governance: shown, checked, on the model card)."""

    name: str = Field(pattern=NAME)
    title: str = ""
    owner: str = ""
    intended_use: str = ""
    risk: str = ""
    retention: str = ""
    helpers: str = "notebooks"


class ObjectiveConfig(Section):
    """What is predicted, and the one metric that decides."""

    task: Literal["binary"] = "binary"
    target: str
    time: str
    primary_metric: str = "roc_auc"
    metric_in_words: str = ""


class ModelConfig(Section):
    """The registered model and how a raw row becomes its input.

    ``trusted_types`` are types and functions of scikit-learn pipelines that do no harm with whatever a model
    file gives them; ``classes`` are the classes of PyTorch networks that a model file may name.
    """

    name: str = Field(pattern=NAME)
    features: str = Field(pattern=REFERENCE)
    memory: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    trusted_types: tuple[str, ...] = ()
    classes: tuple[Annotated[str, Field(pattern=REFERENCE)], ...] = ()


class FreshnessConfig(Section):
    """How new the newest row of a source has to be: by age, or up to a fixed date."""

    column: str
    until: str = ""
    max_age: str = ""


class FingerprintConfig(Section):
    """How to tell, without pulling it, whether a source has changed: one of these.

    The version of an installed ``package``, the content of ``files`` (patterns), what a server says of
    a ``url`` (its ETag or time of change), or the text that a ``function`` returns.
    """

    package: str = ""
    files: tuple[str, ...] = ()
    url: str = ""
    function: str = Field(default="", pattern=rf"^$|{REFERENCE}")

    @model_validator(mode="after")
    def _one(self) -> FingerprintConfig:
        if sum(map(bool, (self.package, self.files, self.url, self.function))) != 1:
            raise ValueError("give one of package, files, url, function")
        return self


class SourceConfig(Section):
    """An external source; one without a check is refused.

    Without a ``fingerprint`` nobody can tell whether it has changed, so it is pulled in every run.
    """

    load: str = Field(pattern=REFERENCE)
    check: str = Field(pattern=REFERENCE)
    key: tuple[str, ...] = Field(min_length=1)
    description: str = ""
    freshness: FreshnessConfig | None = None
    fingerprint: FingerprintConfig | None = None


class PhaseConfig(Section):
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
    memory: Size | None = None
    timeout: Duration | None = None
    cell_timeout: Duration | None = None
    retries: int = Field(default=0, ge=0, le=20)
    retry_delay: Duration = timedelta(seconds=10)


class ExecutionConfig(Section):
    """How notebooks are run.

    ``preload`` is what the agent imports ahead (None: its own list). Phases that do not need each other
    run at once within ``cores`` and ``memory`` (None: the machine's). ``max_output`` is what is kept of
    one cell's output. ``price_per_hour`` is of one core, in ``currency``.
    """

    preload: tuple[Annotated[str, Field(pattern=MODULE)], ...] | None = None
    cores: int | None = Field(default=None, ge=1)
    memory: Size | None = None
    max_output: Size = ByteSize(10_000_000)
    price_per_hour: float | None = Field(default=None, ge=0)
    currency: str = "EUR"


class TuneConfig(Section):
    """What ``workbench tune PHASE`` searches for, where, and for how long, unless it is told otherwise.

    ``space`` holds domains as the command line takes them: ``"log(0.01..0.3)"``, ``"int(50..400)"``,
    ``"a|b"``. ``during`` holds parameters of all trials that ``--from-trial`` does not take on, such as a
    smaller sample. ``constraints`` are bounds on logged metrics: ``"latency_ms<=20"``.
    """

    during: dict[str, Any] = Field(default_factory=dict)
    space: dict[str, str] = Field(default_factory=dict)
    maximize: tuple[str, ...] = ()
    minimize: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    trials: int = Field(default=50, ge=1)
    timeout: Duration | None = None
    trial_timeout: Duration | None = None
    pruner: Literal["median", "halving", "hyperband", "none"] = "median"
    seed: int = Field(default=0, ge=0)


class RetentionConfig(Section):
    """What ``workbench prune`` removes: reports and runs older than ``days``, drafts than ``drafts_days``.

    The newest ``keep`` reports of each phase stay, and so does all that models and the ledger need.
    """

    days: float | None = Field(default=None, ge=0)
    keep: int = Field(default=10, ge=1)
    drafts_days: float = Field(default=30, ge=0)


class StoresConfig(Section):
    """Where state lies; empty means inside ``.workbench/``."""

    tracking: str = ""
    data: str = ""
    database: str = ""
