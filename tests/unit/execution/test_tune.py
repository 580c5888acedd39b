"""Searches over tiny notebooks: how they go on, what they choose, and what they never look at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.projects import make_project
from tests.unit.tracking.published import leave_run
from workbench.errors import UsageError
from workbench.execution import pipeline
from workbench.execution.progress import Quiet
from workbench.execution.sweep import results, sweeping, tuning
from workbench.execution.sweep import target as targets
from workbench.execution.sweep.domains import Choice, Domain, Float
from workbench.execution.sweep.loop import Next
from workbench.execution.sweep.running import Bounds, SweepResult
from workbench.execution.sweep.search import Constraint, Search
from workbench.execution.sweep.trials import Objective, TrialStatus, Tried
from workbench.execution.sweep.tuning import Studied
from workbench.project import Project, open_project
from workbench.tracking import reports, runs, store, work
from workbench.tracking.context import Judged

SCORE, COST = Objective(metric="score"), Objective(metric="cost", maximize=False)
ALONE = Bounds(cores=1)
SPACE: dict[str, Domain] = {"x": Float(0.0, 1.0)}

PREPARE = [
    "import pandas as pd",
    'times = pd.date_range("2013-01-01", periods=rows, freq="D")',
    'phase.write("base", pd.DataFrame({"at": times}), key=("at",))',
]
TRAIN = [
    'base = phase.read("base")\nphase.judged_on(base, "develop", time="at")',
    "score = 1 - (x - 0.7) ** 2\nfor step in (1, 2, 3):\n    phase.report(step, score * step / 3)",
    'phase.log_metrics({"score": score, "cost": x})',
]


@dataclass
class Told(Quiet):
    """What a person would see go by."""

    trials: list[Tried] = field(default_factory=list)

    def trial_ended(self, trial: Tried) -> None:
        self.trials.append(trial)

    @property
    def numbers(self) -> list[int]:
        return [trial.number for trial in self.trials]


def tune(project: Project, **options: Any) -> tuple[SweepResult, Told]:
    """A search for a good ``x``, one trial after the other."""
    told = Told()
    target = targets.of_phases(open_project(project.root), ["train"])
    search = Search(**{"objectives": (SCORE,), "domains": SPACE, **options})
    return sweeping.tune(target, search, told, bounds=ALONE), told


@dataclass(frozen=True)
class Climbed:
    """A search in two commands, and a third that has nothing to do."""

    project: Project
    first: SweepResult
    second: SweepResult
    again: SweepResult
    told: tuple[Told, Told, Told]


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Climbed:
    project = make_project(
        tmp_path_factory.mktemp("hill") / "project",
        {"prepare": PREPARE, "train": TRAIN},
        parameters={"prepare": "rows: int = 10", "train": "x: float = 0.7"},
    )
    assert pipeline.run(project, ["prepare"]).status == "finished"
    first, told_first = tune(project, trials=6, seed=6)
    second, told_second = tune(project, trials=9, seed=6)
    again, told_again = tune(project, trials=9, seed=6)
    return Climbed(project, first, second, again, (told_first, told_second, told_again))


@pytest.fixture
def hill(climbed: Climbed, tmp_path: Path) -> Project:
    """A copy of that project, to go on with."""
    return open_project(shutil.copytree(climbed.project.root, tmp_path / "project"))


@pytest.mark.practice("M7")
def test_a_search_goes_on_until_it_has_its_number_of_trials(climbed: Climbed) -> None:
    first, second, again = climbed.told
    assert (first.numbers, second.numbers, again.numbers) == ([*range(6)], [*range(6, 9)], [])
    assert climbed.first.status == climbed.second.status == climbed.again.status == "finished"
    assert climbed.again.nothing_to_do
    assert climbed.again.report == climbed.second.report
    assert [trial.number for trial in climbed.again.results.tried] == [*range(9)]
    (best,) = climbed.second.results.best
    finished = [trial for trial in climbed.second.results.tried if trial.status == "finished"]
    assert best == min(finished, key=lambda trial: abs(trial.parameters["x"] - 0.7))
    for result, numbers in ((climbed.first, range(6)), (climbed.second, range(6, 9))):
        listed = runs.list_runs(climbed.project, sweep=result.run_id)
        assert sorted(run.trial for run in listed if run.trial is not None) == [*numbers]


@pytest.mark.practice("M7")
def test_trials_that_fall_behind_end_early_and_say_why(climbed: Climbed) -> None:
    tried = climbed.second.results.tried
    reached: dict[int, float] = {trial.number: 1 - (trial.parameters["x"] - 0.7) ** 2 for trial in tried}
    behind = []
    for number in range(5, 9):  # by then five have finished, which is when the median begins to count
        finished = [reached[before] for before in range(number) if before not in behind]
        if reached[number] < median(finished):
            behind.append(number)
    assert [trial.number for trial in tried if trial.status == "pruned"] == behind
    assert behind, "with this seed, some are"
    for trial in (tried[number] for number in behind):
        manifest = reports.read(Path(trial.reports["train"]))
        assert manifest is not None
        assert manifest.error is not None
        assert (manifest.status, manifest.error.reason) == ("killed", "pruned")
        assert "at step 1 is behind what other trials had by then" in trial.why
        page = Path(trial.reports["train"], reports.HTML).read_text()
        assert "is behind what other trials had by then" in page
        assert "score" not in manifest.metrics


def test_in_an_ordinary_run_reporting_only_logs(hill: Project) -> None:
    done = pipeline.run(hill, ["train"], {"x": 0.0})
    assert done.status == "finished"
    logged = store.client(hill).get_metric_history(done.phases[0].run_id, "intermediate")
    assert [(item.step, round(item.value, 6)) for item in logged] == [(1, 0.17), (2, 0.34), (3, 0.51)]


def test_the_report_shows_the_best_and_on_which_rows_it_was_judged(climbed: Climbed) -> None:
    found = results.load(climbed.second.run_id, climbed.project)
    assert found.judged == "develop: 10 rows, 2013-01-01T00:00:00 to 2013-01-10T00:00:00"
    assert climbed.second.report is not None
    manifest = reports.read(climbed.second.report)
    assert manifest is not None
    assert manifest.notes["judged_on"] == found.judged
    assert manifest.notes["best"] == found.best[0].number
    page = (climbed.second.report / reports.HTML).read_text()
    assert found.judged in page
    assert found.next.startswith("workbench run train --from-trial ")
    assert found.next in page
    assert found.best[0].run_ids[0].startswith(found.next.rpartition(" ")[2])


# -- without kernels: what a study suggests and keeps ------------------------------------------------


@dataclass
class Seat:
    """A process that is at work on studies."""

    project: Project
    held: work.Work

    def __call__(self, study: str, why_not: str = "", **options: Any) -> Studied:
        search = Search(
            **{"objectives": (SCORE,), "domains": SPACE, "trials": 100, "study": study, **options}
        )
        target = targets.of_phases(open_project(self.project.root), ["train"])
        found = tuning.opened(search, target, ["train"], lambda runs: why_not)
        found.join("0" * 32, self.held.token)
        return found


@pytest.fixture
def seats(hill: Project) -> Iterator[tuple[Seat, Seat]]:
    both = [work.claim(hill, "train-tune") for _ in range(2)]
    yield Seat(hill, both[0]), Seat(hill, both[1])
    for held in both:
        held.release()


@pytest.fixture
def seat(seats: tuple[Seat, Seat]) -> Seat:
    return seats[0]


def go(studied: Studied, count: int, measure: Callable[[dict[str, Any]], dict[str, float]]) -> list[Any]:
    """Let a study suggest, and tell it what was measured; what it has suggested."""
    suggested = []
    for _ in range(count):
        trial = studied.next()
        assert trial is not None
        suggested.append(trial.parameters)
        told = Tried(trial.number, trial.parameters, "finished", measure(trial.parameters))
        assert studied.ended(told).status == "finished"
    return suggested


def height(parameters: dict[str, Any]) -> dict[str, float]:
    return {"score": 1 - (parameters["x"] - 0.7) ** 2, "cost": parameters["x"]}


def test_the_same_seed_suggests_the_same_whoever_asks(
    climbed: Climbed, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No notebook runs here: as if the reports that tell what was measured were there.
    monkeypatch.setattr(tuning.Studied, "newest", lambda studied: ["a run"])
    space = {**SPACE, "kind": Choice(("a", "b"))}
    whole = go(seat("whole", domains=space), 13, height)
    halves = go(seat("halves", domains=space), 11, height)
    halves += go(seat("halves", domains=space), 2, height)
    assert halves == whole
    assert go(seat("other", domains=space, seed=1), 1, height)[0] != whole[0]
    # Ten are drawn blindly; by then it knows where to look.
    assert all(abs(point["x"] - 0.7) < 0.3 for point in whole[10:])
    # What two commands with kernels have tried, one study without tries as well.
    tried = [trial.parameters for trial in climbed.second.results.tried]
    assert go(seat("without kernels", seed=6), 9, height) == tried


def test_the_best_holds_the_constraints(seat: Seat) -> None:
    constraints = (Constraint.parse("cost<=0.5"),)
    studied = seat("bound", constraints=constraints)
    points = [point["x"] for point in go(studied, 12, height)]
    (best,) = studied.best()
    assert best.parameters == {"x": max(x for x in points if x <= 0.5)}
    assert max(height({"x": x})["score"] for x in points) > best.value("score")
    none = seat("hopeless", constraints=(Constraint.parse("cost>=2"),))
    go(none, 2, height)
    assert none.best() == []


def test_a_study_of_something_else_is_refused_with_the_difference(seat: Seat) -> None:
    seat("mine")
    with pytest.raises(UsageError) as error:
        seat("mine", domains={"x": Float(0.0, 2.0)})
    assert error.value.message == (
        'study \'mine\' cannot go on: whose space was {"x": "0..1"} and is {"x": "0..2"} now; '
        "give this search another --study name"
    )
    with pytest.raises(UsageError, match="whose objectives was"):
        seat("mine", objectives=(COST,))


def _ended(suggested: Next, status: TrialStatus, **what: Any) -> Tried:
    metrics = height(suggested.parameters)
    return Tried(suggested.number, suggested.parameters, status, **{"metrics": metrics, **what})


@pytest.mark.practice("M7")
def test_several_processes_share_the_trials_of_a_study(seats: tuple[Seat, Seat]) -> None:
    one, other = (seat("both", trials=3) for seat in seats)
    running = [one.next(), other.next(), one.next()]
    assert [trial.number for trial in running if trial] == [0, 1, 2]
    assert one.next() is other.next() is None
    assert not other.is_complete()
    for studied, trial in zip((one, other, one), running, strict=True):
        assert trial is not None
        assert studied.ended(_ended(trial, "finished")).status == "finished"
    assert one.is_complete()
    assert [trial.number for trial in other.tried()] == [0, 1, 2]


@pytest.mark.practice("M7")
def test_what_a_killed_process_had_begun_is_tried_again(seats: tuple[Seat, Seat]) -> None:
    killed, other = (seat("killed", trials=1) for seat in seats)
    begun = killed.next()
    assert begun is not None
    assert other.next() is None
    seats[0].held.leave()
    again = other.next()
    assert again is not None
    assert (again.parameters, again.number) == (begun.parameters, 1)
    other.ended(_ended(again, "finished"))
    assert [trial.number for trial in other.tried()] == [1]
    assert other.is_complete()


def test_where_a_kernel_died_is_tried_once_more(seat: Seat) -> None:
    studied = seat("dying", trials=1)
    first = studied.next()
    assert first is not None
    studied.ended(_ended(first, "failed", reason="kernel_died", why="its kernel died"))
    second = studied.next()
    assert second is not None
    assert second.parameters == first.parameters
    studied.ended(_ended(second, "failed", reason="kernel_died", why="its kernel died again"))
    assert studied.next() is None
    (kept,) = studied.tried()
    assert (kept.status, kept.why) == ("failed", "its kernel died again")


def test_a_value_that_is_no_number_fails_its_trial(seat: Seat) -> None:
    studied = seat("infinite")
    trial = studied.next()
    assert trial is not None
    told = studied.ended(_ended(trial, "finished", metrics={"score": float("inf")}))
    assert (told.status, told.why) == ("failed", "its 'score' is inf, which is no number to go by")
    assert studied.best() == []


# -- what makes values incomparable ------------------------------------------------------------------


def test_another_notebook_or_other_data_begin_another_study(climbed: Climbed, hill: Project) -> None:
    name = climbed.second.results.sweep.study
    assert pipeline.run(hill, ["prepare"], {"rows": 11}).status == "finished"
    before = len(runs.list_runs(hill))
    with pytest.raises(UsageError) as error:
        tune(hill, trials=10, study=name)
    assert error.value.message == (
        f"study {name!r} cannot go on: dataset base: v0 then, v1 now; give this search another --study name"
    )
    assert len(runs.list_runs(hill)) == before, "nothing was started"
    moved, told = tune(hill, trials=1)
    assert (moved.results.sweep.study, told.numbers) == (f"{name}-2", [0])

    notebook = hill.root / "notebooks" / "train.ipynb"
    notebook.write_text(notebook.read_text().replace("(x - 0.7)", "(x - 0.6)"))
    with pytest.raises(UsageError, match=f"study {name!r} cannot go on: whose notebooks were other ones"):
        tune(hill, trials=10, study=name)
    changed, told = tune(hill, trials=1)
    assert changed.results.sweep.study not in (name, f"{name}-2")
    assert told.numbers == [0]
    (x,) = (trial.parameters["x"] for trial in changed.results.tried)
    assert changed.results.best[0].value("score") == pytest.approx(1 - (x - 0.6) ** 2)


def test_a_study_of_which_no_report_is_left_is_not_gone_on_with(
    climbed: Climbed, hill: Project, seat: Seat
) -> None:
    name = climbed.second.results.sweep.study
    with pytest.raises(UsageError, match="cannot go on: dataset base changed"):
        seat(name, "dataset base changed")
    shutil.rmtree(hill.reports / "trials")
    with pytest.raises(UsageError, match="cannot go on"):  # who could say that nothing has changed?
        seat(name, "dataset base changed")


# -- several objectives ------------------------------------------------------------------------------


def test_of_two_objectives_the_front_is_what_no_other_beats(hill: Project) -> None:
    bound = Constraint.parse("score>=0.6")
    found, _ = tune(hill, objectives=(SCORE, COST), constraints=(bound,), trials=5, seed=10)
    assert found.status == "finished"
    values = {trial.number: (trial.value("score"), trial.value("cost")) for trial in found.results.tried}

    def unbeaten(chosen: dict[int, tuple[float, float]]) -> list[int]:
        return [
            number
            for number, (score, cost) in chosen.items()
            if not any(s >= score and c <= cost and (s, c) != (score, cost) for s, c in chosen.values())
        ]

    front = unbeaten({number: value for number, value in values.items() if value[0] >= 0.6})
    assert [trial.number for trial in found.results.best] == front
    # With this seed, some trial beats others that hold the bound, and one is unbeaten but does not hold it.
    assert 1 < len(front) < len(unbeaten(values)) < len(values) == 5
    assert all(f"#{number}" in found.results.summary() for number in front)
    assert len(found.results.next.splitlines()) == len(front)


# -- the holdout of the gates ------------------------------------------------------------------------

NOTES = (
    "import pandas as pd\nfrom workbench.tracking import context as contexts\n"
    "def rows(first, days):\n"
    '    return pd.DataFrame({"at": pd.date_range(first, periods=days, freq="D")})\n'
)


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose gates have judged on July 2013."""
    judge = 'contexts.note_judged(contexts.judged(rows("2013-07-01", 31), "holdout", "at", gates=True))'
    project = make_project(
        tmp_path_factory.mktemp("gated") / "project",
        {
            "validate": [NOTES, judge],
            "train": [
                NOTES,
                f'if look == "at the gates":\n    {judge}',
                'if look == "into July":\n    phase.judged_on(rows("2013-06-20", 20), "develop", time="at")',
                'phase.log_metrics({"score": x})',
            ],
        },
        needs={"train": []},
        parameters={"train": 'x: float = 0.5\nlook: str = ""'},
    )
    assert pipeline.run(project, ["validate"]).status == "finished"
    return project


