"""Servers that start quickly: forked from an agent, as those of a notebook are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.agents import until
from workbench.execution.agent import client
from workbench.execution.agent.identity import identify


@pytest.fixture(scope="session", autouse=True)
def _agent(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The one that all tests share; without it servers start as well, and take their time."""
    folder: Path = tmp_path_factory.getbasetemp()
    identity = identify({**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}, folder)
    client.start_agent(identity)
    until(lambda: client.is_ready(identity), client.IMPORT_SECONDS, "an agent")
