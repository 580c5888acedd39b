"""Every end that a notebook can come to is told from the others, whatever kernel it runs in."""

from __future__ import annotations

import os
import re
import signal
import threading
from pathlib import Path

import psutil
import pytest

from tests.executions import PLAIN, Heard, execute, install_plain_kernel, prepare, printed

pytestmark = pytest.mark.usefixtures("shared_place")

_MB = 1_000_000
#: A cell between two others: what it does, the reason, and what the message says.
ENDS = {
    "raises": ("1 / 0", "cell_failed", "cell 3 raised ZeroDivisionError: division by zero"),
    "interrupts itself": ("raise KeyboardInterrupt", "cell_failed", "cell 3 raised KeyboardInterrupt"),
    "asks": ("input('name? ')", "cell_failed", "does not support input"),
    "command": ("!false", "command_failed", "a command in cell 3 returned non-zero exit status 1"),
    "captured command": ("x = !exit 5", "command_failed", "exit status 5"),
    "bash": ("%%bash\nexit 4", "command_failed", "exit status 4"),
    "leaves": ("import sys; sys.exit(0)", "exited", "cell 3 ended the notebook: what came after"),
    "leaves with text": ("import sys; sys.exit('no data')", "exited", "with status 'no data'"),
    "raises exit": ("raise SystemExit", "exited", "cell 3 ended the notebook: "),
    "quits": ("quit()", "exited", "cell 3 ended the notebook: "),
    "os exit": ("import os; os._exit(3)", "kernel_died", "in cell 3 (exit status 3)"),
    "os exit 0": ("import os; os._exit(0)", "kernel_died", "in cell 3 (exit status 0)"),
    "killed": ("import os; os.kill(os.getpid(), 9)", "kernel_died", "killed by SIGKILL"),
    "segfault": ("import ctypes; ctypes.string_at(0)", "kernel_died", "killed by SIGSEGV"),
    "closes all files": ("import os; os.closerange(3, 500)", "kernel_died", "the kernel died in cell 3"),
    "memory error": ("[0] * 10**15", "out_of_memory", "cell 3 raised MemoryError"),
}


