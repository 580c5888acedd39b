"""``workbench truth`` and ``workbench feedback``, as a person sees them."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from workbench.cli.truth import feedback, truth
from workbench.errors import DataError, UnknownName, UsageError, WorkbenchError
from workbench.project import Project, open_project
from workbench.serving.log.batch import Batch
from workbench.serving.log.sqlite import SqliteWriter
from workbench.serving.protocol.truth import FeedbackRow
from workbench.serving.truth import feedback as opinions
from workbench.serving.truth.recording import labelled
from workbench.store.clock import SystemClock
from workbench.store.database import open_database

LOG = "predictions/live"
PROJECT = """[project]
name = "late"

[objective]
target = "late"
time = "asked_at"

[phases.x]
notebook = "x.ipynb"

[serving]
key = ["carrier", "flight"]
"""
IDS = ["p1", "p2", "p3"]
LOGGED = pd.DataFrame(
    {"prediction_id": IDS, "input.carrier": ["AA", "AA", "09"], "input.flight": [1.0, 2.0, 3.0]}
)


def answer(project: Project, log: str = LOG) -> None:
    """Three logged predictions."""
    rows = len(IDS)
    writer = SqliteWriter(project.state / log, "answers")
    inputs = {
        "carrier": np.array(["AA", "AA", "09"], dtype=object),
        "flight": np.array([1.0, 2.0, 3.0]),
    }
    batch = Batch(
        prediction_ids=IDS,
        asked_at=np.full(rows, np.datetime64("2013-08-01T12:00:00", "us")),
        inputs=inputs,
        features={},
        outputs=np.array([[0.5, 0.5]] * rows),
        classes=("0", "1"),
        model="late",
        version=1,
        role="champion",
        code_version="c",
        run_id="r",
        datasets={},
        latency_ms=np.ones(rows, dtype=np.float32),
        request_ids=["q"] * rows,
        user_groups=[""] * rows,
        notes={},
    )
    writer.append([batch])
    writer.close()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    (tmp_path / "workbench.toml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)
    made = open_project(tmp_path)
    answer(made)
    return made


def call(*arguments: str) -> str:
    done = CliRunner().invoke(truth, ["--from", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments: str) -> WorkbenchError:
    done = CliRunner().invoke(truth, ["--from", *arguments])
    assert isinstance(done.exception, WorkbenchError), done.output
    assert "\n" not in done.exception.message
    return done.exception


def truths(project: Project, log: str = LOG) -> list[float | None]:
    found = labelled(project, log, LOGGED)["truth"]
    return [None if value != value else value for value in found]


def test_a_file_by_prediction_id_is_kept_once_and_corrected(project: Project) -> None:
    path = Path("truth.csv")
    path.write_text("prediction_id,value,note\np1,1,\np2,0,x\nelsewhere,1,\np3,,\n")
    shown = call("truth.csv")
    assert "kept: 3 rows of ground truth, for the log predictions/live" in shown
    assert "unknown: 1 row about predictions that the log does not have (yet)" in shown
    assert "left out: 1 row without a value" in shown
    assert "next: workbench monitor" in shown
    assert truths(project) == [1.0, 0.0, None]
    again = json.loads(call("truth.csv", "--json"))
    assert again == {
        "log": LOG,
        "without_value": 1,
        "kept": 0,
        "repeated": 3,
        "unknown": 1,
        "log_error": "",
    }
    path.write_text("prediction_id,value\np1,1\np2,1\np2,0\np2,true\np3,False\n")
    assert json.loads(call("truth.csv", "--json"))["kept"] == 4
    assert truths(project) == [1.0, 1.0, 0.0]


def test_a_file_by_business_key_needs_no_id(project: Project) -> None:
    Path("truth.csv").write_text('carrier,flight,late\nAA,2.0,1\n"09",3,0\nUA,9,1\n')
    shown = call("truth.csv", "--column", "late")
    assert "kept: 3 rows" in shown
    assert "unknown: 1 row " in shown
    assert truths(project) == [None, 1.0, 0.0]


def test_all_kinds_of_files_say_the_same(project: Project) -> None:
    frame = pd.DataFrame(
        {
            "carrier": ["AA", "09"],
            "flight": [2, 3],
            "late": [True, False],
            "landed_at": pd.to_datetime(["2013-08-02T10:00:00+02:00", None], utc=True),
        }
    )
    frame.to_parquet("truth.parquet")
    frame.to_csv("truth.csv", index=False)
    rows = [
        {"carrier": "AA", "flight": 2, "late": True, "landed_at": "2013-08-02T10:00:00+02:00"},
        {"carrier": "09", "flight": 3.0, "late": 0},
    ]
    lines = "\n".join(map(json.dumps, rows))
    Path("truth.jsonl").write_text(f"\ufeff{lines}\n\n", encoding="utf-8")
    with gzip.open("truth.ndjson.gz", "wt") as file:
        file.write(lines)
    for name in ("truth.parquet", "truth.csv", "truth.jsonl", "truth.ndjson.gz"):
        log = f"predictions/{name.replace('.', '-')}"
        answer(project, log)
        told = json.loads(call(name, "--column", "late", "--known-at", "landed_at", "--log", log, "--json"))
        assert (told["kept"], told["unknown"], told["log"]) == (2, 0, log), name
        found = labelled(project, log, LOGGED)
        assert found["truth"].tolist()[1:] == [1.0, 0.0]
        known = found["known_at"].tolist()
        assert known[2] > datetime(2020, 1, 1, tzinfo=UTC), "what does not say is known from now on"
        assert known[1] <= datetime(2013, 8, 2, 10, tzinfo=UTC)


def test_one_moment_in_two_zones_is_the_same(project: Project) -> None:
    path = Path("truth.csv")
    path.write_text("prediction_id,value,known_at\np1,1,2013-08-02T10:00:00+02:00\n")
    assert json.loads(call("truth.csv", "--json"))["kept"] == 1
    path.write_text("prediction_id,value,known_at\np1,1,2013-08-02T08:00:00Z\np1,1,\n")
    assert json.loads(call("truth.csv", "--json"))["repeated"] == 2
    path.write_text("prediction_id,value,known_at\np1,1,2013-08-03T08:00:00Z\n")
    assert json.loads(call("truth.csv", "--json"))["kept"] == 1
    assert labelled(project, LOG, LOGGED)["known_at"][0] == datetime(2013, 8, 3, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("content", "expected", "kind"),
    [
        (
            "prediction_id,late\np1,1\n",
            "has no column 'value' .* name it with --column; it has 'pred",
            UsageError,
        ),
        (
            "id,value\np1,1\n",
            r"no column 'prediction_id', nor all of the business key \(carrier, fl",
            UsageError,
        ),
        ("", "truth.csv has no column 'value' .*; it has no columns", UsageError),
        ("prediction_id,value\np1,1,2\n", "row 1 has 3 cells where the header has 2", UsageError),
        (b"prediction_id,value\n\xff,1\n", "truth.csv cannot be read: .*utf-8", UsageError),
        ("prediction_id,value\np1,1\np2,37\n", "row 2: 'value' is '37', which is neither 0 nor 1", DataError),
        ("prediction_id,value\np1,1\np2,soon\n", "row 2: 'value' is 'soon', which is neither", DataError),
        ("prediction_id,value\np1,1\n,1\n", "row 2: nothing is no prediction_id; nothing was rec", DataError),
        (f"prediction_id,value\n{'x' * 65},1\n", "row 1: 'xxx.* is no prediction_id", DataError),
        ("carrier,flight,value\nAA,,1\n", "row 1: 'flight' is empty, which tells no case", DataError),
        (
            "prediction_id,value,known_at\np1,1,2013-08-02\n",
            "row 1: known_at: .* has no time zone",
            DataError,
        ),
        ("prediction_id,value,known_at\np1,1,soon\n", "row 1: known_at: 'soon' is no ISO time", DataError),
    ],
)
def test_a_wrong_file_is_told_in_one_line_and_nothing_is_recorded(
    project: Project, content: str | bytes, expected: str, kind: type[WorkbenchError]
) -> None:
    Path("truth.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    error = refused("truth.csv")
    assert type(error) is kind
    with pytest.raises(kind, match=expected):
        raise error
    assert truths(project) == [None] * 3


def test_files_that_are_none_are_told_in_one_line(project: Project) -> None:
    Path("folder.csv").mkdir()
    Path("truth.parquet").write_text("no parquet")
    Path("truth.csv.gz").write_bytes(gzip.compress(b"prediction_id,value\np1,1\n" * 100)[:40])
    Path("truth.jsonl").write_text('{"prediction_id": "p1", "value": 1}\n{"value": [1]}\n')
    for name, expected in (
        ("absent.csv", "cannot be read: No such file"),
        ("folder.csv", "cannot be read: Is a directory"),
        ("truth.parquet", "cannot be read: "),
        ("truth.csv.gz", "cannot be read: "),
        ("truth.jsonl", "cannot be read: line 2: "),
        ("truth.xlsx", "of no known kind: .csv, .parquet or .jsonl"),
    ):
        error = refused(name)
        assert isinstance(error, UsageError)
        assert expected in error.message
    assert truths(project) == [None] * 3


def test_without_an_objective_classes_have_names(project: Project) -> None:
    config = project.root / "workbench.toml"
    config.write_text(PROJECT.replace('[objective]\ntarget = "late"\ntime = "asked_at"\n', ""))
    Path("truth.csv").write_text("prediction_id,value\np1,cancelled\np2,37.5\n")
    assert "kept: 2 rows" in call("truth.csv")
    found = labelled(project, LOG, LOGGED)
    assert found["truth_label"][0] == "cancelled"
    assert found["truth"][1] == 37.5
    Path("truth.csv").write_text("prediction_id,value\np1,inf\n")
    assert "no finite number" in refused("truth.csv").message


def test_another_log_is_named_and_one_that_is_not_there_is_told_with_the_nearest(project: Project) -> None:
    Path("truth.csv").write_text("prediction_id,value\np1,1\n")
    answer(project, "predictions/june")
    call("truth.csv", "--log", "predictions/june")
    assert (truths(project), truths(project, "predictions/june")) == ([None] * 3, [1.0, None, None])
    error = refused("truth.csv", "--log", "predictions/jule")
    assert isinstance(error, UnknownName)
    assert "did you mean 'predictions/june'?" in error.message


def test_a_log_that_cannot_be_read_hinders_no_truth(project: Project) -> None:
    (damaged,) = (project.state / LOG).glob("*.sqlite")
    damaged.write_bytes(b"no database" * 100)
    Path("truth.csv").write_text("prediction_id,value\np1,1\n")
    assert "about predictions of that log is not known: " in call("truth.csv")
    assert truths(project)[0] == 1.0


def test_a_database_that_is_away_is_one_line_and_exit_1(project: Project) -> None:
    Path("truth.csv").write_text("prediction_id,value\np1,1\n")
    with open_database(project).write() as connection:
        connection.exec_driver_sql("ALTER TABLE ground_truth RENAME TO elsewhere")
    done = subprocess.run(
        [sys.executable, "-m", "workbench", "truth", "--from", "truth.csv"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "workbench: the ground truth cannot be written: " in done.stderr
    assert "Traceback" not in done.stderr


def test_feedback_is_shown_by_group(project: Project) -> None:
    def shown(*arguments: str) -> str:
        done = CliRunner().invoke(feedback, arguments, catch_exceptions=False)
        assert done.exit_code == 0
        return done.stdout

    assert "no feedback on the log predictions/live yet" in shown()
    now = datetime.now(UTC)
    rows = [
        FeedbackRow("p1", now, 5.0, "good"),
        FeedbackRow("p2", now, 2.0),
        FeedbackRow("p2", now, None, "[red]hm[/]", "desk"),
    ]
    opinions.record(open_database(project), LOG, rows, SystemClock(), request_id="r")
    assert "3.50" in shown()
    told: dict[str, Any] = json.loads(shown("--json"))
    assert told["groups"] == [
        {"user_group": "", "feedback": 2, "predictions": 2, "rating": 3.5, "remarks": 1},
        {"user_group": "desk", "feedback": 1, "predictions": 1, "rating": None, "remarks": 1},
    ]
