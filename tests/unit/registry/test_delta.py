"""Delta reports: how often, where and by how much two versions disagree, on rows that neither has seen."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.pages import HOSTILE, parse, shown
from tests.unit.registry import carded, small
from workbench.errors import DataError, RegistryError, UnknownName
from workbench.project import Project
from workbench.registry.deltas.measuring import delta
from workbench.registry.deltas.recorded import recorded_delta
from workbench.tracking.models import positive_scores
from workbench.tracking.sanitize import clean_html


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Version 1 flags hardly anybody; version 2 looks at all features."""
    made = carded.carded_project(tmp_path / "project")
    carded.register(made, model=carded.other_model(), until=carded.EARLIER)
    carded.register(made)
    return made


def _scores() -> tuple[np.ndarray, np.ndarray]:
    asked = small.rows()[small.FEATURES]
    return positive_scores(carded.other_model(), asked), positive_scores(small.estimator(), asked)


@pytest.mark.practice("P9")
def test_it_counts_what_they_flag_differently_with_an_interval_and_by_slice(project: Project) -> None:
    found = delta(project, 1, 2, small.rows(), time="asked_at", target="late", groups=["colour"], rounds=200)
    old, new = _scores()
    differs = (old >= 0.5) != (new >= 0.5)
    assert (found.rows, found.days, found.labelled) == (600, 30, 600)
    assert found.share.value == pytest.approx(differs.mean())
    assert found.share.low < found.share.value < found.share.high
    assert np.allclose(found.differences, new - old)
    by_colour = found.disagreement.set_index("slice")["flagged_differently"]
    red = (small.rows()["colour"] == "red").to_numpy()
    assert by_colour["red"] == pytest.approx(differs[red].mean())
    flags = found.flags.set_index("by")
    assert flags["rows"].sum() == 600
    assert flags.loc["new only", "rows"] + flags.loc["old only", "rows"] == differs.sum()
    assert flags.loc["new only", "positive"] == small.rows()["late"][(new >= 0.5) & (old < 0.5)].sum()


@pytest.mark.practice("P9")
def test_the_metrics_differ_by_a_paired_interval_and_the_better_is_named(project: Project) -> None:
    found = delta(project, 1, 2, small.rows(), time="asked_at", target="late", rounds=200)
    metrics = found.metrics.set_index("metric")
    assert found.metrics["metric"].iloc[0] == "roc_auc"
    assert (metrics.loc["brier", "difference"] < 0, metrics.loc["brier", "better"]) == (True, "new")
    back = delta(project, 2, 1, small.rows(), time="asked_at", target="late", rounds=200)
    turned = back.metrics.set_index("metric")
    assert (turned.loc["brier", "better"], turned.loc["flagged_share", "better"]) == ("old", "")
    assert turned.loc["brier", "difference"] == pytest.approx(-metrics.loc["brier", "difference"])
    assert back.share.value == found.share.value
    again = delta(project, 1, 2, small.rows(), time="asked_at", target="late", rounds=200)
    assert again.to_dict() == found.to_dict()


@pytest.mark.practice("P9")
def test_the_rows_that_changed_most_are_shown_with_their_features(project: Project) -> None:
    found = delta(project, 1, 2, small.rows(), time="asked_at", target="late", groups=["colour"])
    old, new = _scores()
    assert len(found.changed) == 20
    assert found.changed["difference"].abs().iloc[0] == pytest.approx(np.abs(new - old).max())
    assert found.changed["difference"].abs().is_monotonic_decreasing
    assert [*found.changed] == [
        *("old_score", "new_score", "difference", "asked_at", "colour", "late", "size", "age")
    ]
    hidden = delta(project, 1, 2, small.rows(), time="asked_at", hide=["size", "colour"])
    assert [*hidden.changed] == ["old_score", "new_score", "difference", "asked_at", "age"]


def test_without_labels_it_says_that_nobody_can_tell_who_is_right(project: Project) -> None:
    rows = small.rows().drop(columns="late")
    found = delta(project, 1, 2, rows, time="asked_at", rounds=50)
    assert found.labelled == 0
    assert found.metrics.empty
    assert "nobody can tell who is right" in found.page.lead
    some = small.rows().astype({"late": object})
    some.loc[some.index[::2], "late"] = None
    half = delta(project, 1, 2, some, time="asked_at", target="late", rounds=50)
    assert (half.rows, half.labelled) == (600, 300)
    assert half.share.value == found.share.value


