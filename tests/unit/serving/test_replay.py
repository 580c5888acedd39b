"""History through a real server: in order, labels as late as they were, whatever the batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from tests.unit.serving.tiny import NOW, SOURCE, make_tiny, rows, until
from workbench.errors import ServingError, UsageError
from workbench.project import Project
from workbench.serving import Progress, Server, labelled, replay, smoke_test, start
from workbench.serving.smoke import request_latencies

pytestmark = pytest.mark.server
HOURS = 60


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Server]]:
    root = tmp_path_factory.mktemp("replay")
    project = make_tiny(root / "project")
    with start(
        project, champion=1, shadows=(2,), models=SOURCE, simulated=True, log_folder=root / "log"
    ) as server:
        yield project, server


def history(seed: int = 0) -> pd.DataFrame:
    """Two and a half days of rows in no order; each is labelled some hours after it was asked."""
    count = 4 * HOURS
    generator = np.random.default_rng(seed)
    asked_at = NOW + pd.to_timedelta(generator.uniform(0, HOURS, count), unit="h").round("s")
    frame = rows(count).assign(
        key=[f"k{number}" for number in range(count)],
        asked_at=asked_at,
        landed_at=asked_at + pd.to_timedelta(generator.uniform(1, 12, count), unit="h").round("s"),
        late=generator.random(count) < 0.3,
    )
    return frame.sample(frac=1, random_state=seed)


def read(server: Server, ids: pd.Series, role: str = "champion") -> pd.DataFrame:
    kept = server.log.read(role=role)  # type: ignore[arg-type]
    return kept[kept["prediction_id"].isin(ids)]


@pytest.mark.practice("P6")
def test_every_row_is_asked_once_in_time_order_at_its_own_moment(served: tuple[Project, Server]) -> None:
    _, server = served
    frame = history()
    result = replay(server, frame, target="late", key="key")
    assert (result.rows, result.batches) == (len(frame), frame["asked_at"].dt.floor("1h").nunique())
    assert result.predictions["asked_at"].is_monotonic_increasing
    assert sorted(result.predictions["key"]) == sorted(frame["key"])
    assert result.predictions.loc[frame.index, "key"].tolist() == frame["key"].tolist()
    kept = read(server, result.predictions["prediction_id"]).set_index("prediction_id")
    told = result.predictions.set_index("prediction_id")
    assert kept.loc[told.index, "asked_at"].tolist() == told["asked_at"].tolist()
    assert kept.loc[told.index, "score"].tolist() == told["score"].tolist()
    assert len(result.latencies) == result.batches
    assert "240 rows" in result._repr_html_()


def test_no_answer_depends_on_the_size_of_the_batches(served: tuple[Project, Server]) -> None:
    _, server = served
    scores = [
        replay(server, history(), target="late", every=every).predictions["score"]
        for every in ("1h", "7h", "2D")
    ]
    pd.testing.assert_series_equal(scores[0], scores[1], check_exact=True)
    pd.testing.assert_series_equal(scores[0], scores[2], check_exact=True)


def test_a_label_is_sent_when_its_time_has_come_and_not_before(served: tuple[Project, Server]) -> None:
    project, server = served
    frame = history(1)
    frame.loc[frame.index[:5], "landed_at"] = pd.NaT
    unknown = frame["late"].astype(object).where(~frame.index.isin(frame.index[5:9]), None)
    frame["late"] = unknown.astype("boolean")
    seen: list[tuple[Progress, int]] = []

    def look(progress: Progress) -> None:
        seen.append((progress, server.health().counts.truth_rows))

    before = server.health().counts.truth_rows
    result = replay(server, frame, target="late", on_progress=look)
    for progress, received in seen:
        due = frame["landed_at"].le(progress.simulated_time) & frame["late"].notna()
        assert received - before == progress.labels == due.sum()
    assert [progress.rows for progress, _ in seen] == sorted(progress.rows for progress, _ in seen)
    end = seen[-1][0].simulated_time
    assert seen[-1][0].rows == len(frame)
    assert len(seen) == 4  # three midnights, and the end

    joined = labelled(project, server.log_name, read(server, result.predictions["prediction_id"]))
    told = result.predictions.assign(late=frame["late"], landed_at=frame["landed_at"])
    told = told.set_index("prediction_id").loc[joined["prediction_id"]]
    known = told["landed_at"].le(end).to_numpy() & told["late"].notna().to_numpy()
    assert joined["truth"].notna().tolist() == known.tolist()
    assert joined.loc[known, "truth"].tolist() == told.loc[known, "late"].astype(float).tolist()

    # What was not known at the end can be sent when its time has come.
    assert len(result.pending) == (told["landed_at"].gt(end) & told["late"].notna()).sum() > 0
    assert server.truth(result.pending) == len(result.pending)
    later = labelled(project, server.log_name, read(server, result.predictions["prediction_id"]))
    assert later["truth"].isna().sum() == 9


@pytest.mark.practice("P5")
def test_shadows_answer_the_whole_replay(served: tuple[Project, Server]) -> None:
    _, server = served
    result = replay(server, history(2), target="late")
    until(lambda: len(read(server, result.predictions["prediction_id"], "shadow")) == result.rows)
    assert server.health().counts.shadow_dropped_rows == 0


def test_nothing_to_replay_is_no_error(served: tuple[Project, Server]) -> None:
    _, server = served
    result = replay(server, history().head(0), target="late", key="key")
    assert (result.rows, result.batches, len(result.predictions), len(result.pending)) == (0, 0, 0, 0)
    assert "0 rows" in result._repr_html_()


@pytest.mark.parametrize("column", ["late", "asked_at", "landed_at", "colour", "key"])
def test_a_column_that_is_not_there_is_named(served: tuple[Project, Server], column: str) -> None:
    _, server = served
    with pytest.raises(UsageError, match=f"no column '{column}'"):
        replay(server, history().drop(columns=column), target="late", key="key")


def test_a_row_that_the_server_refuses_ends_the_replay_with_its_words(served: tuple[Project, Server]) -> None:
    _, server = served
    frame = history()
    frame.loc[frame.index[100], "colour"] = "unbuildable"
    with pytest.raises(ServingError, match="no such colour can be built"):
        replay(server, frame, target="late")


def test_a_server_for_a_replay_wants_a_log_of_its_own_and_the_time_of_asking(
    served: tuple[Project, Server],
) -> None:
    project, server = served
    with pytest.raises(ServingError, match="give log_folder"):
        start(project, champion=1, models=SOURCE, simulated=True)
    with pytest.raises(ServingError, match="simulated_time is missing"):
        server.predict(rows(1))


@pytest.mark.practice("L6")
def test_recorded_cases_are_answered_as_recorded_or_not(served: tuple[Project, Server]) -> None:
    _, server = served
    asked = rows(4)
    moments = pd.Series([NOW + pd.Timedelta(hours=hour) for hour in range(4)])
    given = server.predict(asked, simulated_time=moments)
    cases = asked.add_prefix("input.").assign(asked_at=moments, score=given["score"])
    assert smoke_test(server, cases, 1)["ok"].all()
    cases.loc[2, "score"] += 0.001
    assert smoke_test(server, cases, 1)["ok"].tolist() == [True, True, False, True]
    assert not smoke_test(server, cases, 2)["ok"].any()
    with pytest.raises(ServingError, match="has not loaded version 3"):
        smoke_test(server, cases, 3)
    assert (request_latencies(server, cases, requests=6) > 0).sum() == 6
