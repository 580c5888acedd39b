"""Sweeps and searches that are killed, starved and led astray: no trial is lost, none counts twice."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from tests.faults.agents import LIGHT, agents_in, until
from tests.faults.lives import Life, agent_folder, kernels_of, left_behind, no_process, torn
from tests.projects import make_project, migrated_stores
from tests.repeats import moments, repeats
from workbench.execution.sweep import results
from workbench.execution.sweep.study import CUT_SHORT
from workbench.project import Project, open_project
from workbench.tracking import reports, studies
from workbench.tracking.reports import Manifest

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_T = TypeVar("_T")

AT_ONCE = 2
CLIENTS, KERNELS, AGENTS = repeats(60, 4), (repeats(20, 2), repeats(10, 2)), repeats(10, 2)  # that are killed
LONGEST = 1.0  # seconds, after which a process is killed that has not ended
MORE = 4  # trials to go on with, once all are there

#: What trials and the summary need, and no more: imported in half of the time that all takes.
OWN = (
    *LIGHT,
    *("mlflow.store.tracking.sqlalchemy_store", "workbench.tracking.phase", "workbench.tracking.witness"),
    *("workbench.execution.sweep.results", "optuna", "pandas", "matplotlib.pyplot"),
)
#: That a kernel died before its first cell is told after two seconds: others go on meanwhile.
MANY = ("--cores", "5")
SCORE = 'phase.log_metrics({"score": -((x - 0.3) ** 2)})'
TUNE = ("tune", "train", "--maximize", "score", "-p", "x=0..1")
#: A trial that waits for a file, and says with another that it does.
WAIT = (
    "from pathlib import Path\nimport time\nPath(f'../at-{phase.context.trial.number}').touch()\n"
    "while not Path('../go').exists():\n    time.sleep(0.02)"
)


def _project(root: Path, *cells: str, declared: str = "x: float = 0.0\ny: int = 0") -> Project:
    made = make_project(root, {"train": list(cells or [SCORE])}, parameters={"train": declared})
    with (root / "workbench.toml").open("a") as file:
        file.write("\n[execution]\ncores = 2\n")
    return open_project(made.root)


def _life(
    project: Project, agents: Path, command: str, *arguments: str, own: Sequence[str] = OWN, **setting: str
) -> Life:
    return Life(project, agents, *arguments, command=command, own=own, libraries=(), environment=setting)


def _grid(count: int) -> tuple[str, ...]:
    return ("sweep", "train", "-p", f"y={','.join(map(str, range(count)))}")


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An agent for all projects here that do not kill it; it has imported everything."""
    with agent_folder() as folder:
        status, said = _life(_project(tmp_path_factory.mktemp("first") / "project"), folder, *_grid(2)).end()
        assert status == 0, said
        yield folder


# -- what is there afterwards ----------------------------------------------------------------------


def _in_order(project: Project) -> None:
    assert torn(project) == []
    assert left_behind(project) == []


def _trials_kept(project: Project) -> list[Manifest]:
    """All reports of trials, in whichever sweep."""
    found = [reports.read(path.parent) for path in project.reports.glob("trials/*/[!.]*/manifest.json")]
    return [manifest for manifest in found if manifest is not None]


def _finished(project: Project, parameter: str) -> list[Any]:
    """The points at which a trial has finished, as often as one has."""
    return sorted(
        manifest.parameters[parameter] for manifest in _trials_kept(project) if manifest.status == "finished"
    )


def _in_study(project: Project) -> list[FrozenTrial]:
    import optuna

    storage = optuna.storages.RDBStorage(studies.address(project))
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage).trials


def _searched(project: Project, count: int) -> list[FrozenTrial]:
    """The trials that count of the only study: as many as were asked for, each once."""
    known = _in_study(project)
    assert {trial.state.name for trial in known} <= {"COMPLETE", "FAIL"}
    counted = [trial for trial in known if CUT_SHORT not in trial.user_attrs]
    points = [trial.params["x"] for trial in counted]
    assert len(points) == len(set(points)) == count
    cut_short = [trial for trial in known if CUT_SHORT in trial.user_attrs]
    wanted = [trial.system_attrs.get("fixed_params", {}) | trial.params for trial in cut_short]
    assert {point["x"] for point in wanted if point} <= set(points)  # each was tried again
    complete = [trial for trial in counted if trial.state.name == "COMPLETE"]
    assert sorted(trial.params["x"] for trial in complete) == _finished(project, "x")
    assert all(trial.value == -((trial.params["x"] - 0.3) ** 2) for trial in complete)
    shown = results.load("", project)
    assert [trial.number for trial in shown.tried] == [trial.number for trial in counted]
    return counted


