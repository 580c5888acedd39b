"""A command that the agent does is like one that is done right here: for its shell, terminal and killer."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.agents import LIGHT, alive, below, until
from workbench.execution.agent import client
from workbench.execution.agent.identity import identify
from workbench.execution.agent.processes import KEEPER

#: What the command ``workbench`` does, for a module that tells and does what a test asks for.
_CLIENT = f"""
import dataclasses, os, runpy, sys
from workbench.cli import forward
from workbench.execution.agent import client, preload
preload.OWN = {LIGHT!r}
ask = client.fork
def fork(agent, request, files, **more):
    return ask(agent, dataclasses.replace(request, command=("probe", *sys.argv[1:])), files, **more)
client.fork = fork
if os.environ.get("WORKBENCH_AGENT") != "0":
    forward.through_agent(start=False)
    sys.exit("there is no agent")
runpy.run_module("probe", run_name="__main__", alter_sys=True)
"""

_PROBE = """
import json, os, select, signal, sys, time

def say(*words):
    print(*words, flush=True)

def facts():
    mask = os.umask(0)
    os.umask(mask)
    return {
        "argv": sys.argv[1:], "folder": os.getcwd(), "umask": mask, "said": os.environ.get("SAID"),
        "terminal": [os.isatty(number) for number in range(3)], "nice": os.nice(0),
        "ignored": [n for n in range(1, 32) if signal.getsignal(n) == signal.SIG_IGN],
        "import_path": sys.path[0], "environment": sorted(os.environ),
    }

match sys.argv[1:]:
    case ["facts", *_]:
        say(json.dumps(facts()))
        say(open(f"/proc/{os.getppid()}/comm").read().strip())
    case ["exit", status]:
        sys.exit(int(status) if status.isdigit() else status)
    case ["fail"]:
        raise LookupError("what was looked for")
    case ["echo"]:
        sys.stdout.write(sys.stdin.read())
    case ["lines"]:
        for number in range(10**6):
            print(number)
    case ["die", number]:
        os.kill(os.getpid(), int(number))
    case ["wait"]:
        say("ready", os.getpid())
        time.sleep(600)
    case ["handle", *numbers]:
        def handler(number, frame):
            say("got", signal.Signals(number).name)
            os._exit(7)
        for number in numbers:
            signal.signal(int(number), handler)
        say("ready", os.getpid())
        time.sleep(600)
    case ["interrupt"]:
        try:
            say("ready", os.getpid())
            time.sleep(600)
        except KeyboardInterrupt:
            say("interrupted")
            sys.exit(5)
    case ["terminal"]:
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGWINCH, lambda *_: None)
        say("ready", os.getpid())
        say("size", *os.get_terminal_size())
        while True:
            file = select.select([0, woken], [], [])[0][0]
            said = os.read(file, 100)
            say(*(["you said", said.decode()] if file == 0 else ["size", *os.get_terminal_size()]))
    case ["touch", path]:
        open(path, "w").close()
