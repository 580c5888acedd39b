"""Owners, kernels and keepers are killed, again and again: nothing that they started is left."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.faults.agents import (
    LIGHT,
    LITTER,
    Kernel,
    Owner,
    agents_in,
    alive,
    below,
    marked,
    sockets_in,
    until,
)
from tests.repeats import moments, repeats
from workbench.execution.agent.processes import AGENT

#: What is to be gone after a kill.
SECONDS = 5.0
AT_ONCE = 6


@dataclass(frozen=True)
class Round:
    """One life that is ended early: whose, and in which surroundings."""

    folder: Path
    environment: dict[str, str]
    below_reaper: bool
    moment: float  # for what happens at any time

    def start(self) -> Owner:
        return Owner(self.folder, self.environment, below_reaper=self.below_reaper)


def _left(owner: Owner, pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if alive(pid)] or [pid for pid in marked(owner.mark) if alive(pid)]


def _littered(owner: Owner) -> tuple[int, list[int]]:
    """The kernel, and what has to end with it beside the processes that carry its owner's mark."""
    facts = owner.ask("start")
    pids = json.loads(owner.ask("run", LITTER))
    assert pids[:2] == [facts["kernel"], facts["keeper"]]
    assert len(_left(owner, pids)) == len(pids)
    assert len(_left(owner, [])) >= 5  # its owner, and what is hard to get rid of
    return facts["kernel"], pids


def owner_killed(round: Round) -> float:
    """Kill the owner; how long the last process takes to go."""
    with round.start() as owner:
        pid = owner.hear() if round.below_reaper else owner.process.pid
        _, pids = _littered(owner)
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        reaper = {owner.process.pid} if round.below_reaper else set()  # it stays if an agent is its child
        if not reaper:
            owner.process.wait()
        until(lambda: reaper.issuperset(_left(owner, pids)), SECONDS, "all of it to go")
        took = time.monotonic() - killed
        if reaper:
            assert {child.name() for child in below(owner.process.pid, recursive=False)} <= {AGENT}
        return took


def owner_killed_anytime(round: Round) -> float:
    """Kill the owner at any moment: while it asks for a kernel, while that starts, while its cell runs."""
    with round.start() as owner:
        owner.tell("start")
        owner.tell("run", LITTER)
        time.sleep(round.moment)
        killed = time.monotonic()
        owner.process.kill()
        owner.process.wait()
        until(lambda: not _left(owner, []), SECONDS, "all of it to go")
        return time.monotonic() - killed


def kernel_killed(round: Round) -> float:
    """Kill the kernel: the owner notices, and nothing of it is left."""
    with round.start() as owner:
        kernel, pids = _littered(owner)
        killed = time.monotonic()
        os.kill(kernel, signal.SIGKILL)
        assert owner.ask("die", seconds=SECONDS) == "died"
        until(lambda: _left(owner, pids) == [owner.process.pid], SECONDS, "all of it to go")
        took = time.monotonic() - killed
        assert "Traceback" not in owner.end()
        return took


