"""What a sweep goes through and what a search may choose from, as it is typed and as it is drawn."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.projects import write_notebook
from workbench.errors import ParameterError, UnknownName, UsageError
from workbench.execution.notebook import parameters
from workbench.execution.notebook.parameters import Parameter
from workbench.execution.sweep import space
from workbench.execution.sweep.space import Choice, Domain, Float, Int

CELL = """\
rate: float = 0.1
count: int = 100
limit: int | None = None
dropout: float | None = None
model: str = "a"
note: str | None = None
verbose: bool = False
columns: list[str] = ["a"]
layers: list[int] = [1]
weights: dict[str, float] = {"a": 1.0}
mode: Literal["fast", "slow"] = "fast"
either: int | str = 1
number: int | float = 1
day: date = "2013-07-01"
folder: Path = "data"
anything: SomethingOfOurs = 3
"""

DOMAINS: list[tuple[str, str, Domain]] = [
    ("rate", "0.1..0.9", Float(0.1, 0.9)),
    ("rate", " .5 .. 1e3 ", Float(0.5, 1000.0)),
    ("rate", "-1..-0.5", Float(-1.0, -0.5)),
    ("rate", "float(0..1)", Float(0.0, 1.0)),
    ("rate", "0..1, step=0.1", Float(0.0, 1.0, step=0.1)),
    ("rate", "float( 0.8 .. 0.9 ,step = 0.1 )", Float(0.8, 0.9, step=0.1)),
    ("rate", "0.1..0.7,step=0.2", Float(0.1, 0.7, step=0.2)),
    ("rate", "log(0.01..0.3)", Float(0.01, 0.3, log=True)),
    ("rate", "LOG(1e-5..1e-1)", Float(1e-5, 0.1, log=True)),
    ("rate", "int(1..9)", Int(1, 9)),
    ("rate", "logint(1..1000)", Int(1, 1000, log=True)),
    ("dropout", "0..0.5", Float(0.0, 0.5)),
    ("number", "1..5", Float(1.0, 5.0)),
    ("number", "int(1..5)", Int(1, 5)),
    ("anything", "1..5", Float(1.0, 5.0)),
    ("count", "50..400", Int(50, 400)),
    ("count", "int(50..400)", Int(50, 400)),
    ("count", "int(-50..400, step=50)", Int(-50, 400, step=50)),
    ("count", "1e3..2.0e3", Int(1000, 2000)),
    ("count", "log(1..1000)", Int(1, 1000, log=True)),
    ("count", "0..9007199254740991", Int(0, 2**53 - 1)),
    ("limit", "1..3", Int(1, 3)),
    ("either", "1..3", Int(1, 3)),
    ("model", "a|b|c", Choice(("a", "b", "c"))),
    ("model", "Gradient boosting | linear", Choice(("Gradient boosting", "linear"))),
    ("model", '"a|b"|c|""', Choice(("a|b", "c", ""))),
    ("model", r'"say \"a|b\""|5" pipe', Choice(('say "a|b"', '5" pipe'))),
    ("model", "0.5|1..2", Choice(("0.5", "1..2"))),
    ("model", "true|None|[1,2]", Choice(("true", "None", "[1,2]"))),
    ("note", "none|x", Choice((None, "x"))),
    ("note", '"none"|none', Choice(("none", None))),
    ("verbose", "true|False", Choice((True, False))),
    ("dropout", "none|0.5", Choice((None, 0.5))),
    ("rate", "1|0.5|inf", Choice((1.0, 0.5, math.inf))),
    ("count", "100|300", Choice((100, 300))),
    ("layers", "[1,2]|[3]", Choice(([1, 2], [3]))),
    ("columns", '["a|b"]|["c"]', Choice((["a|b"], ["c"]))),
    ("weights", '{"a|": 1}|{}', Choice(({"a|": 1.0}, {}))),
    ("mode", 'fast|"slow"', Choice(("fast", "slow"))),
    ("either", '5|"5"|five', Choice((5, "5", "five"))),
    ("day", "2013-07-01|2013-08-01", Choice(("2013-07-01", "2013-08-01"))),
    ("folder", "../data|../other/a.csv", Choice(("../data", "../other/a.csv"))),
    ("anything", '1|true|1.0|"1"|null|[1]', Choice((1, True, 1.0, "1", None, [1]))),
]

READS_THESE = "a range is written 0.1..0.9"
BAD_DOMAINS = [
    ("rate", "0.9..0.1", "is empty"),
    ("rate", "0.5..0.5", "is empty"),
    ("count", "int(5..5)", "is empty"),
    ("rate", "log(0..1)", "begins above 0"),
    ("rate", "log(-1..1)", "begins above 0"),
    ("count", "logint(0..10)", "begins above 0"),
    ("rate", "0..1, step=0", "step that is not above 0"),
    ("rate", "0..1, step=-0.1", "step that is not above 0"),
    ("rate", "0..1, step=2", "at most the range"),
    ("count", "0..10, step=11", "at most the range"),
    ("rate", "0..1e9, step=1e-9", "step too small"),
    ("rate", "0..1, step=0.3", "does not end on a step; write 0..0.9, step=0.3"),
    ("count", "int(50..410, step=50)", "does not end on a step; write 50..400, step=50"),
    ("rate", "log(0.1..1, step=0.1)", "takes no step"),
    ("count", "logint(1..10, step=2)", "takes no step"),
    ("rate", "0..inf", "not finite"),
    ("rate", "nan..1", "not finite"),
    ("rate", "0..1e400", "not finite"),
    ("rate", "-1.7e308..1.7e308", "wider than a number can be"),
    ("rate", "0..1, step=nan", "not finite"),
    ("count", "0..9007199254740993", "too large"),
    ("count", "0.5..9", "has a fraction"),
    ("count", "1..9.5", "has a fraction"),
    ("count", "1..9, step=0.5", "has a fraction"),
    ("rate", "int(0.5..9)", "has a fraction"),
    ("count", "float(0..1)", "write int(…)"),
    ("model", "1..5", "is a range, and the parameter is text"),
    ("model", "int(1..5)", "write a choice, a|b"),
    ("verbose", "0..1", "the parameter is true or false"),
    ("layers", "1..5", "the parameter is a list"),
    ("mode", "0..1", "'fast' or 'slow'"),
    ("rate", "uniform(0..1)", "unknown form 'uniform'"),
    ("rate", "log(0.01..0.3", READS_THESE),
    ("rate", "0.01..0.3)", READS_THESE),
    ("rate", "log(0.01, 0.3)", READS_THESE),
    ("rate", "0...5", READS_THESE),
    ("rate", "0..1..2", READS_THESE),
    ("rate", "0..", READS_THESE),
    ("rate", "0..1, steps=0.1", READS_THESE),
    ("rate", "0.5", "nothing to choose from; a range is written"),
    ("rate", "0.5,0.6", "a choice a|b"),
    ("model", "a", "nothing to choose from"),
    ("rate", "", "nothing to choose from"),
    ("rate", "0.5|0.50", "has 0.5 twice"),
    ("model", 'a|"a"', "has 'a' twice"),
    ("weights", '{"a":1,"b":2}|{"b":2,"a":1}', "twice"),
    ("rate", "nan|NaN", "has nan twice"),
    ("model", "a|", "ends with '|'"),
    ("model", "a||b", "empty value"),
    ("model", "|a", "empty value"),
    ("layers", "[1,2|[3]", "without its other half"),
    ("layers", "[1}|[3]", "without its other half"),
    ("layers", "[1]]|[3]", "without its other half"),
    ("model", '"a|b', "without its other half"),
]
ILL_TYPED = [("rate", "0.5|high"), ("count", "1|2.5"), ("verbose", "true|maybe"), ("mode", "fast|slower")]


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Parameter]:
    path = tmp_path_factory.mktemp("space") / "train.ipynb"
    write_notebook(path, ["1 + 1"], CELL)
    return parameters.read_parameters(path)


def as_told(value: Any) -> str:
    """What tells 1 from True and from 1.0, which ``==`` does not."""
    return repr(value)


@pytest.mark.practice("M7")
@pytest.mark.parametrize(("name", "text", "domain"), DOMAINS)
def test_a_domain_is_read_as_it_is_written(
    declared: dict[str, Parameter], name: str, text: str, domain: Domain
) -> None:
    assert as_told(space.read_domain(declared[name], text)) == as_told(domain)


@pytest.mark.parametrize(("name", "text", "domain"), DOMAINS)
def test_a_domain_says_itself_in_what_is_read(
    declared: dict[str, Parameter], name: str, text: str, domain: Domain
) -> None:
    assert as_told(space.read_domain(declared[name], str(domain))) == as_told(domain)


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        (Float(0.01, 0.3, log=True), "log(0.01..0.3)"),
        (Float(0, 1.0), "0..1"),
        (Float(0.0, 1.0, step=0.1), "0..1, step=0.1"),
        (Float(1e-5, 1e20), "1e-05..1e+20"),
        (Int(50, 400, step=50), "int(50..400, step=50)"),
        (Int(1, 1000, log=True), "logint(1..1000)"),
        (Choice(("a", "Gradient boosting", "../a.csv")), "a|Gradient boosting|../a.csv"),
        (Choice(("a|b", "", "5", "1..2", "None", "a,b")), '"a|b"|""|"5"|"1..2"|"None"|"a,b"'),
        (Choice((None, True, 0.5, [1, 2])), "null|true|0.5|[1, 2]"),
    ],
)
def test_the_text_of_a_domain_is_short(domain: Domain, text: str) -> None:
    assert str(domain) == text


@pytest.mark.parametrize("name", ["model", "either", "anything", "note", "folder"])
def test_any_text_to_choose_from_can_be_said_and_read(declared: dict[str, Parameter], name: str) -> None:
    draw = random.Random(name)
    pieces = ["a", "é", "0", "1", "5", ".", "..", "-", "+", "e", "|", ",", '"', "\\", "[", "}", "(", ")"]
    pieces += [" ", "\n", "\t", "nan", "inf", "null", "None", "true", "log(", "=", "_", "'", ":", "/", "#"]
    drawn = {"".join(draw.choices(pieces, k=draw.randint(0, 5))) for _ in range(3000)}
    assert len(drawn) > 1500
    for text in drawn:
        for choice in (Choice((text,)), Choice(("first", text, "x last"))):
            assert space.read_domain(declared[name], str(choice), single=True) == choice


@pytest.mark.parametrize(("name", "text", "telling"), BAD_DOMAINS)
def test_what_is_no_domain_is_refused_with_what_would_be(
    declared: dict[str, Parameter], name: str, text: str, telling: str
) -> None:
    with pytest.raises(ParameterError) as refused:
        space.read_domain(declared[name], text)
    message = refused.value.message
    assert telling in message
    assert message.startswith(f"parameter {name!r}: {text!r} ")
    assert "\n" not in message


@pytest.mark.parametrize(("name", "text"), ILL_TYPED)
def test_a_choice_of_the_wrong_type_is_refused(declared: dict[str, Parameter], name: str, text: str) -> None:
    wrong = text.partition("|")[2]
    with pytest.raises(ParameterError, match=rf"^parameter '{name}' is .*{wrong}"):
        space.read_domain(declared[name], text)


def test_one_value_is_a_choice_where_that_is_meant(declared: dict[str, Parameter]) -> None:
    assert space.read_domain(declared["count"], "100", single=True) == Choice((100,))
    assert space.read_domain(declared["count"], "1..5", single=True) == Int(1, 5)
    with pytest.raises(ParameterError, match="cannot be read as a range"):
        space.read_domain(declared["rate"], "0...5", single=True)


@pytest.mark.parametrize(
    "text",
    [
        "0.1..0.9",
        " -1 .. 2",
        "log(0.1..1)",
        "int(5)",
        "log(0.1, 1)",
        "Float( .5..1)",
        "0..1, step=0.1",
        "0..",
        "inf..1",
        "uniform(0..1)",
    ],
)
def test_a_range_is_told_from_values(text: str) -> None:
    assert space.is_domain(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0.1",
        "0.1,0.2",
        "a",
        "a|b",
        "a..b",
        "../data",
        "a/../b",
        "2013/../a",
        "2013-07-01",
        "1.2.3",
        "log(y)",
        "int",
        "[1,2],[3]",
        '"1..2"',
    ],
)
def test_values_are_told_from_a_range(text: str) -> None:
    assert not space.is_domain(text)


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("rate", "0.05, 0.1,1", (0.05, 0.1, 1.0)),
        ("count", "100", (100,)),
        ("count", "100,200", (100, 200)),
        ("model", 'a,"b,c",d e', ("a", "b,c", "d e")),
        ("model", '"",5" pipe,6" pipe', ("", '5" pipe', '6" pipe')),
        ("model", "a|b,c", ("a|b", "c")),
        ("verbose", "true,false", (True, False)),
        ("dropout", "none,0.5", (None, 0.5)),
        ("layers", "[1,2]", ([1, 2],)),
        ("layers", "[1,2],[3]", ([1, 2], [3])),
        ("columns", r'["a]\",", "b"],[]', (['a]",', "b"], [])),
        ("weights", '{"a": 1, "b": 2},{"c": 3}', ({"a": 1.0, "b": 2.0}, {"c": 3.0})),
        ("anything", "[1,2]", ([1, 2],)),
        ("anything", '1,true,"1",[[1],{"a": 2}]', (1, True, "1", [[1], {"a": 2}])),
    ],
)
def test_values_are_split_at_commas_outside_of_json(
    declared: dict[str, Parameter], name: str, text: str, values: tuple[Any, ...]
) -> None:
    assert as_told(space.read_values(declared[name], text)) == as_told(values)


@pytest.mark.parametrize(
    ("name", "text", "telling"),
    [
        ("rate", "0.1,", "parameter 'rate': '0.1,' ends with ','"),
        ("rate", "0.1,,0.2", "parameter 'rate': '0.1,,0.2' has an empty value"),
        ("rate", ",0.1", "has an empty value"),
        ("model", "", 'write "" for empty text'),
        ("rate", "0.1,0.2,0.10", "has 0.1 twice"),
        ("layers", "[1],[1]", "has [1] twice"),
        ("rate", "0.1,high", "parameter 'rate' is a number (default 0.1), not 'high'"),
        ("layers", "1,2", "parameter 'layers' is a list"),
        ("layers", "[1,2", "without its other half"),
        ("model", "a],b", "without its other half"),
    ],
)
def test_values_that_make_no_grid_are_refused(
    declared: dict[str, Parameter], name: str, text: str, telling: str
) -> None:
    with pytest.raises(ParameterError) as refused:
        space.read_values(declared[name], text)
    assert telling in refused.value.message
    assert "\n" not in refused.value.message


@pytest.mark.practice("M6")
def test_a_grid_holds_each_with_each_and_the_last_varies_fastest() -> None:
    assert space.grid({"rate": (0.1, 0.2), "model": ("a",), "count": (1, 2, 3)}) == [
        {"rate": 0.1, "model": "a", "count": 1},
        {"rate": 0.1, "model": "a", "count": 2},
        {"rate": 0.1, "model": "a", "count": 3},
        {"rate": 0.2, "model": "a", "count": 1},
        {"rate": 0.2, "model": "a", "count": 2},
        {"rate": 0.2, "model": "a", "count": 3},
    ]


def test_values_are_paired_one_to_one() -> None:
    assert space.paired({"rate": (0.1, 0.2), "count": (1, 2)}) == [
        {"rate": 0.1, "count": 1},
        {"rate": 0.2, "count": 2},
    ]
    with pytest.raises(UsageError, match="'rate' has 2, 'count' has 3, 'model' has 2; give"):
        space.paired({"rate": (0.1, 0.2), "count": (1, 2, 3), "model": ("a", "b")})


def test_a_file_gives_a_point_a_row(declared: dict[str, Parameter], tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    path.write_bytes(
        b'\xef\xbb\xbfrate, count,model,layers\r\n0.1,100,"caf\xc3\xa9, ""au lait""","[1,2]"\r\n'
        b'\r\n,,,\r\n 1 ,"200","two\r\nlines",\r\n0.3\r\n'
    )
    assert as_told(space.from_file(path, declared)) == as_told(
        [
            {"rate": 0.1, "count": 100, "model": 'café, "au lait"', "layers": [1, 2]},
            {},
            {"rate": 1.0, "count": 200, "model": "two\r\nlines"},
            {"rate": 0.3},
        ]
    )


