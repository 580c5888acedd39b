"""Scoring files: what the server would answer, logged alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.serving import tiny, tiny_helpers
from tests.unit.serving.tiny import make_tiny, rows
from workbench.errors import ServingError, UsageError
from workbench.project import Project
from workbench.serving import scoring
from workbench.serving.parts import log_of
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
