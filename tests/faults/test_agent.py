"""The agent is killed, raced for, mistreated, starved and out of date: kernels start all the same."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.manager import AsyncKernelManager

from tests.faults.agents import Kernel, Owner, agents_in, alive, below, owner_command, sockets_in, until
from tests.repeats import moments, repeats
from workbench.errors import AgentUnavailable
from workbench.execution.agent import client
from workbench.execution.agent.identity import Identity, identify
from workbench.execution.agent.request import Request, inherited

ROOT = Path(__file__).resolve().parents[2]
# A user of this test's own: limits count all that a user runs.
SOMEBODY = 1_000_000 + os.getpid()
root_only = pytest.mark.skipif(os.getuid() != 0, reason="only root may do this to itself")


def here(folder: Path) -> Identity:
    return identify(os.environ, folder)


def request(folder: Path, *command: str) -> Request:
    return Request(command, str(folder), dict(os.environ), inherited(), import_from=str(folder))


def the_agent(folder: Path) -> int:
    (pid,) = agents_in(folder)
    return pid


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid))


def kill_all(place: Path) -> int:
    """Kill agents while others work with them: how many."""
    killed = 0
    for pid in agents_in(place):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed += 1
    return killed


def why_ordinary(said: str) -> str:
    """The one line that says why a kernel is an ordinary one (which may have words of its own)."""
    (line,) = [line for line in said.splitlines() if "workbench" in line]
    assert line.startswith("workbench: an ordinary kernel was started, which is slower: ")
    return line.partition("slower: ")[2]


# -- killed -----------------------------------------------------------------------------------------


def test_kernels_outlive_their_agent_and_the_next_one_gets_a_new_agent(place: Path, folder: Path) -> None:
    with Kernel(folder) as first:
        first.run("x = 6")
        killed = first.agent
        kill(killed)
        assert first.run("print(7 * x)") == "42"
        with Kernel(folder) as second:
            assert second.warm
            assert second.agent == the_agent(place) != killed
            assert first.run("print(8 * x)") == "48"
    until(lambda: not sockets_in(place))


def test_whatever_is_forked_while_agents_are_killed_runs_to_its_end(place: Path, folder: Path) -> None:
    (folder / "answer.py").write_text("import sys, time; time.sleep(0.02); sys.exit(42)")
    agent = here(folder)
    stop = threading.Event()
    ends: list[int] = []
    refused: list[str] = []

    def ask() -> None:
        while not stop.is_set():
            try:
                ends.append(client.fork(agent, request(folder, "answer"), (0, 1, 2)).wait(60))
            except AgentUnavailable as error:  # then an ordinary one is started
                refused.append(str(error))

    kills = repeats(24, 8)
    moment, killed = moments(1, 1.0), 0
    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            for number in range(kills):
                if number % 2:  # while it forks
                    served = len(ends)
                    until(lambda: len(ends) > served + 4)  # noqa: B023
                    time.sleep(0.1 * next(moment))
                else:  # while it imports, most probably
                    until(lambda: agents_in(place))
                    time.sleep(0.5 * next(moment))
                until(lambda: agents_in(place))  # a slow machine may be without one just now
                killed += kill_all(place)
        finally:
            stop.set()
        for one in asking:
            one.result(timeout=90)
    assert killed >= kills * 5 / 6
    assert len(ends) >= kills * 2 + 2
    assert set(ends) == {42}
    assert all("the agent has gone" in reason for reason in refused)
    assert client.fork(agent, request(folder, "answer"), (0, 1, 2)).wait(60) == 42
    until(lambda: len(agents_in(place)) == 1 and not below(the_agent(place)))


def test_notebooks_go_on_while_agents_are_killed(place: Path, folder: Path) -> None:
    stop = threading.Event()
    ended: list[int] = []

    def work() -> None:
        """Always one kernel that lives on while the next one starts."""
        done = 0
        kernels = [Kernel(folder)]
        kernels[0].run("x = 0")
        while not stop.is_set():
            kernels.append(Kernel(folder))
            kernels[-1].run(f"x = {done}")
            assert kernels[0].run("print(x)") == str(max(0, done - 1))
            kernels.pop(0).end()
            ended.append(done)
            done += 1
        kernels[0].end()

    kills = repeats(8)
    moment = moments(2, 1.0)
    with ThreadPoolExecutor(3) as pool:
        working = [pool.submit(work) for _ in range(3)]
        try:
            killed, until_then = 0, time.monotonic() + 90
            while (killed < kills or len(ended) < kills) and time.monotonic() < until_then:
                until(lambda: agents_in(place))
                time.sleep((1.5 + killed / 8) * next(moment))
                killed += kill_all(place)
        finally:
            stop.set()
        for one in working:
            one.result(timeout=90)
        assert len(ended) >= kills
    with Kernel(folder) as kernel:
        assert kernel.warm
    until(lambda: not sockets_in(place))


# -- raced for --------------------------------------------------------------------------------------


def test_eight_first_uses_at_once_start_one_agent(place: Path, folder: Path) -> None:
    owners = [Owner(folder) for _ in range(8)]
    for owner in owners:
        owner.tell("start")
    told = [owner.hear() for owner in owners]
    assert all(facts["warm"] for facts in told)
    assert {facts["agent"] for facts in told} == set(agents_in(place))
    assert len(agents_in(place)) == 1
    for owner in owners:
        with owner:
            assert owner.end() == ""


async def _start_and_ask(folder: Path) -> str:
    manager = AsyncKernelManager(kernel_name="workbench")
    await manager.start_kernel(cwd=str(folder))
    channels = manager.client()
    channels.start_channels()
    said: list[str] = []
    try:
        await channels.wait_for_ready(timeout=60)
        await channels.execute_interactive(
            "print(6 * 7)", output_hook=lambda message: said.append(message["content"].get("text", ""))
        )
        assert manager.provisioner.warm
    finally:
        channels.stop_channels()
        await manager.shutdown_kernel(now=True)
    return "".join(said).strip()


def test_thirty_two_kernels_at_once(place: Path, folder: Path) -> None:
    async def all_of_them() -> list[str]:
        return await asyncio.gather(*(_start_and_ask(folder) for _ in range(32)))

    for _ in range(2):
        assert asyncio.run(all_of_them()) == ["42"] * 32
    assert len(agents_in(place)) == 1
    until(lambda: not below(the_agent(place)))
    assert not sockets_in(place)


# -- in its place is something else ------------------------------------------------------------------


def _stale(agent: Identity) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(agent.socket))
        listening.listen()
    agent.ready.touch()


def _plain_file(agent: Identity) -> None:
    agent.socket.write_text("not a socket")


@pytest.mark.parametrize("leave", [_stale, _plain_file])
def test_what_a_killed_agent_or_somebody_else_left_is_replaced(
    place: Path, folder: Path, leave: Callable[[Identity], None]
) -> None:
    leave(here(folder))
    with Owner(folder) as owner:
        assert owner.ask("start")["warm"]
        assert owner.end() == ""


def test_what_cannot_be_replaced_means_an_ordinary_kernel(place: Path, folder: Path) -> None:
    here(folder).socket.mkdir()
    with Owner(folder) as owner:
        assert not owner.ask("start")["warm"]
        assert owner.ask("run", "print(6 * 7)") == "42"
        assert "Is a directory" in why_ordinary(owner.end())


def _open_to_others(place: Path) -> None:
    place.chmod(0o755)


def _of_somebody_else(place: Path) -> None:
    os.chown(place, 65534, 65534)


def _link(place: Path) -> None:
    place.rename(f"{place}.real")
    place.symlink_to(f"{place}.real")


@pytest.mark.parametrize("spoil", [_open_to_others, pytest.param(_of_somebody_else, marks=root_only), _link])
def test_a_folder_that_is_not_private_is_not_used(
    place: Path, folder: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(place)
    with Owner(folder) as owner:
        facts = owner.ask("start")
        assert (facts["warm"], facts["transport"]) == (False, "tcp")
        assert owner.ask("run", "print(6 * 7)") == "42"
        assert "is not private to you" in why_ordinary(owner.end())
    assert not list(place.iterdir())


# -- surroundings that lack something ----------------------------------------------------------------


def _works(owner: Owner) -> tuple[dict[str, Any], str]:
    with owner:
        facts = owner.ask("start")
        assert owner.ask("run", "print(6 * 7)") == "42"
        return facts, owner.end()


@pytest.fixture
def tiny_disk(place: Path) -> Iterator[Callable[[str], None]]:
    """Puts a file system of this size where the agent's folder is."""

    def mount(size: str) -> None:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=700,{size}", "tiny", place]).returncode:
            pytest.skip("no file system can be mounted here")

    yield mount
    for pid in agents_in(place):
        os.kill(pid, signal.SIGKILL)
    subprocess.run(["umount", "--lazy", place], check=True)