@pytest.mark.parametrize(
    ("content", "telling"),
    [
        (b"", " is empty; its first line names parameters"),
        (b"\n\n", " is empty; its first line names parameters"),
        (b"rate,count\n", " has no rows below its header"),
        (b"rate,count,rate\n1,2,3\n", ":1 names the parameter 'rate' twice"),
        (b"rate\n0.1\n\n0.2\nhigh\n", ":5: parameter 'rate' is a number (default 0.1), not 'high'"),
        (b'model,count\n"two\nlines",1\nx,1.5\n', ":4: parameter 'count' is a whole number"),
        (b"rate,count\n0.1,1\n0.2,2,3\n", ":3 has 3 cells where the header has 2"),
        (b"rate,count\n0.1,1\n0.2,1\n0.10,1\n", ":4 repeats line 2"),
        (b"rate,count\n0.1,1\n0.1,\n,\n,\n", ":5 repeats line 4"),
        (b"model\na\ncaf\xe9\n", ":3 is not UTF-8"),
        (b'model,rate\na,1\n"b,2\nc,3\n', ":3 is not CSV: unexpected end of data"),
    ],
)
def test_a_file_that_is_not_right_is_refused_with_its_line(
    declared: dict[str, Parameter], tmp_path: Path, content: bytes, telling: str
) -> None:
    path = tmp_path / "trials.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        space.from_file(path, declared)
    assert refused.value.message.startswith(f"{path}{telling}")
    assert "\n" not in refused.value.message