def test_what_was_measured_on_the_holdout_of_the_gates_does_not_count(gated: Project) -> None:
    found, told = tune(gated, fixed={"look": "at the gates"}, trials=1)
    (trial,) = told.trials
    assert (trial.status, trial.metrics) == ("failed", {})
    assert trial.why == (
        "it never logged 'score' (it logged nothing); "
        "what is measured on the holdout of the gates does not count"
    )
    assert (found.status, found.why, found.results.best) == ("failed", "no trial finished", [])
    (kept,) = found.results.tried
    assert kept.why == trial.why
    assert "The notebook does not say on which rows it judged" in found.results.judged


def test_a_search_that_judges_on_rows_of_the_holdout_is_stopped(gated: Project) -> None:
    with pytest.raises(UsageError) as error:
        tune(gated, fixed={"look": "into July"}, trials=2)
    assert error.value.message == (
        "the search would judge on develop (2013-06-20T00:00:00 to 2013-07-09T00:00:00), which overlaps "
        "with the holdout that the gates judge on (2013-07-01T00:00:00 to 2013-07-31T00:00:00): "
        "judge on rows from before it"
    )
    found = results.load(project=gated)
    assert found.best == []
    (trial,) = runs.list_runs(gated, sweep=found.sweep.run_id)
    assert (trial.trial, trial.status) == (0, "finished"), "the second one never began"
    manifest = reports.find(gated, "train-tune", found.sweep.run_id)
    assert manifest is not None
    assert manifest.error is not None
    assert manifest.status == "failed"
    assert error.value.message in manifest.error.message


