"""Runs repeated from their records, with real kernels: what is the same, what is not, what is gone."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

from tests.projects import make_project, write_notebook
from tests.unit.tracking.published import folder_of, leave_run
from workbench.data.tables import Tables
from workbench.errors import SecretError, UsageError
from workbench.execution import pipeline
from workbench.execution.progress import Quiet
from workbench.execution.rerun import outputs, record, repeating
from workbench.execution.rerun.repeating import Rerun
from workbench.execution.sweep import points as sweep_points
from workbench.execution.sweep import sweeping
from workbench.execution.sweep import target as targets
from workbench.execution.sweep.trials import Tried
from workbench.project import Project, open_project
from workbench.tracking import environment, reports, runs, store

MAKE = [
    'phase.pull("numbers")',
    'phase.write("doubled", phase.read("numbers") * 2)',
    'phase.note("factor", 2)',
]
USE = [
    "import matplotlib.pyplot as plt\nimport helpers\nassert phase.project.config.model",
    'doubled = phase.read("doubled")',
    'total = float(doubled.y.sum()) * scale * phase.facts("make")["factor"]',
    'phase.log_metrics({"total": total})\nphase.write("sums", doubled.assign(total=total))',
    "print(total, object(), phase.run_id, len(helpers.numbers()))",
    "plt.plot([1, 2])\nplt.show()",
]


class QuietTeller(Quiet):
    def trial_ended(self, trial: Tried) -> None: ...


def _git(project: Project, *arguments: str) -> None:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=project.root, check=True, capture_output=True)


def _committed(root: Path) -> Project:
    """A project of two phases, in a repository with all of it."""
    project = make_project(
        root, {"make": MAKE, "use": USE}, parameters={"use": "scale: float = 1.0  # times this"}
    )
    (project.root / ".gitignore").write_text(".workbench/\n__pycache__/\n")
    _git(project, "init", "--quiet")
    _git(project, "add", ".")
    _git(project, "commit", "--quiet", "-m", "first")
    return project


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """That project, after a run with ``scale`` 3. Tests may add runs to it, not change its files."""
    project = _committed(tmp_path_factory.mktemp("rerun") / "project")
    assert pipeline.run(project, parameters={"scale": 3.0}).status == "finished"
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The like for a test that changes it."""
    project = _committed(tmp_path / "project")
    assert pipeline.run(project, parameters={"scale": 3.0}).status == "finished"
    return project


def _repeat(project: Project, named: str, into: Path, **more: bool) -> Rerun:
    return repeating.repeat(project, record.find(project, named, into), **more)


@pytest.mark.practice("M9")
def test_a_run_comes_out_the_same_and_nobody_reads_what_its_repetition_wrote(
    finished: Project, tmp_path: Path
) -> None:
    before = reports.latest(finished, "use")
    assert before is not None
    versions = {name: len(Tables(finished.data_uri).history(name)) for name in ("numbers", "doubled", "sums")}
    found = _repeat(finished, "use", tmp_path)
    # Where it says its own id and an address in memory, the two are not told apart.
    assert found.verdict == "the same: 1 metric, 1 dataset, 1 figure, 2 cells"
    assert ("setting", "model") in {(item.kind, item.name) for item in before.inputs}
    assert found.differences == ()
    assert found.repeated.parameters == {"scale": 3.0}
    assert found.repeated.metrics == before.metrics == {"total": 270.0}
    assert found.repeated.code == before.code
    assert [str(item) for item in found.repeated.reads] == [str(item) for item in before.reads]
    assert (found.repeated.draft, found.repeated.default) == (True, False)
    assert reports.latest(finished, "use") == before
    assert {name: len(Tables(finished.data_uri).history(name)) for name in versions} == versions
    tags = store.client(finished).get_run(found.repeated.run_id).data.tags
    assert tags[repeating.RERUN_OF] == before.run_id
    assert found.repeated.run_id not in {run.run_id for run in runs.list_runs(finished)}
    assert runs.find(finished, found.repeated.run_id[:8]).status == "finished"
    assert (found.report / reports.HTML).is_file()
    assert not list(found.report.parents[2].glob("data/*")), "what it wrote is gone"
    assert (
        subprocess.run(
            ["git", "status", "--porcelain"], cwd=finished.root, capture_output=True, check=True
        ).stdout
        == b""
    )
    json.dumps(found.to_dict())


@pytest.mark.practice("M9")
def test_a_run_is_repeated_from_its_commit_and_its_versions_whatever_has_changed_since(
    project: Project, tmp_path: Path
) -> None:
    first = reports.latest(project, "use")
    assert first is not None
    helpers = project.root / "notebooks" / "helpers.py"
    helpers.write_text(helpers.read_text().replace('"10"', '"20"'))
    write_notebook(project.root / "notebooks" / "use.ipynb", ["raise SystemExit(1)"])
    toml = (project.root / "workbench.toml").read_text()
    (project.root / "workbench.toml").write_text(toml.replace('target = "y"', 'target = "x"'))
    project = open_project(project.root)
    assert pipeline.run(project, ["make"]).status == "finished"
    newer = Tables(project.data_uri).history("doubled")
    assert len({item.content for item in newer}) == 2
    found = _repeat(project, first.run_id[:8], tmp_path)
    assert (found.comparison.result, found.differences) == ("the same", ())
    assert found.repeated.code == first.code
    assert [item.content for item in found.repeated.reads] == [item.content for item in first.reads]


