"""``workbench sweep``, ``tune`` and ``run --from-trial``, as a person types and sees them."""

from __future__ import annotations

import io
import json
import signal
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.projects import make_project, write_notebook
from workbench.cli.commands import main
from workbench.project import Project, open_project
from workbench.tracking import reports, runs, store

PARAMETERS = """\
rate: float = 0.1
count: int = 3
wide: bool = False
limit: int | None = 5
code: str = "a"
"""
TRAIN = [
    'import pandas as pd\nphase.judged_on(pd.DataFrame({"x": [1, 2]}), "develop")',
    'if limit == 4 and (phase.project.root / "broken").exists():\n    raise ValueError("four is too many")',
    'phase.note("got", [repr(value) for value in (rate, count, wide, limit, code)])',
    'phase.log_metrics({"score": rate * count + (limit or 0)})',
]
TUNE = """
[tune.train]
maximize = ["score"]
trials = 1
during = { count = 2 }

[tune.train.space]
rate = "0.1..0.9"
limit = "int(1..9)"
"""
TYPED = ("-p", "limit=None,4", "-p", "wide=true", "-p", "rate=0.5", "-p", "count=7", "-p", "code=0012")


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def call(folder: Path, *arguments: str) -> Said:
    """Call ``workbench`` in a folder."""
    out, err, terminate = io.StringIO(), io.StringIO(), signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        patch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
    signal.signal(signal.SIGTERM, terminate)
    return Said(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def _project(root: Path, more: str = "") -> Project:
    project = make_project(root, {"train": TRAIN}, parameters={"train": PARAMETERS})
    with (root / "workbench.toml").open("a") as file:
        file.write(more)
    write_notebook(root / "plain.ipynb", ["1"])
    return project


# -- what is refused ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = _project(tmp_path_factory.mktemp("untouched") / "project")
    (project.root / "points.csv").write_text("rate,cuont\n0.1,2\n")
    return project


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("sweep trian -p rate=0.1,0.2", "no phase 'trian' in workbench.toml; did you mean 'train'?"),
        ("sweep train -p rat=0.1,0.2", "no parameter 'rat' in train; did you mean 'rate'?"),
        ("sweep train -p count=1,two", "parameter 'count' is a whole number"),
        ("sweep train -p rate=0.1", "there is nothing to go through: give several values"),
        ("sweep train -p rate=0.1..0.9", "'rate' is given a range: a sweep draws from one with --random"),
        ("sweep train -p rate=0.1,0.2 -p count=1,2,3 --zip", "'rate' has 2, 'count' has 3"),
        ("sweep train -p rate=0.1,0.2 --zip --random 2", "three ways to choose trials: give one"),
        ("sweep train --from-file points.csv", "points.csv:1; did you mean 'count'?"),
        ("sweep train --from-file none.csv", "none.csv cannot be read"),
        ("sweep train -p rate=0.1,0.2 -p rate=0.3", "'rate' is given twice"),
        ("sweep train -p rate=0.1,0.2 --maximize a --minimize b", "--maximize or --minimize"),
        ("sweep train -p rate=0.1,0.2 --trial-timeout soon", "--trial-timeout takes a number and a unit"),
        ("sweep plain.ipynb -p rate=0.1,0.2", "declares no parameters: tag the cell with its settings"),
        ("sweep train plain.ipynb -p rate=0.1,0.2", "a notebook is swept by itself"),
        ("tune train -p rat=0.1..0.9", "no parameter 'rat' in train; did you mean 'rate'?"),
        ("tune train -p rate=0.9..0.1", "is empty; the lower bound comes first"),
        ("tune train -p rate=0.1 --trials 2", "there is nothing to search"),
        ("tune train -p rate=0.1..0.9 --constraint fast", "constraint 'fast' is none"),
        ("tune train -p rate=0.1..0.9 --maximize score --maximize score", "an objective is given twice"),
        ("tune train -p rate=0.1..0.9 --maximize a --minimize b --pruner median", "for one objective only"),
        ("tune train -p rate=0.1..0.9 -p count=1 --during count=2", "with -p and with --during"),
        ("run train --from-trial 0123abcd", "no run '0123abcd' in the newest runs; there is none"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_line_before_anything_starts(
    untouched: Project, arguments: str, expected: str
) -> None:
    said = call(untouched.root, *arguments.split())
    assert (said.status, said.out) == (2, "")
    (line,) = said.err.splitlines()
    assert line.startswith("workbench: ")
    assert expected in line
    assert _everything(untouched) == []
    assert not untouched.reports.exists()


def _everything(project: Project) -> list[Any]:
    client = store.client(project)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(experiments))


def test_a_search_that_is_declared_for_no_phase_is_refused_by_name(tmp_path: Path) -> None:
    root = tmp_path / "project"
    _project(root, TUNE.replace("tune.train", "tune.trian"))
    said = call(root, "tune", "train")
    assert said.status == 2
    (line,) = said.err.splitlines()
    assert "[tune.trian] is of no phase; did you mean 'train'?" in line


# -- what is done ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Story:
    """A sweep of which one trial fails, the same again and again, then a search."""

    project: Project
    failing: Said
    repaired: Said
    again: Said
    tuned: Said

    def call(self, *arguments: str) -> Said:
        return call(self.project.root, *arguments)

    def from_trial(self, trial: dict[str, Any], *more: str) -> list[str]:
        """What the notebook got, when it was run with the parameters of that trial."""
        said = self.call("run", "train", "--from-trial", trial["run_ids"][0][:8], *more, "--json")
        assert said.status == 0, said.err
        manifest = reports.read(Path(said.json["phases"][0]["report"]))
        assert manifest is not None
        got: list[str] = manifest.notes["got"]
        return got


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    project = _project(tmp_path_factory.mktemp("story") / "project", TUNE)
    root, swept = project.root, ("sweep", "train", *TYPED, "--maximize", "score")
    (root / "broken").touch()
    failing = call(root, *swept)
    (root / "broken").unlink()
    return Story(
        open_project(root),
        failing,
        repaired=call(root, *swept, "--json"),
        again=call(root, *swept),
        tuned=call(root, "tune", "train", "-p", "rate=0.5", "--trials", "2", "--json"),
    )


def test_a_failed_trial_is_told_and_the_same_command_runs_it(story: Story) -> None:
    assert story.failing.status == 1
    assert "✓ #0    score 3.5000" in story.failing.err
    assert (
        "✗ #1    failed: phase 'train #1' failed: cell 5 raised ValueError: four is too" in story.failing.err
    )
    assert story.failing.err.endswith(
        "workbench: 1 of 2 trials did not finish; the same command tries them again\n"
    )
    assert "2 trials of train: 1 failed, 1 finished; best #0: score 3.5 with limit=None" in story.failing.out

    assert story.repaired.status == 0
    assert "= #0    score 3.5000  already there" in story.repaired.err
    assert "✓ #1    score 7.5000" in story.repaired.err
    told = story.repaired.json
    assert (told["status"], told["reused"], told["best"]) == ("finished", 1, [1])
    assert [trial["parameters"] for trial in told["trials"]] == [{"limit": None}, {"limit": 4}]


@pytest.mark.practice("M6")
def test_the_same_command_again_says_that_there_is_nothing_to_do(story: Story) -> None:
    assert story.again.status == 0
    assert story.again.err == ""
    assert "all trials are there and up to date: nothing to do" in story.again.out
    assert str(Path(story.repaired.json["report"]) / reports.HTML) in story.again.out
    best = story.repaired.json["trials"][1]["run_ids"][0]
    assert f"workbench run train --from-trial {best[:8]}" in story.again.out


def test_trials_are_listed_only_when_asked_for(story: Story) -> None:
    swept = story.repaired.json["run_id"]
    listed = story.call("runs", "--limit", "100")
    assert swept[:8] in listed.out
    assert "#" not in listed.out
    (line,) = (line for line in story.call("runs", "--sweep", swept[:8]).out.splitlines() if "#" in line)
    (trial,) = story.call("runs", "--sweep", swept, "--json").json
    assert line.split()[:4] == [trial["run_id"][:8], "train", "#1", "finished"]
    assert trial["parent_run_id"] == swept
    assert trial["params"]["limit"] == "4"


@pytest.mark.practice("M7")
def test_what_is_declared_for_a_search_is_used_and_overridden(story: Story) -> None:
    assert story.tuned.status == 0
    told = story.tuned.json
    assert told["status"] == "finished"
    assert len(told["trials"]) == 2, "not the one that is declared"
    assert [set(trial["parameters"]) for trial in told["trials"]] == [{"limit"}, {"limit"}]
    for trial in told["trials"]:
        manifest = reports.read(Path(trial["reports"]["train"]))
        assert manifest is not None
        given = {"rate": 0.5, "count": 2, **trial["parameters"]}
        assert manifest.parameters == given
        assert 1 <= trial["parameters"]["limit"] <= 9
        assert trial["metrics"]["score"] == 1.0 + trial["parameters"]["limit"]
    limits = {trial["number"]: trial["parameters"]["limit"] for trial in told["trials"]}
    assert told["best"] == [max(limits, key=lambda number: (limits[number], -number))]


def test_results_say_on_which_rows_trials_were_judged(story: Story) -> None:
    for said in (story.repaired, story.tuned):
        (judged,) = said.json["trials"][0]["judged"]
        assert (judged["name"], judged["rows"], judged["gates"]) == ("develop", 2, False)


@pytest.mark.practice("M9")
def test_a_run_takes_the_parameters_of_a_trial_as_they_were(story: Story) -> None:
    first, second = story.repaired.json["trials"]
    assert story.from_trial(first) == ["0.5", "7", "True", "None", "'0012'"]
    assert story.from_trial(second, "-p", "rate=2", "-p", "code=1e3") == ["2.0", "7", "True", "4", "'1e3'"]


def test_what_only_made_a_search_cheaper_is_not_taken_on(story: Story) -> None:
    trial = story.tuned.json["trials"][0]
    limit = str(trial["parameters"]["limit"])
    assert story.from_trial(trial) == ["0.5", "3", "False", limit, "'a'"]


def test_an_unknown_trial_is_refused_with_the_nearest(story: Story) -> None:
    newest = runs.list_runs(story.project, limit=1)[0].run_id[:8]
    other = newest[:-1] + ("0" if newest[-1] != "0" else "1")
    said = story.call("run", "train", "--from-trial", other)
    assert said.status == 2
    assert said.err == f"workbench: no run {other!r} in the newest runs; did you mean {newest!r}?\n"
    listed = story.call("runs", "--sweep", other)
    assert (listed.status, listed.err) == (2, said.err)


def test_a_sweeps_own_run_has_no_parameters_to_take(story: Story) -> None:
    said = story.call("run", "train", "--from-trial", story.repaired.json["run_id"][:8])
    assert said.status == 2, "it would have run with what the notebook declares"
    assert "sweep" in said.err
