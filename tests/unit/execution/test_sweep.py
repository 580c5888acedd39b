"""Sweeps of tiny notebooks: which trials run, which are there already, and what is left of each."""

from __future__ import annotations

import base64
import json
import math
import shutil
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from tests.projects import make_project, write_notebook
from workbench.config import PhaseConfig
from workbench.data.tables import DatasetVersion, Origin, Tables
from workbench.errors import RunError, UsageError
from workbench.execution import pipeline
from workbench.execution.jobs import Job
from workbench.execution.progress import PhaseResult, PipelineResult, Quiet
from workbench.execution.runner import Outcome
from workbench.execution.sweep import loop, results, sweeping, trials
from workbench.execution.sweep import points as sweep_points
from workbench.execution.sweep import target as targets
from workbench.execution.sweep.running import Bounds, SweepResult
from workbench.execution.sweep.target import Target
from workbench.execution.sweep.trials import Objective, Sweep, Tried
from workbench.project import Project, open_project
from workbench.tracking import inputs, reports, runs, store
from workbench.tracking.context import Record
from workbench.tracking.inputs import Now

SCORE = Objective(metric="score")
CANARY = "kanarie-<Zeisig>&'7\\x41-vogel"

PREPARE = [
    "import pandas as pd",
    'phase.write("base", pd.DataFrame({"x": range(rows)}), key=("x",))',
]
TRAIN = [
    "from scoring import score",
    'base = phase.read("base")',
    'if (phase.project.root / f"broken-{rate}-{depth}").exists():\n'
    '    raise ValueError(f"no tree of depth {depth}")',
    'phase.log_metrics({"score": score(rate, depth), "rows": len(base)})',
]
SCORING = "def score(rate, depth):\n    return rate * depth\n"
GRID = ("rate=0.1,0.2", "depth=1,2")


@dataclass
class Told(Quiet):
    """What a person would see go by."""

    trials: list[Tried] = field(default_factory=list)
    phases: dict[str, str] = field(default_factory=dict)

    def phase_ended(self, result: PhaseResult) -> None:
        self.phases[result.phase] = result.status

    def trial_ended(self, trial: Tried) -> None:
        self.trials.append(trial)


@dataclass(frozen=True)
class Chapter:
    """One sweep: how it ended, and what was told meanwhile."""

    result: SweepResult
    told: Told

    @property
    def ran(self) -> list[dict[str, Any]]:
        """The parameters of the trials that ran now, in the order of their numbers."""
        ended = sorted(self.told.trials, key=lambda trial: trial.number)
        return [trial.parameters for trial in ended if not trial.reused]

    @property
    def tried(self) -> list[Tried]:
        return self.result.results.tried

    def values(self, metric: str) -> list[float]:
        return [trial.value(metric) for trial in self.tried]


def sweep(
    target: Target,
    *given: str,
    paired: bool = False,
    file: Path | None = None,
    count: int | None = None,
    told: Told | None = None,
    **options: Any,
) -> Chapter:
    """A sweep of what is typed on the command line."""
    points, fixed = sweep_points.points(target, given, paired=paired, file=file, count=count, seed=0)
    told = told or Told()
    return Chapter(sweeping.sweep(target, points, fixed, told, **options), told)


