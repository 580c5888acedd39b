"""Sources: checked before anything is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from tests.projects import make_project
from workbench.config import FreshnessConfig
from workbench.data import sources
from workbench.errors import CheckFailed, SourceError, UnknownName
from workbench.project import Project

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path, {"gather": []})


@pytest.mark.practice("D1")
def test_a_good_source_passes_and_each_check_is_named(project: Project) -> None:
    frame = sources.load(project, "numbers")
    names = [check.name for check in sources.check(project, "numbers", frame, NOW)]
    assert "key is unique: x" in names
    assert any("greater_than_or_equal_to(0)" in name for name in names)


@pytest.mark.practice("D1")
def test_a_bad_source_is_refused_with_every_failed_check(project: Project) -> None:
    frame = sources.load(project, "broken")
    with pytest.raises(CheckFailed) as caught:
        sources.check(project, "broken", frame, NOW)
    assert "source 'broken' failed 1 of" in caught.value.message
    assert "-1" in caught.value.message
    with pytest.raises(CheckFailed, match="rows repeat a key"):
        sources.check(project, "numbers", pd.DataFrame({"x": [1, 1], "y": [0.0, 0.0]}), NOW)


def test_a_source_that_is_away_says_so(project: Project) -> None:
    with pytest.raises(
        SourceError, match="'unreachable' could not be pulled: ConnectionError: no route to host"
    ):
        sources.load(project, "unreachable")
    with pytest.raises(UnknownName, match="did you mean 'numbers'"):
        sources.load(project, "number")


@pytest.mark.parametrize(
    ("freshness", "fails"),
    [
        ({"until": "2025-12-30"}, False),
        ({"until": "2025-12-31"}, True),
        ({"max_age": "48h"}, False),
        ({"max_age": "26h"}, True),
    ],
)
def test_freshness_is_by_date_or_by_age(project: Project, freshness: dict[str, str], fails: bool) -> None:
    source = project.source("numbers").model_copy(
        update={"freshness": FreshnessConfig(column="at", **freshness)}
    )
    frame = pd.DataFrame({"at": ["2025-12-30T18:00:00Z", "2025-12-01T00:00:00Z"]})
    results = sources._freshness(frame, source, NOW)
    assert [not check.passed for check in results] == [fails]
