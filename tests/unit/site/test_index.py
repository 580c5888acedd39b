"""The page that lists reports: what it lists, in which order, and that it is always whole."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.pages import Element, manifest, parse, shown
from tests.projects import make_project
from workbench.project import Project
from workbench.site.index import build_index
from workbench.tracking.page import CONTENT_SECURITY_POLICY
from workbench.tracking.reports import MANIFEST, Failure, publish

_START = datetime(2024, 5, 17, 8, 30, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "tiny", {"gather": [], "train": [], "serve": []})


def _publish(
    project: Project, phase: str, run: int, *, after: int = 0, pipeline: str = "p", **facts: Any
) -> Path:
    """A report that started ``after`` minutes after the first one."""
    return publish(
        project.reports,
        manifest(
            phase=phase,
            run_id=f"{run:08d}" + "0" * 24,
            pipeline_run_id=pipeline * 32,
            started_at=_START + timedelta(minutes=after),
            **facts,
        ),
        "{}",
        "<!DOCTYPE html>",
    )


def _page(project: Project) -> str:
    return build_index(project).read_text(encoding="utf-8")


def _rows(page: str) -> list[Element]:
    return [row for row in shown(page, "tr") if "took" not in row.text]


def test_reports_are_listed_by_phase_newest_first_with_links_that_work(project: Project) -> None:
    older = _publish(project, "train", 1, after=0, notes={"summary": "ROC AUC 0.70"})
    newer = _publish(project, "train", 2, after=60, seconds=75.0, parameters={"rounds": 9})
    _publish(project, "gather", 3, after=30)
    page = _page(project)
    assert [heading.text for heading in shown(page, "h2")] == [
        "Phases",
        "Latest pipeline run",
        "gather",
        "train",
    ]
    rows = [row.text for row in _rows(page)]
    assert rows[0].startswith("17 May 2024, 09:00 UTC finished 42 s")
    assert rows[1] == "17 May 2024, 09:30 UTC finished 1 min 15 s rounds=9 maria notebook"
    assert rows[2] == "17 May 2024, 08:30 UTC finished 42 s ROC AUC 0.70 maria notebook"
    links = [
        link.attributes["href"] for link in shown(page, "a") if not link.attributes["href"].startswith("#")
    ]
    assert all((project.reports / link).is_file() for link in links)
    for folder in (older, newer):
        place = folder.relative_to(project.reports).as_posix()
        assert {f"{place}/report.html", f"{place}/notebook.ipynb"} <= set(links)


def test_latest_pipeline_run_stands_on_top_with_every_phase(project: Project) -> None:
    _publish(project, "serve", 1, after=0, pipeline="a")
    _publish(project, "gather", 2, after=10, pipeline="b", notes={"summary": "5 sources"})
    broken = Failure(message="phase 'train' failed: ValueError: too few rows")
    _publish(project, "train", 3, after=11, pipeline="b", status="failed", error=broken)
    _publish(project, "train", 4, after=99, pipeline="c", default=False)
    steps = [step.text for step in shown(_page(project), "li", "step")]
    assert steps == [
        "1 gather 42 s finished 5 sources",
        "2 train 42 s failed phase 'train' failed: ValueError: too few rows",
        "3 serve finished earlier: 17 May 2024, 08:30 UTC",
    ]


def test_nested_runs_are_listed_as_such(project: Project) -> None:
    _publish(project, "train", 1, default=False)
    page = _page(project)
    assert "nested in another run" in _rows(page)[0].text
    assert not list(shown(page, "li", "step"))


def test_an_unreadable_manifest_is_shown_as_such(project: Project) -> None:
    good, bad = _publish(project, "train", 1), _publish(project, "train", 2, after=5)
    (bad / MANIFEST).write_text('{"run_id": "0', encoding="utf-8")
    page = _page(project)
    first, second = _rows(page)
    assert first.text.startswith(f"{bad.relative_to(project.reports).as_posix()} unreadable –")
    assert "finished" in second.text
    links = {link.attributes["href"] for link in shown(page, "a")}
    assert {f"train/{folder.name}/report.html" for folder in (good, bad)} <= links


def test_a_report_without_its_page_is_listed_without_a_link(project: Project) -> None:
    (_publish(project, "train", 1) / "report.html").unlink()
    links = [link.text for link in shown(_page(project), "a") if not link.attributes["href"].startswith("#")]
    assert links == ["notebook"]


def test_many_reports_are_folded_away_but_there(project: Project) -> None:
    for run in range(25):
        _publish(project, "train", run, after=run)
    page = _page(project)
    assert len(_rows(page)) == 25
    (fold,) = shown(page, "details")
    assert fold.text.startswith("5 older")
    assert "08:34 UTC" in fold.text


def test_without_reports_the_page_says_what_makes_some(project: Project) -> None:
    assert "no reports to list yet" in next(shown(_page(project), "main")).text


def test_the_page_has_the_policy_of_the_reports_and_escapes_everything(project: Project) -> None:
    hostile = "<script>1</script><img src=x onerror=1>"
    failure = Failure(message=hostile)
    _publish(project, "train", 1, who=hostile, status="failed", error=failure, parameters={hostile: hostile})
    _publish(project, "gather", 2, notes={"summary": hostile})
    elements = parse(_page(project))
    assert elements[2].attributes == {
        "http-equiv": "Content-Security-Policy",
        "content": CONTENT_SECURITY_POLICY,
    }
    assert not {"script", "img", "link", "iframe"} & {element.tag for element in elements}
    assert not [element for element in elements if any(name.startswith("on") for name in element.attributes)]


def test_a_folder_of_a_phase_that_is_gone_is_still_listed(project: Project) -> None:
    _publish(project, "label", 1)
    assert "label" in [heading.text for heading in shown(_page(project), "h2")]


def test_who_reads_the_page_while_it_is_written_keeps_a_whole_one(project: Project) -> None:
    _publish(project, "train", 1)
    before = _page(project)
    with build_index(project).open(encoding="utf-8") as reader:
        _publish(project, "train", 2, after=1)
        assert "08:31 UTC" in _page(project)
        assert reader.read().count("report.html") == before.count("report.html")


@pytest.mark.practice("T1")
def test_commands_that_end_at_once_leave_a_whole_page_with_all_reports(project: Project) -> None:
    for run in range(8):
        _publish(project, "train", run, after=run)
    build = (
        "import sys; from pathlib import Path\n"
        "from workbench.project import open_project; from workbench.site.index import build_index\n"
        "project = open_project(sys.argv[1])\n"
        "for _ in range(20):\n"
        "    page = build_index(project).read_text()\n"
        "    assert page.rstrip().endswith('</html>') and page.count('report.html') >= 8\n"
    )
    command = [sys.executable, "-c", build, str(project.root)]
    builders = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(builder.communicate()[1], builder.returncode) for builder in builders] == [("", 0)] * 3
    left = [path.name for path in project.reports.iterdir() if path.is_file()]
    assert left == ["index.html"]