@dataclass
class Story:
    """A project in which a person sweeps again and again."""

    project: Project
    chapters: dict[str, Chapter] = field(default_factory=dict)
    published: list[DatasetVersion] = field(default_factory=list)
    later: PipelineResult | None = None

    def __getitem__(self, name: str) -> Chapter:
        return self.chapters[name]

    def tell(self, name: str, *given: str, **options: Any) -> None:
        target = targets.of_phases(open_project(self.project.root), ["prepare", "train"])
        self.chapters[name] = sweep(target, *given, **options)

    def published_base(self) -> DatasetVersion:
        """The version that runs read by default."""
        project = self.project
        return Tables(project.data_uri).newest("base", lambda version: inputs.is_published(project, version))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    project = make_project(
        tmp_path_factory.mktemp("story") / "project",
        {"prepare": PREPARE, "train": TRAIN},
        parameters={"prepare": "rows: int = 3", "train": "rate: float = 0.1\ndepth: int = 2"},
    )
    notebooks, told = project.root / "notebooks", Story(project)
    (notebooks / "scoring.py").write_text(SCORING)

    (project.root / "broken-0.2-1").touch()
    told.tell("failing", *GRID, objective=SCORE)
    (project.root / "broken-0.2-1").unlink()
    told.tell("repaired", *GRID, objective=SCORE)
    told.tell("again", *GRID, objective=SCORE)
    shutil.rmtree(told["failing"].tried[1].reports["train"])
    told.tell("removed", *GRID)
    told.tell("larger", "rate=0.1,0.2,0.3", "depth=1,2")
    told.tell("zip", "rate=0.3,0.4", "depth=2,1", paired=True)
    points = project.root / "points.csv"
    points.write_text("rate,depth\n0.7,\n0.2,2\n")
    told.tell("file", file=points)
    told.tell("random", "rate=0.1..0.9", "depth=5", count=2)
    told.tell("random again", "rate=0.1..0.9", "depth=5", count=2)

    for name in ("broken-0.1-1", "broken-0.2-1"):
        (project.root / name).touch()
    told.tell("forced", *GRID, force=True, bounds=Bounds(cores=1, max_failures=2))
    for path in project.root.glob("broken-*"):
        path.unlink()

    told.tell("before", "rate=0.1,0.2")
    notebook = notebooks / "train.ipynb"
    original = notebook.read_text()
    notebook.write_text(original.replace("score(rate, depth)", "score(rate, depth) + 100"))
    told.tell("other code", "rate=0.1,0.2")
    notebook.write_text(original)
    told.tell("code as before", "rate=0.1,0.2")
    (notebooks / "scoring.py").write_text(SCORING.replace("rate * depth", "rate * depth + 10"))
    told.tell("other helper", "rate=0.1,0.2")
    told.tell("other data", "rate=0.1,0.2", "rows=4")

    told.published.append(told.published_base())
    rows = Objective(metric="rows")
    told.tell("chains", "rows=2,5", "rate=0.5", objective=rows, bounds=Bounds(cores=1))
    told.published.append(told.published_base())
    told.later = pipeline.run(open_project(project.root), parameters={"rows": 4})
    return told


@pytest.mark.practice("M6")
def test_a_grid_runs_each_value_with_each_and_one_failure_stops_no_other(story: Story) -> None:
    first = story["failing"]
    points = [{"rate": rate, "depth": depth} for rate in (0.1, 0.2) for depth in (1, 2)]
    assert first.ran == points
    assert [trial.parameters for trial in first.tried] == points
    assert [trial.status for trial in first.tried] == ["finished", "finished", "failed", "finished"]
    assert first.values("score")[:2] == [0.1, 0.2]
    assert "no tree of depth 1" in first.tried[2].why
    assert (first.result.status, first.result.why) == (
        "failed",
        "1 of 4 trials did not finish; the same command tries them again",
    )


def test_what_all_trials_need_runs_once(story: Story) -> None:
    assert story["failing"].told.phases == {"prepare": "finished"}
    assert {name for trial in story["failing"].tried for name in trial.reports} == {"train"}
    assert story["repaired"].told.phases == {"prepare": "up_to_date"}


def test_each_trial_leaves_a_report_below_its_sweep(story: Story) -> None:
    first = story["failing"].result
    folder = story.project.reports / "trials" / first.run_id[:8]
    kept = {path.name: path for path in folder.iterdir() if path.is_dir()}
    ids = {trial.number: trial.run_ids[0][:8] for trial in story["failing"].tried}
    del ids[1]  # removed since
    assert sorted(kept) == [f"{number:04}-train-{run_id}" for number, run_id in sorted(ids.items())]
    for path in kept.values():
        names = sorted(file.name for file in path.iterdir())
        assert names == ["log.jsonl", "manifest.json", "notebook.ipynb", "report.html"]
        page = (path / "report.html").read_text()
        assert 'href="../../../index.html"' in page
        assert (path / "../../../index.html").resolve().parent == story.project.reports


