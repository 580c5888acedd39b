"""Several runs at once, runs within runs, and clocks that are wrong: nothing is mixed up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.agents import until
from tests.faults.lives import Life, agent_folder, left_behind, results, torn
from tests.projects import make_project
from workbench.project import Project
from workbench.tracking import reports

WAIT = (
    "import os, time\nfrom pathlib import Path\nPath(f'../at-{os.getpid()}').touch()\n"
    "while not Path('../go').exists():\n    time.sleep(0.02)"
)


@pytest.fixture(scope="module")
def agents() -> Iterator[Path]:
    with agent_folder() as folder:
        yield folder


def _light(project: Project, cores: int = 2) -> Project:
    with (project.root / "workbench.toml").open("a") as file:
        file.write(f'\n[execution]\npreload = ["json"]\ncores = {cores}\n')
    return project


@pytest.mark.practice("T1")
def test_two_runs_at_once_read_what_their_own_phases_wrote(tmp_path: Path, agents: Path) -> None:
    project = _light(
        make_project(
            tmp_path / "project",
            {
                "gather": [
                    "import pandas as pd",
                    'phase.write("numbers", pd.DataFrame({"x": [factor]}))\nphase.note("factor", factor)',
                    WAIT,
                ],
                "show": [
                    'phase.note("seen", [int(phase.read("numbers").x[0]), phase.facts("gather")["factor"]])'
                ],
            },
            parameters={"gather": "factor: int = 1"},
        )
    )
    lives = [Life(project, agents, "--json", "-p", "factor=2")]
    until(lambda: len(list(project.root.glob("at-*"))) == 1, seconds=60)
    lives.append(Life(project, agents, "--json", "-p", "factor=3"))
    until(lambda: len(list(project.root.glob("at-*"))) == 2, seconds=60)

    status, said = Life(project, agents, command="status").end()
    assert status == 0, said
    status, said = Life(project, agents, "--json", command="runs").end()
    assert status == 0, said
    assert said.count('"running"') == 4

    (project.root / "go").touch()
    for life, factor in zip(lives, (2, 3), strict=True):
        status, said = life.end()
        assert status == 0, said
        assert ("of gather is going on as well" in said) == (factor == 3)
        told = json.loads(said[said.index("{") :].partition("\n}")[0] + "\n}")
        shown = reports.find(project, "show", told["phases"][1]["run_id"])
        assert shown is not None
        assert shown.notes["seen"] == [factor, factor]
    assert torn(project) == []
    assert left_behind(project) == []


def test_a_notebook_that_runs_phases_does_not_wait_for_itself(tmp_path: Path, agents: Path) -> None:
    project = _light(
        make_project(
            tmp_path / "project",
            {
                "inner": ['phase.note("depth", 2)'],
                "outer": [
                    "from workbench.execution import pipeline",
                    'result = pipeline.run_within(phase, ["inner"])',
                    'phase.note("inside", result.facts["inner"]["depth"])',
                ],
            },
        ),
        cores=1,
    )
    status, said = Life(project, agents).end()
    assert status == 0, said
    assert results(project)["outer"] == {"inside": 2}
    assert left_behind(project) == []


def test_the_newest_report_is_the_last_one_whatever_the_clock_says(tmp_path: Path, agents: Path) -> None:
    project = _light(
        make_project(tmp_path / "project", {"one": ['phase.note("is", 1)', 'phase.note("x", value)']},
                     parameters={"one": "value: int = 1"})
    )  # fmt: skip
    assert Life(project, agents).end()[0] == 0
    manifest = reports.latest(project, "one")
    assert manifest is not None
    # As if the clock had been years ahead then, and was put right since.
    ahead = manifest.started_at + timedelta(days=1000)
    (folder,) = (project.reports / "one").iterdir()
    wrong = manifest.model_copy(update={"started_at": ahead})
    (folder / reports.MANIFEST).write_text(wrong.model_dump_json())
    folder.rename(folder.with_name(f"{ahead:%Y%m%dT%H%M%SZ}-{manifest.run_id[:8]}"))

    assert Life(project, agents, "-p", "value=2").end()[0] == 0
    assert results(project)["one"]["x"] == 2
    assert "up to date" in Life(project, agents, "-p", "value=2").end()[1]
    assert Life(project, agents).end()[0] == 0
    assert results(project)["one"]["x"] == 1


def test_reports_of_one_second_are_in_the_order_of_their_making(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    project = make_project(tmp_path, {"one": []})
    for number in range(5):
        manifest = reports.Manifest(
            run_id=f"{9 - number}" * 32,
            pipeline_run_id="0" * 32,
            project="tiny",
            phase="one",
            notebook="one.ipynb",
            status="finished",
            started_at=now,
            ended_at=now,
            seconds=0.0,
        )
        reports.publish(project.reports, manifest, "{}", "<html></html>")
        newest = reports.latest(project, "one")
        assert newest is not None
        assert newest.run_id == manifest.run_id
