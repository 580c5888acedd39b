"""Ground truth and feedback on SQLite and on PostgreSQL: what is sent is what is joined."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from workbench.errors import ServingError
from workbench.project import Project, open_project
from workbench.serving.protocol.cells import Cell
from workbench.serving.protocol.refused import Refused
from workbench.serving.protocol.truth import FeedbackRow, TruthRow
from workbench.serving.truth import feedback
from workbench.serving.truth import store as truth_store
from workbench.serving.truth.business import BusinessKey
from workbench.serving.truth.recording import hold_truth, labelled, record
from workbench.store import database as store
from workbench.store.clock import SimulatedClock, SystemClock
from workbench.store.database import Database, open_database

LOG = "predictions/live"
PROJECT = """[project]
name = "labelled"

[phases.x]
notebook = "x.ipynb"

[stores]
database = "{url}"

[serving]
key = ["carrier", "flight", "sched_dep"]
personal = [{personal}]
"""
LOGGED = pd.DataFrame(
    {
        "prediction_id": ["a", "b", "c", "d", "e"],
        "input.carrier": pd.Series(["AA", "AA", "09", None, "AA"], dtype="str"),
        "input.flight": [1545.0, 1545.0, 7.5, 7.5, float("nan")],
        "input.sched_dep": pd.to_datetime(
            ["2013-07-01T10:00:00Z", "2013-07-01T10:00:00Z", "2013-07-02T10:00:00.000001Z"]
            + ["2013-07-01T10:00:00Z"] * 2,
            format="ISO8601",
        ).astype("datetime64[us, UTC]"),
    }
)


def day(number: int) -> datetime:
    return datetime(2013, 8, number, tzinfo=UTC)


def make(folder: Path, url: str, personal: str = "") -> Project:
    folder.mkdir(exist_ok=True)
    (folder / "workbench.toml").write_text(PROJECT.format(url=url, personal=personal))
    return open_project(folder)


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> Project:
    return make(tmp_path / "project", database_url)


def about(value: float | str, known: int = 1, **key: Cell) -> TruthRow:
    return TruthRow("", value, day(known), key)


def keep(project: Project, *rows: TruthRow, log: str = LOG) -> None:
    record(open_database(project), log, rows, SystemClock(), BusinessKey.open(project))


def truths(project: Project, **arguments: Any) -> list[float | None]:
    found = labelled(project, LOG, LOGGED, **arguments)["truth"]
    return [None if value != value else value for value in found]


def test_a_key_meets_all_predictions_that_share_it_however_it_is_written(project: Project) -> None:
    times = ("2013-07-01T10:00:00Z", "2013-07-01 12:00:00+02:00", "2013-07-01T10:00:00.000000+00:00")
    for number, (flight, time) in enumerate(itertools.product((1545, 1545.0, "1545", "1545.0"), times)):
        keep(project, about(1.0, carrier="AA", flight=flight, sched_dep=time), log=str(number))
        found = labelled(project, str(number), LOGGED)
        assert found["truth"].notna().tolist() == [True, True, False, False, False], (flight, time)


def test_keys_are_told_apart_and_what_is_missing_equals_nothing(project: Project) -> None:
    time = "2013-07-01T10:00:00Z"
    keep(
        project,
        about(1.0, carrier="aa", flight=1545, sched_dep=time),
        about(1.0, carrier="AA", flight=1546, sched_dep=time),
        about(1.0, carrier="9", flight=7.5, sched_dep="2013-07-02T10:00:00.000001Z"),
        about(1.0, carrier="None", flight=7.5, sched_dep=time),
        about(1.0, carrier="AA", flight="", sched_dep=time),
        about(1.0, carrier="AA", flight="NaN", sched_dep=time),
        # Without a zone it may be any of 24 moments.
        about(1.0, carrier="AA", flight=1545, sched_dep="2013-07-01T10:00:00"),
        about(1.0, carrier="AA", flight=1545, sched_dep="soon"),
    )
    assert truths(project) == [None] * 5
    keep(project, about(0.0, carrier="09", flight="7.5", sched_dep="2013-07-02T10:00:00.000001Z"))
    assert truths(project) == [None, None, 0.0, None, None]


def test_what_was_received_last_counts_by_whichever_name_it_came(project: Project) -> None:
    key: dict[str, Cell] = {"carrier": "AA", "flight": 1545, "sched_dep": "2013-07-01T10:00:00Z"}
    keep(project, TruthRow("a", 0.0, day(9)), about(1.0, 2, **key), TruthRow("nobody knows", 1.0, day(1)))
    assert truths(project) == [1.0, 1.0, None, None, None]
    keep(project, TruthRow("b", 0.0, day(3)))
    assert truths(project) == [1.0, 0.0, None, None, None]
    keep(project, about(0.5, 4, **key))
    found = labelled(project, LOG, LOGGED)
    assert found["truth"].tolist()[:2] == [0.5, 0.5]
    assert found["known_at"].tolist()[:2] == [day(4), day(4)]
    assert truths(project, known_by=day(3)) == [1.0, 0.0, None, None, None]
    assert truths(project, known_by=day(1)) == [None] * 5
    assert labelled(project, "another log", LOGGED)["truth"].isna().all()


def test_many_predictions_are_labelled_as_few_are(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth_store, "_IDS_A_QUERY", 7)
    monkeypatch.setattr(truth_store, "_ROWS_AT_ONCE", 11)
    frame = pd.DataFrame({"prediction_id": [f"p{number % 60}" for number in range(100)]})
    keep(project, *(TruthRow(f"p{number}", float(number), day(1)) for number in range(50)))
    keep(project, *(TruthRow(f"p{number}", float(-number), day(2)) for number in range(10, 20)))
    few = labelled(project, LOG, frame.set_index(frame.index[::-1]))
    monkeypatch.setattr(truth_store, "_FEW", 0)
    many = labelled(project, LOG, frame.set_index(frame.index[::-1]))
    pd.testing.assert_frame_equal(few, many)
    expected = [float(-n if 10 <= n < 20 else n) if n < 50 else None for n in (i % 60 for i in range(100))]
    assert [None if value != value else value for value in many["truth"]] == expected


def test_a_class_is_a_name_whatever_it_is_called(project: Project) -> None:
    odd = "späte\0 'Klasse'\n;--"
    keep(project, TruthRow("a", "late", day(1)), TruthRow("b", odd, day(1)), TruthRow("c", 2.0, day(1)))
    keep(project, TruthRow("c", "on time", day(2)), TruthRow("a", 1.0, day(2)))
    found = labelled(project, LOG, LOGGED)
    assert found["truth_label"].isna().tolist() == [True, False, False, True, True]
    assert found["truth_label"].tolist()[1:3] == [odd.replace("\0", "\ufffd"), "on time"]
    assert found["truth"].isna().tolist() == [False, True, True, True, True]
    assert found["known_at"].notna().tolist() == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ({"carrier": "AA", "flight": 1}, "'sched_dep' is missing from the key, which is carrier, flight"),
        ({"carrier": "AA", "flight": 1, "sched_dep": "x", "tail": 1}, "'tail' is no part of the key"),
        ({"carrier": "AA", "flight": None, "sched_dep": "x"}, "the key's 'flight' is null"),
    ],
)
def test_a_key_that_is_not_the_projects_is_refused_and_nothing_is_kept(
    tmp_path: Path, key: dict[str, Cell], expected: str
) -> None:
    project = make(tmp_path / "project", "")
    with pytest.raises(Refused, match=expected) as caught:
        keep(project, TruthRow("a", 1.0, day(1)), about(1.0, **key))
    assert caught.value.status == 400
    assert truths(project) == [None] * 5
    with pytest.raises(Refused, match=r"no business key \(\[serving\] key\)"):
        record(open_database(project), LOG, [about(1.0, **key)], SystemClock())


def test_a_personal_key_meets_the_pseudonyms_of_the_log_and_is_kept_as_one(
    tmp_path: Path, database_url: str
) -> None:
    project = make(tmp_path / "project", database_url, '"carrier", "flight", "sched_dep"')
    key = BusinessKey.open(project)
    assert key.pseudonyms is not None
    logged = LOGGED.assign(
        **{
            f"input.{name}": pd.Series([key.pseudonyms.of(cell) for cell in LOGGED[f"input.{name}"]])
            for name in key.columns
        }
    )
    keep(project, about(1.0, carrier="AA", flight=1545, sched_dep="2013-07-01T12:00:00+02:00"))
    assert labelled(project, LOG, logged)["truth"].notna().tolist() == [True, True, False, False, False]
    with open_database(project).read() as connection:
        kept = connection.execute(text("SELECT business_key FROM ground_truth")).scalar_one()
    assert "1545" not in kept
    assert "AA" not in kept


def opinion(prediction_id: str, rating: float | None, remark: str = "", group: str = "") -> FeedbackRow:
    return FeedbackRow(prediction_id, day(1), rating, remark, group)


def test_feedback_is_kept_apart_and_a_request_that_is_sent_again_adds_nothing(
    project: Project, database: Database
) -> None:
    clock = SimulatedClock(day(2))
    first = [opinion("a", 5.0, "just right"), opinion("b", 1.0, group="desk"), opinion("a", None, "\0 later")]
    for _ in range(2):
        assert feedback.record(database, LOG, first, clock, request_id="r1") == 3
    feedback.record(database, LOG, [opinion("a", 4.0, group="desk")], clock, request_id="r2")
    feedback.record(database, "another log", [opinion("a", 1.0)], clock, request_id="r1")
    found = feedback.read(project, LOG)
    assert found["prediction_id"].tolist() == ["a", "b", "a", "a"]
    assert found["rating"].tolist()[:2] == [5.0, 1.0]
    assert found["remark"].tolist() == ["just right", "", "\ufffd later", ""]
    assert (found["given_at"] == day(1)).all()
    assert (found["received_at"] == day(2)).all()
    joined = feedback.with_feedback(project, LOG, LOGGED)
    assert joined["feedback"].tolist() == [3, 1, 0, 0, 0]
    assert joined["rating"].tolist()[:2] == [4.5, 1.0]
    assert joined["rating"].isna().tolist() == [False, False, True, True, True]
    assert joined["remarks"].tolist() == [["just right", "\ufffd later"], [], [], [], []]
    assert feedback.by_group(found).to_dict("index") == {
        "": {"feedback": 2, "predictions": 1, "rating": 5.0, "remarks": 2},
        "desk": {"feedback": 2, "predictions": 2, "rating": 2.5, "remarks": 0},
    }
    assert labelled(project, LOG, LOGGED)["truth"].isna().all(), "an opinion is no truth"


def test_who_corrects_a_request_is_heard_as_corrected(project: Project, database: Database) -> None:
    for rating in (1.0, 3.0):
        feedback.record(database, LOG, [opinion("a", rating)], SystemClock(), request_id="r" * 500)
    assert feedback.read(project, LOG)["rating"].tolist() == [3.0]


def test_retries_at_once_count_once(project: Project) -> None:
    def send(_: int) -> int:
        rows = [opinion("a", 5.0), opinion("b", 1.0)]
        return feedback.record(open_database(project), LOG, rows, SystemClock(), request_id="once")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(send, range(16))) == [2] * 16
    assert sorted(feedback.read(project, LOG)["prediction_id"]) == ["a", "b"]


def test_what_has_to_wait_for_another_for_too_long_is_refused(project: Project) -> None:
    hasty = open_database(project, wait=1)
    with open_database(project).write() as connection:
        hold_truth(connection, LOG)
        with pytest.raises(ServingError, match="the ground truth cannot be written"):
            record(hasty, LOG, [TruthRow("a", 1.0, day(1))], SystemClock())
    assert record(hasty, LOG, [TruthRow("a", 1.0, day(1))], SystemClock()) == 1


def test_no_feedback_is_an_empty_table(project: Project) -> None:
    found = feedback.read(project, LOG)
    assert (len(found), len(feedback.by_group(found))) == (0, 0)
    joined = feedback.with_feedback(project, LOG, LOGGED)
    assert joined["feedback"].tolist() == [0] * 5
    assert joined["rating"].isna().all()


def test_truth_of_an_older_workbench_is_still_there(project: Project) -> None:
    opened = open_database(project)
    config = Config()
    config.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))

    def move(there: str) -> None:
        with opened.engine.begin() as connection:
            config.attributes["connection"] = connection
            (command.downgrade if there == "0004" else command.upgrade)(config, there)

    keep(project, about(1.0, carrier="AA", flight=1545, sched_dep="2013-07-01T10:00:00Z"))
    keep(project, TruthRow("b", "late", day(1)))
    move("0004")
    insert = (
        "INSERT INTO ground_truth (log, prediction_id, value, known_at, received_at) "
        f"VALUES ('{LOG}', 'a', 1, '2013-08-02 00:00:00.000000', '2013-08-03 00:00:00.000000')"
    )
    with opened.engine.begin() as connection:
        connection.execute(text(insert))
    assert truths(project) == [1.0, None, None, None, None]
    keep(project, TruthRow("a", 0.0, day(4)))
    assert truths(project) == [0.0, None, None, None, None]