def test_without_the_commit_it_says_which_helper_is_another(project: Project, tmp_path: Path) -> None:
    shutil.rmtree(project.root / ".git")
    assert _repeat(project, "use", tmp_path).comparison.result == "the same"
    helpers = project.root / "notebooks" / "helpers.py"
    helpers.write_text(helpers.read_text().replace('"10"', '"20"'))
    found = _repeat(project, "use", tmp_path)
    assert any(
        line.endswith("is not in the repository: files are taken as they are") for line in found.differences
    )
    assert "helper notebooks/helpers.py is not to be had as it was; the one of the commit is taken" not in (
        found.differences
    )
    assert (
        "helper notebooks/helpers.py is not to be had as it was; the present one is taken"
        in found.differences
    )
    # It prints how many rows the helper gives; what others build upon is as it was.
    assert found.verdict == "the same but for the text that cell 8 showed"
    then, now = found.comparison.cells[0].lines
    assert (then, now) == (
        "-270.0 <object object at 0x…> RUN 10",
        "+270.0 <object object at 0x…> RUN 20",
    )
    helpers.unlink()
    with pytest.raises(UsageError, match=r"helper notebooks/helpers\.py is gone$"):
        _repeat(project, "use", tmp_path)


def test_what_chance_or_time_decides_is_said_to_differ(tmp_path: Path) -> None:
    project = make_project(
        tmp_path / "project",
        {
            "draw": [
                "import os, pandas as pd",
                "by_chance = int.from_bytes(os.urandom(6), 'big')",
                'phase.log_metrics({"by_chance": by_chance, "fixed": 1.0})',
                'phase.write("drawn", pd.DataFrame({"x": [by_chance]}))\nphase.note("drawn", by_chance)',
                "by_chance",
            ]
        },
    )
    assert pipeline.run(project).status == "finished"
    found = _repeat(project, "draw", tmp_path, keep=True)
    assert not found.same
    assert [change.name for change in found.comparison.metrics] == ["by_chance"]
    assert found.verdict.startswith("differs: metric by_chance ")
    assert found.verdict.endswith("; dataset drawn has another content")
    assert [change.name for change in found.comparison.notes] == ["drawn"]
    assert [cell.cell for cell in found.comparison.cells] == [7]
    assert found.files is not None
    assert (found.files / "notebooks" / "draw.ipynb").is_file()
    # Kept, and apart from what others read.
    kept = Tables(str(found.report.parents[2] / "data")).history("drawn")
    assert kept[0].content == found.repeated.writes[0].content
    assert len(Tables(project.data_uri).history("drawn")) == 1


