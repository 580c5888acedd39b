"""The parameters cell: names, types and help, strict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.projects import write_notebook
from workbench.errors import NotebookError, ParameterError, UnknownName
from workbench.execution import notebook
from workbench.execution.notebook import parameters

CELL = """\
as_of: str = "2013-07-01"  # train before this date
learning_rate = 0.1  # step of the boosting; a == b
rounds: int = 100
verbose = False
columns: list[str] = ["a"]  # which
limit: int | None = None  # at the most
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_notebook(tmp_path / "train.ipynb", ["1 + 1"], CELL)
    return tmp_path / "train.ipynb"


def test_names_types_defaults_and_help_are_read(path: Path) -> None:
    found = parameters.read_parameters(path)
    assert {name: parameter.type for name, parameter in found.items()} == {
        "as_of": "str",
        "learning_rate": "float",
        "rounds": "int",
        "verbose": "bool",
        "columns": "list",
        "limit": "int",
    }
    assert found["as_of"].help == "train before this date"
    assert found["learning_rate"].help == "step of the boosting; a == b"
    assert (found["limit"].optional, found["rounds"].optional) == (True, False)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("as_of", "2013-10-01", "2013-10-01"),
        ("as_of", '"); import os', '"); import os'),
        ("learning_rate", "1", 1.0),
        ("rounds", "7", 7),
        ("verbose", "true", True),
        ("verbose", "False", False),
        ("columns", '["a", "b"]', ["a", "b"]),
        ("limit", "None", None),
        ("limit", "3", 3),
    ],
)
def test_text_from_the_command_line_becomes_the_declared_type(
    path: Path, name: str, text: str, value: Any
) -> None:
    parsed = parameters.parse(parameters.read_parameters(path)[name], text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("rounds", "1.5", "'rounds' is a whole number (default 100), not 1.5"),
        ("rounds", "true", "whole number"),
        ("learning_rate", "fast", "'learning_rate' is a number (default 0.1), not 'fast'"),
        ("verbose", "1", "true or false"),
        ("columns", "a", "a list"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(path: Path, name: str, text: str, expected: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parameters.parse(parameters.read_parameters(path)[name], text)
    assert expected in caught.value.message


def test_an_unknown_parameter_is_told_with_the_nearest(path: Path) -> None:
    with pytest.raises(
        UnknownName, match=r"no parameter 'learning_rat' in train\.ipynb; did you mean 'learning_rate'"
    ):
        parameters.check_all(path, {"learning_rat": 1})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not json", "cannot be read as a notebook"),
        ("[1]", "no list of cells"),
        ('{"cells": 3}', "no list of cells"),
    ],
)
def test_a_file_that_is_no_notebook_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "bad.ipynb").write_text(text)
    with pytest.raises(NotebookError, match=expected):
        notebook.read_notebook(tmp_path / "bad.ipynb")
    with pytest.raises(NotebookError, match="no notebook at"):
        notebook.read_notebook(tmp_path / "absent.ipynb")


def test_code_in_the_parameters_cell_is_refused(tmp_path: Path) -> None:
    write_notebook(tmp_path / "bad.ipynb", [], "import os\nwhen = os.getcwd()")
    with pytest.raises(NotebookError, match="'when' is no literal"):
        parameters.read_parameters(tmp_path / "bad.ipynb")
    write_notebook(tmp_path / "none.ipynb", [])
    assert parameters.read_parameters(tmp_path / "none.ipynb") == {}


@pytest.mark.parametrize(
    ("metadata", "kernel", "language"),
    [
        ({}, "", "python"),
        ({"kernelspec": {"name": "python3", "display_name": ""}}, "python3", "python"),
        ({"kernelspec": {"name": "ir", "display_name": "R"}}, "ir", "R"),
        ({"kernelspec": {"name": "julia-1.10", "display_name": ""}}, "julia-1.10", "julia"),
        ({"kernelspec": {"name": "mine", "display_name": "", "language": "scala"}}, "mine", "scala"),
        ({"language_info": {"name": "ipython"}}, "", "python"),
    ],
)
def test_kernel_and_language_are_told(
    tmp_path: Path, metadata: dict[str, Any], kernel: str, language: str
) -> None:
    write_notebook(tmp_path / "x.ipynb", ["1", "2"])
    raw = notebook.read_notebook(tmp_path / "x.ipynb") | {"metadata": metadata}
    assert notebook.summarize(raw) == notebook.Summary(kernel, language, cells=3, code_cells=2)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1\n%time y = 2", "x = 1\npass"),
        ("for i in x:\n    !ls \\\n  -l\ny = 2", "for i in x:\n    pass\n\ny = 2"),
        ("files = !ls\nn = %env A", "files = None\nn = None"),
        ("%%time\nx = 1", "\nx = 1"),
        ("pd.read_csv?\nx = 1", "pass\nx = 1"),
        ("x = (5\n% 3)", "x = (5\n% 3)"),
        ("%%bash\nls", None),
    ],
)
def test_what_only_ipython_understands_is_taken_out(source: str, expected: str | None) -> None:
    assert notebook.python_source(source) == expected
