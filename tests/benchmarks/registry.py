"""The registry: registering, validating, promoting; against MLflow alone where it does the same."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

from tests.benchmarks.execution.place import BIN, place, quiet
from tests.benchmarks.execution.table import Goal, Row, Table, in_turn
from tests.unit.registry import small
from workbench.config import GatesConfig
from workbench.project import Project
from workbench.registry import promotion
from workbench.registry.gates import judging
from workbench.tracking import store

__all__ = ["MEASURES", "main"]

_ROWS, _DAYS, _ROUNDS, _PEER_ROUNDS = 30_000, 31, 1000, 50


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def register(repeats: int) -> Table:
    """A fitted pipeline from memory to a version, its evidence included; MLflow guesses what it needs."""
    import mlflow
    import mlflow.sklearn

    with place(started=False) as folder, quiet():
        project = small.small_project(folder / "project")
        run = small.start(project)
        mlflow.set_tracking_uri(project.tracking_uri)
        mlflow.set_experiment(experiment_id=store.client(project).get_run(run.run_id).info.experiment_id)
        sample = small.rows()[small.FEATURES]

        def theirs() -> None:
            with mlflow.start_run():
                mlflow.sklearn.log_model(
                    small.estimator(),
                    name="boosting",
                    input_example=sample.head(5),
                    skops_trusted_types=promotion_types(project),
                    registered_model_name="theirs",
                )

        ways = {"ours": lambda: _seconds(lambda: small.register(run)), "peer": lambda: _seconds(theirs)}
        taken = in_turn(repeats, ways)
    row = Row("from memory to a version", taken["ours"], taken["peer"], Goal(most=1.0))
    note = "peer: mlflow.sklearn.log_model with a registered name, requirements guessed as it does by default"
    return Table(f"registering a boosted pipeline, {repeats} in turn", [row], [note])


def promotion_types(project: Project) -> list[str]:
    """What both write with: MLflow refuses boosted trees otherwise."""
    from workbench.tracking.models import trusted_types

    return trusted_types(project)


def validate(repeats: int) -> Table:
    """A candidate against baseline and champion: every gate on rows, with groups."""
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(0)
    truth = 1 / (1 + np.exp(1 - 1.5 * random.normal(size=_ROWS)))
    frame = pd.DataFrame(
        {
            "asked_at": pd.Timestamp("2026-07-01", tz="UTC")
            + pd.to_timedelta(np.linspace(0, _DAYS, _ROWS, endpoint=False), "D"),
            "late": random.random(_ROWS) < truth,
            "origin": random.choice(["EWR", "JFK", "LGA"], _ROWS),
            "carrier": random.choice(list("ABCDEFGHIJKLMNOP"), _ROWS),
        }
    )
    scores = {
        name: np.clip(truth + random.normal(0, noise, _ROWS), 0.001, 0.999)
        for name, noise in (("candidate", 0.02), ("baseline", 0.2), ("champion", 0.05))
    }
    config = GatesConfig(bootstrap_rounds=_ROUNDS)

    def ours() -> None:
        found = judging.validate(
            frame, target="late", time="asked_at", scores=scores, groups=("origin", "carrier"), config=config
        )
        assert found.gate("beats champion") is not None

    def theirs() -> None:
        day = frame["asked_at"].dt.date.astype("category").cat.codes.to_numpy()
        rows = [np.flatnonzero(day == number) for number in range(_DAYS)]
        late = frame["late"].to_numpy()
        for _ in range(_PEER_ROUNDS):
            drawn = np.concatenate([rows[number] for number in random.integers(0, _DAYS, _DAYS)])
            for name in ("candidate", "champion"):
                roc_auc_score(late[drawn], scores[name][drawn])

    taken = in_turn(
        repeats,
        {
            "ours": lambda: _seconds(ours),
            "peer": lambda: _seconds(theirs) * _ROUNDS / _PEER_ROUNDS,
        },
    )
    row = Row(f"{_ROWS:,} rows, {_ROUNDS:,} rounds", taken["ours"], taken["peer"], Goal(most=5.0))
    notes = [
        "ours: primary metric, two differences, calibration, 19 slices, fairness, disagreement",
        "peer: roc_auc_score on the rows of drawn days, for the difference to the champion alone; "
        f"{_PEER_ROUNDS} rounds, times {_ROUNDS // _PEER_ROUNDS}",
    ]
    return Table(f"validating a candidate, {repeats} in turn", [row], notes)


def promote(repeats: int) -> Table:
    """Promotions and rollbacks: in the library without loading the model, and from the prompt."""
    loading: list[float] = []
    check = promotion.check_answers

    def timed(*arguments: object, **named: object) -> object:
        begun = time.perf_counter()
        try:
            return check(*arguments, **named)  # type: ignore[arg-type]
        finally:
            loading.append(time.perf_counter() - begun)

    def alone(work: Callable[[], object]) -> float:
        loading.clear()
        return _seconds(work) - sum(loading)

    with place() as folder, quiet():
        project = small.small_project(folder / "project")
        run = small.start(project)
        trained = small.train(run)
        for _ in range(2):
            small.register(run, trained)
        promotion.promote(project, 1, reason="first")
        with mock.patch.object(promotion, "check_answers", timed):
            library: dict[str, list[float]] = {"promote": [], "rollback": []}
            for _ in range(repeats + 1):
                library["promote"].append(alone(lambda: promotion.promote(project, 2, reason="b")))
                library["rollback"].append(alone(lambda: promotion.rollback(project, reason="c")))
        mlflow_alias = [
            _seconds(lambda: store.client(project).set_registered_model_alias("tiny-model", "theirs", "1"))
            for _ in range(repeats)
        ]
        prompt = {"promote": ["promote", "2"], "rollback": ["rollback"]}
        taken: dict[str, list[float]] = {"promote": [], "rollback": []}
        for _ in range(repeats + 1):
            for name, command in prompt.items():
                taken[name].append(_command(project.root, [*command, "--reason", "from the prompt"]))
    rows = [
        *(
            Row(f"{name}, in the library", library[name][1:], mlflow_alias, Goal(most=0.05), digits=3)
            for name in library
        ),
        *(Row(f"{name}, from the prompt", taken[name][1:], goal=Goal(most=1.0)) for name in taken),
    ]
    notes = [
        "in the library: loading the model and asking it its cases left aside",
        "peer: MLflow's set_registered_model_alias, without a ledger, a check, or compare-and-set",
    ]
    return Table(f"moving the champion, {repeats} in turn", rows, notes)


def _command(root: Path, arguments: Sequence[str]) -> float:
    return _seconds(
        lambda: subprocess.run([BIN / "workbench", *arguments], cwd=root, check=True, capture_output=True)
    )


MEASURES: dict[str, Callable[[int], Table]] = {
    "register": register,
    "validate": validate,
    "promote": promote,
}


def main(repeats: int, only: Sequence[str] = ()) -> None:
    """Print a table for each measure."""
    for name in only or MEASURES:
        print(MEASURES[name](repeats), flush=True)
