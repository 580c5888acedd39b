"""The parameters cell: names, types, help and values, strict and deep."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.projects import write_notebook
from workbench.errors import NotebookError, ParameterError, UnknownName
from workbench.execution.notebook import parameters
from workbench.execution.notebook.parameters import Parameter

CELL = """\
%matplotlib inline
import os
start: "date" = "2013-07-01"  # the first day
until: datetime = "2013-07-01T12:00"
rates: dict[str, float] = {"a": 1}
columns: list[str] = ["a"]
pair: tuple[int, str] = (1, "a")
mode: Literal["fast", "slow"] = "fast"
folder: Path = "data"
anything: SomethingOfOurs = 3
either: int | str = 1
depth: Optional[list[int]] = None
alpha = 0.5  # type: float Step of it; a == b
names = None  # type: list[str] Who
count = -3  # type: ignore
limit = float("inf")
deep = {"a": [1, {"b": (2, None)}]}
many = [
    1,
    2,
]  # over several lines
needed: int  # has to be given
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_notebook(tmp_path / "train.ipynb", ["1 + 1"], CELL)
    return tmp_path / "train.ipynb"


@pytest.fixture
def declared(path: Path) -> dict[str, Parameter]:
    return parameters.read_parameters(path)


def test_types_come_from_annotation_comment_or_literal(declared: dict[str, Parameter]) -> None:
    assert {name: parameter.type for name, parameter in declared.items()} == {
        "start": "date",
        "until": "datetime",
        "rates": "dict",
        "columns": "list",
        "pair": "tuple",
        "mode": "literal",
        "folder": "path",
        "anything": "any",
        "either": "union",
        "depth": "list",
        "alpha": "float",
        "names": "list",
        "count": "int",
        "limit": "float",
        "deep": "dict",
        "many": "list",
        "needed": "int",
    }
    assert (declared["alpha"].help, declared["names"].help) == ("Step of it; a == b", "Who")
    assert (declared["many"].help, declared["count"].help) == ("over several lines", "")
    assert declared["deep"].default == {"a": [1, {"b": (2, None)}]}
    assert [name for name, parameter in declared.items() if parameter.optional] == ["depth", "names"]
    assert [name for name, parameter in declared.items() if parameter.required] == ["needed"]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("start", "2013-10-01", "2013-10-01"),
        ("rates", '{"a": 1, "b": 0.5}', {"a": 1.0, "b": 0.5}),
        ("columns", '["a", "b"]', ["a", "b"]),
        ("pair", '[2, "b"]', [2, "b"]),
        ("mode", "slow", "slow"),
        ("folder", "../data", "../data"),
        ("anything", '{"a": [1]}', {"a": [1]}),
        ("anything", "just text", "just text"),
        ("either", "7", 7),
        ("either", "seven", "seven"),
        ("depth", "null", None),
        ("depth", "[1]", [1]),
        ("alpha", ".5", 0.5),
        ("alpha", "1e-3", 0.001),
        ("limit", "-inf", float("-inf")),
        ("count", "+07", 7),
    ],
)
def test_text_becomes_the_declared_type(
    declared: dict[str, Parameter], name: str, text: str, value: Any
) -> None:
    parsed = parameters.parse(declared[name], text)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "start",
            "2013-02-30",
            "'start' is a date, such as 2013-07-01 (default '2013-07-01'), not '2013-02-30'",
        ),
        ("rates", {"a": 1, "b": "x"}, "'rates'['b'] is a number, not 'x'"),
        ("columns", ["a", 3], "'columns'[1] is text, not 3"),
        ("columns", "a,b,c", "a list, such as [\"a\", \"a\"] (default ['a']), not 'a,b,c'"),
        ("pair", [1], 'a list, such as [1, "a"]'),
        ("mode", "fats", "'fast' or 'slow' (default 'fast'), not 'fats'; did you mean 'fast'?"),
        ("depth", [1, None], "'depth'[1] is a whole number, not None"),
        ("count", True, "a whole number (default -3), not True"),
        ("count", 1.0, "not 1.0"),
        ("alpha", 10**400, "too large"),
        ("anything", {1: 2}, "has the key 1; keys have to be text"),
        ("anything", {1, 2}, "give sorted(…)"),
        ("anything", Decimal("1.5"), "give float(…)"),
        ("anything", np.arange(3), "give .tolist()"),
        ("anything", np.datetime64("2013-07-01T00:00:00.000000001"), "numpy datetime64"),
        ("anything", ["\ud800"], "[0] is '\\ud800', which holds half a character"),
        ("anything", {"\udfff": 1}, "half a character"),
        ("anything", [10**5000], "too many digits"),
        ("anything", {10**5000}, "give sorted"),
        ("anything", object, "cannot be passed to a notebook"),
    ],
)
def test_a_value_that_does_not_fit_is_told_by_its_place(
    declared: dict[str, Parameter], name: str, value: Any, expected: str
) -> None:
    with pytest.raises(ParameterError) as caught:
        parameters.check(declared[name], value)
    assert expected in caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 300