@pytest.mark.practice("P9", "P12")
def test_the_rows_come_from_the_record_and_neither_version_has_learnt_from_them(project: Project) -> None:
    found = recorded_delta(project, 1, 2)
    assert found.rows_from == "the holdout of tiny-model v2, in prepared v1"
    assert (found.rows, found.notes) == (600, ())
    late = small.CUT_OFF + timedelta(days=10)
    carded.register(project, until=late)
    partly = recorded_delta(project, 1, 3)
    assert partly.rows == 400
    assert partly.notes == (
        "200 rows from before 2026-07-11 are left out, as tiny-model v3 may have learnt from them",
    )
    carded.register(project, until=small.CUT_OFF + timedelta(days=31))
    with pytest.raises(DataError, match="v4 was trained until 2026-08-01 and may have learnt from all"):
        recorded_delta(project, 1, 4)


def test_the_newest_holdout_is_taken_and_another_one_where_its_rows_are_gone(project: Project) -> None:
    later = small.rows().assign(asked_at=small.rows()["asked_at"] + timedelta(days=60))
    carded.register(project, rows=later)
    assert recorded_delta(project, 3, 2).rows_from == "the holdout of tiny-model v3, in prepared v2"
    later = later.assign(asked_at=later["asked_at"] + timedelta(days=60))
    carded.register(project, rows=later, lineage=False)
    assert recorded_delta(project, 4, 2).rows_from == "the holdout of tiny-model v2, in prepared v1"


def test_when_no_rows_are_found_it_says_how_to_hand_them_in(tmp_path: Path) -> None:
    project = carded.carded_project(tmp_path / "project")
    for _ in range(2):
        carded.register(project, lineage=False)
    with pytest.raises(RegistryError, match="hand them in: registry") as refused:
        recorded_delta(project, 1, 2)
    assert "recorded no dataset" in refused.value.details


def test_what_cannot_be_compared_is_told(project: Project) -> None:
    rows = small.rows()
    with pytest.raises(DataError, match="tiny-model v2 cannot be compared with itself"):
        delta(project, 2, "challenger", rows, time="asked_at")
    with pytest.raises(DataError, match="no rows to compare tiny-model v1 with tiny-model v2"):
        delta(project, 1, 2, rows.head(0), time="asked_at")
    with pytest.raises(UnknownName, match="no column 'colour' in the rows to compare on"):
        delta(project, 1, 2, rows.drop(columns="colour"), time="asked_at")
    with pytest.raises(UnknownName, match="no column 'lat' in the rows to compare on; did you mean 'late'"):
        delta(project, 1, 2, rows, time="asked_at", target="lat")
    with pytest.raises(DataError, match="holds other values than true and false"):
        delta(project, 1, 2, rows.assign(late=7), time="asked_at", target="late")
    with pytest.raises(UnknownName, match="no model version '9'"):
        delta(project, 1, 9, rows, time="asked_at")


def test_two_versions_that_agree_everywhere_are_shown_too(project: Project) -> None:
    carded.register(project)
    found = delta(project, 2, 3, small.rows(), time="asked_at", target="late", groups=["colour"])
    assert found.share.value == 0
    assert set(found.metrics["better"]) == {""}
    assert "0.0 % of the rows differently" in next(shown(found._repr_html_(), "div")).text


def test_hostile_values_stay_text(project: Project, tmp_path: Path) -> None:
    names = np.array([*HOSTILE.values(), "a | b", "$x_1$"], dtype=object)
    rows = small.rows().assign(colour=np.resize(names, 600))
    found = delta(project, 1, 2, rows, time="asked_at", target="late", groups=["colour"], rounds=50)
    html, markdown = found.write(tmp_path)
    for page in (html.read_text(), found._repr_html_(), str(clean_html(found._repr_html_()))):
        kinds = {element.tag for element in parse(page)}
        assert not kinds & {"script", "iframe", "svg", "math", "form", "object", "base", "embed", "noscript"}
        assert not any(key.startswith("on") for element in parse(page) for key in element.attributes)
        assert any(element.attributes["src"].startswith("data:image/svg") for element in shown(page, "img"))
        told = [cell.text for cell in shown(page, "td")]
        assert all(" ".join(name.split()) in told for name in names)
    assert [element.tag for element in parse(markdown.read_text())] == []


def test_its_json_holds_all_but_the_single_differences(project: Project) -> None:
    found = delta(project, 1, 2, small.rows(), time="asked_at", target="late", groups=["colour"])
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert (told["old"], told["new"], told["rows"]) == (1, 2, 600)
    assert told["flagged_differently"]["value"] == found.share.value
    assert told["score_differences"]["0.5"] == pytest.approx(np.median(found.differences))
    assert len(told["changed"]) == 20
    missing = [row["age"] for row in told["changed"]]
    assert missing.count(None) == int(pd.isna(found.changed["age"]).sum())
