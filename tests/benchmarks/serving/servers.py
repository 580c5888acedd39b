"""Servers that are measured, ours and the peers': started, seen to answer what the model answers, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.serving.environments import environment
from tests.benchmarks.serving.processes import process, signal_all
from tests.benchmarks.serving.projects import REPOSITORY
from tests.benchmarks.serving.targets import (
    PEERS,
    SCRIPTS,
    START_SECONDS,
    Prepared,
    Target,
    first_answer,
    wait_until_right,
)
from tests.ports import free_port
from workbench.serving import Server, start

__all__ = ["THREADS", "nothing", "ours", "peer"]

#: What is waited for: the first answer, or the right ones.
Check = Callable[[Prepared, Target, Callable[[], None]], None]
#: Native libraries of every process: threads of several servers on few cores only fight.
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@contextlib.contextmanager
def ours(
    given: Prepared,
    name: str = "ours",
    *,
    models: str = "",
    check: Check = wait_until_right,
    **more: Any,
) -> Iterator[tuple[Target, Server]]:
    """A server of the project, its prediction log in a folder of its own; ``models`` is a variant's name."""
    chosen: dict[str, Any] = {"models": f"bench_variants:{models}"} if models else {}
    log = given.folder / f"log-{time.time_ns()}"
    with start(given.served.project, log_folder=log, seconds=START_SECONDS, **chosen, **more) as server:
        target = _target(given, name, f"{server.url}/invocations", "split", server.pid)
        check(given, target, lambda: None)
        with _going_at_the_end(target):
            yield target, server


@contextlib.contextmanager
def nothing(given: Prepared) -> Iterator[Target]:
    """A bare route on the HTTP stack of ours, which answers without looking."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/invocations"
    command = [sys.executable, str(SCRIPTS / "nothing.py"), str(port)]
    with process(command, _environment(given), given.folder) as (pid, ended):
        target = _target(given, "no-op route", url, "split", pid)
        first_answer(given, target, ended)
        with _going_at_the_end(target):
            yield target


@contextlib.contextmanager
def peer(name: str, given: Prepared, *, check: Check = wait_until_right) -> Iterator[Target]:
    """One of :data:`~tests.benchmarks.serving.targets.PEERS`.

    Raises
    ------
    NotInstalled
        When it cannot be had here.
    """
    port = free_port()
    command, path, protocol = _COMMANDS[name](given, port)
    with process(command, _environment(given), given.folder) as (pid, ended):
        target = _target(given, PEERS[name], f"http://127.0.0.1:{port}{path}", protocol, pid)
        check(given, target, ended)
        with _going_at_the_end(target):
            yield target


@contextlib.contextmanager
def _going_at_the_end(target: Target) -> Iterator[None]:
    try:
        yield
    finally:
        signal_all(target.pid, signal.SIGCONT)


def _mlflow(given: Prepared, port: int) -> tuple[list[str], str, str]:
    place = given.folder / "mlflow"
    if not place.exists():
        _save_for_mlflow(given, place)
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(place)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--env-manager", "local", "--workers", "1"]
    return command, "/invocations", "split"


def _save_for_mlflow(given: Prepared, place: Path) -> None:
    import mlflow.pyfunc
    import mlflow.sklearn
    from mlflow.models import infer_signature

    rows = given.served.rows
    signature = infer_signature(rows.head(20))
    if given.served.memory:
        mlflow.pyfunc.save_model(
            place,
            python_model=str(SCRIPTS / "mlflow_raw.py"),
            artifacts={"model": str(given.folder)},
            signature=signature,
            pip_requirements=[],
        )
    else:
        mlflow.sklearn.save_model(
            given.served.estimator,
            place,
            signature=signature,
            pip_requirements=[],
            serialization_format="cloudpickle",
            pyfunc_predict_fn="predict_proba",
        )


def _bentoml(_: Prepared, port: int) -> tuple[list[str], str, str]:
    python = environment("bentoml", ["bentoml"])
    command = [str(python), "-m", "bentoml", "serve", "bento:Flights", "--working-dir", str(SCRIPTS)]
    return [*command, "--host", "127.0.0.1", "--port", str(port)], "/predict", "records"


def _litserve(_: Prepared, port: int) -> tuple[list[str], str, str]:
    python = environment("litserve", ["litserve"])
    return [str(python), str(SCRIPTS / "lit.py"), str(port)], "/predict", "split"


_COMMANDS = {"mlflow": _mlflow, "bentoml": _bentoml, "litserve": _litserve}


def _target(given: Prepared, name: str, url: str, protocol: str, pid: int) -> Target:
    return Target(name, url, given.folder / protocol / "single", given.folder / protocol / "batch", pid)


def _environment(given: Prepared) -> dict[str, str]:
    """Nobody's proxies, nobody's telemetry, and where the helpers are."""
    paths = [str(SCRIPTS), str(REPOSITORY), str(given.served.project.helpers)]
    return {
        **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        **THREADS,
        # MLflow calls uvicorn by its name.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(paths),
        "BENCH_MODEL": str(given.folder),
        "BENTOML_HOME": str(given.folder / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": f"sqlite:///{given.folder / 'mlflow.db'}",
        "LITSERVE_DISABLE_TELEMETRY": "1",
    }