@pytest.fixture(params=["warm", PLAIN])
def kernel(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == PLAIN:
        monkeypatch.setenv("JUPYTER_PATH", str(install_plain_kernel(tmp_path / "jupyter")))
    return "python3" if request.param == "warm" else PLAIN


@pytest.fixture
def folder(shared_folder: Path, tmp_path: Path) -> Path:
    """Below a project that has a light agent."""
    inside = shared_folder / tmp_path.name
    inside.mkdir()
    return inside


@pytest.mark.parametrize("end", ENDS)
def test_ends_are_told_apart(folder: Path, kernel: str, end: str) -> None:
    code, reason, message = ENDS[end]
    done = execute(folder, ["before = 1", code, "print('never')"], kernel=kernel)
    assert done.ending.reason == reason
    assert message in done.ending.message
    assert "\n" not in done.ending.message
    assert (done.ending.cell, done.ending.source) == (3, code)
    assert done.ending.traceback
    assert "never" not in printed(done)
    states = [cell.metadata.papermill.status for cell in done.notebook.cells]
    assert states == ["completed", "completed", "failed", "pending"]


def test_last_words_of_a_crash_are_kept(folder: Path, kernel: str) -> None:
    done = execute(folder, ["print('shown', flush=True)", ENDS["segfault"][0]], kernel=kernel)
    assert "Segmentation fault" in done.ending.details
    assert printed(done) == "shown\n"


@pytest.mark.parametrize("code", ["import sys; sys.exit()", "quit()", "import os, threading; print(1)"])
def test_nothing_was_skipped_after_the_last_cell(folder: Path, code: str) -> None:
    assert execute(folder, ["1", code]).ending.reason == "finished"


def test_a_cell_over_its_time_is_interrupted(folder: Path, kernel: str) -> None:
    done = execute(folder, ["import time\ntime.sleep(60)", "1"], kernel=kernel, cell_seconds=0.5)
    assert done.ending.reason == "timed_out"
    assert done.ending.message.startswith("took too long in cell 2 (a cell may take 0.5 s): ")
    assert "KeyboardInterrupt" in done.ending.traceback
    assert done.usage.seconds < 30


@pytest.mark.parametrize(
    "code",
    [
        "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    time.sleep(60)",
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(60)",
    ],
)
def test_a_cell_that_does_not_answer_is_killed(folder: Path, kernel: str, code: str) -> None:
    done = execute(folder, [code, "1"], kernel=kernel, cell_seconds=0.5, grace_seconds=0.5)
    assert done.ending.reason == "timed_out"
    assert "did not answer the interrupt and was killed" in done.ending.message
    assert done.usage.seconds < 30


def test_a_cell_that_swallows_the_interrupt_ends_it_all_the_same(folder: Path) -> None:
    code = "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('so what')"
    done = execute(folder, [code, "print('never')"], cell_seconds=0.5)
    assert (done.ending.reason, printed(done)) == ("timed_out", "so what\n")


def test_the_whole_notebook_has_its_time(folder: Path) -> None:
    done = execute(folder, ["import time", *["time.sleep(0.4)"] * 20], seconds=1.5)
    assert done.ending.reason == "timed_out"
    assert re.search(r"in cell \d+ \(the whole notebook may take 1.5 s\)", done.ending.message)


def test_cancelling_interrupts(folder: Path, kernel: str) -> None:
    class Cancelling(Heard):
        def output(self, cell: int, text: str) -> None:
            execution.cancel()

    code = "import time\nprint('now', flush=True)\ntime.sleep(60)"
    execution = prepare(folder, [code, "1"], kernel=kernel, listener=Cancelling())
    done = execution.run()
    assert (done.ending.reason, done.ending.message) == ("interrupted", "interrupted in cell 2")
    assert done.usage.seconds < 30


def test_cancelled_before_it_began_it_runs_nothing(folder: Path) -> None:
    execution = prepare(folder, ["print('never')"])
    execution.cancel()
    done = execution.run()
    assert (done.ending.reason, printed(done)) == ("interrupted", "")


def test_ctrl_c_in_the_main_thread_cancels(folder: Path) -> None:
    class Pressing(Heard):
        def output(self, cell: int, text: str) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    assert threading.current_thread() is threading.main_thread()
    code = "import time\nprint('now', flush=True)\ntime.sleep(60)"
    assert prepare(folder, [code], listener=Pressing()).run().ending.reason == "interrupted"


@pytest.mark.parametrize(
    "code",
    [
        f"l = []\nwhile True: l.append(b'x' * {50 * _MB})",
        f"l = bytearray(b'x') * {4000 * _MB}",
        "import subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', 'x = bytearray(b\"x\") * {4000 * _MB}'])",
    ],
    ids=["in steps", "at once", "in another process"],
)
def test_memory_is_limited(folder: Path, kernel: str, code: str) -> None:
    done = execute(folder, ["1", code, "1"], kernel=kernel, memory_bytes=500 * _MB)
    assert done.ending.reason == "out_of_memory"
    assert re.match(r"used [\d.]+ [MG]B of memory in cell 3 \(it may use 500 MB\): ", done.ending.message)
    assert done.usage.seconds < 30
    assert done.usage.peak_memory_bytes < 1500 * _MB


def test_memory_that_processes_share_counts_once(folder: Path) -> None:
    code = (
        f"import os, time\nx = b'x' * {150 * _MB}\n"
        "for i in range(4):\n    if os.fork() == 0:\n        time.sleep(0.7)\n        os._exit(0)\n"
        "for i in range(4): os.wait()"
    )
    done = execute(folder, [code], memory_bytes=450 * _MB)
    assert done.ending.reason == "finished"
    assert done.usage.peak_memory_bytes >= 150 * _MB


def test_a_kernel_that_is_not_installed_names_those_that_are(folder: Path) -> None:
    done = execute(folder, ["1"], kernel="ir")
    assert done.ending.reason == "no_kernel"
    assert re.search(
        r"no kernel 'ir' is installed for notebook.ipynb; there is: .*python3", done.ending.message
    )


def test_a_kernel_that_cannot_start_says_why(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = install_plain_kernel(tmp_path / "jupyter") / "kernels" / PLAIN / "kernel.json"
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    for command, reason in (
        (["/nowhere/python"], "no_kernel"),
        (["sh", "-c", "echo sorry; exit 7"], "kernel_died"),
    ):
        spec.write_text(
            f'{{"argv": {command!r}, "display_name": "", "language": "python"}}'.replace("'", '"')
        )
        done = execute(folder, ["1"], kernel=PLAIN)
        assert done.ending.reason == reason
    assert "before the first cell (exit status 7)" in done.ending.message
    assert "sorry" in done.ending.details


def test_a_kernel_that_closes_its_sockets_is_given_up(folder: Path) -> None:
    code = "kernel = get_ipython().kernel\nkernel.shell_stream.close()"
    done = execute(folder, [code, "1"])
    assert done.ending.reason == "kernel_died"
    assert "does not answer any more" in done.ending.message


def test_a_notebook_may_delete_all_that_is_its_own(folder: Path, kernel: str) -> None:
    cells = [f"import shutil\nshutil.rmtree({str(folder)!r})", "print('still here')"]
    done = execute(folder, cells, kernel=kernel)
    assert (done.ending.reason, printed(done)) == ("finished", "still here\n")
    assert not folder.exists()
    done = execute(folder, [*cells, "1 / 0"], kernel=kernel)
    assert (done.ending.reason, done.ending.cell) == ("cell_failed", 4)


def test_files_without_end_harm_only_the_notebook(folder: Path) -> None:
    code = (
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (500, 500))\n"
        "files = [open('/dev/null') for _ in range(10_000)]"
    )
    done = execute(folder, [code, "1"])
    assert done.ending.reason in ("cell_failed", "kernel_died")
    assert done.ending.cell == 2


def test_nothing_that_it_started_outlives_it(folder: Path, kernel: str) -> None:
    code = (
        "import os, subprocess\n"
        "pid = os.fork()\n"
        "if pid == 0:\n    import time; time.sleep(600)\n"
        "print(pid, subprocess.Popen(['sleep', '600']).pid)"
    )
    done = execute(folder, [code], kernel=kernel)
    assert done.ending.reason == "finished"
    for pid in map(int, printed(done).split()):
        psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=5)
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