def test_trials_are_children_of_one_run_and_hidden_unless_asked_for(story: Story) -> None:
    first = story["failing"]
    ids = {trial.run_ids[0] for trial in first.tried}
    client = store.client(story.project)
    for run_id in ids:
        assert client.get_run(run_id).data.tags["mlflow.parentRunId"] == first.result.run_id
    listed = runs.list_runs(story.project, sweep=first.result.run_id)
    assert {run.run_id for run in listed} == ids
    assert sorted(run.trial for run in listed if run.trial is not None) == [0, 1, 2, 3]
    shown = runs.list_runs(story.project)
    assert first.result.run_id in {run.run_id for run in shown}
    assert [run.trial for run in shown] == [None] * len(shown)


def test_the_sweeps_own_report_names_the_best(story: Story) -> None:
    for chapter in (story["failing"], story["repaired"]):
        result = chapter.result
        assert [trial.number for trial in result.results.best] == [3]
        assert result.report is not None
        manifest = reports.read(result.report)
        assert manifest is not None
        assert (manifest.run_id, manifest.status) == (result.run_id, result.status)
        assert (manifest.notes["best"], manifest.notes["parameters"]) == (3, {"rate": 0.2, "depth": 2})
        page = (result.report / reports.HTML).read_text()
        assert "best #3: score 0.4 with rate=0.2, depth=2" in page
        assert f"workbench run train --from-trial {chapter.tried[3].run_ids[0][:8]}" in page
    assert "no tree of depth 1" in (story["failing"].result.report / reports.HTML).read_text()  # type: ignore[operator]
    run = store.client(story.project).get_run(story["repaired"].result.run_id)
    assert (run.info.status, run.data.metrics["score"]) == ("FINISHED", 0.4)


@pytest.mark.practice("M6")
def test_the_same_command_runs_only_what_failed_and_then_nothing(story: Story) -> None:
    repaired, again = story["repaired"], story["again"]
    assert repaired.ran == [{"rate": 0.2, "depth": 1}]
    assert (repaired.result.status, repaired.result.reused) == ("finished", 3)
    assert [trial.status for trial in repaired.tried] == ["finished"] * 4
    assert again.ran == []
    assert again.result.nothing_to_do
    assert (again.result.run_id, again.result.report) == (repaired.result.run_id, repaired.result.report)


def test_only_what_is_missing_runs(story: Story) -> None:
    assert story["removed"].ran == [{"rate": 0.1, "depth": 2}]
    assert story["larger"].ran == [{"rate": 0.3, "depth": 1}, {"rate": 0.3, "depth": 2}]
    assert [trial.status for trial in story["larger"].tried] == ["finished"] * 6
    assert not story["removed"].result.nothing_to_do


def test_values_can_be_paired_listed_in_a_file_or_drawn(story: Story) -> None:
    assert [trial.parameters for trial in story["zip"].tried] == [
        {"rate": 0.3, "depth": 2},
        {"rate": 0.4, "depth": 1},
    ]
    assert story["zip"].ran == [{"rate": 0.4, "depth": 1}]
    assert [trial.parameters for trial in story["file"].tried] == [{"rate": 0.7}, {"rate": 0.2, "depth": 2}]
    assert story["file"].ran == [{"rate": 0.7}]
    assert story["file"].values("score") == [1.4, 0.4]
    drawn = story["random"]
    assert len({trial.parameters["rate"] for trial in drawn.tried}) == 2
    assert drawn.values("score") == [5 * trial.parameters["rate"] for trial in drawn.tried]
    assert all(0.1 <= trial.parameters["rate"] <= 0.9 for trial in drawn.tried)
    assert story["random again"].result.nothing_to_do
    assert story["random again"].tried == drawn.tried


