"""What is up to date, what is not, and the words for it."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.projects import make_project
from workbench.execution import pipeline, plan
from workbench.project import Project, open_project
from workbench.registry import aliases
from workbench.tracking import reports, runs

NOTEBOOKS = {
    "load": ["import helpers", "phase.pull('numbers').version"],
    "double": [
        "x = phase.read('numbers')",
        "phase.write('doubled', x * factor)",
        "phase.note('rows', len(x))",
    ],
    "judge": [
        "phase.read('doubled')",
        "phase.project.config.gates.minimum_primary",
        "from workbench import registry\nregistry.champion(phase.project)",
        "phase.facts('double')",
    ],
}
FINGERPRINT = 'fingerprint = { files = ["notebooks/*.txt"] }'


def made(root: Path) -> Project:
    make_project(root, NOTEBOOKS, parameters={"double": "factor: float = 2.0  # times"})
    (root / "notebooks" / "numbers.txt").write_text("1")
    config = root / "workbench.toml"
    config.write_text(
        config.read_text().replace("\n[sources.broken]", f"{FINGERPRINT}\n\n[sources.broken]", 1)
    )
    return open_project(root)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose three phases have finished; tests leave it as they found it."""
    project = made(tmp_path_factory.mktemp("finished") / "tiny")
    assert pipeline.run(project).status == "finished"
    return project


@contextlib.contextmanager
def changed(path: Path, new: Callable[[str], str]) -> Iterator[None]:
    before = path.read_text()
    assert new(before) != before
    path.write_text(new(before))
    yield
    path.write_text(before)


def explained(project: Project, **parameters: object) -> dict[str, tuple[str, str]]:
    """Verdict and reasons of each phase, the project read anew."""
    project = open_project(project.root)
    names = pipeline.order(project)
    given = pipeline.share_out(project, names, parameters)
    return {
        step.phase: (step.verdict, "; ".join(step.reasons)) for step in plan.explain(project, names, given)
    }


UP_TO_DATE = ("up_to_date", "")


def test_after_a_finished_run_nothing_is_to_be_done_and_nothing_is_opened(project: Project) -> None:
    assert set(explained(project).values()) == {UP_TO_DATE}
    before = runs.list_runs(project)
    result = pipeline.run(project)
    assert [phase.status for phase in result.phases] == ["up_to_date"] * 3
    assert result.status == "finished"
    assert not result.run_id
    assert runs.list_runs(project) == before
    assert result.facts["double"] == {"rows": 10}


def test_code_counts_and_prose_does_not(project: Project) -> None:
    notebook = project.root / "notebooks" / "double.ipynb"
    with changed(notebook, lambda text: text.replace("# double", "# Twice as much")):
        assert set(explained(project).values()) == {UP_TO_DATE}
    with changed(notebook, lambda text: text.replace("x * factor", "x * factor + 1")):
        found = explained(project)
    assert found["load"] == UP_TO_DATE
    assert found["double"] == ("run", "its notebook's code changed")
    assert found["judge"] == ("depends", "double runs first")


def test_a_helper_counts_where_it_was_imported(project: Project) -> None:
    with changed(project.root / "notebooks" / "helpers.py", lambda text: text + "\n# changed\n"):
        found = explained(project)
    assert found["load"] == ("run", "helper notebooks/helpers.py changed")
    assert found["double"][0] == "depends"


def test_parameters_count_by_value_not_by_being_given(project: Project) -> None:
    assert explained(project, factor=2)["double"] == UP_TO_DATE
    assert explained(project, factor=3)["double"] == ("run", "parameter factor was 2.0, is 3.0")


def test_settings_count_where_they_were_looked_at(project: Project) -> None:
    config = project.root / "workbench.toml"
    with changed(config, lambda text: text + "\n[gates]\nminimum_primary = 0.9\n"):
        found = explained(project)
    assert found["double"] == UP_TO_DATE
    assert found["judge"] == ("run", "changed: [gates] in the project file")
    with changed(config, lambda text: text + "\n[monitoring]\ndrift_share = 0.1\n"):
        assert set(explained(project).values()) == {UP_TO_DATE}


def test_a_source_is_asked_for_its_fingerprint_and_not_pulled(project: Project) -> None:
    with changed(project.root / "notebooks" / "numbers.txt", lambda text: text + "2"):
        assert explained(project)["load"] == ("run", "changed: source numbers")
    config = project.root / "workbench.toml"
    with changed(config, lambda text: text.replace(FINGERPRINT, "")):
        assert "source numbers" in explained(project)["load"][1]
    with changed(config, lambda text: text.replace("notebooks/*.txt", "gone/*.txt")):
        assert explained(project)["load"][0] == "run"


def test_an_alias_counts_where_it_was_looked_up(tmp_path: Path) -> None:
    project = made(tmp_path / "aliased")
    pipeline.run(project)
    # The ledger alone is moved: there is no such version in MLflow, and none is needed to see it.
    from sqlalchemy import insert

    from workbench.store import tables
    from workbench.store.clock import SystemClock
    from workbench.store.database import open_database

    entry = {"model": "tiny-model", "alias": "champion", "position": 1, "from_version": None, "to_version": 7}
    about = {"at": SystemClock().now(), "actor": "me", "reason": "test", "run_id": None, "evidence": {}}
    with open_database(project).write() as connection:
        connection.execute(insert(tables.ledger).values(**entry, **about))
    assert aliases.current(project, "champion") == 7
    found = explained(project)
    assert found["double"] == UP_TO_DATE
    assert found["judge"] == ("run", "alias tiny-model@champion: none then, v7 now")