def _swept(project: Project, count: int) -> None:
    """Each point of the grid has finished once, and the newest report has them all."""
    shown = results.load("", project)
    assert [trial.parameters["y"] for trial in shown.tried] == list(range(count))
    assert {trial.status for trial in shown.tried} == {"finished"}
    assert _finished(project, "y") == list(range(count))
    manifest = reports.find(project, "train-sweep", shown.sweep.run_id)
    assert manifest is not None
    assert (manifest.status, manifest.metrics["trials"]) == ("finished", count)


# -- kills -----------------------------------------------------------------------------------------


def _cut_short(project: Project, start: Callable[[int], Life], moment: Iterator[float], goal: int) -> int:
    """Kill a command again and again; whenever it has ended before, there is more to do: how much in the end.

    Two of three die at any moment, the third when there is a trial's report of which nobody was told yet.
    """
    for number in range(CLIENTS // 2 // AT_ONCE):
        status: int | None = 0
        while status == 0:
            known = len(_trials_kept(project))
            life = start(goal)
            if number % 3:
                time.sleep(next(moment))
            else:
                until(lambda: not life.alive or len(_trials_kept(project)) > known)  # noqa: B023
            life.process.kill()
            status, said = life.end()
            assert status in (0, -signal.SIGKILL), said
            assert "Traceback" not in said
            goal += MORE * (status == 0)
    return goal


def _at_once(work: Callable[[int], _T]) -> list[_T]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, range(AT_ONCE)))


@pytest.mark.practice("M7")
def test_searches_killed_at_any_moment_go_on_from_there(tmp_path: Path, agents: Path) -> None:
    """Two at once on one study, so that each also finds what a kill of the other has left."""
    project = _project(tmp_path / "project")

    def start(goal: int) -> Life:
        return _life(project, agents, *TUNE, "--study", "shared", "--trials", str(goal))

    goal = max(_at_once(lambda seed: _cut_short(project, start, moments(seed, LONGEST), 2 * MORE)))
    status, said = start(goal).end()
    assert status == 0, said
    assert "Traceback" not in said
    _in_order(project)
    assert {trial.state.name for trial in _searched(project, goal)} == {"COMPLETE"}
    until(lambda: no_process(agents), what="every process has ended")


@pytest.mark.practice("M6")
def test_a_sweep_killed_at_any_moment_goes_on_from_there(tmp_path: Path, agents: Path) -> None:
    def work(seed: int) -> None:
        project = _project(tmp_path / str(seed))

        def start(goal: int) -> Life:
            return _life(project, agents, *_grid(goal))

        goal = _cut_short(project, start, moments(seed, LONGEST), MORE)
        status, said = start(goal).end()
        assert status == 0, said
        assert "Traceback" not in said
        _in_order(project)
        _swept(project, goal)

    _at_once(work)
    until(lambda: no_process(agents), what="every process has ended")


def _kill_kernels(project: Project, agents: Path, life: Life, moment: Iterator[float], most: int) -> int:
    """Kill kernels of trials as long as a command goes on; how many."""
    killed = 0
    while killed < most and life.alive:
        time.sleep(next(moment))
        for pid in kernels_of(project, agents)[: most - killed]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed


def test_a_search_tries_once_more_where_a_kernel_was_killed(tmp_path: Path, agents: Path) -> None:
    project, moment = _project(tmp_path / "project"), moments(1, 0.3)
    left, goal = KERNELS[0], 0
    while left:
        goal += 10
        life = _life(project, agents, *TUNE, "--trials", str(goal), *MANY)
        left -= _kill_kernels(project, agents, life, moment, left)
        status, said = life.end()
        assert "Traceback" not in said
        assert status == 0 or "no trial finished" in said, said
        _in_order(project)
        for trial in _searched(project, goal):
            if trial.state.name == "FAIL":
                assert "kernel" in trial.user_attrs["why"]
                assert len(trial.user_attrs["again"]) == 1
    until(lambda: no_process(agents), what="every process has ended")


