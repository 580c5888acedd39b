"""The command, its kernels and its agent are killed at any moment: nothing is torn, nothing is stuck."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.faults.agents import LIGHT, agents_in, until
from tests.faults.lives import WHOLE, Life, agent_folder, kernels_of, left_behind, no_process, results, torn
from tests.projects import make_project
from tests.repeats import FULL, moments, repeats
from workbench.project import Project

AT_ONCE = 3 if FULL else 2
# That are killed.
RUNNERS, KERNELS, AGENTS = repeats(102, AT_ONCE), repeats(60, AT_ONCE), repeats(42, AT_ONCE)
LONGEST = 2.0  # seconds, after which a life is over on any machine that is not busy with others
ROUNDS = 5  # lives that are cut short before one may finish

CHAIN = {
    "gather": [
        "import pandas as pd",
        'phase.write("numbers", pd.DataFrame({"x": range(9)}))\nphase.note("rows", 9)',
    ],
    "left": ['numbers = phase.read("numbers")\nphase.write("left", numbers + 1)', 'phase.note("side", "l")'],
    "right": ['phase.note("most", int(phase.read("numbers").x.max()))'],
}
NEEDS = {"left": ["gather"], "right": ["gather"]}
SIDE_BY_SIDE = {name: [f'phase.note("is", {name!r})', "print(2 + 2)"] for name in ("one", "two", "three")}


def _project(
    folder: Path, notebooks: dict[str, list[str]] = CHAIN, needs: dict[str, list[str]] = NEEDS
) -> Project:
    needs = needs if notebooks is CHAIN else {name: [] for name in notebooks}
    project = make_project(folder, notebooks, needs=needs)
    with (folder / "workbench.toml").open("a") as file:
        file.write('\n[execution]\npreload = ["json"]\ncores = 3\n')
    return project


def _undisturbed(project: Project, agents: Path, own: Sequence[str] = WHOLE) -> tuple[dict[str, Any], float]:
    """What a run comes to that nobody disturbs, and how long one takes when the agent is ready."""
    status, said = Life(project, agents, "start", command="agent", own=own).end()
    assert status == 0, said
    until(lambda: agents_in(agents))
    began = time.monotonic()
    status, said = Life(project, agents, "--force", own=own).end()
    assert status == 0, said
    return results(project), min(time.monotonic() - began, LONGEST)


def _goes_on(project: Project, agents: Path, expected: dict[str, Any]) -> None:
    """The next command puts everything in order, and ends as if nothing had happened."""
    status, said = Life(project, agents, own=WHOLE).end()
    assert status == 0, said
    assert "Traceback" not in said
    assert torn(project) == []
    assert left_behind(project) == []
    assert results(project) == expected


@pytest.fixture(scope="module")
def agents() -> Iterator[Path]:
    """An agent for all projects here that do not kill it."""
    with agent_folder() as folder:
        yield folder


def _at_once(work: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for one in [pool.submit(work, number) for number in range(AT_ONCE)]:
            one.result()


@pytest.mark.practice("T1")
@pytest.mark.timeout(400)
def test_a_run_killed_at_any_moment_is_put_in_order_by_the_next(tmp_path: Path, agents: Path) -> None:
    def work(number: int) -> None:
        project = _project(tmp_path / str(number))
        expected, took = _undisturbed(project, agents)
        moment = moments(number, took)
        killed = 0
        while killed < RUNNERS // AT_ONCE:
            for _ in range(ROUNDS):
                life = Life(project, agents, "--force", own=WHOLE)
                time.sleep(next(moment))
                killed += life.kill()
                assert torn(project) == []
            _goes_on(project, agents, expected)

    _at_once(work)
    until(lambda: no_process(agents), what="every process has ended")


@pytest.mark.timeout(400)
def test_a_run_whose_kernels_are_killed_says_so_and_the_next_goes_on(tmp_path: Path, agents: Path) -> None:
    def work(number: int) -> None:
        project = _project(tmp_path / str(number), SIDE_BY_SIDE)
        expected, took = _undisturbed(project, agents)
        moment = moments(number, took / 2)
        killed = 0
        while killed < KERNELS // AT_ONCE:
            life = Life(project, agents, "--force", own=WHOLE)
            killed += _kill_some(project, agents, life, moment)
            status, said = life.end()
            assert status in (0, 1), said
            assert ("the kernel " in said or "kernel 'workbench'" in said) == bool(status), said
            assert "Traceback" not in said
            assert torn(project) == []
            assert left_behind(project) == []
            _goes_on(project, agents, expected)

    _at_once(work)
    until(lambda: no_process(agents), what="every process has ended")


def _kill_some(project: Project, agents: Path, life: Life, moment: Iterator[float]) -> int:
    """Kill kernels while a run goes on, at random moments; how many."""
    killed = 0
    while life.process.is_alive():
        time.sleep(next(moment))
        for pid in kernels_of(project, agents)[:2]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed


@pytest.mark.timeout(400)
def test_a_run_whose_agents_are_killed_does_not_notice(tmp_path: Path) -> None:
    def work(number: int) -> None:
        moment = moments(number, 0.5)
        with agent_folder() as agents:
            project = _project(tmp_path / str(number), SIDE_BY_SIDE)
            expected, _ = _undisturbed(project, agents, own=LIGHT)
            killed = 0
            while killed < AGENTS // AT_ONCE:
                life = Life(project, agents, "--force", own=LIGHT)
                while life.process.is_alive():
                    time.sleep(next(moment))
                    for pid in agents_in(agents):
                        with suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                            killed += 1
                status, said = life.end()
                assert status == 0, said
                assert torn(project) == []
                assert left_behind(project) == []
                assert results(project) == expected
            until(lambda: no_process(agents), what="every process has ended")

    _at_once(work)