def test_a_column_that_is_no_parameter_is_named_with_the_nearest(
    declared: dict[str, Parameter], tmp_path: Path
) -> None:
    path = tmp_path / "trials.csv"
    path.write_text("rate,counts\n0.1,1\n")
    with pytest.raises(UnknownName, match=r"no parameter 'counts' in .*trials\.csv:1; did you mean 'count'"):
        space.from_file(path, declared)


def test_a_file_that_cannot_be_read_is_named(declared: dict[str, Parameter], tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.csv", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(UsageError) as refused:
            space.from_file(path, declared)
        assert refused.value.message.startswith(f"{path} cannot be read: {why}")


@pytest.mark.parametrize(
    ("domains", "size"),
    [
        ({"a": Int(1, 10)}, 10),
        ({"a": Int(0, 10, step=5), "b": Choice(("x", "y"))}, 6),
        ({"a": Int(1, 1000, log=True)}, 1000),
        ({"a": Float(0.0, 1.0, step=0.1)}, 11),
        ({"a": Float(0.8, 0.9, step=0.1)}, 2),
        ({"a": Float(0.0, 1.0)}, None),
        ({"a": Choice((1, 2)), "b": Float(0.1, 1.0, log=True)}, None),
    ],
)
def test_points_are_counted_where_they_can_be(domains: dict[str, Domain], size: int | None) -> None:
    assert space.size(domains) == size


MIXED: dict[str, Domain] = {
    "rate": Float(0.01, 0.3, log=True),
    "dropout": Float(0.0, 0.5),
    "count": Int(50, 400, step=50),
    "model": Choice(("a", "b")),
}
DRAWN_WITH_7 = [
    {"dropout": 0.3125477, "count": 400, "model": "b"},
    {"dropout": 0.1126036, "count": 150, "model": "b"},
    {"dropout": 0.0026327, "count": 350, "model": "b"},
]


def test_a_seed_gives_the_same_points_in_any_process_and_ever() -> None:
    script = (
        "import json, sys\n"
        "from workbench.execution.sweep.space import *\n"
        "from workbench.execution.sweep import space\n"
        "heavy = sorted({'numpy', 'optuna', 'pandas'} & set(sys.modules))\n"
        f"print(json.dumps([heavy, space.sampled({MIXED!r}, 20, 7)]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy, points = json.loads(done.stdout)
    assert heavy == []
    assert points == space.sampled(MIXED, 20, 7)
    assert points != space.sampled(MIXED, 20, 8)
    plain = {name: domain for name, domain in MIXED.items() if name != "rate"}
    found = space.sampled(plain, 3, 7)
    assert [{**point, "dropout": round(point["dropout"], 7)} for point in found] == DRAWN_WITH_7


def test_points_differ_and_are_all_where_there_are_no_more() -> None:
    domains: dict[str, Domain] = {"a": Int(1, 30, log=True), "b": Choice(("x", [1], None)), "c": Int(1, 2)}
    for count in (1, 50, 89, 90, 100, 179, 180, 181, 1000):
        points = space.sampled(domains, count, 3)
        assert len({json.dumps(point) for point in points}) == len(points) == min(count, 180)
    rare = Int(1, 20_000, log=True)
    assert {point["a"] for point in space.sampled({"a": rare}, 20_000, 0)} == set(range(1, 20_001))
    # Two floats lie in it, which nobody counts.
    narrow = Float(1.0, math.nextafter(1.0, 2.0))
    assert {point["a"] for point in space.sampled({"a": narrow}, 5, 0)} == {narrow.low, narrow.high}


def share(domain: Domain, count: int, of: Callable[[Any], bool]) -> float:
    points = space.sampled({"a": domain, "distinct": Float(0.0, 1.0)}, count, 1)
    return sum(of(point["a"]) for point in points) / count


def test_draws_are_even_on_their_own_scale() -> None:
    assert share(Float(-1.0, 3.0), 4000, lambda value: value < 0) == pytest.approx(0.25, abs=0.03)
    assert share(Float(0.001, 1000.0, log=True), 4000, lambda value: value < 0.1) == pytest.approx(
        1 / 3, abs=0.03
    )
    assert share(Float(0.0, 1.0, step=0.25), 4000, lambda value: value == 1.0) == pytest.approx(0.2, abs=0.03)
    assert share(Int(1, 4), 4000, lambda value: value == 4) == pytest.approx(0.25, abs=0.03)
    assert share(Int(1, 1000, log=True), 4000, lambda value: value <= 31) == pytest.approx(0.54, abs=0.03)
    assert share(Choice(("a", "b", "c")), 4000, lambda value: value == "b") == pytest.approx(1 / 3, abs=0.03)


@pytest.mark.parametrize(
    "domain", [Int(1, 3, log=True), Int(2, 4), Float(0.1, 0.3, log=True), Float(0.1, 0.7)]
)
def test_the_ends_of_a_range_are_not_passed(domain: Int | Float) -> None:
    assert domain.at(0.0) == pytest.approx(domain.low, rel=1e-12)
    assert domain.at(math.nextafter(1.0, 0.0)) == pytest.approx(domain.high, rel=1e-12)
    assert domain.low <= domain.at(0.0) < domain.at(math.nextafter(1.0, 0.0)) <= domain.high


def test_a_log_scale_holds_also_where_most_points_are_drawn() -> None:
    firsts = [space.sampled({"a": Int(1, 2, log=True)}, 1, seed)[0]["a"] for seed in range(2000)]
    assert firsts.count(1) / 2000 == pytest.approx(math.log(3) / math.log(5), abs=0.04)


@pytest.mark.parametrize(("count", "seed"), [(0, 1), (-1, 1), (5, -1)])
def test_a_draw_of_nothing_is_refused(count: int, seed: int) -> None:
    with pytest.raises(UsageError, match=f"cannot draw {count} points with seed {seed}; give a count from 1"):
        space.sampled(MIXED, count, seed)


@pytest.mark.parametrize(("name", "text", "domain"), DOMAINS)
def test_what_is_drawn_is_a_value_of_the_parameter(
    declared: dict[str, Parameter], name: str, text: str, domain: Domain
) -> None:
    values = [point[name] for point in space.sampled({name: domain}, 40, 11)]
    assert len(values) == min(40, space.size({name: domain}) or 40)
    for value in values:
        assert_within(declared[name], domain, value)


@pytest.mark.parametrize(("name", "text", "domain"), DOMAINS)
def test_what_optuna_suggests_is_a_value_of_the_parameter(
    declared: dict[str, Parameter], name: str, text: str, domain: Domain
) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings(action="error"):
        distributions = space.distributions({name: domain})
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=5))
        suggested = [study.ask(distributions).params[name] for _ in range(40)]
    for one in suggested:
        assert_within(declared[name], domain, space.value_of(domain, one))


