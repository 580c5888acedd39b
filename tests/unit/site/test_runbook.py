"""The runbook: what is handed to operations, all of it from the record."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.commands import parse
from tests.pages import HOSTILE, shown
from tests.unit.site import handed
from workbench.cli.models_runbook import runbook
from workbench.cli.site import site
from workbench.config.alerts import SIGNALS
from workbench.project import Project
from workbench.site.index import INDEX
from workbench.site.runbook.facts import look_up
from workbench.site.runbook.signals import GUIDES, guide
from workbench.site.runbook.writing import write_runbook
from workbench.store.clock import SimulatedClock

pytestmark = pytest.mark.practice("T4")

_CLOCK = SimulatedClock(handed.NOW)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = handed.served(tmp_path_factory.mktemp("served") / "project")
    handed.write_rows(made)
    return made


@pytest.fixture(scope="module")
def page(project: Project) -> str:
    return write_runbook(project, clock=_CLOCK).markdown.read_text()


def _section(page: str, title: str) -> str:
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_it_says_what_the_model_is_for_and_who_owns_it(page: str) -> None:
    said = _section(page, "What it is for")
    assert "**owner**: depot@example.org" in said
    assert "**intended use**: not stated: say it in workbench.toml" in said
    assert page.startswith(
        "# Late parcels: running tiny-model\n\n**champion v2** · **critical** · **warning**"
    )


def test_it_says_how_the_model_is_served_and_how_it_is_started_and_followed(page: str) -> None:
    said = _section(page, "How it is served")
    assert re.search(r"\*\*champion\*\*: \*\*v2\*\*, since .*: better", said)
    assert "**address**: http<!-- -->://127.0.0.1:5010" in said
    assert "**workers**: 3" in said
    assert ".workbench/predictions/live" in said
    assert "| shop | asks | SHOP\\_KEY |" in said
    assert "workbench serve " in _section(page, "Start, stop, follow")
    assert '-H "Authorization: Bearer $SHOP_KEY"' in _section(page, "Start, stop, follow")


def test_every_rule_is_told_in_words_with_what_to_do_and_who_hears_of_it(page: str) -> None:
    slower, inputs, *always = _section(page, "When an alert fires").strip().splitlines()[-5:]
    assert slower.startswith(
        "| slower | **critical** | health.p99\\_ms is above 0: The slowest answers take longer"
    )
    assert slower.endswith("| backlog, webhook:team, owner duty@example.org |")
    assert inputs.startswith("| inputs | **warning** | drift.feature.\\* is bad: The feature NAME is spread")
    assert "more workers: workbench serve --workers N" in slower
    assert [row.split(" | ")[0] for row in always] == ["| not-served", "| rolled-back", "| not-rolled-back"]
    assert all(row.endswith("| backlog, owner depot@example.org |") for row in always)
    assert "SIGHUP to workbench serve" in always[0]


def test_there_is_a_guide_to_every_signal_that_a_rule_may_be_about() -> None:
    assert set(GUIDES) == set(SIGNALS)
    assert guide("drift.feature.age").means == "The feature age is spread otherwise than when it learnt."
    assert "{}" not in "".join(guide(f"{name}x").means for name in SIGNALS if name.endswith("."))
    assert guide("drift.*").means


def test_open_alerts_and_the_backlog_are_shown_the_worst_first(page: str, project: Project) -> None:
    facts = look_up(project, clock=_CLOCK)
    said = _section(page, "What is open now").splitlines()
    rows = [line for line in said if line.startswith("| **")]
    assert len(rows) == len(facts.open_alerts)
    assert rows[0].startswith("| **critical** | slower | tiny-model v")
    assert [line for line in said if line.startswith(f"| {facts.items[0].id} | ")]


def test_it_says_how_to_roll_back_where_that_leads_and_that_it_was_seen_to_work(page: str) -> None:
    said = _section(page, "How to roll back")
    assert 'workbench rollback --reason "…"' in said
    assert "Checked 2 Jan 2014, 00:00 UTC: v1 loads, and answers its 8 recorded cases as recorded." in said
    assert "**it leads to**: v1, who was champion before" in said


def test_a_way_back_that_is_blocked_is_said_at_the_top(tmp_path: Path) -> None:
    project = handed.served(tmp_path / "project")
    facts = look_up(project)
    assert facts.way_back is not None
    for file in project.state.glob("artifacts/**/*.skops"):
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    page = write_runbook(project).markdown.read_text()
    head = page.partition("## ")[0]
    assert "There is no way back: v1 would be refused" in head
    assert "The champion cannot be served" in head


def test_windows_retraining_baking_schedules_and_what_happened_are_told(page: str) -> None:
    assert "| 2013-12 | v4 champion | 10,100 |" in _section(page, "Health of the last windows")
    assert "features drift or performance has dropped" in _section(page, "How it is retrained")
    assert "At this moment: shadowing v3" in _section(page, "How it is retrained")
    assert (
        "The newest: v2 is baking until 2014-01-03 00:00 UTC, 0 answers so far, no guard violated."
        in _section(page, "After a promotion")
    )
    assert "| nightly | no longer declared |" in _section(page, "Schedules")
    lately = _section(page, "What happened lately")
    for happened in (
        "champion: v1 → v2 | better",
        "v2 began to bake",
        "retraining 1 began",
        "schedule nightly failed",
    ):
        assert happened in lately
    assert "hourly" not in lately
    assert "**seasons**" in _section(page, "Known limits")


def test_schedules_say_when_they_are_due_and_what_becomes_of_a_failure(tmp_path: Path) -> None:
    project = handed.project_with(tmp_path / "project", handed.SCHEDULES)
    said = _section(write_runbook(project, clock=_CLOCK).markdown.read_text(), "Schedules")
    assert (
        "| nightly | 0 3 \\* \\* \\* (Europe/Berlin) | workbench run train | tried 2 times more, then" in said
    )
    assert "| 2 Jan 02:00 | none yet |" in said
    assert "| fresh | prepared is older than 26 hours | workbench monitor |" in said


def test_before_anything_was_run_it_says_so(tmp_path: Path) -> None:
    project = handed.project_with(tmp_path / "project")
    page = write_runbook(project).markdown.read_text()
    assert "Nobody is champion yet" in page
    assert "so there is no way back" in _section(page, "How to roll back")
    assert "No alert is open." in page
    assert "Nothing was looked at yet" in page
    assert "No API key is declared" in page


def test_every_command_on_it_is_there_with_its_options(project: Project, tmp_path: Path) -> None:
    empty = handed.project_with(tmp_path / "project", handed.SCHEDULES)
    pages = [write_runbook(each, clock=_CLOCK).markdown.read_text() for each in (project, empty)]
    typed = [
        line
        for page in pages
        for block in re.findall("\n```\n(.*?)\n```\n", page, re.S)
        for line in block.splitlines()
    ]
    commands = {line.partition("#")[0].strip() for line in typed if line.startswith("workbench ")}
    assert len(commands) > 6
    for command in commands:
        parse(command.replace("VERSION", "3"))


def test_what_others_wrote_stays_text(tmp_path: Path) -> None:
    project = handed.served(tmp_path / "project", reason=HOSTILE["script"], owner=HOSTILE["handler"])
    written = write_runbook(project)
    html = written.html.read_text()
    assert HOSTILE["script"] not in html
    assert HOSTILE["handler"] not in html
    assert "&lt;script&gt;window.__pwned=1" in html
    assert "<script" not in html
    assert HOSTILE["script"] not in written.markdown.read_text()


def test_no_password_is_shown(tmp_path: Path) -> None:
    project = handed.project_with(
        tmp_path / "project", '[serving]\nlog = "postgresql://logger:hunter22@logs.example.org/log"\n'
    )
    page = write_runbook(project).markdown.read_text()
    assert "hunter22" not in page
    assert "logs.example.org/log" in page


def test_the_command_prints_where_it_is_and_the_site_leads_to_it(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    done = CliRunner().invoke(runbook, [], catch_exceptions=False)
    cards = project.state / "cards"
    assert done.stdout.splitlines() == [f"{cards}/runbook.html", f"{cards}/runbook.md"]
    told = json.loads(CliRunner().invoke(runbook, ["--json", "--out", str(tmp_path)]).stdout)
    assert (told["champion"], told["rollback"]["to"], told["rollback"]["answered"]) == (2, 1, 8)
    assert [rule["name"] for rule in told["rules"]] == ["slower", "inputs"]
    CliRunner().invoke(site, [], catch_exceptions=False)
    links = [item.attributes["href"] for item in shown((project.reports / INDEX).read_text(), "a")]
    assert "../cards/runbook.html" in links