def test_a_sweep_runs_again_what_a_killed_kernel_had_and_only_that(tmp_path: Path, agents: Path) -> None:
    project, moment = _project(tmp_path / "project", 'phase.note("y", y)'), moments(2, 0.3)
    left, goal = KERNELS[1], 0
    while left:
        goal += 11
        life = _life(project, agents, *_grid(goal), *MANY)
        left -= _kill_kernels(project, agents, life, moment, left)
        status, said = life.end()
        assert "Traceback" not in said
        _in_order(project)
        failed = re.findall(r"^✗ #(\d+) +failed: .*kernel", said, re.M)
        assert len(failed) == said.count("✗")
        assert status == bool(failed), said
        assert (f"{len(failed)} of {goal} trials did not finish" in said) == (0 < len(failed) < goal)

        status, said = _life(project, agents, *_grid(goal)).end()
        assert status == 0, said
        assert sorted(re.findall(r"^✓ #(\d+)", said, re.M)) == sorted(failed)
        _in_order(project)
        _swept(project, goal)
    until(lambda: no_process(agents), what="every process has ended")


def test_a_sweep_does_not_notice_that_its_agents_are_killed(tmp_path: Path) -> None:
    project, moment = _project(tmp_path / "project", 'phase.note("y", y)'), moments(3, 0.3)
    left, goal = AGENTS, 0
    with agent_folder() as agents:
        while left > 0:
            goal += 8
            life = _life(project, agents, *_grid(goal), own=LIGHT)
            while life.alive:
                time.sleep(next(moment))
                for pid in agents_in(agents) if left > 0 else ():
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                        left -= 1
            status, said = life.end()
            assert status == 0, said
            _in_order(project)
            _swept(project, goal)
        until(lambda: no_process(agents), what="every process has ended")


# -- a disk, a store -------------------------------------------------------------------------------


def _mount(*options: str) -> None:
    done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip() or 'not permitted'}")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Project]:
    if os.getuid() != 0:
        pytest.skip("only root can mount a small disk")
    made = _project(tmp_path / "project")
    yield made
    subprocess.run(["umount", "-l", str(made.state)], capture_output=True, check=False)