CASES = {
    "owner": (owner_killed, 80, {}, False),
    "owner-anytime": (owner_killed_anytime, 40, {}, False),
    "kernel": (kernel_killed, 40, {}, False),
    "owner-below-a-reaper": (owner_killed, 12, {}, True),
    "owner-without-agent": (owner_killed, 12, {"WORKBENCH_AGENT": "0"}, False),
    "kernel-without-agent": (kernel_killed, 8, {"WORKBENCH_AGENT": "0"}, False),
    "owner-below-a-reaper-without-agent": (owner_killed, 8, {"WORKBENCH_AGENT": "0"}, True),
}
assert sum(case[1] for case in CASES.values()) == 200


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", CASES)
def test_nothing_is_left_of_what_was_killed(
    place: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory, case: str
) -> None:
    kill, all_rounds, settings, below_reaper = CASES[case]
    rounds = repeats(all_rounds, AT_ONCE)
    runtime = tmp_path_factory.mktemp("runtime")
    environment = {**os.environ, **settings, "JUPYTER_RUNTIME_DIR": str(runtime)}
    life = 1.0
    if "WORKBENCH_AGENT" not in settings and not below_reaper:
        with Kernel(folder):
            started = time.monotonic()  # the agent has imported all
        with Owner(folder, environment) as owner:
            _littered(owner)
            life = time.monotonic() - started
    rounds_to_go = [
        Round(folder, environment, below_reaper, moment)
        for moment in itertools.islice(moments(1, AT_ONCE * life, 0.1), rounds)
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        took = list(pool.map(kill, rounds_to_go))
    late = sum(seconds > 0.5 for seconds in took)
    print(f"{case}: {rounds} rounds, all gone after {max(took):.2f} s at most; {late} had to be killed")
    assert max(took) < SECONDS
    until(lambda: not any(below(agent) for agent in agents_in(place)), SECONDS, "agents to be alone")
    assert not sockets_in(place)


def test_a_keeper_that_is_killed_takes_all_with_it(place: Path, folder: Path) -> None:
    for _ in range(5):
        with Owner(folder) as owner:
            _, pids = _littered(owner)
            os.kill(pids[1], signal.SIGKILL)
            assert owner.ask("die", seconds=SECONDS) == "died"
            until(lambda: _left(owner, pids) == [owner.process.pid], SECONDS)  # noqa: B023
            assert "Traceback" not in owner.end()
        assert not sockets_in(place)
    (agent,) = agents_in(place)
    assert not below(agent)


def test_a_keeper_without_an_agent_that_is_killed_takes_the_kernel_with_it(
    place: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_AGENT", "0")
    with Kernel(folder) as kernel:
        keeper, pid = kernel.keeper, kernel.pid
        os.kill(keeper, signal.SIGKILL)
        until(lambda: not kernel.manager.is_alive(), SECONDS)
        until(lambda: not alive(pid), SECONDS)
    assert not sockets_in(place)


def test_a_kernel_whose_keeper_was_killed_can_be_restarted(place: Path, folder: Path) -> None:
    with Owner(folder) as owner:
        first = owner.ask("start")
        os.kill(first["keeper"], signal.SIGKILL)
        until(lambda: not alive(first["kernel"]))
        second = owner.ask("restart")
        assert second["warm"]
        assert second["kernel"] != first["kernel"]
        assert owner.ask("run", "print(6 * 7)") == "42"
        owner.end()
    assert not sockets_in(place)


def test_what_a_restarted_kernel_had_started_is_gone(place: Path, folder: Path) -> None:
    with Owner(folder) as owner:
        _, pids = _littered(owner)
        owner.ask("restart")
        assert not [pid for pid in pids if alive(pid)]
        assert _left(owner, []) == [owner.process.pid]
        assert owner.ask("run", "print(6 * 7)") == "42"
        owner.end()


def test_an_agent_that_a_kernel_has_started_outlives_it_and_serves_others(place: Path, folder: Path) -> None:
    """A run in a notebook's terminal, say: what it starts for all is not its own."""
    inner = folder / "inner"
    inner.mkdir()
    (inner / "workbench.toml").write_text('[execution]\npreload = ["colorsys"]\n')
    with Kernel(folder) as outer, Owner(inner) as other:
        code = (
            "from pathlib import Path; from workbench.execution.agent import client, preload;"
            f"from workbench.execution.agent.identity import identify; preload.OWN = {LIGHT!r};"
            f"import os; client.start_agent(identify(os.environ, Path({str(inner)!r})))"
        )
        outer.run(code)
        facts = other.ask("start")
        assert facts["agent"] != outer.agent
        first_agent = outer.agent
        assert psutil.Process(facts["agent"]).ppid() == outer.keeper
        # Its kernels become children of that keeper when the agent is killed, and yet are not its own.
        os.kill(facts["agent"], signal.SIGKILL)
        until(lambda: not alive(facts["agent"]))
        outer.end()
        until(lambda: not below(first_agent) or psutil.Process(facts["keeper"]).ppid() == first_agent)
        with Kernel(folder) as next_one:
            os.kill(next_one.keeper, signal.SIGKILL)  # the agent then looks for what was left behind
            until(lambda: not alive(next_one.pid))
            assert other.ask("run", "print(6 * 7)") == "42"
        other.end()
    until(lambda: not sockets_in(place))
