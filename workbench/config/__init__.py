"""``workbench.toml`` as frozen models: what may stand in it, and what is said when it is wrong."""

from __future__ import annotations

from workbench.config.gates import ApprovalsConfig, BehaviourConfig, GatesConfig, UtilityConfig
from workbench.config.reading import Config, duration, read_config, size
from workbench.config.sections import (
    ExecutionConfig,
    FingerprintConfig,
    FreshnessConfig,
    ModelConfig,
    MonitoringConfig,
    ObjectiveConfig,
    PhaseConfig,
    ProjectConfig,
    RetentionConfig,
    RetrainingConfig,
    SourceConfig,
    StoresConfig,
    TuneConfig,
)

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
