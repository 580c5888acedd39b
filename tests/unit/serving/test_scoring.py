"""Scoring files: what the server would answer, logged alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.unit.serving import tiny, tiny_helpers
from tests.unit.serving.tiny import make_tiny, rows
from workbench.errors import ServingError, UsageError
from workbench.project import Project
from workbench.serving import scoring
from workbench.serving.parts import log_of
from workbench.serving.protocol.schema import RequestSchema
from workbench.serving.settings import LIVE_LOG


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    # Its models come from the tests' own source, as those of the tiny server do.
    monkeypatch.setattr(scoring, "RegisteredModels", tiny_helpers.Source)
    return make_tiny(tmp_path / "project", champion=1)


def written(folder: Path, ending: str, frame: pd.DataFrame) -> Path:
    path = folder / f"rows.{ending}"
    if ending == "csv":
        frame.to_csv(path, index=False)
    elif ending == "parquet":
        frame.to_parquet(path)
    else:
        text = frame.assign(ordered=frame["ordered"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
        path.write_text("\n".join(json.dumps(row) for row in text.to_dict("records")))
    return path


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_a_file_is_answered_as_the_version_answers_and_logged(
    project: Project, tmp_path: Path, ending: str
) -> None:
    asked = rows(7).assign(order=range(7))
    done = scoring.score_file(project, written(tmp_path, ending, asked))
    assert (done.rows, done.version, done.output) == (7, 1, tmp_path / "rows.predictions.parquet")
    answers = pd.read_parquet(done.output)
    kept = log_of(project, project.state / LIVE_LOG).read()
    assert answers["prediction_id"].tolist() == kept["prediction_id"].tolist()
    assert list(answers.columns[:4]) == ["colour", "size", "ordered", "order"]
    built = tiny_helpers.build(asked, {}, kept["asked_at"])
    wanted = tiny_helpers.fitted(1).predict_proba(built)[:, 1]  # type: ignore[attr-defined]
    np.testing.assert_allclose(answers["score"], wanted, rtol=0, atol=1e-12)
    assert kept["score"].tolist() == answers["score"].tolist()


def test_a_row_that_cannot_be_scored_is_named_and_leaves_no_output(project: Project, tmp_path: Path) -> None:
    source = written(tmp_path, "csv", rows(3).assign(size=["1", "two", "3"]))
    with pytest.raises(ServingError, match=r"rows\.csv, from row 0: column 'size', row 1"):
        scoring.score_file(project, source)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["rows.csv"]


def test_shadows_answer_a_file_beside_the_champion_as_they_do_in_the_server(
    project: Project, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    aliases = {"challenger": 2, "shadow-1": tiny_helpers.DOES_NOT_LOAD, "shadow-2": tiny_helpers.RAISES}
    tiny.set_aliases(project, champion=1, canary=4, **aliases)
    done = scoring.score_file(project, written(tmp_path, "csv", rows(5)))
    assert (done.version, done.shadows) == (1, (2, tiny_helpers.RAISES))
    assert "version 66 does not answer in the shadow" in caplog.text
    log = log_of(project, project.state / LIVE_LOG)
    answers = pd.read_parquet(done.output)
    for role, version, failed in (
        ("champion", 1, False),
        ("shadow", 2, False),
        ("shadow", tiny_helpers.RAISES, True),
    ):
        kept = log.read(role=role, version=version, failed=failed)
        assert sorted(kept["prediction_id"]) == sorted(answers["prediction_id"])
    assert len(log.read(failed=None)) == 3 * 5


@pytest.mark.parametrize(("version", "role"), [(1, "champion"), (2, "challenger"), (3, "challenger")])
def test_a_version_that_is_named_is_logged_as_what_it_is(
    project: Project, tmp_path: Path, version: int, role: str
) -> None:
    tiny.set_aliases(project, champion=1, canary=3)
    done = scoring.score_file(project, written(tmp_path, "csv", rows(2)), version=version)
    kept = log_of(project, project.state / LIVE_LOG).read()
    assert list(zip(kept["role"], kept["model_version"], strict=True)) == [(role, version)] * 2
    assert (done.version, done.shadows) == (version, ())


def test_what_the_champion_fails_to_answer_is_in_the_log_as_the_servers_would_be(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "_ROWS", 3)
    source = written(tmp_path, "csv", rows(7).assign(colour=["red"] * 4 + ["unbuildable"] + ["red"] * 2))
    with pytest.raises(ServingError, match=r"rows\.csv, from row 3: .*ValueError: no such colour") as failed:
        scoring.score_file(project, source)
    assert "\n" not in failed.value.message
    log = log_of(project, project.state / LIVE_LOG)
    kept = log.read(failed=True)
    assert len(log.read()) == len(kept) == 3
    assert kept["input.colour"].tolist() == ["red", "unbuildable", "red"]
    assert set(zip(kept["role"], kept["model_version"], kept["error"], strict=True)) == {
        ("champion", 1, "ValueError")
    }


def test_a_champion_that_raises_is_on_record_and_what_it_raised_is_said_in_one_line(
    project: Project, tmp_path: Path
) -> None:
    tiny.set_aliases(project, champion=tiny_helpers.RAISES)
    with pytest.raises(ServingError, match=r"rows\.csv, from row 0: RuntimeError: a shadow <b>on</b> strike"):
        scoring.score_file(project, written(tmp_path, "csv", rows(4)))
    kept = log_of(project, project.state / LIVE_LOG).read(failed=True)
    assert kept["error"].tolist() == ["RuntimeError"] * 4
    # By these the guards of a baking period tell requests apart: it is one that failed, not four.
    assert len(kept[["request_id", "answered_at", "latency_ms"]].drop_duplicates()) == 1


def test_what_cannot_be_scored_at_all_is_said_in_one_line(project: Project, tmp_path: Path) -> None:
    for name, content, says in (
        ("rows.txt", "colour", "ends in none of"),
        ("rows.csv", "", "cannot be read"),
        ("rows.parquet", "no parquet", "cannot be read"),
        ("empty.csv", "colour,size,ordered\n", "has no rows"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(UsageError, match=says):
            scoring.score_file(project, tmp_path / name)
    tiny.set_aliases(project)
    with pytest.raises(UsageError, match="no version is champion yet"):
        scoring.score_file(project, written(tmp_path, "csv", rows(1)))


def lines(folder: Path, frame: pd.DataFrame, *more: dict[str, object]) -> Path:
    """JSON lines, of which each has what ``more`` says besides."""
    path = written(folder, "jsonl", frame)
    given = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("\n".join(json.dumps(row | other) for row, other in zip(given, more, strict=True)))
    return path


def test_columns_that_are_passed_through_keep_the_type_that_they_have_in_all_of_the_file(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "_ROWS", 3)
    more = {"remark": [None] * 4 + ["late"] * 2, "id": pd.array([2**60 + 1, None] * 3, dtype="Int64")}
    source = written(tmp_path, "parquet", rows(6).assign(**more))
    found = pq.read_table(scoring.score_file(project, source).output)
    given = pq.read_table(source)
    assert found.select(given.column_names).equals(given)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_lines_that_have_other_columns_come_out_in_the_right_ones(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(scoring, "_ROWS", 2)
    more = ({"place": 1}, {"place": 2}, {"remark": "late"}, {"place": 4.5, "remark": None})
    output = tmp_path / f"answers{ending}"
    scoring.score_file(project, lines(tmp_path, rows(4), *more), output)
    found = pd.read_csv(output) if ending == ".csv" else pd.read_parquet(output)
    assert found["place"].fillna(0).tolist() == [1, 2, 0, 4.5]
    assert found["remark"].fillna("").tolist() == ["", "", "late", ""]
    assert found["model_version"].tolist() == [1] * 4


def test_what_cannot_stand_beside_the_answers_is_said_before_a_row_is_scored(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "_ROWS", 2)
    with pytest.raises(UsageError, match=r"rows\.csv has a column 'score', as the answers have; rename it"):
        scoring.score_file(project, written(tmp_path, "csv", rows(3).assign(score=0.5)))
    mixed = lines(tmp_path, rows(3), {"place": 1}, {"place": 2}, {"place": "first"})
    with pytest.raises(UsageError, match=r"column 'place' of .* several kinds.*: .*predictions\.csv"):
        scoring.score_file(project, mixed)
    log = log_of(project, project.state / LIVE_LOG)
    assert log.count() == 0
    done = scoring.score_file(project, mixed, tmp_path / "answers.csv")
    assert pd.read_csv(done.output)["place"].tolist() == ["1", "2", "first"]


def test_a_raw_column_that_is_called_as_the_answers_are_is_kept_under_its_name_in_the_log(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {**tiny_helpers.REQUEST.columns, "score": "number"}
    monkeypatch.setattr(tiny_helpers, "REQUEST", RequestSchema(columns))  # type: ignore[arg-type]
    done = scoring.score_file(project, written(tmp_path, "parquet", rows(2).assign(score=[700.0, 800.0])))
    found, kept = pd.read_parquet(done.output), log_of(project, project.state / LIVE_LOG).read()
    for table in (found, kept):
        assert table["input.score"].tolist() == [700, 800]
    assert found["score"].tolist() == kept["score"].tolist()
