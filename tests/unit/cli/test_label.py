"""``workbench label``, as a person sees it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.unit.serving.labelling.logged import logged_project
from workbench.cli.label import label
from workbench.data.tables import Tables
from workbench.errors import LabelRefused, UnknownName, UsageError, WorkbenchError
from workbench.panels.label import panel as panels
from workbench.project import Project

Tell = Callable[..., str]
HOSTILE = "[red]why[/] \x1b[31m<b>\nid 9"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = logged_project(tmp_path / "project")
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("LOGNAME", "ada")
    return made


@pytest.fixture
def tell(project: Project) -> Tell:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(label, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


@pytest.fixture
def sit(project: Project, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Label what comes, with these keys."""

    def down(name: str, keys: str) -> None:
        monkeypatch.setenv("LOGNAME", name)
        panel = panels.label("late", of=project)
        panel.ticks = iter(float(second) for second in range(1000)).__next__
        panel.start()
        for key in keys:
            panel.press(key)
        monkeypatch.setenv("LOGNAME", "ada")

    return down


def facts(told: str) -> Any:
    return json.loads(told)


@pytest.mark.practice("L9", "D5")
def test_from_nothing_to_ground_truth_the_next_step_is_said(
    tell: Tell, sit: Callable[[str, str], None], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tell() == (
        "there is no queue yet\nnext: workbench label add QUEUE --choose random --dataset NAME --rows 100\n"
    )
    added = tell("add", "late", "--choose", "uncertainty", "--rows", "3", "--double-rate", "1")
    assert added.splitlines() == [
        "added: 3 rows to late, which has 3; 3 for two people",
        "next: workbench label guidelines late FILE.md",
    ]
    Path("late.md").write_text("# Late\nFifteen minutes.\n")
    assert "guidelines of late, version 1" in tell("guidelines", "late", "late.md")
    assert 'panels.label("late")' in tell("show", "late")
    sit("ada", "110")
    blind = tell("history", "late", "1")
    assert "open; 1 of 2 labels" in blind
    assert "labelled by ada (claimed), (hidden until all have labelled)" in blind
    assert facts(tell("history", "late", "1", "--json"))["history"][0]["after"].startswith("(hidden")
    sit("grace", "100")
    assert "labelled by ada (claimed), late (guidelines 1)" in tell("history", "late", "1")
    shown = tell("show", "late")
    assert "rows: 3 (3 labelled twice): 2 settled, 1 disputed\nlabels: 6 of 6\n" in shown
    assert "agreement: the same label on 67% of 3 rows that two people labelled" in shown
    assert "Cohen's kappa of ada and grace on 3: 0.40" in shown
    assert shown.splitlines()[-1] == "next: workbench label adjudicate late"
    listed = tell("adjudicate", "late").splitlines()
    assert listed[-1] == "next: workbench label adjudicate late 2 --label 0 --why …"
    with pytest.raises(LabelRefused, match="row 2 is for a third person to decide: ada labelled it"):
        tell("adjudicate", "late", "2", "--label", "1")
    monkeypatch.setenv("LOGNAME", "mary")
    decided = tell("adjudicate", "late", "2", "--label", "1", "--why", HOSTILE)
    assert decided.splitlines()[:2] == ["decided: row 2 is late", "nothing is disputed in late"]
    history = tell("history", "late", "2")
    assert "adjudicated by mary (claimed), late (guidelines 1): [red]why[/]" in history
    assert "\x1b" not in history
    assert tell("show", "late").splitlines()[-1].startswith("next: workbench label export late")

    exported = tell("export", "late", "--dataset", "late_labels")
    assert "exported: 3 labels as late_labels v0; key prediction_id" in exported
    frame = Tables(project.data_uri).read(Tables(project.data_uri).history("late_labels")[0])
    assert frame["adjudicated"].sum() == 1
    assert tell("publish", "late").startswith("published: 3 labels as ground truth of predictions/live\n")
    assert "repeated: 3, which were published already" in tell("publish", "late")
    (done,) = facts(tell("publish", "late", "--json"))["logs"]
    assert (done["written"], done["repeated"]) == (0, 3)


def test_facts_come_as_json(tell: Tell, sit: Callable[[str, str], None]) -> None:
    done = facts(tell("add", "late", "--rows", "2", "--double-rate", "1", "--seed", "3", "--json"))
    assert (done["added"], done["source"]["log"]) == (2, "predictions/live")
    sit("ada", "1s")
    sit("grace", "11")
    found = facts(tell("show", "late", "--json"))
    assert found["people"]["ada"] == {"labelled": 1, "skipped": 1, "decided": 0}
    assert found["batches"][0]["seed"] == 3
    assert found["agreement"]["rows"] == 1
    assert facts(tell("--json"))[0]["states"]["open"] == 1
    assert facts(tell("adjudicate", "late", "--json"))["disputed"] == []
    assert facts(tell("guidelines", "late", "--json"))["version"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "lat"), "no queue 'lat'; there is none"),
        (("add", "late", "--dataset", "x", "--log", "y"), "from --dataset or from --log, not from both"),
        (("add", "late", "--label", "late"), "a label is given as KEY=VALUE:TEXT"),
        (("add", "late", "--column", "passenger"), "annotators do not see the column 'passenger'"),
        (("add", "late", "--guidelines", "nowhere.md"), "nowhere.md cannot be read: No such file"),
        (("add", "late", "--choose", "alerts"), "no alert about predictions/live is open"),
        (("add", "late", "--log", "predictions/may"), "no prediction log 'predictions/may'"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(tell: Tell, arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(WorkbenchError, match=said):
        tell(*arguments)


def test_a_queue_is_asked_about_by_its_rows_and_versions(tell: Tell) -> None:
    tell("add", "wind", "--rows", "1", "--label", "c=calm", "--label", "g=gusty:it is gusty")
    for arguments, error, said in (
        (("history", "wind", "2"), UsageError, "has no row 2; it has 1"),
        (("adjudicate", "wind", "1"), UsageError, "name both the row and its label"),
        (
            ("adjudicate", "wind", "1", "--label", "9"),
            UsageError,
            "there is: calm .calm., gusty .it is gusty.",
        ),
        (("adjudicate", "wind", "1", "--label", "calm"), LabelRefused, "row 1 waits for labels: 0 of 1"),
        (("guidelines", "wind", "--version", "2"), UsageError, "has no version 2 of its guidelines"),
        (("show", "wnd"), UnknownName, "did you mean 'wind'"),
    ):
        with pytest.raises(error, match=said):
            tell(*arguments)
