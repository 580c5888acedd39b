"""Processes of tests, forked from one that has imported what they need: that takes most of their time."""

from __future__ import annotations

import multiprocessing

__all__ = ["FORKED"]

#: Each process of pytest has one to fork from, so all tests share this list. It keeps the environment that it
#: was started with, and has started no thread.
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(
    [
        *("workbench.cli.commands", "workbench.cli.run", "workbench.cli.summary"),
        *("workbench.cli.sweep", "workbench.execution.sweep.points", "workbench.cli.trials_bar"),
        *("workbench.execution.pipeline_run", "workbench.execution.executor.conversation"),
        *("workbench.execution.recover", "workbench.execution.plan", "workbench.execution.sweep.sweeping"),
        *("workbench.serving.log.postgres", "workbench.serving.log.table"),
        *("workbench.tracking.html", "workbench.site.index", "workbench.registry.promotion"),
        *("mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store"),
        *("deltalake", "nbconvert", "optuna.samplers", "optuna.storages", "papermill", "sqlite3"),
        *("sklearn.ensemble", "threadpoolctl", "tests.faults.lives", "tests.unit.registry.small"),
    ]
)
