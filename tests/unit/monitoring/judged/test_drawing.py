"""Which answers people are shown, and what of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.monitoring.judged.asked import HOSTILE, LOG, ask, know, make
from tests.unit.serving.log.batches import NOON
from workbench.errors import UsageError
from workbench.monitoring.judged import Draw, Sample, draw
from workbench.project import Project
from workbench.serving.log.chosen import chosen_log
from workbench.serving.log.compact import compact

pytestmark = pytest.mark.practice("P7")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = make(tmp_path_factory.mktemp("drawing") / "late")
    ask(made, 60)
    ask(made, 3, number=100, role="shadow", version=4)
    know(made, p0_0=1.0, p0_1=0.0)
    return made


def drawn(project: Project, **how: Any) -> Sample:
    return draw(project, *chosen_log(project, None), Draw(**how))


def ids(sample: Sample) -> list[str]:
    return [answer.prediction_id for answer in sample.answers]


def test_the_same_seed_draws_the_same_answers_of_the_champion(project: Project) -> None:
    first = drawn(project, rows=10)
    assert len(set(ids(first))) == 10
    assert ids(drawn(project, rows=10)) == ids(first) != ids(drawn(project, rows=10, seed=1))
    assert {answer.version for answer in drawn(project, rows=100).answers} == {3}
    assert len(drawn(project, rows=100).answers) == 60
    compact(chosen_log(project, None)[0])
    assert ids(drawn(project, rows=10)) == ids(first)


def test_an_answer_is_told_with_what_was_decided_and_without_what_is_personal(project: Project) -> None:
    sample = drawn(project, rows=100)
    by_id = {answer.prediction_id: answer for answer in sample.answers}
    answer = by_id["0-0"]
    assert (answer.score, answer.decided, answer.version) == (pytest.approx(0.1), "not late", 3)
    assert by_id["0-59"].decided == "late"
    assert answer.inputs == {"carrier": "UA", "distance": 0.0}
    assert answer.features["late_share"] == 0.25
    assert (sample.hidden, sample.log) == (("owner",), LOG)
    assert answer.slices == {"carrier": "UA", "late_share": "0.25", "user_group": "gold"}
    assert by_id["0-1"].slices == {"carrier": HOSTILE}
    assert (answer.truth, by_id["0-1"].truth, by_id["0-2"].truth) == ("late", "not late", "")
    assert "'late'" not in repr(answer).replace("decided='not late'", "")  # what turned out is not let slip


def test_the_most_uncertain_are_nearest_to_the_threshold(project: Project) -> None:
    sample = drawn(project, how="uncertain", rows=4)
    assert sorted(ids(sample)) == ["0-28", "0-29", "0-30", "0-31"]
    assert [abs(answer.score - 0.5) for answer in sample.answers] == sorted(
        abs(answer.score - 0.5) for answer in sample.answers
    )


def test_a_slice_is_drawn_from_at_random(project: Project) -> None:
    sample = drawn(project, how="slice", slice="carrier = UA", rows=7)
    assert {answer.inputs["carrier"] for answer in sample.answers} == {"UA"}
    assert len(sample.answers) == 7
    assert len(drawn(project, how="slice", slice="user_group=gold", rows=100).answers) == 30
    assert len(drawn(project, how="slice", slice="distance=59", rows=100).answers) == 1
    assert drawn(project, how="slice", slice="carrier=XX").answers == ()
    with pytest.raises(UsageError, match="no row of the log has a column 'colour'; there is: carrier, "):
        drawn(project, how="slice", slice="colour=red")
    with pytest.raises(UsageError, match="'owner' is personal"):
        drawn(project, how="slice", slice="owner=p-0")


def test_only_a_span_of_time_is_drawn_from(project: Project) -> None:
    sample = drawn(project, rows=100, since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=3))
    assert len(sample.answers) == 4


@pytest.mark.parametrize(
    "how", [{"how": "all"}, {"rows": 0}, {"rows": 10**6}, {"how": "slice", "slice": "JFK"}]
)
def test_what_cannot_be_drawn_is_refused(how: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Draw(**how)


def test_scores_that_are_none_are_shown_and_never_the_most_uncertain(tmp_path: Path) -> None:
    project = make(tmp_path / "late")
    outputs = np.column_stack([np.full(6, 0.4), [np.nan, np.inf, -np.inf, 0.5, 0.9, np.nan]])
    ask(project, 6, outputs=outputs)
    assert ids(drawn(project, how="uncertain")) == ["0-3", "0-4"]
    every = {answer.prediction_id: answer.decided for answer in drawn(project).answers}
    assert every == {"0-0": "", "0-1": "", "0-2": "", "0-3": "late", "0-4": "late", "0-5": ""}


def test_of_several_classes_the_answered_one_was_decided(tmp_path: Path) -> None:
    project = make(tmp_path / "late")
    outputs = np.array(
        [[0.2, 0.5, 0.3], [0.9, 0.05, 0.05], [0.34, 0.33, 0.33], [0.1, 0.2, 0.7], [-np.inf, 0.0, 0.9]]
    )
    ask(project, 5, outputs=outputs, classes=("early", "on time", HOSTILE))
    sample = drawn(project, how="uncertain", rows=3)
    assert [(answer.prediction_id, answer.decided) for answer in sample.answers] == [
        ("0-2", "early"),
        ("0-0", "on time"),
        ("0-3", HOSTILE),
    ]


def test_nothing_answered_is_an_empty_sample(tmp_path: Path) -> None:
    project = make(tmp_path / "late")
    for how in ("random", "uncertain"):
        assert drawn(project, how=how).answers == ()
    assert drawn(project, how="slice", slice="origin=JFK").answers == ()
