"""What a new source would add: both ways on the same rows, and nothing is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.unit.monitoring.retrained import NOW, PHASES, make
from workbench import registry
from workbench.data.tables import Tables
from workbench.errors import ConfigError, DataError, RegistryError, UnknownName
from workbench.execution import pipeline
from workbench.project import Project
from workbench.registry.joining import joined
from workbench.registry.trial import trial
from workbench.store.clock import SimulatedClock

CLOCK = SimulatedClock(NOW)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """With a version that was trained and judged by notebooks. Only to be looked at."""
    made = make(tmp_path_factory.mktemp("trial") / "late")
    pipeline.run(made, PHASES)
    return made


@pytest.mark.practice("M10")
def test_a_source_that_says_something_adds_as_much_as_its_interval_says(project: Project) -> None:
    found = trial(project, "altitudes", "helpers:hint", clock=CLOCK, rounds=200)
    assert found.verdict == "adds"
    assert found.columns == ("hint", "place")  # a text becomes codes
    assert 0 < found.gain.low < found.gain.value < found.gain.high
    assert found.gain.value == pytest.approx(found.with_it - found.without)
    assert "a gain of +0." in str(found)
    version = registry.get_version(project, 1)
    judged = registry.Validation.from_dict(registry.evidence(version, project))
    assert found.judged == judged.rows
    assert found.without == pytest.approx(judged.metrics["candidate"]["roc_auc"], abs=0.01)


@pytest.mark.practice("M10")
def test_a_source_that_says_nothing_makes_no_difference(project: Project) -> None:
    found = trial(project, "altitudes", "helpers:altitude", clock=CLOCK, rounds=200)
    assert found.verdict == "no difference"
    assert found.known == 1.0
    assert "altitudes makes no difference that can be told" in str(found)


def test_without_a_function_the_columns_of_a_source_are_joined_by_its_key(project: Project) -> None:
    by_function = trial(project, "altitudes", "helpers:altitude", clock=CLOCK, rounds=200)
    found = trial(project, "altitudes", clock=CLOCK, rounds=200)
    assert found.columns == ("altitudes_altitude",)
    assert (found.known, found.with_it, found.gain) == (1.0, by_function.with_it, by_function.gain)
    rows = pd.DataFrame({"origin": ["south", "west"]}, index=[7, 3])
    source = pd.DataFrame({"origin": ["north", "south"], "altitude": [10.0, 900.0]})
    said = joined(project, "altitudes", rows, source)["altitudes_altitude"]
    assert (list(said.index), said.isna().tolist(), said[7]) == ([7, 3], [False, True], 900.0)
    for asked, told, says in (
        (
            rows[[]],
            source,
            "told by 'origin', which prepared rows do not have; say what it gives: --features",
        ),
        (rows, pd.concat([source, source]), "several rows of one origin"),
        (rows, source[["origin"]], "no number and no text besides its key origin"),
    ):
        with pytest.raises(DataError, match=says):
            joined(project, "altitudes", asked, told)


def test_nothing_is_kept(project: Project) -> None:
    before = Tables(project.data_uri).names()
    found = trial(project, "altitudes", "helpers:altitude", clock=CLOCK, rounds=200)
    assert [item.version for item in registry.list_versions(project)] == [1]
    assert Tables(project.data_uri).names() == before
    assert json.loads(json.dumps(found.to_dict()))["source"] == "altitudes"


def test_what_cannot_be_tried_is_said(project: Project) -> None:
    with pytest.raises(UnknownName, match="did you mean 'altitudes'"):
        trial(project, "altitude", "helpers:altitude", clock=CLOCK)
    with pytest.raises(ConfigError, match="cannot be imported"):
        trial(project, "altitudes", "helpers:latitude", clock=CLOCK)
    with pytest.raises(DataError, match="'signal', which is a feature already"):
        trial(project, "altitudes", "helpers:again", clock=CLOCK)
    with pytest.raises(DataError, match="indexed like its rows"):
        trial(project, "altitudes", "helpers:shifted", clock=CLOCK)


def test_without_a_version_there_is_nothing_to_hold_it_against(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="workbench run trains one"):
        trial(make(tmp_path / "late"), "altitudes", "helpers:altitude", clock=CLOCK)