def test_force_runs_what_is_there_and_too_many_failures_end_it(story: Story) -> None:
    forced = story["forced"]
    assert forced.ran == [{"rate": 0.1, "depth": 1}, {"rate": 0.1, "depth": 2}, {"rate": 0.2, "depth": 1}]
    assert [trial.status for trial in forced.tried] == ["failed", "finished", "failed"]
    assert (forced.result.status, forced.result.reused) == ("failed", 0)
    assert forced.result.why == "2 trials failed, which is as many as may"


def test_all_run_again_when_something_that_they_depend_on_changed(story: Story) -> None:
    assert story["before"].ran == [], "a default that is given is one that is not"
    both = [{"rate": 0.1}, {"rate": 0.2}]
    assert story["other code"].ran == story["other helper"].ran == story["other data"].ran == both
    assert story["other code"].values("score") == [100.2, 100.4]
    assert story["other helper"].values("score") == [10.2, 10.4]
    assert story["other data"].told.phases == {"prepare": "finished"}
    assert story["other data"].values("rows") == [4, 4]


def test_what_was_undone_is_not_answered_with_what_came_of_it(story: Story) -> None:
    undone = story["code as before"]
    assert undone.ran == []
    assert undone.values("score") == [0.2, 0.4]


def test_each_trial_of_a_chain_prepares_for_itself_and_nobody_else_reads_that(story: Story) -> None:
    chains = story["chains"]
    assert chains.told.phases == {}
    assert [list(trial.reports) for trial in chains.tried] == [["prepare", "train"]] * 2
    assert chains.values("rows") == [2, 5]
    for trial in chains.tried:
        prepared, trained = (reports.read(Path(folder)) for folder in trial.reports.values())
        assert prepared is not None
        assert trained is not None
        assert trained.reads == prepared.writes
        assert (trained.parameters, prepared.parameters["rows"]) == ({"rate": 0.5}, trial.parameters["rows"])
        assert not prepared.writes[0].origin.default
    assert "best #1: rows 5" in chains.result.results.summary()

    before, after = story.published
    assert (after, after.rows) == (before, 4)
    assert story.later is not None
    assert [phase.status for phase in story.later.phases] == ["up_to_date", "finished"]
    trained = reports.find(story.project, "train", story.later.phases[1].run_id)
    assert trained is not None
    assert trained.reads == (before,)


def test_trials_that_write_the_same_dataset_at_once_all_do(tmp_path: Path) -> None:
    tables, together = Tables(str(tmp_path)), threading.Barrier(4)

    def write(trial: int) -> list[DatasetVersion]:
        written = []
        try:
            for time in range(4):
                together.wait()
                frame = pd.DataFrame({"x": range(10 * trial + time + 1)})
                name = f"base-{time // 2}"  # at the first time none of them finds it
                written.append(tables.write(name, frame, origin=Origin(run_id=str(trial))))
        except BaseException:
            together.abort()
            raise
        return written

    with ThreadPoolExecutor(4) as pool:
        for trial, written in enumerate(pool.map(write, range(4))):
            assert [len(tables.read(version)) for version in written] == [
                10 * trial + time + 1 for time in range(4)
            ]


# -- notebooks that are no phases --------------------------------------------------------------------