"""

MODES = ["agent", "here"]


class Commands:
    """Starts commands in one folder, done by the agent or not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def environment(self, mode: str, **more: str) -> dict[str, str]:
        return {**os.environ, **more, "WORKBENCH_AGENT": "0" if mode == "here" else "1"}

    def start(self, mode: str, *words: str, **options: Any) -> subprocess.Popen[str]:
        settings: dict[str, Any] = {
            "cwd": self.folder,
            "env": self.environment(mode),
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
        }
        # A shell starts what runs in its background with Ctrl-C ignored, and that is inherited.
        settings["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
        command = [sys.executable, str(self.folder / "client.py"), *words]
        return subprocess.Popen(command, **{**settings, **options})

    def run(self, mode: str, *words: str, said: str = "", **options: Any) -> tuple[int, str, str]:
        process = self.start(mode, *words, stdin=subprocess.PIPE, **options)
        out, error = process.communicate(said, timeout=60)
        return process.returncode, out, error

    def ready(self, mode: str, *words: str, **options: Any) -> tuple[subprocess.Popen[str], int]:
        """A command that has said it is, and the process that said it."""
        process = self.start(mode, *words, **options)
        assert process.stdout is not None
        word, pid = process.stdout.readline().split()
        assert word == "ready"
        assert (int(pid) == process.pid) == (mode == "here")
        return process, int(pid)


@pytest.fixture(scope="module")
def commands(shared_place: Path, shared_folder: Path) -> Commands:
    (shared_folder / "client.py").write_text(_CLIENT)
    (shared_folder / "probe.py").write_text(_PROBE)
    agent = identify(os.environ, shared_folder)
    client.start_agent(agent)
    assert client.ask(agent.socket, "status", seconds=60) is not None
    return Commands(shared_folder)


def test_what_a_command_inherits(commands: Commands) -> None:
    def inherit() -> None:
        os.umask(0o027)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    said = {}
    for mode in MODES:
        environment = commands.environment(mode, SAID="ä and \udcff, which is no text")
        words = ("facts", "--flag", "two words")
        options = {"preexec_fn": inherit, "env": environment, "encoding": "utf-8"}
        status, out, error = commands.run(mode, *words, **options)
        assert (status, error) == (0, "")
        first, parent = out.splitlines()
        assert (parent == KEEPER) == (mode == "agent")
        said[mode] = json.loads(first)
    # Some of what the agent has imported leaves its mark in the environment; nothing is missing from it.
    assert set(said["here"].pop("environment")) <= set(said["agent"].pop("environment"))
    assert said["agent"] == said["here"]
    assert said["agent"]["umask"] == 0o027
    assert said["agent"]["folder"] == str(commands.folder)


@pytest.mark.parametrize("words", [["exit", "0"], ["exit", "3"], ["exit", "255"], ["exit", "why"], ["fail"]])
def test_its_exit_status_and_what_it_says(commands: Commands, words: list[str]) -> None:
    ended = [commands.run(mode, *words) for mode in MODES]
    (status, out, error), (status_here, out_here, error_here) = ended
    assert (status, out) == (status_here, out_here)
    assert error.splitlines()[-1:] == error_here.splitlines()[-1:]


def test_its_input_and_output_may_be_pipes(commands: Commands) -> None:
    text = "".join(f"line {number} …\n" for number in range(50_000))
    for mode in MODES:
        assert commands.run(mode, "echo", said=text) == (0, text, "")


def test_a_reader_that_has_enough(commands: Commands) -> None:
    ends = []
    for mode in MODES:
        with commands.start(mode, "lines") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == "0\n"
            process.stdout.close()
            assert "BrokenPipeError" in process.stderr.read()
        ends.append(process.returncode)
    assert ends[0] == ends[1] != 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signals_reach_it(commands: Commands, number: signal.Signals) -> None:
    for mode in MODES:
        process, pid = commands.ready(mode, "handle", str(int(number)))
        process.send_signal(number)
        assert process.communicate(timeout=30) == (f"got {number.name}\n", "")
        assert process.returncode == 7
        until(lambda: not alive(pid))  # noqa: B023


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signals_that_it_does_not_expect(commands: Commands, number: signal.Signals) -> None:
    for mode in MODES:
        process, _ = commands.ready(mode, "wait")
        process.send_signal(number)
        _, error = process.communicate(timeout=30)
        assert process.returncode == -number
        assert ("KeyboardInterrupt" in error) == (number == signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM])
def test_a_death_by_a_signal_is_shown_as_one(commands: Commands, number: signal.Signals) -> None:
    for mode in MODES:
        assert commands.run(mode, "die", str(int(number)))[0] == -number
        line = [sys.executable, str(commands.folder / "client.py"), "die", str(int(number))]
        shell = ["sh", "-c", f"{' '.join(line)}; echo $?"]
        done = subprocess.run(
            shell, cwd=commands.folder, env=commands.environment(mode), capture_output=True, text=True
        )
        assert done.stdout.split()[-1] == str(128 + number)


def test_the_status_is_right_when_signals_arrive_just_then(commands: Commands) -> None:
    def one(number: int) -> int:
        with commands.start("agent", "exit", "3") as process:
            while process.poll() is None:
                process.send_signal(signal.SIGWINCH)
                time.sleep(0.001 * (number % 3))
            return process.returncode

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(one, range(40))) == {3}