#: In KiB beyond an empty tracking store: what is full before the first trial, amid, and at the report.
@pytest.mark.parametrize(("command", "room"), [("sweep", 150), ("sweep", 300), ("tune", 450)])
def test_a_full_disk_is_named_and_with_room_it_goes_on(
    small: Project, agents: Path, command: str, room: int
) -> None:
    store = migrated_stores() / "mlflow.db"
    size = store.stat().st_size // 1024 + room
    _mount("-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(small.state))
    shutil.copyfile(store, small.state / store.name)
    asked = (*TUNE, "--trials", "3") if command == "tune" else _grid(3)

    status, said = _life(small, agents, *asked).end()
    assert status == 1, said
    assert [line for line in said.splitlines() if line.startswith("workbench: ")] == [
        f"workbench: no space left on the disk of {small.state}: make room (workbench prune removes old "
        "reports), then give the same command again"
    ]
    assert "Traceback" not in said
    assert torn(small) == []

    _mount("-o", "remount,size=64m", str(small.state))
    status, said = _life(small, agents, *asked).end()
    assert status == 0, said
    _in_order(small)
    if command == "tune":
        _searched(small, 3)
    else:
        _swept(small, 3)


@pytest.mark.parametrize("asked", [_grid(3), (*TUNE, "--trials", "3")], ids=["sweep", "tune"])
def test_without_its_tracking_store_neither_begins(
    tmp_path: Path, agents: Path, asked: tuple[str, ...]
) -> None:
    project = _project(tmp_path / "project")
    with (project.root / "workbench.toml").open("a") as file:
        file.write('\n[stores]\ntracking = "http://127.0.0.1:9"\n')
    status, said = _life(project, agents, *asked, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0").end()
    assert status == 1
    (line,) = [line for line in said.splitlines() if line.startswith("workbench: ")]
    assert line.startswith("workbench: the tracking store at http://127.0.0.1:9 does not answer")
    assert "Traceback" not in said
    assert _trials_kept(project) == []


def test_a_tracking_store_that_takes_no_more_stops_it_and_nothing_is_lost(
    tmp_path: Path, agents: Path
) -> None:
    project = _project(tmp_path / "project", SCORE, WAIT)
    life = _life(project, agents, *TUNE, "--trials", "3")
    until(lambda: len(list(project.root.glob("at-*"))) == 2)
    _change_store(
        project,
        "create trigger no_{0} before {0} on runs "
        "begin select raise(abort, 'attempt to write a readonly database'); end",
    )
    (project.root / "go").touch()
    status, said = life.end()
    assert status == 1, said
    (line,) = [line for line in said.splitlines() if line.startswith("workbench: ")]
    assert line.startswith("workbench: the tracking store cannot be used: ")
    assert "Traceback" not in said
    assert torn(project) == []

    _change_store(project, "drop trigger no_{0}")
    status, said = _life(project, agents, *TUNE, "--trials", "3").end()
    assert status == 0, said
    assert "the tracking store has now been told of " in said
    _in_order(project)
    _searched(project, 3)


def _change_store(project: Project, statement: str) -> None:
    with closing(sqlite3.connect(project.state / "mlflow.db", timeout=30)) as connection:
        for what in ("insert", "update"):
            connection.execute(statement.format(what))
        connection.commit()


# -- notebooks -------------------------------------------------------------------------------------


def test_a_trial_that_hangs_eats_or_shouts_is_told_and_the_others_finish(
    tmp_path: Path, agents: Path
) -> None:
    """25 MB are printed: of more than 10 MB the rest is cut, and still more would only take longer."""
    project = _project(
        tmp_path / "project",
        'import time\nif do == "hang":\n    time.sleep(600)',
        'much = []\nwhile do == "eat":\n    much.append(b"x" * 50_000_000)',
        'for _ in range(25_000 * (do == "shout")):\n    print("x" * 999)',
        'phase.note("did", do)',
        declared='do: str = "rest"',
    )
    limits = ("--trial-timeout", "5 s", "--trial-memory", "500 MB")
    status, said = _life(project, agents, "sweep", "train", "-p", "do=hang,eat,shout,rest", *limits).end()
    assert status == 1, said
    assert "2 of 4 trials did not finish" in said
    assert "Traceback" not in said
    _in_order(project)
    hang, eat, shout, rest = results.load("", project).tried
    assert (hang.status, hang.reason) == ("failed", "timed_out")
    assert "took too long in cell 4 (the whole notebook may take 5 s)" in hang.why
    assert (eat.status, eat.reason) == ("failed", "out_of_memory")
    assert "it may use 500 MB" in eat.why
    assert (shout.status, rest.status) == ("finished", "finished")
    (manifest,) = [item for item in _trials_kept(project) if item.parameters["do"] == "shout"]
    assert manifest.cut_bytes > 10_000_000
    assert all(path.stat().st_size < 25_000_000 for path in Path(shout.reports["train"]).iterdir())


def test_a_trial_without_a_number_to_go_by_has_failed_and_says_why(tmp_path: Path, agents: Path) -> None:
    project = _project(
        tmp_path / "project",
        "number = phase.context.trial.number",
        'phase.log_metrics({"score": {1: float("nan"), 2: float("-inf"), 4: float("inf")}.get(number, 1.0)} '
        'if number else {"scroe": 1.0})',
        'if number != 3: phase.log_metrics({"held": float("nan") if number == 5 else 0.1})',
    )
    status, said = _life(project, agents, *TUNE, "--constraint", "held<=1", "--trials", "7").end()
    assert status == 0, said
    assert "Traceback" not in said
    _in_order(project)
    found = results.load("", project)
    assert [trial.status for trial in found.tried] == ["failed"] * 6 + ["finished"]
    assert [trial.why for trial in found.tried] == [
        "it never logged 'score' (it logged held, scroe)",
        "its 'score' is nan, which is no number to go by",
        "its 'score' is -inf, which is no number to go by",
        "it never logged 'held' (it logged score)",
        "its 'score' is inf, which is no number to go by",
        "its 'held' is nan, which is no number to go by",
        "",
    ]
    assert [trial.number for trial in found.best] == [6]
    for trial in found.tried:
        assert trial.why in said
        assert trial.reports, trial


# -- people ----------------------------------------------------------------------------------------


def test_two_processes_share_one_new_study(tmp_path: Path, agents: Path) -> None:
    project = _project(tmp_path / "project")
    both = [_life(project, agents, *TUNE, "--study", "shared", "--trials", "8") for _ in range(2)]
    for life in both:
        status, said = life.end()
        assert status == 0, said
        assert "Traceback" not in said
    _in_order(project)
    counted = _searched(project, 8)
    assert [trial.number for trial in counted] == list(range(8))


def test_the_same_sweep_twice_at_once_is_refused(tmp_path: Path, agents: Path) -> None:
    project = _project(tmp_path / "project", WAIT)
    first = _life(project, agents, *_grid(3))
    until((project.root / "at-0").exists)
    status, said = _life(project, agents, *_grid(3)).end()
    assert status == 2
    assert said == "workbench: the same sweep goes on already, in another process: let that one end\n"
    (project.root / "go").touch()
    status, said = first.end()
    assert status == 0, said
    status, said = _life(project, agents, *_grid(3)).end()
    assert status == 0, said
    assert "all trials are there and up to date: nothing to do" in said
    _in_order(project)
    _swept(project, 3)


def test_an_interrupted_search_shows_what_there_is_and_goes_on(tmp_path: Path, agents: Path) -> None:
    project = _project(
        tmp_path / "project", SCORE, f"if phase.context.trial.number > 1:\n{indent(WAIT, '    ')}"
    )
    life = _life(project, agents, *TUNE, "--trials", "4")
    until(lambda: len(list(project.root.glob("at-*"))) == 2)
    os.kill(life.pid, signal.SIGINT)
    status, said = life.end()
    assert status == 1, said
    assert "workbench: interrupted; the same command goes on from here" in said
    assert "Traceback" not in said
    _in_order(project)
    (manifest,) = [reports.read(path) for path in (project.reports / "train-tune").iterdir()]
    assert manifest is not None
    assert manifest.error is not None
    assert (manifest.status, manifest.error.reason) == ("killed", "interrupted")
    assert manifest.metrics["trials"] == 2

    (project.root / "go").touch()
    status, said = _life(project, agents, *TUNE, "--trials", "4").end()
    assert status == 0, said
    _in_order(project)
    _searched(project, 4)


@pytest.mark.parametrize(
    "asked",
    [
        ("tune", "train", "--maximize", "score", "-p", "x=1..0"),
        ("tune", "train", "--maximize", "score", "-p", "x=log(0..1)"),
        ("tune", "train", "--maximize", "score", "-p", "x="),
        ("tune", "train", "--maximize", "score", "-p", "x=0.5"),
        ("tune", "train", "--maximize", "score", "--minimize", "score", "-p", "x=0..1"),
        ("tune", "train", "-p", "x=0..1", "--maximize", "score", "--constraint", "score<=much"),
        ("sweep", "train", "-p", "x=0..1"),
        ("sweep", "train", "-p", "y=1,2", "-p", "x=0.1,0.2,0.3", "--zip"),
        ("sweep", "train", "-p", "z=1,2"),
        ("sweep", "train", "-p", "y=1,two"),
    ],
)
def test_a_space_that_is_none_is_refused_before_anything_starts(
    tmp_path: Path, agents: Path, asked: tuple[str, ...]
) -> None:
    project = _project(tmp_path / "project")
    status, said = _life(project, agents, *asked).end()
    assert status == 2, said
    assert said.startswith("workbench: ")
    assert "Traceback" not in said
    assert not project.reports.exists()
    assert not (project.state / "studies.db").exists()
    assert left_behind(project) == []