@root_only
def test_a_disk_without_room(place: Path, folder: Path, tiny_disk: Callable[[str], None]) -> None:
    tiny_disk("size=16k")
    with pytest.raises(OSError, match="No space left"):
        (place / "filler").write_bytes(bytes(10**6))
    facts, said = _works(Owner(folder))
    assert facts["warm"]  # sockets need no room, and its log is no reason
    assert said == ""


@root_only
def test_a_disk_that_takes_no_file(place: Path, folder: Path, tiny_disk: Callable[[str], None]) -> None:
    tiny_disk("nr_inodes=2")
    (place / "filler").touch()
    facts, said = _works(Owner(folder))
    assert (facts["warm"], facts["transport"]) == (False, "tcp")
    assert why_ordinary(said) == f"{place}: No space left on device"


def test_no_home_in_the_environment(place: Path, folder: Path) -> None:
    facts, said = _works(Owner(folder, {name: value for name, value in os.environ.items() if name != "HOME"}))
    assert facts["warm"]
    assert said == ""


def _as_somebody(*arguments: str) -> list[str]:
    """A command of a user who may read everything, as this test needs, and else nothing that root may."""
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv, to be a user without root's rights")
    rights = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    bounds = ["--bounding-set=-all,+dac_read_search"]
    who = [f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups"]
    return ["setpriv", *who, *rights, *bounds, *arguments]


def test_a_home_that_cannot_be_written(place: Path, folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    command = _as_somebody(*owner_command())
    os.chown(place, SOMEBODY, SOMEBODY)
    facts, said = _works(Owner(folder, {**os.environ, "HOME": str(home)}, command=command))
    assert facts["warm"]
    assert "workbench" not in said  # IPython has something to say about it
    assert not list(home.iterdir())


def test_a_very_long_project_path(place: Path, tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["a-folder-with-a-rather-long-name-" + 60 * "x"] * 20)
    folder.mkdir(parents=True)
    (folder / "workbench.toml").write_text('[execution]\npreload = ["json"]\n')
    facts, said = _works(Owner(folder))
    assert facts["warm"]
    assert said == ""


def test_a_private_folder_with_too_long_a_path(place: Path, folder: Path) -> None:
    long = place / ("x" * 100)
    long.mkdir(mode=0o700)
    facts, said = _works(Owner(folder, {**os.environ, "WORKBENCH_AGENT_DIR": str(long)}))
    assert (facts["warm"], facts["transport"]) == (False, "tcp")
    assert why_ordinary(said) == f"{long} is too long a path for a socket"


def test_an_idle_time_that_is_no_number(place: Path, folder: Path) -> None:
    facts, said = _works(Owner(folder, {**os.environ, "WORKBENCH_AGENT_IDLE": "soon"}))
    assert not facts["warm"]
    assert "WORKBENCH_AGENT_IDLE is a number of seconds" in why_ordinary(said)


def _limit(name: str, soft: int, hard: int | None = None) -> Callable[[], None]:
    """What sets a limit in a new process."""
    kind = getattr(resource, name)
    return lambda: resource.setrlimit(kind, (soft, resource.getrlimit(kind)[1] if hard is None else hard))


def test_few_open_files(place: Path, folder: Path) -> None:
    facts, said = _works(Owner(folder, preexec_fn=_limit("RLIMIT_NOFILE", 64, 64)))
    assert facts["warm"]
    assert said == ""


def test_limits_of_one_are_not_those_of_another(place: Path, folder: Path) -> None:
    """Who starts the agent has its limits; who comes later has others, and gets these."""
    ask = "import os, resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], os.nice(0))"
    environment = {**os.environ, "HOME": str(folder)}
    os.chown(place, SOMEBODY, SOMEBODY)
    for files, hard, nice in ((64, 64, 10), (64, None, 0), (200, None, 0)):
        command = ["nice", "-n", str(nice), *_as_somebody(*owner_command())]
        limit = _limit("RLIMIT_NOFILE", files, hard)
        with Owner(folder, environment, command=command, preexec_fn=limit) as owner:
            assert owner.ask("start")["warm"]
            assert owner.ask("run", ask) == f"{files} {nice}"
            assert "workbench" not in owner.end()
    assert len(agents_in(place)) == 2


def test_too_few_processes_allowed(place: Path, folder: Path) -> None:
    """A kernel and its owner are twenty threads. With fewer nothing can work, and that is soon said."""
    command = _as_somebody(*owner_command())
    os.chown(place, SOMEBODY, SOMEBODY)
    environment = {**os.environ, "HOME": str(folder)}
    for few in (1, 4):
        limit = _limit("RLIMIT_NPROC", few, few)
        with Owner(folder, environment, command=command, preexec_fn=limit) as owner:
            with contextlib.suppress(BrokenPipeError):  # it may have ended before it can be told anything
                owner.tell("start")
            _, error = owner.process.communicate(timeout=60)
            assert owner.process.returncode != 0
            assert b"Resource temporarily unavailable" in error or b"can't start new thread" in error
    limit = _limit("RLIMIT_NPROC", 40, 40)
    facts, said = _works(Owner(folder, environment, command=command, preexec_fn=limit))
    assert facts["warm"]
    assert "workbench" not in said


def test_a_limit_on_memory_that_an_agent_would_use_up(place: Path, folder: Path) -> None:
    (folder / "workbench.toml").write_text('[execution]\npreload = ["large"]\n')
    (folder / "large.py").write_text("import mmap\nreserved = mmap.mmap(-1, 3 << 30)\n")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    facts, said = _works(Owner(folder, environment, preexec_fn=_limit("RLIMIT_AS", 2 << 30)))
    assert not facts["warm"]
    assert "RLIMIT_AS of 2048 MiB leaves too little" in why_ordinary(said)
    # Who started the agent could not have imported this; the agent has, for those who can.
    facts, said = _works(Owner(folder, environment, preexec_fn=_limit("RLIMIT_AS", 8 << 30)))
    assert facts["warm"]
    assert said == ""
    assert len(agents_in(place)) == 1


# -- out of date -------------------------------------------------------------------------------------


def test_an_upgraded_package_is_the_new_one_in_the_next_kernel(
    place: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "venv"
    venv.create(made, symlinks=True)
    packages = next(made.glob("lib/python*/site-packages"))
    ours = next(ROOT.glob(".venv/lib/python*/site-packages"), None) or Path(psutil.__file__).parents[1]
    (packages / "all.pth").write_text(f"import site; site.addsitedir({str(ours)!r})\n")
    (packages / "gone.pth").symlink_to("nowhere")  # what an installer at work, or an editor, may show

    def install(version: str) -> None:
        for old in packages.glob("thatpackage*"):
            shutil.rmtree(old)
        for name, text in {
            "thatpackage/__init__.py": f"__version__ = {version!r}\n",
            f"thatpackage-{version}.dist-info/METADATA": f"Name: thatpackage\nVersion: {version}\n",
        }.items():
            (packages / name).parent.mkdir()
            (packages / name).write_text(text)

    (folder / "workbench.toml").write_text('[execution]\npreload = ["thatpackage"]\n')
    command = [str(made / "bin" / "python"), *owner_command()[1:]]
    environment = {**os.environ, "JUPYTER_PATH": f"{sys.prefix}/share/jupyter"}
    ask = (
        "import sys; print('thatpackage' in sys.modules); import thatpackage; print(thatpackage.__version__)"
    )
    agents = []
    install("1.0")
    with Owner(folder, environment, command=command) as before:
        for version in ("1.0", "2.0.0"):
            install(version)
            with Owner(folder, environment, command=command) as owner:
                agents.append(owner.ask("start")["agent"])
                assert owner.ask("run", ask) == f"True\n{version}"
            if version == "1.0":
                before.ask("start")
        # What ran before goes on with what it has.
        assert before.ask("run", ask) == "True\n1.0"
    assert agents[0] != agents[1]
    assert agents_in(place) == agents[1:]


def _another_preload_list(folder: Path) -> None:
    (folder / "workbench.toml").write_text('[execution]\npreload = ["colorsys"]\n')


def _another_lock(folder: Path) -> None:
    (folder / "requirements.lock").write_text("thatpackage==2.0\n")


@pytest.mark.parametrize("change", [_another_preload_list, _another_lock])
def test_what_an_agent_depends_on_changes_and_it_is_replaced_once(
    place: Path, folder: Path, change: Callable[[Path], None]
) -> None:
    (folder / "requirements.lock").write_text("thatpackage==1.0\n")
    with Kernel(folder) as first:
        old = first.agent
        change(folder)
        with ThreadPoolExecutor(4) as pool:
            kernels = list(pool.map(Kernel, [folder] * 4))
        loaded = {kernel.run("import sys; print('colorsys' in sys.modules)") for kernel in kernels}
        assert loaded == {str(change is _another_preload_list)}
        assert all(kernel.warm for kernel in kernels)
        assert {kernel.agent for kernel in kernels} == {the_agent(place)}
        assert not alive(old)
        assert first.run("print(6 * 7)") == "42"
        for kernel in kernels:
            kernel.end()


def test_who_finds_the_agent_out_of_date_second_does_not_wait_for_it_to_go(place: Path, folder: Path) -> None:
    for round in range(3):
        (folder / "workbench.toml").write_text(f'[execution]\npreload = ["json", "nothing{round}"]\n')
        with ThreadPoolExecutor(6) as pool:
            started = time.monotonic()
            asked = [
                pool.submit(client.fork, here(folder), request(folder, "this"), (0, 1, 2)) for _ in range(6)
            ]
            assert [one.result().wait(60) for one in asked] == [0] * 6
        assert time.monotonic() - started < 9


def test_another_number_of_threads_is_another_agents(place: Path, folder: Path) -> None:
    ask = "import os; print(os.environ['OMP_NUM_THREADS'])"
    with Kernel(folder, {"OMP_NUM_THREADS": "1"}) as one, Kernel(folder, {"OMP_NUM_THREADS": "2"}) as two:
        assert one.warm
        assert two.warm
        assert {one.agent, two.agent} == set(agents_in(place))
        assert (one.run(ask), two.run(ask)) == ("1", "2")
        for kernel, threads in ((one, "1"), (two, "2")):
            own = Path(f"/proc/{kernel.agent}/environ").read_bytes().split(b"\0")
            assert f"OMP_NUM_THREADS={threads}".encode() in own  # from its first import on


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core only")
def test_fewer_cores_are_another_agents(place: Path, folder: Path) -> None:
    """Libraries count cores when they are imported."""
    first = min(os.sched_getaffinity(0))
    command = ["taskset", "-c", str(first), *owner_command()]
    with Kernel(folder) as all_cores, Owner(folder, command=command) as owner:
        facts = owner.ask("start")
        assert facts["warm"]
        assert facts["agent"] != all_cores.agent
        assert owner.ask("run", "import os; print(os.sched_getaffinity(0))") == f"{{{first}}}"


# -- whom it answers ---------------------------------------------------------------------------------

_NOISE = {
    "nothing": b"",
    "garbage": b"GET / HTTP/1.1\r\n\r\n" + bytes(range(256)),
    "half a length": b"\0\0",
    "half a message": struct.pack("!I", 500) + b'{"ask": "sta',
    "too long a message": struct.pack("!I", 2**32 - 1),
    "no JSON": struct.pack("!I", 4) + b"\xff\xfe{[",
    "another JSON": struct.pack("!I", 2) + b"42",
    "a deep JSON": struct.pack("!I", 10**5) + b"[" * 10**5,
    "a request for nothing": struct.pack("!I", 2) + b"{}",
}


def test_connections_that_say_nothing_or_nonsense_do_not_matter(place: Path, folder: Path) -> None:
    agent = here(folder)
    with Kernel(folder) as before:
        pid = before.agent
        connections = []
        for noise in [*_NOISE.values()] * 3:
            connections.append(socket.socket(socket.AF_UNIX))
            connections[-1].connect(str(agent.socket))
            connections[-1].sendall(noise)
        started = time.monotonic()
        with Kernel(folder) as kernel:
            assert time.monotonic() - started < 20
            assert kernel.warm
            assert kernel.agent == pid
            assert before.run("print(6 * 7)") == "42"
            assert kernel.run("print(6 * 7)") == "42"
        for connection in connections:
            connection.close()


_AS_NOBODY = """
import os, socket, sys
os.setuid(65534)
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(30)
connection.connect(sys.argv[1])
connection.sendall(b'\\0\\0\\0\\x11{"ask": "status"}')
print(len(connection.recv(4096)))
"""


@root_only
def test_somebody_else_gets_no_answer(place: Path, folder: Path) -> None:
    agent = here(folder)
    client.start_agent(agent)
    facts = client.ask(agent.socket, "status")
    assert facts is not None

    def ask() -> subprocess.CompletedProcess[str]:
        command: Sequence[str] = [sys.executable, "-c", _AS_NOBODY, str(agent.socket)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert "PermissionError" in ask().stderr  # the folder is in the way
    place.chmod(0o755)
    agent.socket.chmod(0o777)
    said = ask()
    # And so is the agent itself: which of these it is depends on who is faster.
    assert said.stdout == "0\n" or "ConnectionResetError" in said.stderr or "BrokenPipe" in said.stderr
    place.chmod(0o700)
    again = client.ask(agent.socket, "status")
    assert again is not None
    assert again["forked"] == facts["forked"] + 1  # nothing was forked for the other one


# -- when it goes ------------------------------------------------------------------------------------


def test_an_agent_goes_when_it_has_not_been_used_and_not_before(
    place: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_AGENT_IDLE", "1.5")
    with Kernel(folder) as kernel:
        agent, until_then = kernel.agent, time.monotonic() + 4
        while time.monotonic() < until_then:  # more than twice its time
            assert kernel.run("print(6 * 7)") == "42"
        assert alive(agent)
    ended = time.monotonic()
    until(lambda: not alive(agent), seconds=20)
    assert time.monotonic() - ended > 1.0  # it waits from the last use's end
    assert not here(folder).socket.exists()
    with Kernel(folder) as kernel:
        assert kernel.warm


def test_a_stopped_agent_is_given_up_on(place: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_ANSWER_SECONDS", 1.0)
    agent = here(folder)
    assert client.fork(agent, request(folder, "this"), (0, 1, 2)).wait(60) == 0
    os.kill(the_agent(place), signal.SIGSTOP)
    for _ in range(2):
        with pytest.raises(AgentUnavailable, match="does not answer"):
            client.fork(agent, request(folder, "this"), (0, 1, 2))
    assert json.dumps(client.ask(agent.socket, "status", seconds=0.5)) == "null"
    os.kill(the_agent(place), signal.SIGCONT)
    assert client.fork(agent, request(folder, "this"), (0, 1, 2)).wait(60) == 0
