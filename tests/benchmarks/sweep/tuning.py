"""A search over the training of flights: ours, against its cells as a plain function under Optuna."""

from __future__ import annotations

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.benchmarks.execution.place import place, quiet
from tests.benchmarks.execution.table import Goal, Row, Table
from tests.benchmarks.measure import run
from tests.benchmarks.sweep.throughput import Nobody
from workbench.execution import pipeline
from workbench.execution.notebook import parameters
from workbench.execution.sweep import space, sweeping, target
from workbench.execution.sweep.running import Bounds
from workbench.execution.sweep.search import Search
from workbench.execution.sweep.trials import Objective
from workbench.project import Project, open_project

__all__ = ["measure", "measure_pruning"]

_AT_A_TIME, _TRIALS, _FLIGHTS = 2, 100, 50_000


class _Plain:
    """What a plain script would do in place of a phase: read a file, write pictures and models to files."""

    def __init__(self, trial: Any, prepared: Path, folder: Path) -> None:
        self._trial, self._prepared, self._folder = trial, prepared, folder
        self.metrics: dict[str, float] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, _name: str, columns: list[str]) -> Any:
        import pandas as pd

        return pd.read_parquet(self._prepared, columns=columns)

    def report(self, step: int, value: float) -> None:
        import optuna

        self._trial.report(value, step)
        if self._trial.should_prune():
            raise optuna.TrialPruned

    def log_figure(self, figure: Any, name: str) -> None:
        figure.savefig(self._folder / name)

    def log_model(self, name: str, estimator: Any, **_: Any) -> None:
        import skops.io

        skops.io.dump(estimator, self._folder / f"{name}.skops")

    def log_metrics(self, metrics: dict[str, float]) -> None:
        self.metrics.update(metrics)

    def judged_on(self, *_: Any) -> None: ...

    def log_params(self, *_: Any) -> None: ...

    def note(self, *_: Any) -> None: ...


def _import_all() -> None:
    import importlib

    from workbench.execution.agent.preload import expanded, modules_for

    for name in expanded(modules_for(None)):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    import matplotlib
    import threadpoolctl

    matplotlib.use("Agg")
    threadpoolctl.threadpool_limits(1)


def _optimize(root: Path, prepared: Path, storage: str, trials: int) -> int:
    """One of the peer's processes: trials until the study has them all."""
    import json

    import optuna
    from optuna.study import MaxTrialsCallback

    import workbench

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sys.path.insert(0, str(root / "notebooks"))
    notebook = root / "notebooks" / "4_train.ipynb"
    cells = [
        compile("".join(cell["source"]), "cell", "exec")
        for cell in json.loads(notebook.read_text())["cells"]
        if cell["cell_type"] == "code"
    ]
    declared = parameters.read_parameters(notebook)
    wanted = open_project(root).config.tune["train"].space
    domains = {name: space.read_domain(declared[name], text) for name, text in wanted.items()}
    distributions = space.distributions(domains)

    def train(trial: optuna.Trial) -> float:
        for name, distribution in distributions.items():
            trial._suggest(name, distribution)
        plain = _Plain(trial, prepared, root / "plain" / str(trial.number))
        workbench.phase = lambda _name: plain  # type: ignore[assignment,return-value]
        scope: dict[str, Any] = {}
        for number, cell in enumerate(cells):
            exec(cell, scope)
            if number == 0:
                scope.update(trial.params, flights=_FLIGHTS)
        return plain.metrics["roc_auc"]

    study = optuna.load_study(
        study_name="plain", storage=storage, sampler=optuna.samplers.TPESampler(), pruner=_pruner()
    )
    study.optimize(train, callbacks=[MaxTrialsCallback(trials, states=None)])
    return len(study.trials)


def _pruner() -> Any:
    from workbench.tracking import studies

    return studies.pruner("median")


