"""A study on SQLite and on PostgreSQL: shared by processes, ended early, told once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.processes import FORKED
from tests.unit.registry import small
from workbench.errors import UsageError
from workbench.execution.sweep.search import Constraint, Search
from workbench.execution.sweep.space import Float, Int
from workbench.execution.sweep.trials import Objective, Tried
from workbench.execution.sweep.tuning import Studied
from workbench.project import Project, open_project
from workbench.tracking import studies, work

_TRIALS = 24
_WORKERS = 3
_OWN = ("train",)
_held: list[work.Work] = []  # as long as this process lives


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> Project:
    return small.small_project(tmp_path / "project", database=database_url)


def _studied(project: Project, *, trials: int = _TRIALS, constraints: tuple[Constraint, ...] = ()) -> Studied:
    search = Search(
        objectives=(Objective(metric="score"),),
        domains={"rate": Float(0.001, 1.0, log=True), "depth": Int(1, 8)},
        constraints=constraints,
        trials=trials,
    )
    found = Studied(project, "shared", search, {"space": "a test's"}, _OWN)
    _held.append(work.claim(project, "train-tune"))
    found.join("0" * 32, _held[-1].token)
    return found


def _score(parameters: dict[str, Any]) -> float:
    return float(-((parameters["rate"] - 0.1) ** 2) + parameters["depth"] / 100)


def _go_on(studied: Studied) -> list[int]:
    """Trials until there are no more; their numbers."""
    numbers = []
    while (trial := studied.next()) is not None:
        numbers.append(trial.number)
        metrics = {"score": _score(trial.parameters), "cost": float(trial.parameters["depth"])}
        studied.ended(Tried(trial.number, trial.parameters, "finished", metrics))
    return numbers


def _work(root: Path, answers: Any) -> None:
    answers.put(_go_on(_studied(open_project(root))))


@pytest.mark.practice("M7")
def test_processes_share_a_study_and_each_trial_is_somebodys(project: Project) -> None:
    answers = FORKED.Queue()
    workers = [FORKED.Process(target=_work, args=(project.root, answers)) for _ in range(_WORKERS)]
    for worker in workers:
        worker.start()
    taken = [number for _ in workers for number in answers.get(timeout=120)]
    for worker in workers:
        worker.join()
    assert sorted(taken) == list(range(_TRIALS))
    found = _studied(project)
    assert found.counts() == {"COMPLETE": _TRIALS}
    (best,) = found.best()
    assert best.value("score") == max(_score(trial.parameters) for trial in found.tried())
    assert found.next() is None


@pytest.mark.postgres
def test_machines_that_begin_a_study_at_once_share_it(tmp_path: Path, postgres_url: str) -> None:
    answers = FORKED.Queue()
    machines = [small.small_project(tmp_path / str(one), database=postgres_url) for one in range(4)]
    workers = [FORKED.Process(target=_work, args=(machine.root, answers)) for machine in machines]
    for worker in workers:
        worker.start()
    taken = [number for _ in workers for number in answers.get(timeout=120)]
    for worker in workers:
        worker.join()
    assert sorted(taken) == list(range(_TRIALS))


def test_the_best_holds_the_constraints(project: Project) -> None:
    found = _studied(project, constraints=(Constraint("cost", at_most=True, bound=3.0),))
    _go_on(found)
    (best,) = found.best()
    holding = [trial for trial in found.tried() if trial.parameters["depth"] <= 3]
    assert 0 < len(holding) < _TRIALS
    assert best.value("score") == max(trial.value("score") for trial in holding)
    assert [trial for trial in found.tried() if trial.holds] == holding
    assert {trial.why for trial in found.tried() if not trial.holds} == {"it breaks cost<=3"}


def test_a_trial_that_falls_behind_is_hopeless_and_one_in_front_is_not(project: Project) -> None:
    found = _studied(project)
    for number in range(6):
        trial = found.next()
        assert trial is not None
        assert trial.study is not None
        for step in range(3):
            assert not studies.is_hopeless(trial.study, step, 0.5 + number / 100)
        found.ended(Tried(trial.number, trial.parameters, "finished", {"score": 0.5 + number / 100}))
    trial = found.next()
    assert trial is not None
    assert trial.study is not None
    assert studies.is_hopeless(trial.study, 0, 0.1)
    assert not studies.is_hopeless(trial.study, 1, 0.9)
    found.ended(Tried(trial.number, trial.parameters, "pruned"))
    assert found.counts() == {"COMPLETE": 6, "PRUNED": 1}


def test_what_was_cut_short_is_tried_again_with_the_same_parameters_and_counted_once(
    project: Project,
) -> None:
    found = _studied(project, trials=3)
    first = found.next()
    assert first is not None
    found.ended(Tried(first.number, first.parameters, "killed"))
    again = found.next()
    assert again is not None
    assert again.parameters == first.parameters
    assert again.number != first.number
    found.ended(Tried(again.number, again.parameters, "finished", {"score": 0.5}))
    assert len(_go_on(found)) == 2
    assert found.counts() == {"COMPLETE": 3}


def test_a_study_of_another_space_says_in_what_it_differs(project: Project) -> None:
    _studied(project)
    other = Search(objectives=(Objective(metric="score"),), domains={"rate": Float(0.0, 1.0)}, study="shared")
    found = Studied(project, "shared", other, {"space": "another"}, _OWN)
    assert "space was" in found.differs()
    with pytest.raises(UsageError, match="nothing to search"):
        Search(objectives=(Objective(metric="score"),), domains={})
