"""``workbench monitor``, as a person sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.pages import parse
from tests.unit.monitoring.story import OLDER, Live, open_shop
from tests.unit.registry import small
from workbench.cli.monitor import monitor
from workbench.project import Project

AUGUST, SEPTEMBER, NOVEMBER = (datetime(2013, month, 1, tzinfo=UTC) for month in (8, 9, 11))

Tell = Callable[..., str]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """In August all was well, in September orders were older, in October nobody asked."""
    project = open_shop(tmp_path_factory.mktemp("shop") / "project")
    for name in ("predictions/live", "predictions/june"):
        live = Live(project, name)
        ids = live.answers(AUGUST)
        live.answers(SEPTEMBER, older=OLDER, failing=3, refused=2)
        live.answers(NOVEMBER, count=5, version=3)
        live.tell([*ids, "never-made"], NOVEMBER)
    return project


@pytest.fixture
def tell(shop: Project, monkeypatch: pytest.MonkeyPatch) -> Tell:
    monkeypatch.chdir(shop.root)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(monitor, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def _table(told: str) -> dict[str, list[str]]:
    """The cells of each window's line, by the window's name."""
    return {line.split()[0]: line.split() for line in told.splitlines() if line.startswith("2013-")}


@pytest.mark.practice("L7", "M8")
def test_one_line_a_window_then_what_is_new_and_where_the_page_is(tell: Tell, shop: Project) -> None:
    told = tell()
    lines = _table(told)
    assert list(lines) == ["2013-08", "2013-09", "2013-10", "2013-11", "2013-12"]
    assert lines["2013-08"][1:6] == ["v1", "600", "0", "of", "3"]
    assert "held" in lines["2013-08"]
    assert lines["2013-09"][1:6] == ["v1", "600", "1", "of", "3"]
    assert lines["2013-09"][-2:] == ["3", "2"]  # failed, and refused
    assert lines["2013-10"][1:] == lines["2013-12"][1:] == ["nobody", "was", "asked"]
    assert lines["2013-11"][1:4] == ["v3", "5", "?"]
    assert "v3 was registered without a reference: its drift cannot be told" in told
    assert "predictions that this log never made" in told
    assert "new: warning data-drift: tiny-model v1, drift.share, 2013-09" in told
    assert "new: critical silence: tiny-model v3, health.rows, 2013-12: nobody was asked anything" in told
    page = Path(told.split("page: ")[1].splitlines()[0])
    assert page.is_relative_to(shop.state)
    assert {"script", "form"}.isdisjoint(element.tag for element in parse(page.read_text()))
    assert "tiny-model" in page.read_text()
    assert {path.name for path in page.parent.iterdir()} == {"index.html", "verdicts.csv", "findings.json"}
    again = tell()
    assert "new:" not in again
    assert _table(again) == lines


def test_everything_as_json(tell: Tell) -> None:
    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is no JSON")

    first = json.loads(tell("--log", "predictions/june", "--json"), parse_constant=refuse)
    assert (first["log"], first["recorded"]) == ("predictions/june", 5)
    assert [each["window"]["name"] for each in first["windows"]] == [
        *("2013-08", "2013-09", "2013-10", "2013-11", "2013-12"),
    ]
    assert {(alert["rule"], alert["first_window"]) for alert in first["raised"]} >= {
        ("data-drift", "2013-09"),
        ("silence", "2013-10"),
        ("silence", "2013-12"),
    }
    assert json.loads(tell("--log", "predictions/june", "--json"))["recorded"] == 0
    assert json.loads(tell("--last", "1", "--json"))["windows"][0]["window"]["name"] == "2013-12"


def test_other_windows_and_one_version_are_only_looked_at(tell: Tell) -> None:
    weeks = tell("--window", "7d", "--last", "2")
    assert list(_table(weeks)) == ["2013-11-18", "2013-11-25"]
    assert "16 windows before 2013-11-18 were not looked at" in weeks
    assert "nothing was recorded" in weeks
    looked = Path(weeks.split("page: ")[1].splitlines()[0])
    watched = Path(tell().split("page: ")[1].splitlines()[0])
    assert looked.is_file()
    assert "2013-11-25" not in watched.read_text(), "it has the page of what is recorded overwritten"
    alone = tell("--model", "1")
    assert {line[1] for line in _table(alone).values()} == {"v1"}
    assert "nothing was recorded" in alone
    assert json.loads(tell("--model", "3", "--json"))["recorded"] is None
    assert "v99 has answered nothing in this log" in tell("--model", "99")


def test_a_terminal_of_80_columns_is_wide_enough(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = _table(tell("--window", "day"))
    monkeypatch.setenv("COLUMNS", "80")
    assert _table(tell("--window", "day")) == wide, "words are cut, or on a line of their own"


def test_wrong_usage_is_one_line_that_says_what_is_meant(shop: Project) -> None:
    for arguments, expected in (
        (("--window", "bad"), '--window bad: "day", "week", "month", or a length such as "7d" or "6h"'),
        (("--log", "predictions/jun"), "did you mean 'predictions/june'?"),
        (("--model", "0"), "--model"),
    ):
        command = [sys.executable, "-m", "workbench", "monitor", *arguments]
        done = subprocess.run(command, cwd=shop.root, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert expected in done.stderr
        assert "Traceback" not in done.stderr


def test_without_a_log_yet_it_says_what_makes_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = small.small_project(tmp_path / "project")
    monkeypatch.chdir(project.root)
    told = CliRunner().invoke(monitor, [], catch_exceptions=False).stdout
    assert told == (
        "nobody has been asked yet\nnext: workbench serve answers, and what it answers is looked at here\n"
    )


def test_help_has_examples_and_imports_nothing_heavy() -> None:
    program = (
        "import sys; from click.testing import CliRunner; from workbench.cli.monitor import monitor; "
        "print(CliRunner().invoke(monitor, ['--help']).output); "
        "print([name for name in ('sqlalchemy', 'pandas', 'mlflow', 'scipy') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "Examples:" in told
    assert told.endswith("[]\n")


@pytest.mark.practice("L7")
def test_evidentlys_own_page_is_put_beside_on_demand(tell: Tell, shop: Project) -> None:
    about = ("--evidently", "--log", "predictions/june")
    told = tell(*about)
    page = Path(told.partition("as Evidently shows it: ")[2].splitlines()[0])
    assert all(month in page.read_text() for month in ("2013-08", "2013-09"))
    assert "evidently.html" in page.with_name("index.html").read_text()
    assert "nothing to compare" in tell(*about, "--last", "1")
