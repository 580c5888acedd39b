"""Parameters arrive in the kernel as they were given, whatever stands in them."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from papermill.translators import translate_parameters

from tests.projects import write_notebook
from workbench.execution.notebook import parameters, translators
from workbench.execution.notebook.parameters import Parameter

NASTY = [
    "",
    "'",
    '"',
    "\\",
    "\\'",
    '\\"',
    '"""',
    "'''",
    "\n",
    "\r\n",
    "\\n",
    "{}",
    "{0.__class__}",
    "%s",
    "!ls",
    "%%bash",
    "what?",
    "\0",
    "\x1b[31m",
    "é",
    "名前",
    "😀",
    "\u2028",
    "\u202e",
    "\ufeff",
    "'); raise SystemExit #",
    "$(exit)",
    "# comment",
    "a" * 5000,
]
ANYTHING = Parameter("x", "any", None, "")


def _value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(8 if depth < 4 else 6)
    if kind < 2:
        return "".join(chance.choices(NASTY, k=chance.randrange(4)))
    if kind == 2:
        return chance.choice([0, -1, 2**80, -(10**30)])
    if kind == 3:
        return chance.choice([0.1, -0.0, 1e300, 5e-324, math.inf, -math.inf, 1e16])
    if kind < 6:
        return chance.choice([None, True, False])
    if kind == 6:
        return [_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(NASTY): _value(chance, depth + 1) for _ in range(chance.randrange(4))}


def test_two_thousand_random_values_come_back_equal() -> None:
    chance = random.Random(1)
    for _ in range(2000):
        value = _value(chance)
        code = translate_parameters("workbench", "python", {"x": parameters.check(ANYTHING, value)})
        there: dict[str, Any] = {}
        exec(code, there)
        assert there["x"] == value
        assert repr(there["x"]) == repr(value)


def test_values_arrive_in_a_real_kernel(tmp_path: Path) -> None:
    names = [f"p{i}" for i in range(len(NASTY))]
    cells = [f"import json\nprint(json.dumps([{', '.join(names)}, keys, numbers, deep]))"]
    cell = "\n".join(f"{name} = ''" for name in names) + "\nkeys = {}\nnumbers = []\ndeep = []"
    write_notebook(tmp_path / "in.ipynb", cells, cell)
    deep: list[Any] = []
    for _ in range(45):
        deep = [deep]
    given = {
        **dict(zip(names, NASTY, strict=True)),
        "keys": dict.fromkeys(NASTY, 1),
        "numbers": [1, 1.5, True, None, math.inf],
        "deep": deep,
    }
    checked = parameters.check_all(tmp_path / "in.ipynb", given)
    papermill.execute_notebook(
        str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"), parameters=checked, progress_bar=False
    )
    done = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    *texts, keys, numbers, again = json.loads(done.cells[-1].outputs[0].text)
    assert texts == NASTY
    assert (keys, numbers, again) == (given["keys"], given["numbers"], deep)


def test_what_was_not_checked_is_refused_instead_of_turned_into_text() -> None:
    for value in ((1, 2), {1: 2}, object(), [{"a": (1,)}]):
        with pytest.raises((TypeError, ValueError)):
            exec(translators.PythonValues.codify({"x": value}))


def test_text_in_r_and_julia_stays_text() -> None:
    given = {"x": ['é\n"$(run(`rm`))"', math.nan, None, {'a"b': True}]}
    assert translate_parameters("ir", "R", given).splitlines()[1] == (
        'x = list("é\\n\\"$(run(`rm`))\\"", NaN, NULL, list("a\\"b" = TRUE))'
    )
    assert translate_parameters("julia-1.10", "julia", given).splitlines()[1] == (
        'x = ["é\\n\\"\\$(run(`rm`))\\"", NaN, nothing, Dict("a\\"b" => true)]'
    )
    assert translators.RValues.translate("\u202e\x01😀") == '"\\u202e\\u0001😀"'
