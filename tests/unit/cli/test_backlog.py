"""``workbench backlog``, as a person sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.unit.monitoring.alerting import make
from tests.unit.monitoring.receiving import webhook
from workbench.cli.backlog import backlog
from workbench.errors import UnknownName, UsageError, WorkbenchError
from workbench.project import Project
from workbench.store import backlog as kept
from workbench.store.backlog import Item
from workbench.tracking import environment

Tell = Callable[..., str]
HOSTILE = "[red]urgent[/] \x1b[31m<b>rm -rf</b>\u202e\nid  9"
_HOOK = '\n[monitoring.webhooks.tracker]\nurl = "{url}"\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = make(tmp_path / "project")
    monkeypatch.chdir(made.root)
    return made


@pytest.fixture
def tell(project: Project) -> Tell:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(backlog, list(arguments), catch_exceptions=False, standalone_mode=True)
        assert done.exit_code == 0, done.output
        return done.output

    return run


def facts(told: str) -> Any:
    return json.loads(told)


@pytest.mark.practice("T2")
def test_from_nothing_to_a_closed_item_the_next_step_is_said(tell: Tell) -> None:
    assert tell() == "nothing is open; --all shows what was\n"
    assert "next: workbench backlog assign 1 WHO" in tell(
        "add", "wind of JFK looks doubtful", "--link", "4f2a91c0"
    )
    assert "wind of JFK looks doubtful" in tell()
    assert "next: workbench backlog close 1 --why …" in tell("assign", "1", "grace")
    tell("remark", "1", "only in June")
    tell("link", "1", "https://example.org/plot")
    shown = tell("show", "1")
    for part in ("for grace", "link   4f2a91c0", "assigned by", "remark by", "only in June", "(claimed)"):
        assert part in shown
    assert "next: workbench backlog reopen 1" in tell("close", "1", "--why", "the sensor was broken")
    assert "nothing is open" in tell("list")
    assert "closed" in tell("list", "--all")
    assert "the sensor was broken" in tell("show", "1")
    assert "next: workbench backlog close 1" in tell("reopen", "1", "--why", "again")
    assert "for nobody" in (tell("assign", "1", "nobody") and tell("show", "1"))


def test_what_is_mine_is_shown_alone(tell: Tell) -> None:
    tell("add", "theirs", "--assign", "somebody else")
    tell("add", "mine", "--assign", environment.who(), "--priority", "high", "--kind", "review")
    (item,) = facts(tell("--mine", "--json"))
    assert (item["title"], item["kind"], item["priority"]) == ("mine", "review", "high")
    assert len(facts(tell("list", "--json"))) == 2


def test_titles_are_shown_as_text(tell: Tell) -> None:
    tell("add", HOSTILE, "--subject", HOSTILE, "--link", HOSTILE, "--assign", HOSTILE)
    tell("remark", "1", HOSTILE)
    for told in (tell(), tell("show", "1"), tell("assign", "1", "x")):
        assert "[red]urgent[/]" in told
        assert "\x1b" not in told
        assert "\u202e" not in told
        assert "\nid  9" not in told
    history = facts(tell("show", "1", "--json"))["history"]
    assert history[1]["detail"] == HOSTILE


def test_what_cannot_be_done_is_one_line(tell: Tell) -> None:
    tell("add", "one")
    for arguments, expected in (
        (("show", "7"), "no item 7 on the backlog of late"),
        (("close", "1", "--why", " "), "needs a reason"),
        (("reopen", "1"), "item 1 is open"),
    ):
        with pytest.raises(UsageError, match=expected):
            tell(*arguments)
    with pytest.raises(UnknownName, match="no webhook 'tracker'"):
        tell("export", "--webhook", "tracker")


@pytest.mark.practice("T2")
def test_what_happens_while_items_are_read_is_exported_the_next_time(
    project: Project, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell("add", "one")
    read = kept.items

    def meanwhile(*given: Any, **more: Any) -> list[Item]:
        found = read(*given, **more)
        monkeypatch.setattr(kept, "items", read)
        tell("close", "1", "--why", "done")
        return found

    with webhook() as posted:
        (project.root / "workbench.toml").open("a").write(_HOOK.format(url=posted.url))
        monkeypatch.setattr(kept, "items", meanwhile)
        tell("export", "--webhook", "tracker")
        tell("export", "--webhook", "tracker")
    assert [body["item"]["status"] for body in posted.bodies] == ["open", "closed"]
    assert len(set(posted.keys)) == 2


@pytest.mark.practice("T2")
def test_items_are_exported_once_for_every_change(project: Project, tell: Tell) -> None:
    tell("add", "one")
    tell("add", "two")
    with webhook() as posted:
        (project.root / "workbench.toml").open("a").write(_HOOK.format(url=posted.url))
        export = ("export", "--webhook", "tracker", "--json")
        assert facts(tell(*export))["exported"] == [1, 2]
        assert facts(tell(*export))["exported"] == []
        assert "nothing has changed since; --again sends all of it" in tell(*export[:3])
        tell("close", "2", "--why", "done")
        assert facts(tell(*export))["exported"] == [2]
        assert facts(tell(*export, "--again"))["exported"] == [1, 2]
        assert facts(tell(*export))["exported"] == []
        assert [body["item"]["id"] for body in posted.bodies] == [1, 2, 2, 1, 2]
        assert posted.bodies[2]["item"]["closed_why"] == "done"
        assert len(set(posted.keys)) == 5
        tell("remark", "1", "x")
        tell("remark", "2", "x")
        posted.statuses = [204, 503]
        with pytest.raises(
            WorkbenchError, match=r"status 503; exported before it: 1; .* goes on with item 2"
        ) as caught:
            tell(*export)
        assert posted.url not in caught.value.message
        posted.statuses = [204]
        assert facts(tell(*export))["exported"] == [2]
        assert posted.keys[-1] == posted.keys[-2]


def test_help_has_examples_and_imports_nothing_heavy() -> None:
    program = (
        "import sys; from click.testing import CliRunner; from workbench.cli.backlog import backlog; "
        "print(CliRunner().invoke(backlog, ['--help']).output); "
        "print([name for name in ('sqlalchemy', 'pandas', 'mlflow', 'httpx') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "Examples:" in told
    assert told.endswith("[]\n")
