"""``workbench.toml`` as frozen models: what may stand in it, and what is said when it is wrong."""

from __future__ import annotations

from workbench.config.alerts import AlertConfig
from workbench.config.backtest import BacktestConfig, PolicyConfig
from workbench.config.baking import BakingConfig
from workbench.config.channels import MailConfig, WebhookConfig
from workbench.config.gates import ApprovalsConfig, BehaviourConfig, GatesConfig, UtilityConfig
from workbench.config.labelling import LabellingConfig
from workbench.config.monitoring import MonitoringConfig
from workbench.config.reading import Config, duration, read_config, size
from workbench.config.retraining import RetrainingConfig
from workbench.config.schedules import FailureConfig, FreshConfig, ScheduleConfig
from workbench.config.sections import (
    ExecutionConfig,
    FingerprintConfig,
    FreshnessConfig,
    ModelConfig,
    ObjectiveConfig,
    PhaseConfig,
    ProjectConfig,
    RetentionConfig,
    SourceConfig,
    StoresConfig,
    TuneConfig,
)
from workbench.config.serving import CanaryConfig, KeyConfig, ServingConfig, TlsConfig

__all__ = [
    "AlertConfig",
    "ApprovalsConfig",
    "BacktestConfig",
    "BakingConfig",
    "BehaviourConfig",
    "CanaryConfig",
    "Config",
    "ExecutionConfig",
    "FailureConfig",
    "FingerprintConfig",
    "FreshConfig",
    "FreshnessConfig",
    "GatesConfig",
    "KeyConfig",
    "LabellingConfig",
    "MailConfig",
    "ModelConfig",
    "MonitoringConfig",
    "ObjectiveConfig",
    "PhaseConfig",
    "PolicyConfig",
    "ProjectConfig",
    "RetentionConfig",
    "RetrainingConfig",
    "ScheduleConfig",
    "ServingConfig",
    "SourceConfig",
    "StoresConfig",
    "TlsConfig",
    "TuneConfig",
    "UtilityConfig",
    "WebhookConfig",
    "duration",
    "read_config",
    "size",
]
