"""The monitor panel: what it shows of what was recorded, any cell looked into, and looking again."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from tests.pages import HOSTILE as ATTACKS
from tests.pages import parse, shown
from tests.projects import make_project, migrated_database
from tests.unit.monitoring import story, watched
from tests.unit.panels.recorded import HOSTILE
from tests.unit.panels.stores import away
from tests.unit.registry import small
from workbench import registry
from workbench.errors import UnknownName
from workbench.monitoring.findings import record
from workbench.monitoring.findings.finding import WindowFinding
from workbench.panels.monitor import MonitorPanel, monitor
from workbench.panels.monitor.parts import ALERTS, PARTS, PERFORMANCE, SHADOWS, TRENDS, VERSIONS, WINDOWS
from workbench.project import Project, open_project
from workbench.registry import versions
from workbench.store import tables
from workbench.store.clock import SETTING, SetClock
from workbench.store.database import open_database
from workbench.tracking.sanitize import clean_html

_MODEL, _LOG = "tiny-model", "predictions/live"


def _project(root: Path, findings: Sequence[WindowFinding] = (), log: str = _LOG) -> Project:
    """A project whose monitor has recorded these findings, by the month, and two alerts."""
    project = make_project(root, {"train": []})
    settings = root / "workbench.toml"
    settings.write_text(f'{settings.read_text()}\n[monitoring]\nwindow = "month"\n')
    shutil.copyfile(migrated_database(), project.state / "workbench.db")
    _record(project, findings, log)
    database = open_database(project)
    with database.write() as connection:
        for alert in watched.alerts() if findings else []:
            row = asdict(alert) | {"log": log, "model": _MODEL}
            row.pop("id")
            connection.execute(insert(tables.alerts), row)
    database.close()
    return open_project(root)


def _record(project: Project, findings: Sequence[WindowFinding], log: str = _LOG) -> None:
    database = open_database(project)
    with database.write() as connection:
        record.add(connection, log, _MODEL, findings)
    database.close()


@pytest.fixture(scope="module")
def year() -> list[WindowFinding]:
    return watched.year(features=15)


@pytest.fixture(scope="module")
def project(year: list[WindowFinding], tmp_path_factory: pytest.TempPathFactory) -> Project:
    return _project(tmp_path_factory.mktemp("monitor") / "year", year)


def _text(panel: MonitorPanel) -> str:
    return next(shown(panel._repr_html_(), "div")).text


def _rows(page: str) -> list[str]:
    return [row.text for row in shown(page, "tr")]


# -- what is shown -----------------------------------------------------------------------------------


@pytest.mark.practice("M8")
def test_the_verdict_the_alerts_and_a_grid_of_drift_stand_there(
    project: Project, year: list[WindowFinding]
) -> None:
    panel = monitor(of=project)
    page = panel._repr_html_()
    assert "tiny-model from 2013-01 to 2013-12" in panel.top
    assert "1 alert is open" in panel.top
    assert "critical performance-dropped" in next(shown(page, "div")).text
    rows = _rows(page)
    assert len(rows) == 1 + len(panel.recorded.heat.features) == 1 + 16
    first = panel.recorded.heat.features[0]
    drifted = [
        finding.name for finding in year if finding.champion and first in finding.champion.drift.drifted
    ]
    assert rows[1].startswith(first)
    assert len(drifted) == sum(
        cell.attributes["title"].startswith("drifted") for cell in [*shown(page, "td")][:10]
    )
    assert panel.feature in panel.recorded.findings[-1].champion.drift.drifted  # type: ignore[union-attr]


def test_a_cell_is_looked_into_and_shows_both_distributions(project: Project) -> None:
    panel = monitor(of=project, window="2013-06", feature="wind_speed")
    assert "wind_speed in 2013-06, v3: 9,000 rows, 50,000 in the reference" in _text(panel)
    assert "where the line is 0.1" in _text(panel)
    assert len([*shown(panel._repr_html_(), "img")]) == 1
    ringed = [cell for cell in shown(panel._repr_html_(), "td") if "#1d4ed8" in cell.attributes["style"]]
    assert len(ringed) == 1
    panel.look_into(feature="hour")  # of which no bars were kept
    assert "hour in 2013-06" in _text(panel)
    assert [*shown(panel._repr_html_(), "img")] == []
    panel.look_into(feature="(score)", window="2013-09")
    assert "(score) in 2013-09, v4" in _text(panel)


def test_what_is_not_there_is_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    for wrong in (
        {"log": "predictions/june"},
        {"window": "2014-01"},
        {"feature": "wind_sped"},
        {"part": "all"},
    ):
        with pytest.raises(UnknownName):
            monitor(**wrong)  # type: ignore[arg-type]
    shown_as = monitor()._repr_mimebundle_()
    assert shown_as["text/plain"].startswith("MonitorPanel(predictions/live, 12 windows")
    assert "application/vnd.jupyter.widget-view+json" in shown_as


@pytest.mark.parametrize(
    ("part", "pictures", "says"),
    [
        (PERFORMANCE, 3, "the truth of 34% of the answers is known so far"),
        (VERSIONS, 1, ""),
        (SHADOWS, 1, "shadow v4"),
        (ALERTS, 0, "data-drift"),
        (TRENDS, 1, "90 of 900 rows differ because of the code"),
        (WINDOWS, 0, "3 answers without a time are left out"),
    ],
)
def test_every_part_is_made_of_the_findings_and_kept_in_a_report(
    project: Project, part: str, pictures: int, says: str
) -> None:
    page = monitor(part=part, of=project)._repr_html_()
    assert says in next(shown(page, "div")).text
    kept = str(clean_html(page))
    assert len([*shown(kept, "img")]) >= pictures
    assert _rows(kept) == _rows(page)


def test_only_the_newest_windows_are_read(project: Project) -> None:
    panel = monitor(of=project, last=3)
    assert panel.recorded.windows == ("2013-10", "2013-11", "2013-12")
    assert panel.window == "2013-12"


def test_the_live_log_is_shown_and_others_can_be_chosen(year: list[WindowFinding], tmp_path: Path) -> None:
    project = _project(tmp_path / "logs", year[:2])
    _record(project, year[:4], "predictions/replay")
    panel = monitor(of=project)
    assert panel.recorded.logs == ("predictions/live", "predictions/replay")
    assert panel.recorded.windows == ("2013-01", "2013-02")
    panel.choose_log("predictions/replay")
    assert (panel.window, len(panel.recorded.findings)) == ("2013-04", 4)


def test_windows_of_another_length_are_left_out(year: list[WindowFinding], tmp_path: Path) -> None:
    project = _project(tmp_path / "lengths", year[:3])
    window = dataclasses.replace(year[3].window, end=year[3].window.start + timedelta(days=1))
    _record(project, [dataclasses.replace(year[3], window=window)])
    assert monitor(of=project).recorded.windows == ("2013-01", "2013-02", "2013-03")


def test_a_newer_window_is_followed_unless_an_older_one_is_looked_into(
    year: list[WindowFinding], tmp_path: Path
) -> None:
    project = _project(tmp_path / "newer", year[:3])
    panel, other = monitor(of=project), monitor(window="2013-02", of=project)
    _record(project, year[3:4])
    panel.refresh()
    other.refresh()
    assert (panel.window, other.window) == ("2013-04", "2013-02")


# -- what is odd ---------------------------------------------------------------------------------------


def test_before_anything_is_recorded_it_says_which_command_does_it(tmp_path: Path) -> None:
    panel = monitor(of=_project(tmp_path / "none"))
    assert "workbench serve" in _text(panel)
    assert "workbench monitor" in _text(panel)
    assert panel.widget.children
    bare = make_project(tmp_path / "bare", {"train": []})
    settings = bare.root / "workbench.toml"
    text = settings.read_text()
    settings.write_text(text[: text.index("[model]")] + text[text.index("[sources") :])
    assert "[model]" in monitor(of=open_project(bare.root)).away


def test_names_and_notes_are_shown_as_text(tmp_path: Path) -> None:
    names = [*list(ATTACKS.values())[:12], HOSTILE]
    project = _project(tmp_path / "hostile", watched.year(windows=4, features=15, rename=names))
    for part in PARTS:
        panel = monitor(of=project, part=part, feature=HOSTILE)
        page = panel._repr_html_()
        allowed = {"div", "p", "b", "span", "table", "tr", "th", "td", "img", "details", "summary"}
        assert {element.tag for element in parse(page)} <= {*allowed, "thead", "tbody", "code", "ul", "li"}
        sources = [image.attributes["src"] for image in shown(page, "img")]
        assert all(source.startswith("data:image/png") for source in sources)
        assert all("onerror" not in image.attributes for image in shown(page, "img"))
    assert HOSTILE in _text(monitor(of=project, feature=HOSTILE))


def test_figures_that_are_no_numbers_are_dashes(tmp_path: Path) -> None:
    project = _project(tmp_path / "odd", watched.year(windows=3))
    database = open_database(project)
    found = tables.findings

    def odd(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: odd(each) for name, each in value.items()}
        if isinstance(value, list):
            return [odd(each) for each in value]
        return (math.inf if value > 0.1 else None) if isinstance(value, float) else value

    with database.write() as connection:
        for row in connection.execute(select(found)).all():
            document = json.loads(row.document)
            for version in document["versions"]:
                for part in ("drift", "health", "performance"):
                    version[part] = odd(version[part])
                version["drift"]["line"] = 0.5
            values = {**row._mapping, "revision": 2, "document": json.dumps(document), "digest": "odd"}
            values.pop("id")
            connection.execute(insert(found), values)
    database.close()
    for part in PARTS:
        page = monitor(of=project, part=part)._repr_html_()
        assert "Error" not in next(shown(page, "div")).text, part
        assert "nan" not in " ".join(_rows(page)).lower()


def test_a_database_that_is_away_is_told_in_one_line_and_what_is_known_stays(
    year: list[WindowFinding], tmp_path: Path
) -> None:
    project = _project(tmp_path / "away", year[:3])
    panel = monitor(of=project)
    again = panel.widget.children[0].children[2]
    with away(project.state / "workbench.db"):
        again.click()
        assert panel.away.startswith("the findings cannot be read: the workbench database does not answer")
        assert again.description == "Retry"
        assert "2013-03" in _text(panel)
        fresh = monitor("predictions/june", window="2013-03", of=project)
        assert "\n" not in fresh.away
        panel.look_again()
        assert "it could not be looked at" in panel.told
    again.click()
    assert (panel.away, again.description) == ("", "Refresh")


# -- live ----------------------------------------------------------------------------------------------


def test_a_click_on_a_window_or_a_feature_looks_into_another_cell(project: Project) -> None:
    panel = monitor(of=project, window="2013-06", feature="wind_speed")
    _, _, found = panel.widget.children
    chosen, tab = found.children
    left, right = tab.children[0].children[1].children
    head_row, rows = left.children[0].children[0].children
    assert [button.description for button in head_row.children[1:]] == [*panel.recorded.windows[2:]]
    assert "2 more windows" in left.children[1].value
    chosen.children[0].value = "2013-01"  # which is too old to be seen beside the newest
    assert [button.description for button in head_row.children[1:]] == [*panel.recorded.windows[:10]]
    head_row.children[2].click()
    assert [button.description for button in head_row.children[1:]] == [*panel.recorded.windows[:10]]
    names = rows.children[0].children
    next(button for button in names if button.description == "hour").click()
    assert (panel.window, panel.feature) == ("2013-02", "hour")
    assert "hour</b> in 2013-02" in right.children[0].value
    assert [each.value for each in chosen.children] == ["2013-02", "hour"]
    chosen.children[1].value = "humidity"
    assert panel.feature == "humidity"
    tab.selected_index = PARTS.index(PERFORMANCE)
    assert tab.children[PARTS.index(PERFORMANCE)].value.count("<img") == 3


def test_a_log_in_which_nobody_asked_the_champion_has_a_line_and_no_grid(
    year: list[WindowFinding], tmp_path: Path
) -> None:
    project = _project(tmp_path / "unasked", year[:2])
    _record(project, [dataclasses.replace(each, versions=()) for each in year[:3]], "predictions/silent")
    panel = monitor(of=project)
    above, _, found = panel.widget.children
    chosen, tab = found.children
    line, split = tab.children[0].children
    assert (line.value, split.layout.display) == ("", "")
    above.children[0].value = "predictions/silent"
    assert "No feature was judged in these windows" in line.value
    assert (split.layout.display, chosen.children[1].layout.display) == ("none", "none")
    above.children[0].value = "predictions/live"
    assert (line.value, split.layout.display) == ("", "")
    assert "2013-02" in split.children[1].children[0].value
    first_seen = monitor("predictions/silent", of=project).widget.children[2].children[1].children[0]
    assert "No feature was judged" in first_seen.children[0].value


def _answering(root: Path) -> Project:
    """A project whose version 1 was registered with a reference."""
    small.small_project(root)
    settings = root / "workbench.toml"
    told = settings.read_text().replace('"y"', '"late"').replace('time = "x"', 'time = "asked_at"')
    settings.write_text(f'{told}\n[monitoring]\nwindow = "month"\n')
    run = small.start(open_project(root))
    known = registry.summarize(story.orders(1000, seed=9), small.estimator(), features=small.FEATURES)
    versions.register(run, small.train(run), small.validation(), small.recorded(), reference=known)
    return run.project


@pytest.mark.practice("M8")
def test_looking_again_records_what_the_command_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = story.Live(_answering(tmp_path / "shop"), "predictions/panel")
    live.tell(live.answers(story.month(1), older=3.0), timedelta(days=2))
    clock = SetClock(tmp_path / "now")
    clock.set(datetime.fromisoformat("2026-02-10T00:00:00+00:00"))
    monkeypatch.setenv(SETTING, str(tmp_path / "now"))
    panel = monitor(live.name, of=live.project)
    assert "Nothing is recorded of predictions/panel yet" in _text(panel)
    said: list[str] = []
    panel.look_again(said.append)
    assert said[0] == "reading the prediction log"
    assert "2026-01: window 1 of 1" in said
    assert "looked at 1 window, 1 finding is new; page: " in panel.told
    page = Path(panel.told.partition("page: ")[2].partition("<")[0])
    assert "tiny-model" in page.read_text()
    panel.look_into(window="2026-01")
    assert "age in 2026-01, v1: 600 rows" in _text(panel)
    panel.look_again()
    assert "nothing is new" in panel.told


def test_what_a_notebook_recorded_cannot_be_looked_at_again(
    year: list[WindowFinding], tmp_path: Path
) -> None:
    project = _project(tmp_path / "replay", year[:2], "predictions/replay")
    panel = monitor(of=project)
    panel.look_again()
    assert "predictions/replay is no log that can be looked at again" in panel.told
    assert len(panel.recorded.findings) == 2
    (project.state / "predictions" / "live").mkdir(parents=True)  # a server has begun to answer since
    panel.refresh()
    assert panel.recorded.logs == ("predictions/live", "predictions/replay")
    panel.choose_log("predictions/live")
    assert "Nothing is recorded of predictions/live yet" in _text(panel)
