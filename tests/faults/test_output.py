"""Outputs without measure: what is kept is bounded, and what was cut is said."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.executions import execute, printed

pytestmark = pytest.mark.usefixtures("shared_place")

_MB = 1_000_000


@pytest.fixture
def folder(shared_folder: Path, tmp_path: Path) -> Path:
    """Below a project that has a light agent."""
    inside = shared_folder / tmp_path.name
    inside.mkdir()
    return inside


def _notes(executed: object) -> list[str]:
    """What the cells say was cut."""
    cells = executed.notebook.cells  # type: ignore[attr-defined]
    outputs = (output for cell in cells for output in cell.get("outputs", []))
    return [item.data["text/plain"] for item in outputs if "workbench" in item.get("metadata", {})]


def test_of_much_that_is_printed_the_first_part_is_kept(folder: Path) -> None:
    code = "for i in range(200_000): print(f'{i:09}')"
    done = execute(folder, [code, "print('after')", "1 / 0"], output_bytes=_MB)
    assert (done.ending.reason, done.ending.cell) == ("cell_failed", 4)
    assert done.notebook.cells[1].outputs[0].text.startswith("000000000\n000000001\n")
    assert 0.9 * _MB < len(done.notebook.cells[1].outputs[0].text) <= _MB
    assert done.cut_bytes == pytest.approx(_MB, rel=0.2)
    (note,) = _notes(done)
    assert note.startswith("… ")
    assert note.endswith(" more were cut here (limit: 1 MB a cell, [execution] max_output)")
    assert printed(done).endswith("after\n")


def test_an_error_is_kept_after_all_that_was_cut(folder: Path) -> None:
    code = "print('x' * 3_000_000, flush=True)\nraise ValueError('y' * 500_000)"
    done = execute(folder, [code], output_bytes=_MB)
    assert done.ending.reason == "cell_failed"
    kinds = [output.output_type for output in done.notebook.cells[1].outputs]
    assert kinds == ["stream", "display_data", "error"]
    assert len(done.ending.message) < 500
    assert len(done.ending.traceback) < 500_000


def test_a_cell_that_prints_for_ever_has_its_time(folder: Path) -> None:
    done = execute(folder, ["while True: print('x' * 99)", "1"], cell_seconds=1.5, output_bytes=_MB)
    assert done.ending.reason == "timed_out"
    assert "KeyboardInterrupt" in done.ending.traceback
    assert len(_notes(done)) == 1


def test_displays_are_cut_too(folder: Path) -> None:
    many = "from IPython.display import HTML, display\nfor i in range(5000): display(i)"
    large = "display(HTML('<b>' * 5_000_000))\ndisplay('small')"
    done = execute(folder, [many, large, "print('after')"], output_bytes=_MB)
    assert done.ending.reason == "finished"
    assert len(done.notebook.cells[1].outputs) < 1000
    assert [output.data["text/plain"][:8] for output in done.notebook.cells[2].outputs] == [
        "… 15 MB ",
        "'small'",
    ]
    assert len(_notes(done)) == 2


def test_what_was_cleared_does_not_count(folder: Path) -> None:
    code = (
        "from IPython.display import clear_output\n"
        "for i in range(30):\n    clear_output(wait=True)\n    print(str(i) * 100_000, flush=True)"
    )
    done = execute(folder, [code], output_bytes=_MB)
    assert (_notes(done), done.cut_bytes) == ([], 0)
    assert printed(done) == "29" * 100_000 + "\n"


def test_progress_bars_write_over_themselves(folder: Path) -> None:
    code = "for i in range(3000): print(f'{i:0500}', end='\\r', flush=True)\nprint()"
    done = execute(folder, [code], output_bytes=_MB)
    assert (_notes(done), done.cut_bytes) == ([], 0)
    assert len(printed(done)) < 20_000


def test_characters_are_cut_whole(folder: Path) -> None:
    done = execute(folder, ["print('é😀\\n' * 500_000)"], output_bytes=_MB)
    text = printed(done)
    assert set(text) == set("é😀\n")
    assert text.startswith("é😀\né😀\n")
    assert 0.8 * _MB < len(text.encode()) <= _MB


def test_an_ending_log_of_the_process_itself_is_kept_small(folder: Path) -> None:
    code = (
        "import os\nlog = os.open('out/kernel.log', os.O_WRONLY | os.O_APPEND)\n"
        "for i in range(40): os.write(log, b'x' * 1_000_000)\nos.write(log, b'the end')\n"
        "import time; time.sleep(1.5)\nos._exit(1)"
    )
    done = execute(folder, [code])
    assert done.ending.details.endswith("the end")
    assert (folder / "out" / "kernel.log").stat().st_size < 12 * _MB


_MEASURE = """
import json, sys, threading
from pathlib import Path
import psutil
from tests.executions import execute

def main():
    folder, me, done = Path(sys.argv[1]), psutil.Process(), threading.Event()
    execute(folder / "first", ["1"])
    before = peak = me.memory_info().rss
    def watch():
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, me.memory_info().rss)
    thread = threading.Thread(target=watch)
    thread.start()
    executed = execute(folder / "second", ["for i in range(200_000): print('x' * 999)"])
    done.set()
    thread.join()
    print(json.dumps([executed.ending.reason, executed.cut_bytes, peak - before]))

main()
"""


def test_200_mb_of_output_take_a_bounded_part_of_memory(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(folder)], capture_output=True, text=True, check=True, timeout=120
    )
    reason, cut, growth = json.loads(done.stdout.splitlines()[-1])
    assert reason == "finished"
    assert cut == pytest.approx(190 * _MB, rel=0.02)
    assert growth < 200 * _MB  # some messages of a fifth of a second each, never all of it
