"""Notebooks that are broken in some way: a typed error, or really a notebook that can be executed."""

from __future__ import annotations

import copy
import json
import os
import random
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest

from workbench.errors import NotebookError
from workbench.execution import notebook
from workbench.execution.notebook import parameters

OUTPUTS: list[dict[str, Any]] = [
    {"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]},
    {"output_type": "display_data", "metadata": {}, "data": {"text/plain": "x", "image/png": "aGk="}},
    {
        "output_type": "execute_result",
        "metadata": {},
        "execution_count": 3,
        "data": {"application/json": {"a": [1]}, "text/html": ["<b>", "</b>"]},
    },
    {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["a", "b"]},
]
GOOD: dict[str, Any] = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {
            "name": "python",
            "codemirror_mode": {"name": "ipython"},
            "mimetype": "text/x-python",
        },
        "papermill": {"parameters": {}},
        "title": "A title",
        "authors": [{"name": "Someone"}],
        "orig_nbformat": 4,
    },
    "cells": [
        {"cell_type": "markdown", "id": "m1", "metadata": {"name": "top"}, "source": ["# A\n", "b"]},
        {
            "cell_type": "code",
            "id": "p1",
            "metadata": {"tags": ["parameters"]},
            "source": "x = 1  # help\ny: list[int] = [1]",
            "outputs": [],
            "execution_count": None,
        },
        {
            "cell_type": "code",
            "id": "c2",
            "metadata": {
                "collapsed": False,
                "scrolled": "auto",
                "execution": {"iopub.status.busy": "now"},
                "jupyter": {"source_hidden": True},
            },
            "source": ["print(x)"],
            "outputs": OUTPUTS,
            "execution_count": 2,
        },
        {"cell_type": "raw", "id": "r1", "metadata": {"format": "text/x"}, "source": "", "attachments": {}},
    ],
}
WRONG: list[Any] = [
    None,
    True,
    0,
    -1,
    3,
    4.5,
    99,
    "",
    "code",
    "a,b",
    "\ud800",
    [],
    ["a", "a"],
    [None],
    {},
    {"a": 1},
    {"name": 3},
    {"a": {"text/plain": 3}},
    float("nan"),
]
Mutation = Callable[[random.Random, dict[str, Any]], Any]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container in a notebook with each of its keys."""
    if isinstance(value, dict | list):
        for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key
            yield from _places(item)


def _drop(chance: random.Random, raw: dict[str, Any]) -> Any:
    container, key = chance.choice(list(_places(raw)))
    del container[key]
    return raw


def _replace(chance: random.Random, raw: dict[str, Any]) -> Any:
    container, key = chance.choice(list(_places(raw)))
    container[key] = chance.choice(WRONG)
    return raw


def _swap(chance: random.Random, raw: dict[str, Any]) -> Any:
    (first, one), (second, other) = chance.sample(list(_places(raw)), 2)
    first[one], second[other] = copy.deepcopy(second[other]), copy.deepcopy(first[one])
    return raw


def _add(chance: random.Random, raw: dict[str, Any]) -> Any:
    container, key = chance.choice(list(_places(raw)))
    if isinstance(container, dict):
        container[chance.choice(["surprise", "tags", "id", "outputs", "papermill"])] = chance.choice(WRONG)
    else:
        container.insert(key, chance.choice(WRONG))
    return raw


def _twice(chance: random.Random, raw: dict[str, Any]) -> Any:
    return _replace(chance, _drop(chance, raw))


@pytest.mark.parametrize("mutation", [_drop, _replace, _swap, _add, _twice])
def test_a_mutated_notebook_is_refused_or_really_valid(tmp_path: Path, mutation: Mutation) -> None:
    chance = random.Random(mutation.__name__)
    path = tmp_path / "x.ipynb"
    accepted = 0
    for _ in range(150):
        raw = mutation(chance, copy.deepcopy(GOOD))
        path.write_text(json.dumps(raw))
        if _read(path):
            accepted += 1
            _is_valid(path)
    assert 0 < accepted < 150


def _read(path: Path) -> bool:
    try:
        notebook.summarize(notebook.read_notebook(path))
        parameters.read_parameters(path)
    except NotebookError as error:
        message = error.message
    else:
        return True
    assert str(path) in message
    assert "\n" not in message
    return False


def _is_valid(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it gave a cell an id
        nbformat.validate(json.loads(path.read_text()))
        papermill.execute_notebook(
            str(path),
            str(path.with_name("out.ipynb")),
            parameters={"x": 2},
            prepare_only=True,
            kernel_name="python3",
            language="python",
        )
        nbformat.validate(nbformat.read(path.with_name("out.ipynb"), as_version=4))


def test_torn_and_flipped_bytes_are_refused_or_really_valid(tmp_path: Path) -> None:
    chance = random.Random(7)
    content = json.dumps(GOOD).encode()
    path = tmp_path / "x.ipynb"
    for _ in range(200):
        changed = bytearray(content[: chance.randrange(len(content))] if chance.random() < 0.3 else content)
        for _ in range(chance.randrange(3)):
            if changed:
                changed[chance.randrange(len(changed))] = chance.randrange(256)
        path.write_bytes(changed)
        if _read(path):
            _is_valid(path)


@pytest.mark.parametrize("minor", range(6))
def test_every_minor_version_is_read(tmp_path: Path, minor: int) -> None:
    raw = copy.deepcopy(GOOD) | {"nbformat_minor": minor}
    if minor < 5:
        for cell in raw["cells"]:
            del cell["id"]
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(raw))
    assert _read(path)
    _is_valid(path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"nbformat": 3, "worksheets": [], "cells": []}, "format 3, not in 4: jupyter nbconvert"),
        ({"nbformat": 99}, "format 99, not in 4"),
        ({"nbformat_minor": 99}, "the newest that is known here is 4.5"),
        ({"cells": [3]}, "cell 1: "),
        ({"cells": [{"cell_type": "novel"}]}, "cell 1: "),
        ({"metadata": {"papermill": 3}}, "metadata, papermill: "),
        ({"metadata": {"kernelspec": {"name": 3, "display_name": ""}}}, "metadata, kernelspec, name: "),
        ({"metadata": {"deep": json.loads("[" * 150 + "]" * 150)}}, "100 levels deep"),
        ({"cells": [{**GOOD["cells"][1], "metadata": {"tags": "parameters"}}]}, "cell 1, metadata, tags: "),
        ({"cells": [{**GOOD["cells"][2], "outputs": [{**OUTPUTS[0], "text": 3}]}]}, "cell 1, output 1, text"),
        ({"cells": [{**GOOD["cells"][0], "source": "\udc00"}]}, "half a character"),
    ],
)
def test_the_message_says_what_is_wrong_and_where(
    tmp_path: Path, change: dict[str, Any], expected: str
) -> None:
    (tmp_path / "x.ipynb").write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(NotebookError) as caught:
        notebook.read_notebook(tmp_path / "x.ipynb")
    assert expected in caught.value.message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\xff", "cannot be read as a notebook"),
        (b"\xef\xbb\xbf{}", "cannot be read as a notebook"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"cells": ' + b"1" * 5000 + b"}", "cannot be read as a notebook"),
        (b"null", "no list of cells"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "x.ipynb").write_bytes(content)
    with pytest.raises(NotebookError, match=expected):
        notebook.read_notebook(tmp_path / "x.ipynb")


def test_what_is_no_readable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.ipynb").mkdir()
    (tmp_path / "loop.ipynb").symlink_to("loop.ipynb")
    (tmp_path / "dangling.ipynb").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.ipynb")
    for name, expected in (
        ("folder.ipynb", "is a folder"),
        ("loop.ipynb", "symbolic links"),
        ("dangling.ipynb", "no notebook at"),
        ("pipe.ipynb", "no ordinary file"),
        ("absent.ipynb", "no notebook at"),
        ("a\0b.ipynb", "cannot be read"),
        ("x" * 300, "too long"),
        ("folder.ipynb/x", "no notebook at"),
        ("pipe.ipynb/x", "Not a directory"),
    ):
        with pytest.raises(NotebookError, match=expected):
            notebook.read_notebook(tmp_path / name)