def test_what_was_refused_once_is_not_counted_later(gated: Project) -> None:
    for _ in range(2):
        with pytest.raises(UsageError, match="overlaps with the holdout"):
            tune(gated, fixed={"look": "into July"}, trials=1)
        assert results.load(project=gated).best == []


@pytest.mark.parametrize(
    ("held", "judged"),
    [
        (("2013-07-01T00:00:00", "2013-07-31T00:00:00"), ("2013-06-01T00:00:00", "2013-07-01T00:00:00")),
        (("10", "20"), ("9", "15")),
        (("2013-07-01T00:00:00", "2013-07-31T00:00:00"), ("2013-06-01", "2013-07-01")),
        (
            ("2013-07-01T00:00:00+00:00", "2013-07-31T00:00:00+00:00"),
            ("2013-06-01T00:00:00-01:00", "2013-06-30T23:30:00-01:00"),
        ),
    ],
)
def test_rows_overlap_by_their_time_and_not_by_their_spelling(
    hill: Project, seat: Seat, held: tuple[str, str], judged: tuple[str, str]
) -> None:
    holdout = Judged(name="holdout", rows=9, first=held[0], last=held[1], gates=True)
    leave_run(hill, "prepare", judged=(holdout,))
    studied = seat("peeking")
    trial = studied.next()
    assert trial is not None
    rows = Judged(name="develop", rows=9, first=judged[0], last=judged[1])
    with pytest.raises(UsageError, match="overlaps with the holdout"):
        studied.ended(_ended(trial, "finished", judged=(rows,)))
