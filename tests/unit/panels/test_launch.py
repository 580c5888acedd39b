"""The launch panel: what a notebook's parameters make of a form, and what pressing the button does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages import parse, shown
from tests.projects import make_project, write_notebook
from tests.unit.panels.recorded import HOSTILE
from workbench.errors import NotebookError, UnknownName
from workbench.execution.progress import PipelineResult
from workbench.execution.sweep.running import SweepResult
from workbench.panels.launch.form import choices, text_of
from workbench.panels.launch.panel import LaunchPanel, launch
from workbench.panels.launch.progress import PanelProgress
from workbench.project import Project
from workbench.tracking import runs
from workbench.tracking.sanitize import clean_html

_PARAMETERS = """\
from typing import Literal
rate: float = 0.1  # how fast it learns
kind: Literal["a", "b"] = "a"  # of what kind
careful: bool = False
names: list[str] = ["x"]
most: int | None = None
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    cells = ["phase.log_metrics({'roc_auc': rate})", "assert kind != 'b', 'no b here'"]
    parameters = {"train": _PARAMETERS.partition("\n")[2].replace('Literal["a", "b"]', "str")}
    root = tmp_path_factory.mktemp("launch") / "tiny"
    return make_project(root, {"train": cells}, parameters=parameters)


@pytest.fixture
def panel(project: Project) -> LaunchPanel:
    return launch("train", of=project)


def _with(panel: LaunchPanel, **typed: str) -> LaunchPanel:
    for name, text in typed.items():
        panel.form = panel.form.with_typed(name, text)
    return panel


# -- the form --------------------------------------------------------------------------------------


def test_parameters_make_a_form_with_types_help_and_choices(tmp_path: Path) -> None:
    write_notebook(tmp_path / "n.ipynb", [], _PARAMETERS.partition("\n")[2])
    panel = launch(tmp_path / "n.ipynb")
    fields = panel.form.parameters
    assert {name: text_of(item) for name, item in fields.items()} == {
        "rate": "0.1",
        "kind": "a",
        "careful": "False",
        "names": '["x"]',
        "most": "None",
    }
    assert choices(fields["kind"]) == ("a", "b")
    assert choices(fields["careful"]) == ("True", "False")
    assert choices(fields["rate"]) == ()
    rows = [row.text for row in shown(panel._repr_html_(), "tr")]
    assert rows[0] == "rate0.1a numberhow fast it learns"


def test_what_is_left_as_it_is_is_not_given(panel: LaunchPanel) -> None:
    assert panel.plan() == "train runs as it is"
    _with(panel, rate="0.2", most="7", careful="False")
    assert panel.form.values == {"rate": 0.2, "most": 7}
    assert panel.plan() == "train runs with 2 changed parameters"


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [({"rate": "fast"}, "rate"), ({"careful": "perhaps"}, "careful"), ({"most": "1.5"}, "most")],
)
def test_what_is_no_value_is_told_beside_its_name(
    panel: LaunchPanel, typed: dict[str, str], wrong: str
) -> None:
    _with(panel, **typed)
    assert list(panel.form.problems) == [wrong]
    assert wrong in panel.plan()
    assert panel.run() is None
    assert panel.problem


def test_the_form_begins_with_values_of_another_run(project: Project) -> None:
    panel = launch("train", {"rate": "0.02", "names": ["y"], "unknown": "1"}, of=project)
    assert panel.form.values == {"rate": 0.02, "names": ["y"]}


def test_a_parameter_without_default_has_to_be_given(tmp_path: Path) -> None:
    write_notebook(tmp_path / "n.ipynb", [], "day: str  # which")
    panel = launch(str(tmp_path / "n.ipynb"))
    assert "day" in panel.form.problems
    _with(panel, day="Monday")
    assert panel.form.problems == {}


def test_what_is_not_there_is_refused(project: Project, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'train'"):
        launch("trian", of=project)
    with pytest.raises(NotebookError):
        launch(tmp_path / "none.ipynb")


def test_what_is_typed_is_shown_as_text(panel: LaunchPanel) -> None:
    page = _with(panel, kind=HOSTILE)._repr_html_()
    assert "img" not in {element.tag for element in parse(page)}
    assert [row.text for row in shown(str(clean_html(page)), "tr")] == [row.text for row in shown(page, "tr")]
    progress = PanelProgress(lambda _: None)
    progress.said(HOSTILE, HOSTILE)
    assert "img" not in {element.tag for element in parse(progress.html())}


# -- what it does ----------------------------------------------------------------------------------


def test_a_run_tells_how_far_it_is_and_leaves_a_report(project: Project, panel: LaunchPanel) -> None:
    shares, lines = [], []

    def draw(progress: PanelProgress) -> None:
        shares.append(progress.share)
        lines.append(progress.html())

    result = _with(panel, rate="0.3").run(draw)
    assert isinstance(result, PipelineResult)
    assert result.status == "finished"
    (run,) = [
        run for run in runs.list_runs(project) if run.params.get("rate") == "0.3" and run.phase == "train"
    ]
    assert run.metrics == {"roc_auc": 0.3}
    assert shares[-1] == 1.0
    assert any("cell" in line for line in lines)
    assert panel.report == Path(run.report)
    assert "train finished" in panel._repr_html_()


def test_a_run_that_fails_says_why(panel: LaunchPanel) -> None:
    result = _with(panel, kind="b").run()
    assert isinstance(result, PipelineResult)
    assert result.status == "failed"
    assert "no b here" in panel.outcome()
    assert panel.report is not None


def test_a_sweep_runs_each_value_once(project: Project, panel: LaunchPanel) -> None:
    panel.update(several=True)
    assert "nothing to go through" in panel.plan()
    _with(panel, rate="0.4, 0.5", most="3")
    assert panel.plan() == "train runs 2 times"
    shares: list[float] = []
    pages: list[str] = []

    def draw(progress: PanelProgress) -> None:
        shares.append(progress.share)
        pages.append(progress.html())

    result = panel.run(draw)
    assert isinstance(result, SweepResult)
    assert any("train #0" in page for page in pages)
    assert "train #" not in pages[-1]  # nothing goes on any more
    assert result.status == "finished"
    tried = runs.list_runs(project, sweep=result.run_id)
    assert {run.params["rate"] for run in tried} == {"0.4", "0.5"}
    assert {run.params["most"] for run in tried} == {"3"}
    assert shares[-1] == 1.0
    assert result.run_id[:8] in panel.outcome()


def test_a_sweep_may_draw_from_ranges(panel: LaunchPanel) -> None:
    panel.update(several=True)
    _with(panel, rate="log(0.01..0.3)")
    assert "rate" in panel.form.problems
    panel.update(draws=5)
    assert panel.form.problems == {}
    assert panel.plan() == "train runs 5 times"
    assert all(0.01 <= point["rate"] <= 0.3 for point in panel.form.points[0])


# -- live ------------------------------------------------------------------------------------------


def test_the_form_is_live_and_leaves_a_table_for_reports(panel: LaunchPanel) -> None:
    shown_as = panel._repr_mimebundle_()
    assert shown_as["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.widget.model_id
    assert shown_as["text/html"] == panel._repr_html_()
