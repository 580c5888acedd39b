"""Runs for the panels' tests, recorded in a real store."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.project import Project
from workbench.tracking import runs

__all__ = ["HOSTILE", "record"]

HOSTILE = "<img src=x onerror=alert(1)>"


def record(
    project: Project,
    phase: str = "train",
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    status: str = "finished",
    *,
    draft: bool = False,
) -> str:
    """One finished run; its id."""
    run_id = runs.start(project, phase, params=dict(params or {}), draft=draft)
    runs.end(project, run_id, status, metrics=metrics)
    return run_id