def test_a_value_that_holds_itself_is_refused(declared: dict[str, Parameter]) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ParameterError, match="more than 50 levels deep"):
        parameters.check(declared["anything"], endless)


def test_values_of_other_libraries_become_plain_ones(declared: dict[str, Parameter]) -> None:
    given = {
        "start": date(2013, 7, 2),
        "until": datetime(2013, 7, 2, 3),
        "columns": (np.str_("a"),),
        "folder": Path("x") / "y",
        "needed": np.int64(3),
        "alpha": np.float64(0.25),
        "anything": [np.bool_(True), date(2013, 7, 3), (1, 2)],
    }
    plain = {name: parameters.check(declared[name], value) for name, value in given.items()}
    assert plain == {
        "start": "2013-07-02",
        "until": "2013-07-02T03:00:00",
        "columns": ["a"],
        "folder": "x/y",
        "needed": 3,
        "alpha": 0.25,
        "anything": [True, "2013-07-03", [1, 2]],
    }
    assert [type(plain[name]) for name in ("needed", "alpha")] == [int, float]
    assert type(plain["anything"][0]) is bool


def test_all_problems_are_told_at_once(path: Path) -> None:
    with pytest.raises(UnknownName) as caught:
        parameters.check_all(path, {"moode": "fast", "count": "x", "x = 1\nimport os": 1})
    assert caught.value.message == "no parameter 'moode' in train.ipynb; did you mean 'mode'?"
    assert caught.value.details.splitlines() == [
        "no parameter 'x = 1\\nimport os' in train.ipynb; there is: "
        + ", ".join(sorted(parameters.read_parameters(path))),
        "parameter 'count' is a whole number (default -3), not 'x'",
        "parameter 'needed' of train.ipynb has no default: it has to be given, a whole number: -p needed=…",
    ]
    assert parameters.check_all(path, {"needed": 1}) == {"needed": 1}


def test_a_parameter_goes_to_every_notebook_that_declares_it(tmp_path: Path) -> None:
    write_notebook(tmp_path / "a.ipynb", [], "x = 1\ny = 1")
    write_notebook(tmp_path / "b.ipynb", [], "x = 0.5")
    declared = {name: parameters.read_parameters(tmp_path / f"{name}.ipynb") for name in ("a", "b")}
    shared = parameters.share_out(declared, {"x": "2"}, read=parameters.parse)
    assert shared == {"a": {"x": 2}, "b": {"x": 2.0}}
    with pytest.raises(UnknownName, match="no parameter 'z' in a, b; there is: x, y"):
        parameters.share_out(declared, {"z": "2"})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("when = today()", "'when' is no literal"),
        ("x = {[]: 1}", "'x' is no literal"),
        ("x = (", "not valid Python"),
        ("x = 1\n  y = 2", "not valid Python"),
        ("x = " + "[" * 300 + "]" * 300, "not valid Python"),
        ("x = " + "9" * 5000, "not valid Python"),
        ("%%bash\nx=1", "begins with a cell magic"),
    ],
)
def test_a_parameters_cell_that_cannot_be_read_is_refused(tmp_path: Path, source: str, expected: str) -> None:
    write_notebook(tmp_path / "bad.ipynb", [], source)
    with pytest.raises(NotebookError) as caught:
        parameters.read_parameters(tmp_path / "bad.ipynb")
    assert expected in caught.value.message
    assert "\n" not in caught.value.message


R = """\
# what to do
alpha <- 0.5  # the step
rounds = 10L
label <- "a # b"  # its name
fast = TRUE
columns <- c("a", "b")
if (fast) inner <- 3
"""
JULIA = """\
alpha = 0.5  # the step
rounds::Int = 10
const label = "a"
check == 3
"""


def test_r_and_julia_are_read_line_by_line(tmp_path: Path) -> None:
    found = {}
    for language, source in (("R", R), ("julia", JULIA), ("scala", "val x = 3")):
        write_notebook(tmp_path / "x.ipynb", [], source, kernel=language)
        text = (tmp_path / "x.ipynb").read_text().replace('"language": "python"', f'"language": "{language}"')
        (tmp_path / "x.ipynb").write_text(text)
        found[language] = parameters.read_parameters(tmp_path / "x.ipynb")
    types = {name: parameter.type for name, parameter in found["R"].items()}
    assert types == {"alpha": "float", "rounds": "int", "label": "str", "fast": "bool", "columns": "any"}
    assert (found["R"]["label"].default, found["R"]["label"].help) == ("a # b", "its name")
    assert {name: parameter.default for name, parameter in found["julia"].items()} == {
        "alpha": 0.5,
        "rounds": 10,
        "label": "a",
    }
    assert found["scala"] == {}
    for value, expected in (("a\0b", "NUL"), ({"": 1}, "list in R"), (2**60, "too large for R")):
        with pytest.raises(ParameterError, match=expected):
            parameters.check(found["R"]["columns"], value)


def test_numbers_that_are_not_finite_have_a_form_in_json() -> None:
    assert parameters.as_json({"a": [float("nan"), 1.5], "b": float("-inf")}) == {
        "a": ["nan", 1.5],
        "b": "-inf",
    }