def test_any_notebook_can_be_swept_and_a_file_that_it_opens_is_looked_at(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", {"train": []})
    path = project.root / "others" / "Look Around.ipynb"
    write_notebook(path, ["text = open('words.txt').read()", "print(text * times)"], "times = 2")
    words = path.with_name("words.txt")
    words.write_text("one ")

    def look() -> Chapter:
        return sweep(targets.of_notebook(path), "times=3,4")

    first = look()
    assert first.result.status == "finished"
    assert first.ran == [{"times": 3}, {"times": 4}]
    for trial in first.tried:
        notebook = Path(trial.reports["look-around"], reports.NOTEBOOK).read_text()
        assert "one " * trial.parameters["times"] in notebook
    assert look().result.nothing_to_do
    words.write_text("two ")
    assert look().ran == first.ran
    assert [run.phase for run in runs.list_runs(project)] == ["look-around-sweep"] * 2


def test_a_notebook_without_parameters_is_refused_in_words(tmp_path: Path) -> None:
    write_notebook(tmp_path / "plain.ipynb", ["1"])
    with pytest.raises(UsageError, match="declares no parameters: tag the cell"):
        targets.of_notebook(tmp_path / "plain.ipynb")


def test_a_notebook_outside_of_any_project_has_its_own_reports(tmp_path: Path) -> None:
    write_notebook(tmp_path / "alone.ipynb", ["1"], "times = 2")
    target = targets.of_notebook(tmp_path / "alone.ipynb")
    assert target.project.reports == tmp_path / ".workbench" / "reports"
    assert (target.name, target.takes_apart(["times"])) == ("alone", ((), ("alone",)))


# -- what a trial gets -------------------------------------------------------------------------------


def traces(folder: Path) -> list[str]:
    wanted = {CANARY, json.dumps(CANARY)[1:-1], repr(CANARY)[1:-1], CANARY[:12], CANARY[-12:]}
    forms = {text.encode() for text in wanted} | {base64.b64encode(CANARY.encode())}
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [f"{path} has {form!r}" for path in files for form in forms if form in path.read_bytes()]


def test_trials_hide_secrets_and_keep_to_their_cores_and_none_runs_twice_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(
        tmp_path / "project",
        {
            "call": [
                "value = phase.secret(token)\nprint(value, [value])\nphase.note('seen', {value: number})",
                "phase.log_params({'key': value})\nphase.log_artifact('key.txt', value)",
                "import sklearn.ensemble\nimport threadpoolctl\n"
                "pools = threadpoolctl.threadpool_info()\n"
                "phase.log_metrics({pool['user_api']: pool['num_threads'] for pool in pools})",
            ]
        },
        parameters={"call": 'token = ""\nnumber = 0'},
    )
    monkeypatch.setenv("WB_CANARY", CANARY)
    target, refused = targets.of_phases(project, ["call"]), []

    class Impatient(Told):
        def trial_ended(self, trial: Tried) -> None:
            super().trial_ended(trial)
            with pytest.raises(UsageError, match="the same sweep goes on already") as error:
                sweep(target, "token=secret:WB_CANARY", "number=1,2")
            refused.append(error.value)

    found = sweep(target, "token=secret:WB_CANARY", "number=1,2", told=Impatient())
    assert (found.result.status, len(refused)) == ("finished", 2)
    for trial in found.tried:
        assert (trial.value("blas"), trial.value("openmp")) == (1, 1)
        manifest = reports.read(Path(trial.reports["call"]))
        assert manifest is not None
        assert manifest.parameters["token"] == "secret:WB_CANARY"
        assert manifest.notes == {"seen": {"•••": trial.number + 1}}
    assert traces(project.root) == []
    assert results.load(project=project).tried == found.tried


# -- the loop, on a machine of paper -----------------------------------------------------------------


class Paper:
    """An executor on which what began first finishes when somebody waits."""

    def __init__(self, cores: int) -> None:
        self.cores, self.most = cores, 0
        self._running: dict[Future[Outcome], Job] = {}

    def has_room(self, phase: PhaseConfig) -> bool:
        return self._taken() + phase.cores <= self.cores

    def submit(self, job: Job) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        self._running[future] = job
        self.most = max(self.most, self._taken())
        return future

    def wait(self, futures: Any, **_: Any) -> SimpleNamespace:
        first = next(iter(self._running))
        first.set_result(_finished(self._running.pop(first)))
        return SimpleNamespace(done={first})

    def cancel(self) -> None: ...

    def close(self) -> None: ...

    def _taken(self) -> int:
        return sum(job.phase.cores for job in self._running.values())


def _finished(job: Job) -> Outcome:
    now = datetime.now(UTC)
    manifest = reports.Manifest(
        run_id=f"{job.name}-{job.trial.number if job.trial else ''}",
        pipeline_run_id=job.parent,
        project="tiny",
        phase=job.name,
        notebook=job.phase.notebook,
        status="finished",
        started_at=now,
        ended_at=now,
        seconds=0.0,
    )
    return Outcome(manifest, Path(), Record())


class Numbers:
    """As many trials as are wanted; remembers what came of them, and may find fault with it."""

    def __init__(self, count: int, fault: Exception | None = None) -> None:
        self._fault = fault
        self._waiting = [loop.Next(number, {"rows": number}) for number in reversed(range(count))]
        self.ended_as: list[tuple[str, int]] = []

    def next(self) -> loop.Next | None:
        return self._waiting.pop() if self._waiting else None

    def ended(self, trial: Tried) -> Tried:
        self.ended_as.append((trial.status, len(trial.run_ids)))
        if self._fault:
            raise self._fault
        return trial


@pytest.fixture
def chain(tmp_path: Path) -> Target:
    """Two phases of which the second takes two cores."""
    parameters = {"prepare": "rows = 1", "train": "rate = 0.1"}
    project = make_project(tmp_path / "project", {"prepare": [], "train": []}, parameters=parameters)
    with (project.root / "workbench.toml").open("a") as file:
        file.write("cores = 2\n")
    return targets.of_phases(open_project(project.root), ["prepare", "train"])


def _loop(
    chain: Target,
    numbers: Numbers,
    paper: Paper,
    monkeypatch: pytest.MonkeyPatch,
    told: Told | None = None,
) -> loop.Loop:
    monkeypatch.setattr(loop, "wait", paper.wait)
    now, told = Now(chain.project), told or Told()
    return loop.Loop(chain, ("prepare", "train"), {}, now, numbers, paper, told, sweep="0" * 32)


def test_a_chain_takes_room_for_each_of_its_phases(chain: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers, paper = Numbers(3), Paper(2)
    _loop(chain, numbers, paper, monkeypatch).run()
    assert numbers.ended_as == [("finished", 2)] * 3
    assert paper.most == 2


def test_a_chain_that_runs_when_time_is_up_goes_on_to_its_end(
    chain: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers, said = Numbers(3), [""]
    _loop(chain, numbers, Paper(2), monkeypatch).run(lambda: said.pop() if said else "its time is up")
    assert numbers.ended_as == [("finished", 2)] * 2


def test_a_fault_that_several_trials_meet_is_told_once_and_in_order(
    chain: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = Numbers(3, UsageError("the search would judge on the holdout"))
    going = _loop(chain, numbers, Paper(3), monkeypatch)
    going.run()
    assert str(going.problem) == going.stopped == "the search would judge on the holdout"
    assert len(numbers.ended_as) == 3


def test_a_listener_that_fails_stops_no_trial(chain: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(Told):
        def trial_ended(self, trial: Tried) -> None:
            raise BrokenPipeError

    numbers = Numbers(3)
    going = _loop(chain, numbers, Paper(1), monkeypatch, Closed())
    going.run()
    assert (going.problem, going.stopped) == (None, "")
    assert numbers.ended_as == [("finished", 2)] * 3


def test_numbers_without_end_are_kept_as_they_are(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", {"train": []})
    point = {"rate": math.inf}
    asked = Sweep(run_id="0" * 32, name="train-sweep", phases={}, own=(), fixed=point, trials={0: point})
    asked.save(project)
    kept, _ = trials.find(project, "0" * 8)
    assert kept == asked


def test_a_phase_that_all_trials_need_and_that_fails_is_named(tmp_path: Path) -> None:
    project = make_project(
        tmp_path / "project", {"prepare": ["1 / 0"], "train": []}, parameters={"train": "rate = 0.1"}
    )
    target = targets.of_phases(project, ["train"])
    with pytest.raises(
        RunError, match=r"phase 'prepare', which all trials need, failed: .*ZeroDivisionError"
    ):
        sweep(target, "rate=0.1,0.2")
    assert {run.phase for run in runs.list_runs(project)} == {"prepare", runs.PIPELINE}