def test_a_failure_is_repeated_like_a_result(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", {"fail": ["1", "raise ValueError('no')"]})
    assert pipeline.run(project).status == "failed"
    run_id = runs.list_runs(project, phase="fail")[0].run_id
    found = _repeat(project, run_id, tmp_path)
    assert (found.repeated.status, found.comparison.endings, found.same) == ("failed", (), True)
    path = project.root / "notebooks" / "fail.ipynb"
    write_notebook(path, ["1"])
    # The notebook is the report's own, so that what stands in the project now does not matter.
    assert _repeat(project, run_id, tmp_path).repeated.status == "failed"


def test_a_secret_is_given_by_its_name_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_TOKEN", "hunter2-hunter2")
    project = make_project(
        tmp_path / "project",
        {"ask": ["token = phase.secret(name)\nprint(token)", 'phase.log_metrics({"length": len(token)})']},
        parameters={"ask": 'name: str = ""  # secret'},
    )
    assert pipeline.run(project, parameters={"name": "secret:TINY_TOKEN"}).status == "finished"
    found = _repeat(project, "ask", tmp_path)
    assert (found.comparison.result, found.repeated.parameters) == ("the same", {"name": "secret:TINY_TOKEN"})
    assert "hunter2" not in json.dumps(found.to_dict())
    assert not any("hunter2" in path.read_text() for path in found.report.iterdir())
    monkeypatch.delenv("TINY_TOKEN")
    with pytest.raises(SecretError):
        _repeat(project, "ask", tmp_path)


def test_files_that_a_notebook_opens_come_along_and_are_not_written_to(tmp_path: Path) -> None:
    cells = ["print(open('../table.csv').read())", "open('../table.csv', 'w').write('c')"]
    project = make_project(tmp_path / "project", {"read": cells})
    (project.root / "table.csv").write_text("a")
    config = (project.root / "workbench.toml").read_text()
    (project.root / "workbench.toml").write_text(config + 'reads = ["table.csv"]\n')
    project = open_project(project.root)
    assert pipeline.run(project).status == "finished"
    (project.root / "table.csv").write_text("b")
    found = _repeat(project, "read", tmp_path)
    assert "file table.csv is not to be had as it was; the present one is taken" in found.differences
    assert found.verdict == "the same but for the text that cell 3 showed"
    assert (project.root / "table.csv").read_text() == "b"


def test_what_cannot_be_repeated_is_said_before_anything_starts(project: Project, tmp_path: Path) -> None:
    result = runs.list_runs(project, phase="use")[0]
    started = len(runs.list_runs(project, drafts=True))
    pruned = leave_run(project, status="failed", error={"message": "x", "reason": "pruned"})
    left = runs.start(project, "use")
    with pytest.raises(UsageError, match="goes on: there is no report of it yet"):
        _repeat(project, left, tmp_path)
    runs.end(project, left, "finished")
    for named, said in (
        ("nobody", "no run 'nobody'"),
        (result.parent_run_id, "is a pipeline run: name one of the runs in it"),
        (left, "has no report any more"),
        (str(folder_of(project, pruned)), "other trials ended it early"),
    ):
        with pytest.raises(UsageError, match=said):
            _repeat(project, named, tmp_path)
    for file in Path(Tables(project.data_uri).uri("doubled")).glob("*.parquet"):
        file.unlink()
    with pytest.raises(UsageError, match=r"it read doubled v0, whose rows are gone"):
        _repeat(project, "use", tmp_path)
    assert len(runs.list_runs(project, drafts=True)) == started + 1, "the one that this test left"


def test_facts_and_models_are_those_of_the_run_or_their_loss_is_said(
    project: Project, tmp_path: Path
) -> None:
    for folder in (project.reports / "make").iterdir():
        shutil.rmtree(folder)
    with pytest.raises(UsageError, match=r"it used what make had noted, and the report of that run is gone"):
        _repeat(project, "use", tmp_path)


def test_a_report_that_only_mlflow_has_is_record_enough(project: Project, tmp_path: Path) -> None:
    found = reports.latest_with_folder(project, "make")
    assert found is not None
    manifest, folder = found
    shutil.rmtree(folder)
    taken = record.find(project, manifest.run_id, tmp_path)
    assert taken.state == "in MLflow"
    assert repeating.repeat(project, taken).same


def test_a_trial_of_a_sweep_is_repeated_and_counts_as_none(tmp_path: Path) -> None:
    project = make_project(
        tmp_path / "project",
        {"score": ['phase.log_metrics({"score": rate * 2})', "print(rate)"]},
        parameters={"score": "rate: float = 0.1"},
    )
    target = targets.of_phases(project, ["score"])
    points, fixed = sweep_points.points(
        target, ("rate=0.5,0.7",), paired=False, file=None, count=None, seed=0
    )
    done = sweeping.sweep(target, points, fixed, QuietTeller())
    (trial,) = [run for run in runs.list_runs(project, sweep=done.run_id) if run.params["rate"] == "0.7"]
    found = _repeat(project, trial.run_id, tmp_path)
    assert (found.verdict, found.repeated.metrics) == ("the same: 1 metric, 1 cell", {"score": 1.4})
    assert found.repeated.parameters == {"rate": 0.7}
    assert len(runs.list_runs(project, sweep=done.run_id)) == 2
    assert len(list(project.reports.glob("trials/*/[!.]*-score-*"))) == 2
    with pytest.raises(UsageError, match=r"is a sweep.*name one of its trials"):
        _repeat(project, done.run_id, tmp_path)


def test_a_changed_environment_is_said_with_the_packages_that_a_lock_tells(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.root / "requirements.lock").write_text(
        "numpy==1.0 \\\n    --hash=sha256:00\nno-such-package==3\n"
    )
    _git(project, "add", ".")
    _git(project, "commit", "--quiet", "-m", "a lock")
    (project.root / "requirements.lock").unlink()  # with it, an agent of its own would be started
    environment._versions.clear()
    assert pipeline.run(project, ["make"], force=["make"]).status == "finished"
    monkeypatch.setattr(environment, "environment_hash", lambda: "another")
    said = _repeat(project, "make", tmp_path).differences
    import numpy as np

    assert f"the environment is another: numpy 1.0 → {np.__version__}" in said


def test_outputs_are_compared_as_people_read_them(tmp_path: Path) -> None:
    def notebook(name: str, *texts: str) -> Path:
        cell = nbformat.v4.new_code_cell("x")
        cell.outputs = [
            nbformat.v4.new_output(
                "execute_result", data={"text/html": text, "text/plain": "<T at 0x7f00aa00>"}
            )
            for text in texts
        ]
        path = tmp_path / name
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("#"), cell]), path)
        return path

    table = '<style>#T_{0} {{}}</style><table id="T_{0}"><tr><td>{1}</td><td>2</td></tr></table>'
    left, right = notebook("a.ipynb", table.format("aaaaa", 1)), notebook("b.ipynb", table.format("bbbbb", 1))
    assert outputs.compare(left, right, {}).cells == ()
    other = notebook("c.ipynb", table.format("ccccc", 7))
    (found,) = outputs.compare(left, other, {}).cells
    assert (found.cell, found.lines) == (2, ("-1 2", "+7 2"))
    assert outputs.compare(left, other, {"7": "1"}).cells == ()
