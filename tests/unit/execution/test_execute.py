"""One notebook executed: what it is given, what is told, what is left."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path

import pytest

from tests.executions import Heard, execute, prepare, printed
from workbench.errors import NotebookError
from workbench.execution.executor.execute import Executed


def test_a_notebook_with_parameters_finishes(tmp_path: Path) -> None:
    heard = Heard()
    done = execute(
        tmp_path, ["print(a, b)", "a * 2"], declared="a = 1\nb = 2", parameters={"a": 5}, listener=heard
    )
    assert done.ending.reason == "finished"
    assert done.ending.message == ""
    assert printed(done) == "5 2\n"
    assert heard.events == [
        (what, cell, *rest) for cell in (2, 3, 4) for what, *rest in (("started", 4), ("ended",))
    ]
    assert heard.text == "5 2\n10\n"
    assert done.usage.seconds > 0
    assert done.usage.peak_memory_bytes > 5_000_000
    on_disk = json.loads((tmp_path / "out" / "notebook.ipynb").read_text())
    assert on_disk["cells"][3]["outputs"][0]["text"] == "5 2\n"
    assert [cell["metadata"]["papermill"]["status"] for cell in on_disk["cells"]] == ["completed"] * 5
    assert "workbench_cell" not in json.dumps(on_disk)


def test_a_cell_counts_as_in_the_notebook_on_disk(tmp_path: Path) -> None:
    done = execute(tmp_path, ["1 / a"], declared="a = 1", parameters={"a": 0})
    assert done.ending.reason == "cell_failed"
    assert done.ending.cell == 3
    assert done.ending.source == "1 / a"
    assert "ZeroDivisionError" in done.ending.traceback
    assert done.ending.message == "cell 3 raised ZeroDivisionError: division by zero"


def test_several_at_once_do_not_mix(tmp_path: Path) -> None:
    here = Path.cwd()
    came: dict[int, Executed] = {}
    cells = [
        "import os, time\nprint(os.environ['WHO'], who, os.path.basename(os.getcwd()))",
        "time.sleep(0.2)\nprint(os.environ['WHO'], who, os.path.basename(os.getcwd()))",
    ]

    def run(number: int) -> None:
        came[number] = execute(
            tmp_path / f"folder{number}",
            cells,
            declared="who = 0",
            parameters={"who": number},
            environment={"WHO": f"environment{number}"},
        )

    threads = [threading.Thread(target=run, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(1, 5):
        assert printed(came[number]) == f"environment{number} {number} folder{number}\n" * 2
    assert Path.cwd() == here


def test_it_runs_where_an_event_loop_runs(tmp_path: Path) -> None:
    import asyncio

    async def within() -> Executed:
        return execute(tmp_path, ["1"])

    assert asyncio.run(within()).ending.reason == "finished"


def test_who_listens_cannot_break_it(tmp_path: Path) -> None:
    class Broken(Heard):
        def cell_started(self, cell: int, cells: int) -> None:
            raise RuntimeError("broken")

    assert execute(tmp_path, ["1"], listener=Broken()).ending.reason == "finished"


def test_a_cell_that_may_fail_does_not_end_it(tmp_path: Path) -> None:
    import nbformat

    execution = prepare(tmp_path, ["1 / 0", "print('after')", "import sys; sys.exit(3)", "print('last')"])
    notebook = nbformat.read(tmp_path / "notebook.ipynb", as_version=4)
    notebook.cells[1].metadata["tags"] = ["raises-exception"]
    notebook.cells[3].metadata["tags"] = ["raises-exception"]
    nbformat.write(notebook, tmp_path / "notebook.ipynb")
    done = execution.run()
    assert done.ending.reason == "finished"
    assert printed(done).splitlines()[0] == "after"
    assert printed(done).splitlines()[-1] == "last"
    assert len(done.notebook.cells) == 5


def test_outputs_that_were_in_the_file_are_gone(tmp_path: Path) -> None:
    import nbformat
    from nbformat.v4 import new_output

    execution = prepare(tmp_path, ["1 / 0", "print('never')"])
    notebook = nbformat.read(tmp_path / "notebook.ipynb", as_version=4)
    notebook.cells[2].outputs = [new_output("stream", text="of long ago")]
    notebook.cells[2].execution_count = 7
    nbformat.write(notebook, tmp_path / "notebook.ipynb")
    done = execution.run()
    assert printed(done) == ""
    assert done.notebook.cells[2].execution_count is None
    assert done.notebook.cells[2].metadata.papermill.status == "pending"


def test_displays_are_updated_and_cleared(tmp_path: Path) -> None:
    done = execute(
        tmp_path,
        [
            "from IPython.display import clear_output, display\n"
            "for i in range(3):\n    clear_output(wait=True)\n    print(i)\n"
            "shown = display('one', display_id=True)\nprint('é😀')",
            "shown.update('two')",
            "print(1)\nclear_output()\nprint('100 %', end='\\r')\nprint('done!')",
        ],
    )
    first, second, third = (cell.outputs for cell in done.notebook.cells[1:])
    assert [first[0].text, first[1].data["text/plain"], first[2].text] == ["2\n", "'two'", "é😀\n"]
    assert second == []
    assert [output.text for output in third] == ["done!\n"]


def test_what_a_thread_prints_later_is_kept(tmp_path: Path) -> None:
    done = execute(
        tmp_path,
        [
            "import threading\ngo = threading.Event()\n"
            "def late():\n    go.wait()\n    print('late')\n"
            "thread = threading.Thread(target=late)\nthread.start()",
            "go.set()\nthread.join()",
        ],
    )
    assert printed(done) == "late\n"


def test_a_name_with_braces_is_a_name(tmp_path: Path) -> None:
    assert (
        execute(tmp_path / "{a} {0}", ["a"], declared="a = 1", parameters={"a": 2}).ending.reason
        == "finished"
    )


def test_extensions_are_loaded_before_the_first_cell(tmp_path: Path) -> None:
    (tmp_path / "noticing.py").write_text(
        "def load_ipython_extension(shell):\n    shell.user_ns['noticed'] = 5\n"
    )
    execution = prepare(tmp_path, ["print(noticed)"])
    execution._extensions = ("noticing",)
    assert printed(execution.run()) == "5\n"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"cells": 5}', '{"cells": [1], "nbformat": 4}'])
def test_what_is_no_notebook_is_an_error(tmp_path: Path, content: str) -> None:
    execution = prepare(tmp_path, [])
    (tmp_path / "notebook.ipynb").write_text(content)
    with pytest.raises(NotebookError, match=r"notebook.ipynb (is|cannot be read)"):
        execution.run()


def test_a_notebook_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    execution = prepare(tmp_path, [])
    (tmp_path / "notebook.ipynb").unlink()
    with pytest.raises(NotebookError, match="no notebook at"):
        execution.run()


def test_cpu_seconds_count_processes_that_have_ended(tmp_path: Path) -> None:
    burn = "import time; t = time.process_time()\nwhile time.process_time() - t < 0.5: pass"
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {burn!r}], check=True)"
    assert execute(tmp_path, [code]).usage.cpu_seconds >= 0.5


def test_a_later_process_finds_a_whole_notebook(tmp_path: Path) -> None:
    """At any moment: it is read again and again while a notebook with large outputs is written."""
    there, seen = tmp_path / "out" / "notebook.ipynb", set()
    execution = prepare(tmp_path, ["print('x' * 3_000_000)"] * 6)
    thread = threading.Thread(target=execution.run)
    thread.start()
    while thread.is_alive():
        with contextlib.suppress(FileNotFoundError):
            read = json.loads(there.read_text())
            seen.add(sum(bool(cell.get("outputs")) for cell in read["cells"]))
    assert 6 in {*seen, sum(bool(cell.get("outputs")) for cell in json.loads(there.read_text())["cells"])}
    assert sorted(os.listdir(there.parent)) == ["kernel.log", "notebook.ipynb"]