def test_what_a_phase_wrote_has_to_be_there(tmp_path: Path) -> None:
    project = made(tmp_path / "lost")
    pipeline.run(project)
    shutil.rmtree(project.state / "data" / "doubled")
    found = explained(project)
    assert found["double"] == ("run", "its dataset doubled is gone")
    assert pipeline.run(project).status == "finished"
    assert set(explained(project).values()) == {UP_TO_DATE}


def test_equal_content_from_an_upstream_run_ends_the_chain(project: Project) -> None:
    """A forced phase that writes what it wrote before gives those after it nothing to do."""
    result = pipeline.run(project, force=["load"])
    assert [phase.status for phase in result.phases] == ["finished", "up_to_date", "up_to_date"]
    manifest = reports.read(Path(result.phases[0].report))
    assert manifest is not None
    assert manifest.writes[0].version == 0


def test_after_a_failure_the_same_command_goes_on_from_there(tmp_path: Path) -> None:
    project = made(tmp_path / "broken")
    double = project.root / "notebooks" / "double.ipynb"
    with changed(double, lambda text: text.replace("x * factor", "x * nothing")):
        first = pipeline.run(project)
    assert [phase.status for phase in first.phases] == ["finished", "failed", "skipped"]
    assert first.phases[2].why == "it needs double, which did not finish"
    second = pipeline.run(project)
    assert [phase.status for phase in second.phases] == ["up_to_date", "finished", "finished"]


def test_from_a_phase_on_and_what_is_needed_first(project: Project, tmp_path: Path) -> None:
    assert plan.after(project, "double") == ["double", "judge"]
    assert plan.missing_needs(project, ["judge"]) == []
    assert plan.missing_needs(made(tmp_path / "fresh"), ["judge"]) == ["load", "double"]


def test_files_that_are_read_past_the_workbench_are_noticed(tmp_path: Path) -> None:
    cells = {
        "plain": ["import pandas as pd", "pd.read_csv('../data.csv')"],
        "native": ["import pyarrow.parquet as pq", "pq.read_table('../data.parquet').num_rows"],
        "own": ["open('../made.txt', 'w').write('x')", "open('../made.txt').read()"],
        "program": ["!cat ../data.csv"],
    }
    project = make_project(tmp_path / "past", cells, needs={name: [] for name in cells})
    import pandas as pd

    frame = pd.DataFrame({"a": [1]})
    frame.to_csv(project.root / "data.csv")
    frame.to_parquet(project.root / "data.parquet")
    assert pipeline.run(project).status == "finished"
    found = explained(project)
    assert found["plain"][1].startswith("it reads data.csv by itself; declare it")
    assert found["native"][1].startswith("it reads data.parquet by itself")
    assert found["program"][1].startswith("it runs the program cat")
    assert found["own"] == UP_TO_DATE


def test_declared_files_are_held_against_their_content(tmp_path: Path) -> None:
    cells = ["import pandas as pd", "pd.read_csv('../data.csv').to_csv('../out.csv')"]
    project = make_project(tmp_path / "declared", {"copy": cells})
    config = project.root / "workbench.toml"
    config.write_text(config.read_text() + 'reads = ["*.csv"]\nwrites = ["out.csv"]\n')
    config.write_text(config.read_text().replace('"*.csv"', '"data*.csv"'))
    data = project.root / "data.csv"
    data.write_text("a,b\n1,2\n")
    project = open_project(project.root)
    assert pipeline.run(project).status == "finished"
    assert explained(project)["copy"] == UP_TO_DATE
    data.touch()
    assert explained(project)["copy"] == UP_TO_DATE, "another time, the same content"
    with changed(data, lambda text: text + "3,4\n"):
        assert explained(project)["copy"] == ("run", "file data.csv changed")
    with changed(project.root / "out.csv", lambda text: text + "x"):
        assert explained(project)["copy"] == ("run", "its output: file out.csv changed")
    (project.root / "data2.csv").write_text("a,b\n")
    assert "which files data*.csv names" in explained(project)["copy"][1]


def test_a_declared_output_that_is_missing_is_no_finished_run(tmp_path: Path) -> None:
    project = make_project(tmp_path / "missing", {"make": ["1 + 1"]})
    config = project.root / "workbench.toml"
    config.write_text(config.read_text() + 'writes = ["out/*.parquet"]\n')
    result = pipeline.run(open_project(project.root))
    assert result.status == "failed"
    assert "'out/*.parquet', which it declares to write, is not there" in result.phases[0].why


def test_the_manifest_says_what_a_run_cost(tmp_path: Path) -> None:
    project = make_project(tmp_path / "cost", {"work": ["x = [0] * 5_000_000", "sum(range(3_000_000))"]})
    config = project.root / "workbench.toml"
    config.write_text(config.read_text() + "\n[execution]\nprice_per_hour = 3600\n")
    result = pipeline.run(open_project(project.root))
    manifest = reports.read(Path(result.phases[0].report))
    assert manifest is not None
    assert manifest.cost == pytest.approx(manifest.cpu_seconds)
    assert manifest.peak_memory_bytes > 30_000_000
    log = (Path(result.phases[0].report) / reports.LOG).read_text().splitlines()
    assert {json.loads(line)["run_id"] for line in log} == {manifest.run_id}
