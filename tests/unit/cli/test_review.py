"""``workbench review``, as a person sees it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from tests.pages import code, manifest, notebook
from tests.projects import make_project
from workbench.cli.backlog import backlog
from workbench.cli.commands import main
from workbench.cli.review import review
from workbench.errors import UnknownName, UsageError
from workbench.project import Project
from workbench.store.database import open_database
from workbench.store.judgements import judge
from workbench.tracking import environment, reports
from workbench.tracking.html import render

Tell = Callable[..., str]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = "[red]urgent[/] \x1b[31m<b>rm -rf</b>\u202e"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = make_project(tmp_path / "tiny", {"gather": [], "train": []})
    ran, nb = manifest(who="maria"), notebook(code("1"), code("2"))
    reports.publish(made.reports, ran, nbformat.writes(nb), render(nb, title="train", manifest=ran))
    monkeypatch.chdir(made.root)
    return made


@pytest.fixture
def tell(project: Project) -> Tell:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(review, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return run


@pytest.mark.practice("T2", "T3")
def test_from_nothing_to_a_signed_report_the_next_step_is_said(tell: Tell, project: Project) -> None:
    told = tell("train")
    assert "report of train a1b2c3d4, run by maria" in told
    assert "nobody has said anything of it" in told
    assert "next: workbench review a1b2c3d4 --sign-off" in told
    told = tell("train", "--remark", "why two?\nthree!", "--cell", "2", "--ask")
    assert "on cell 2:\n  why two?\n  three!\n  backlog 1: open\n" in told
    assert "next: workbench backlog show 1" in told
    closed = CliRunner().invoke(backlog, ["close", "1", "--why", "two is enough"])
    assert closed.exit_code == 0
    (page,) = project.reports.glob("train/*/report.html")
    assert "two is enough" in page.read_text()  # beside the remark
    told = tell("train", "--sign-off")
    assert f"signed off by {environment.who()} (claimed)" in told
    assert f"backlog 1: closed by {environment.who()}: two is enough" in told
    assert "withdrawn by" in tell("train", "--withdraw")
    facts = json.loads(tell("train", "--json"))
    assert [each["what"] for each in facts["history"]] == ["signed off", "withdrawn"]
    assert [(each["cell"], each["item"]) for each in facts["remarks"]] == [(2, 1)]
    assert (facts["phase"], facts["ran_by"], facts["sign_offs"][0]["state"]) == (
        "train",
        "maria",
        "withdrawn",
    )


@pytest.mark.practice("P7")
def test_what_people_judged_is_shown_without_a_run(tell: Tell, project: Project) -> None:
    assert "nobody has judged a prediction of predictions/live yet; next: jupyter lab" in tell()
    with open_database(project).write() as connection:
        for prediction, verdict in (("p-1", "wrong"), ("p-2", "right"), ("p-3", "can't say")):
            judge(
                connection,
                "predictions/live",
                prediction,
                verdict,  # type: ignore[arg-type]
                version=3,
                by="ada",
                at=NOW,
                slices={"origin": "[red]JFK[/]"},
            )
    told = tell()
    assert "50 % [9, 91]" in told
    assert "origin = [red]JFK[/]" in told
    facts = json.loads(tell("--json"))
    assert [(each["name"], each["wrong"], each["share"]["value"]) for each in facts["drawn"]] == [
        ("random", 1, 0.5)
    ]
    assert [each["verdict"] for each in facts["judgements"]] == ["wrong", "right", "can't say"]


def test_what_is_said_is_shown_as_text(tell: Tell) -> None:
    told = tell("train", "--remark", HOSTILE)
    assert "[red]urgent[/]" in told
    assert "\x1b" not in told
    assert "\u202e" not in told


def test_what_cannot_be_done_is_one_line(tell: Tell) -> None:
    for arguments, error, expected in (
        (("trian",), UnknownName, "trian"),
        (("gather",), UsageError, "phase 'gather' has no finished run with a report"),
        (("train", "--sign-off", "--withdraw"), UsageError, "either --sign-off or --withdraw"),
        (("train", "--ask"), UsageError, "give it with --remark TEXT"),
        (("train", "--remark", "x", "--cell", "9"), UsageError, "has no cell 9: they are 1 to 2"),
        (("--sign-off",), UsageError, "say of which report"),
        (("--log", "predictions/june"), UnknownName, "june"),
        (("train", "--withdraw"), UsageError, "nothing to withdraw"),
    ):
        with pytest.raises(error, match=expected):
            tell(*arguments)


def test_a_database_that_is_away_is_one_line(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the tests' own process keeps its handlers
    opened = open_database(project)
    (project.state / "workbench.db").unlink()
    (project.state / "workbench.db").mkdir()
    opened.close()
    with pytest.raises(SystemExit) as ended:
        main(["review", "train", "--remark", "x"])
    told = capsys.readouterr().err
    assert ended.value.code == 1
    assert told.splitlines()[0].startswith("workbench: the workbench database does not answer: ")
    assert "Traceback" not in told


def test_help_has_examples_and_imports_nothing_heavy() -> None:
    program = (
        "import sys; from click.testing import CliRunner; from workbench.cli.review import review; "
        "print(CliRunner().invoke(review, ['--help']).output); "
        "print([name for name in ('sqlalchemy', 'pandas', 'mlflow', 'nbformat') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "Examples:" in told
    assert told.endswith("[]\n")
