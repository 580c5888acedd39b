"""A candidate held against everything that ``workbench.toml`` asks of it, in one call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from tests.unit.registry import small
from workbench.errors import UnknownName
from workbench.project import Project, open_project
from workbench.registry import versions
from workbench.registry.gates.candidate import judge
from workbench.tracking.models import TrainedModel

GATES = """
[gates]
minimum_rows = 100
bootstrap_rounds = 100
calibration_error = 0.5
max_data_age = "45 d"
regression_cases = "cases.csv"

[gates.utility]
unit = "EUR"
true_positive = 10
false_positive = -10

[[gates.behaviour]]
name = "size counts"
change = { size = "+1" }
expect = "not lower"
tolerance = 0.2
share = 0.8
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = small.small_project(tmp_path)
    config = tmp_path / "workbench.toml"
    said = config.read_text().replace('"y"', '"late"').replace('time = "x"', 'time = "asked_at"')
    config.write_text(said + GATES)
    (tmp_path / "cases.csv").write_text("size,age,colour,at_least\n3,0,red,0.5\n")
    return open_project(project.root)


@pytest.fixture
def contenders(project: Project) -> dict[str, TrainedModel]:
    run = small.start(project)
    baseline = DummyClassifier().fit(small.rows()[small.FEATURES], small.rows()["late"])
    return {"candidate": small.train(run), "baseline": small.train(run, baseline)}


@pytest.mark.practice("L5", "P10")
def test_every_declared_gate_is_asked(project: Project, contenders: dict[str, TrainedModel]) -> None:
    before = versions.list_versions(project)
    found = judge(project, small.rows(), contenders, features=small.FEATURES)
    assert {gate.name: gate.verdict for gate in found.gates} == dict.fromkeys(
        [
            *("rows", "primary metric", "beats baseline", "calibration", "utility", "schema", "data age"),
            *("regression cases", "behaviour: size counts", "latency", "memory", "size"),
        ],
        "passed",
    )
    assert found.verdict == "passed"
    assert len(found.scores["candidate"]) == len(small.rows())
    assert "scores" not in found.to_dict()
    assert versions.list_versions(project) == before == []


@pytest.mark.practice("K1")
def test_one_case_that_is_answered_wrong_refuses_it(
    project: Project, contenders: dict[str, TrainedModel]
) -> None:
    (project.root / "cases.csv").write_text("size,age,colour,at_most,why\n3,0,red,0.1,large and early\n")
    found = judge(project, small.rows(), contenders, features=small.FEATURES)
    assert found.verdict == "failed"
    assert [gate.name for gate in found.gates if gate.verdict != "passed"] == ["regression cases"]


def test_the_champion_competes_and_its_schema_is_compared(
    project: Project, contenders: dict[str, TrainedModel]
) -> None:
    version = small.register(small.start(project), contenders["candidate"])
    found = judge(project, small.rows(), {**contenders, "champion": version}, features=small.FEATURES)
    gain, schema = found.gate("beats champion"), found.gate("schema")
    assert gain is not None
    assert schema is not None
    assert (gain.verdict, gain.value) == ("inconclusive", 0)
    assert schema.why == "3 inputs, the same as the champion's"


def test_few_labels_are_inconclusive_whatever_the_rest_says(
    project: Project, contenders: dict[str, TrainedModel]
) -> None:
    rows = small.rows().assign(late=lambda frame: frame["late"].where(frame.index < 50, np.nan))
    found = judge(project, rows, contenders, features=small.FEATURES)
    assert found.verdict == "inconclusive"
    assert "550 rows without a label" in found.notes


def test_what_is_missing_is_named(project: Project, contenders: dict[str, TrainedModel]) -> None:
    with pytest.raises(UnknownName, match="contender 'baseline'"):
        judge(project, small.rows(), {"candidate": contenders["candidate"]}, features=small.FEATURES)
    rows: pd.DataFrame = small.rows().drop(columns="age")
    with pytest.raises(UnknownName, match="feature 'age'"):
        judge(project, rows, contenders, features=small.FEATURES)