def assert_within(parameter: Parameter, domain: Domain, value: Any) -> None:
    checked = parameters.check(parameter, value)
    if isinstance(domain, Choice):
        assert as_told(checked) == as_told(value)
        assert as_told(value) in map(as_told, domain.values)
        return
    assert checked == value
    assert type(value) is (int if isinstance(domain, Int) else float)
    assert domain.low <= value <= domain.high
    if domain.step:
        steps = (value - domain.low) / domain.step
        assert steps == pytest.approx(round(steps), abs=1e-9)


def test_steps_are_the_numbers_that_one_would_write() -> None:
    tenths = Float(0.0, 1.0, step=0.1)
    written = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert sorted(point["a"] for point in space.sampled({"a": tenths}, 50, 0)) == written
    assert [space.value_of(tenths, step * 0.1) for step in range(11)] == written
    assert space.value_of(tenths, 0.7) == 0.7


def test_any_choice_survives_a_store_of_optuna() -> None:
    import optuna
    from optuna.distributions import CategoricalDistribution, distribution_to_json, json_to_distribution

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    values = (
        1,
        True,
        1.0,
        "1",
        None,
        "json:1",
        "json:",
        [1, "ü"],
        {"b": 1, "a": None},
        0.5,
        math.inf,
        math.nan,
    )
    domain = Choice(values)
    distributions = space.distributions({"a": domain})
    distribution = distributions["a"]
    assert isinstance(distribution, CategoricalDistribution)
    stored = json_to_distribution(distribution_to_json(distribution))
    assert isinstance(stored, CategoricalDistribution)
    assert [as_told(space.value_of(domain, one)) for one in stored.choices] == sorted_keys(values)
    assert all(one is None or isinstance(one, bool | int | float | str) for one in stored.choices)
    json.dumps(stored.choices, allow_nan=False)

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    asked = [study.ask(distributions).params["a"] for _ in range(200)]
    kept = [trial.params["a"] for trial in study.trials]
    assert [as_told(space.value_of(domain, one)) for one in kept] == [
        as_told(space.value_of(domain, one)) for one in asked
    ]
    assert {as_told(space.value_of(domain, one)) for one in asked} == set(sorted_keys(values))


def sorted_keys(values: tuple[Any, ...]) -> list[str]:
    return [as_told(dict(sorted(value.items())) if isinstance(value, dict) else value) for value in values]


def test_optuna_is_given_what_was_meant() -> None:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    domains: dict[str, Domain] = {
        "a": Choice(("a", "b c", None, 2, 0.5)),
        "b": Choice((True, False)),
        "c": Float(0.0, 1.0, step=0.1),
        "d": Float(0.01, 0.3, log=True),
        "e": Int(50, 400, step=50),
        "f": Int(1, 1000, log=True),
    }
    assert space.distributions(domains) == {
        "a": CategoricalDistribution(("a", "b c", None, 2, 0.5)),
        "b": CategoricalDistribution((True, False)),
        "c": FloatDistribution(0.0, 1.0, step=0.1),
        "d": FloatDistribution(0.01, 0.3, log=True),
        "e": IntDistribution(50, 400, step=50),
        "f": IntDistribution(1, 1000, log=True),
    }