def _peer(pool: ProcessPoolExecutor, project: Project, prepared: Path, number: int) -> float:
    import optuna

    storage = f"sqlite:///{project.root / f'plain-{number}.db'}"
    optuna.create_study(study_name="plain", storage=storage, direction="maximize")
    began = time.perf_counter()
    list(
        pool.map(
            _optimize,
            [project.root] * _AT_A_TIME,
            [prepared] * _AT_A_TIME,
            [storage] * _AT_A_TIME,
            [_TRIALS] * _AT_A_TIME,
        )
    )
    return time.perf_counter() - began


def _search(project: Project, name: str, *, pruner: str) -> Search:
    found = target.of_phases(project, ["train"])
    declared = project.config.tune["train"]
    domains = {key: space.read_domain(found.parameter(key), text) for key, text in declared.space.items()}
    return Search(
        objectives=(Objective(metric="roc_auc"),),
        domains=domains,
        fixed={"flights": _FLIGHTS},
        during=("flights",),
        trials=_TRIALS,
        pruner=pruner,
        study=name,
    )


def _ours(project: Project, search: Search) -> tuple[float, float]:
    """Seconds, and the best value found."""
    found = target.of_phases(project, ["train"])
    began = time.perf_counter()
    result = sweeping.tune(found, search, Nobody(), bounds=Bounds(cores=_AT_A_TIME))
    if result.status != "finished":
        raise RuntimeError(result.why)
    return time.perf_counter() - began, result.results.best[0].value("roc_auc")


def _flights(folder: Path) -> Project:
    root = folder / "flights"
    run([sys.executable, "-m", "workbench", "init", str(root), "--template", "flights"], folder)
    project = open_project(root)
    if pipeline.run(project, ["gather", "prepare"]).status != "finished":
        raise RuntimeError("the flights could not be prepared")
    return project


def _prepared(project: Project) -> Path:
    """What the peer reads: the same rows, in a file."""
    from workbench.data.tables import Tables

    tables = Tables(project.data_uri)
    path = project.root / "prepared.parquet"
    tables.read(tables.newest("prepared", lambda _: True)).to_parquet(path)
    return path


def measure(repeats: int) -> Table:
    """Ours and the peer's in turn; a round takes minutes."""
    repeats = min(repeats, 1)
    ours: list[float] = []
    peer: list[float] = []
    spawn = multiprocessing.get_context("spawn")
    with place() as folder, quiet(), ProcessPoolExecutor(_AT_A_TIME, spawn, _import_all) as pool:
        project = _flights(folder)
        prepared = _prepared(project)
        list(pool.map(abs, range(2 * _AT_A_TIME)))
        _ours(project, replace(_search(project, "warm", pruner="median"), trials=2))
        for number in range(repeats):
            ours.append(_ours(project, _search(project, f"ours-{number}", pruner="median"))[0])
            peer.append(_peer(pool, project, prepared, number))
    return Table(
        f"a search of {_TRIALS} trials of the flights' training, {_AT_A_TIME} at a time, {repeats} in turn",
        [Row("the whole search", ours, peer, Goal(longer=1.5), digits=0)],
        [
            f"peer: the notebook's cells as a function under Optuna, {_AT_A_TIME} processes, no imports",
            f"both learn from {_FLIGHTS:,} flights, with Optuna's TPE and its median pruner",
        ],
    )


def measure_pruning(repeats: int) -> Table:
    """The same search with and without trials ended early."""
    repeats = min(repeats, 1)
    taken: dict[str, list[float]] = {"median": [], "": []}
    best: dict[str, list[float]] = {"median": [], "": []}
    with place() as folder, quiet():
        project = _flights(folder)
        _ours(project, replace(_search(project, "warm", pruner="median"), trials=2))
        for number in range(repeats):
            for pruner in taken:
                search = replace(
                    _search(project, f"{pruner or 'whole'}-{number}", pruner=pruner), seed=number
                )
                seconds, value = _ours(project, search)
                taken[pruner].append(seconds)
                best[pruner].append(value)
    found = f"best ROC AUC {max(best['median']):.4f} with pruning, {max(best['']):.4f} without"
    return Table(
        f"a search of {_TRIALS} trials, with pruning against without, {repeats} in turn",
        [Row("the whole search", taken["median"], taken[""], Goal(times=1 / 0.6), digits=0)],
        [found],
    )
