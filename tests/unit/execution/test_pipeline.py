"""Pipeline runs on a tiny project, with real kernels and a real MLflow store."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.projects import make_project, migrated_stores, write_notebook
from workbench.errors import ConfigError, ParameterError, UnknownName
from workbench.execution import pipeline
from workbench.execution.local import LocalExecutor
from workbench.project import Project, open_project
from workbench.tracking import index, reports, runs

GATHER = ['pull = phase.pull("numbers")\npull', 'phase.note("summary", f"{pull.version.rows} rows")']
DOUBLE = [
    'numbers = phase.read("numbers")',
    'phase.write("doubled", numbers.assign(y=numbers.y * factor), key=("x",))',
    'phase.log_metrics({"total": float(numbers.y.sum())})',
]
SHOW = [
    'doubled = phase.read("doubled")',
    'assert phase.facts("gather")["summary"]',
    "print(doubled.y.sum())",
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, pipeline.PipelineResult]:
    project = make_project(
        tmp_path_factory.mktemp("tiny") / "project",
        {"gather": GATHER, "double": DOUBLE, "show": SHOW},
        parameters={"double": "factor: float = 2.0  # multiply by this"},
    )
    return project, pipeline.run(project)


@pytest.fixture
def project(finished: tuple[Project, pipeline.PipelineResult], tmp_path: Path) -> Project:
    """A copy of the tiny project in which nothing has run yet."""
    root = tmp_path / "project"
    shutil.copytree(finished[0].root, root, ignore=shutil.ignore_patterns(".workbench"))
    (root / ".workbench").mkdir()
    shutil.copyfile(migrated_stores() / "mlflow.db", root / ".workbench" / "mlflow.db")
    return open_project(root)


def _failure(project: Project, result: pipeline.PipelineResult, number: int) -> reports.Failure:
    phase = result.phases[number]
    manifest = reports.find(project, phase.phase, phase.run_id)
    assert manifest is not None
    assert manifest.status == phase.status == "failed"
    assert manifest.error is not None
    return manifest.error


@pytest.mark.practice("M9")
def test_every_phase_leaves_a_report_that_names_what_it_read_and_wrote(
    finished: tuple[Project, pipeline.PipelineResult],
) -> None:
    project, result = finished
    assert result.status == "finished"
    assert [phase.phase for phase in result.phases] == ["gather", "double", "show"]
    folder = Path(result.phases[1].report)
    assert sorted(path.name for path in folder.iterdir()) == [
        "log.jsonl",
        "manifest.json",
        "notebook.ipynb",
        "report.html",
    ]
    manifest = reports.find(project, "double", result.phases[1].run_id)
    assert manifest is not None
    assert [str(item) for item in manifest.reads] == ["numbers v0"]
    assert [str(item) for item in manifest.writes] == ["doubled v0"]
    assert manifest.writes[0].origin.run_id == result.phases[1].run_id
    assert len(manifest.notebook_hash) == len(manifest.environment_hash) == 64


def test_the_runs_are_ordinary_mlflow_runs_under_one_parent(
    finished: tuple[Project, pipeline.PipelineResult],
) -> None:
    project, result = finished
    found = {run.phase: run for run in runs.list_runs(project)}
    assert {run.status for run in found.values()} == {"finished"}
    assert found["double"].parent_run_id == found[runs.PIPELINE].run_id == result.run_id
    assert found["double"].metrics == {"total": 22.5}
    assert found["double"].datasets == {"numbers": 0, "doubled": 0}


def test_a_second_run_keeps_the_first_ones_reports_and_makes_no_equal_versions(
    finished: tuple[Project, pipeline.PipelineResult],
) -> None:
    project, first = finished
    second = pipeline.run(project, ["double"], {"factor": 2})
    third = pipeline.run(project, ["double"], {"factor": 3})
    assert (second.status, third.status) == ("finished", "finished")
    for result in (first, second, third):
        assert all(Path(phase.report, "report.html").is_file() for phase in result.phases)
    versions = [reports.find(project, "double", result.phases[-1].run_id) for result in (second, third)]
    assert [str(manifest.writes[0]) for manifest in versions if manifest] == ["doubled v0", "doubled v1"]


def test_a_raising_cell_fails_its_phase_and_skips_the_later_ones(project: Project) -> None:
    write_notebook(
        project.root / "notebooks" / "double.ipynb",
        [
            "import workbench\nphase = workbench.phase('double')",
            "phase.write('doubled', phase.read('numbers'))",
            "1 / 0",
            "2",
        ],
        "factor: float = 2.0",
    )
    result = pipeline.run(project, parameters={"factor": 5})
    assert [phase.status for phase in result.phases] == ["finished", "failed", "skipped"]
    error = _failure(project, result, 1)
    assert (error.cell, error.source) == (5, "1 / 0")
    assert "ZeroDivisionError" in error.message
    # What a failed run wrote is not what later runs read.
    alone = pipeline.run(project, ["show"])
    assert alone.status == "failed"
    assert "no version from a finished run" in _failure(project, alone, 0).message


@pytest.mark.practice("D1")
def test_a_failed_check_stops_the_run_and_the_last_good_version_stays(project: Project) -> None:
    assert pipeline.run(project, ["gather"]).status == "finished"
    text = (project.root / "workbench.toml").read_text()
    (project.root / "workbench.toml").write_text(text.replace("helpers:numbers", "helpers:broken"))
    worse = open_project(project.root)
    assert pipeline.run(worse, ["gather"]).status == "failed"
    assert pipeline.run(worse, ["double"]).status == "finished"


def test_a_dead_kernel_fails_the_phase(project: Project) -> None:
    write_notebook(
        project.root / "notebooks" / "gather.ipynb", ["import os, signal", "os.kill(os.getpid(), 9)", "3"]
    )
    result = pipeline.run(project, ["gather"])
    assert result.status == "failed"
    assert "kernel died" in _failure(project, result, 0).message


def test_a_notebook_that_leaves_early_is_not_called_finished(project: Project) -> None:
    write_notebook(project.root / "notebooks" / "gather.ipynb", ["import sys", "sys.exit(0)", "3"])
    assert pipeline.run(project, ["gather"]).status == "failed"


@pytest.mark.practice("T1")
def test_an_interrupt_while_the_run_is_opened_leaves_one_run_and_it_has_ended(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_started = index.note_started

    def interrupt(*arguments: object) -> None:
        monkeypatch.setattr(index, "note_started", note_started)
        raise KeyboardInterrupt

    monkeypatch.setattr(index, "note_started", interrupt)
    result = pipeline.run(project, ["gather"])
    assert (result.status, [phase.status for phase in result.phases]) == ("killed", ["skipped"])
    assert [(run.run_id, run.status) for run in runs.list_runs(project)] == [(result.run_id, "killed")]


def test_an_interrupt_between_two_phases_ends_the_run_as_killed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_executor: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalExecutor, "close", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pipeline.run(project, ["gather"], force=["gather"])
    newest = next(run for run in runs.list_runs(project) if run.phase == runs.PIPELINE)
    assert newest.status == "killed"


def test_a_hand_run_is_a_draft_that_no_other_run_reads(project: Project) -> None:
    import subprocess
    import sys

    assert pipeline.run(project, ["gather"]).status == "finished"
    code = (
        "import workbench, json; phase = workbench.phase('double');"
        "v = phase.write('doubled', phase.read('numbers').assign(y=9.0));"
        "print(json.dumps([phase.draft, v.uri, float(phase.read('doubled').y.sum())]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.root / "notebooks",
        capture_output=True,
        text=True,
        check=True,
    )
    draft, uri, total = json.loads(done.stdout.splitlines()[-1])
    assert (draft, total) == (True, 90.0)
    assert "/drafts/double-" in uri
    alone = pipeline.run(project, ["show"])
    assert alone.status == "failed", "the draft's 'doubled' must not be read"
    listed = runs.list_runs(project, drafts=True)
    assert [run.phase for run in listed if run.draft] == ["double"]
    assert not [run for run in runs.list_runs(project) if run.draft]


def test_a_nested_run_reads_its_parents_data_and_is_not_read_by_default(project: Project) -> None:
    write_notebook(
        project.root / "notebooks" / "show.ipynb",
        [
            "import workbench\nfrom workbench.execution import pipeline\nphase = workbench.phase('show')",
            "result = pipeline.run_within(phase, ['double'], {'factor': 10.0})",
            "print(phase.read('doubled').y.sum())",
        ],
    )
    result = pipeline.run(project)
    assert result.status == "finished"
    notebook = Path(result.phases[-1].report, "notebook.ipynb").read_text()
    assert "45.0" in notebook, "the outer run reads its own version, not the nested one's"
    assert "<th>double</th><td>✓ finished in" in notebook, "its progress stays as it was at the end"
    nested = [run for run in runs.list_runs(project, phase="double") if run.params.get("factor") == "10.0"]
    assert len(nested) == 1
    latest = reports.latest(project, "double")
    assert latest is not None
    assert latest.run_id == result.phases[1].run_id


def test_wrong_names_types_and_circles_are_refused_before_anything_starts(
    project: Project, tmp_path: Path
) -> None:
    with pytest.raises(UnknownName, match="did you mean 'double'"):
        pipeline.run(project, ["duoble"])
    with pytest.raises(UnknownName, match="did you mean 'factor'"):
        pipeline.run(project, parameters={"facto": 1})
    with pytest.raises(ParameterError, match="'factor' is a number"):
        pipeline.run(project, parameters={"factor": "much"})
    with pytest.raises(ConfigError, match=r"circle: (a needs b needs a|b needs a needs b)"):
        make_project(tmp_path / "circle", {"a": [], "b": []}, needs={"a": ["b"], "b": ["a"]})
    assert not project.reports.exists()