def test_interrupted_while_it_asks_for_a_process(commands: Commands) -> None:
    """Nothing has run then, and nothing will."""
    status = client.ask(identify(os.environ, commands.folder).socket, "status")
    assert status is not None
    os.kill(status["pid"], signal.SIGSTOP)
    made = commands.folder / "made"
    with commands.start("agent", "touch", str(made)) as process:
        try:
            until(lambda: _holds_a_socket(process.pid))
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 1
        finally:
            os.kill(status["pid"], signal.SIGCONT)
        assert process.communicate(timeout=30) == ("", "workbench: interrupted\n")
    assert commands.run("agent", "exit", "4")[0] == 4
    until(lambda: not below(status["pid"]))
    assert not made.exists()


def _holds_a_socket(pid: int) -> bool:
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(os.readlink(link).startswith("socket:"))
    return any(found)


# -- at a terminal -----------------------------------------------------------------------------------


class Terminal:
    """The other side of a terminal: what a person types and sees."""

    def __init__(self, start: Callable[..., subprocess.Popen[str]]) -> None:
        self.master, slave = pty.openpty()
        self.resize(50, 120)

        def take_terminal() -> None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        options = {"stdin": slave, "stdout": slave, "stderr": slave, "start_new_session": True}
        self.process = start(**options, preexec_fn=take_terminal)
        os.close(slave)
        self.seen = ""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def see(self, pattern: str, seconds: float = 30.0) -> re.Match[str]:
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen)):
            ready, _, _ = select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{pattern!r} is not in {self.seen!r}"
            self.seen += os.read(self.master, 4096).decode()
        return found

    def close(self) -> None:
        os.close(self.master)


@pytest.fixture(params=MODES)
def terminal(
    commands: Commands, request: pytest.FixtureRequest
) -> Iterator[Callable[..., tuple[Terminal, int]]]:
    opened: list[Terminal] = []

    def start(*words: str) -> tuple[Terminal, int]:
        opened.append(Terminal(lambda **options: commands.start(request.param, *words, **options)))
        return opened[-1], int(opened[-1].see(r"ready (\d+)\r\n")[1])

    yield start
    for item in opened:
        item.process.kill()
        item.process.wait()
        with contextlib.suppress(OSError):
            item.close()


def test_ctrl_c_at_a_terminal(terminal: Callable[..., tuple[Terminal, int]]) -> None:
    there, pid = terminal("interrupt")
    there.type("\x03")
    # Not what it says: with Ctrl-C a terminal throws away what is on its way to the screen just then.
    assert there.process.wait(30) == 5
    until(lambda: not alive(pid))


def test_the_size_of_a_terminal_and_what_is_typed(terminal: Callable[..., tuple[Terminal, int]]) -> None:
    there, _ = terminal("terminal")
    there.see("size 120 50")
    there.resize(30, 77)
    there.see("size 77 30")
    there.type("hello\n")
    there.see("you said hello")
    there.type("\x1c")  # Ctrl-\
    assert there.process.wait(30) == -signal.SIGQUIT


def test_a_terminal_that_is_closed(terminal: Callable[..., tuple[Terminal, int]]) -> None:
    there, pid = terminal("wait")
    there.close()
    assert there.process.wait(30) == -signal.SIGHUP
    until(lambda: not alive(pid))


def test_ctrl_z_at_a_terminal(commands: Commands) -> None:
    there = Terminal(lambda **options: commands.start("agent", "interrupt", **options))
    pid = int(there.see(r"ready (\d+)\r\n")[1])
    both = [psutil.Process(there.process.pid), psutil.Process(pid)]
    there.type("\x1a")
    until(lambda: {process.status() for process in both} == {psutil.STATUS_STOPPED})
    there.process.send_signal(signal.SIGCONT)  # what a shell does for fg
    until(lambda: psutil.STATUS_STOPPED not in {process.status() for process in both})
    there.type("\x03")
    assert there.process.wait(30) == 5
    there.close()
