"""``workbench backtest``, as a person types and sees it."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.commands import parse
from tests.projects import migrated_stores
from tests.unit.cli.test_sweep_cli import Said, call
from tests.unit.monitoring.backtest import orders
from workbench.cli.backtest import _next
from workbench.cli.backtest_bar import BacktestBar
from workbench.config import Config
from workbench.monitoring.backtest import Backtest, Policy, Progress, choose
from workbench.monitoring.backtest.worlds import Place
from workbench.project import Project

PERIOD = ("--from", "2026-02-25", "--until", "2026-03-02")
POLICIES = ("--policy", "never", "--policy", "declared")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = orders.make_shop(tmp_path_factory.mktemp("shop") / "project", orders.orders())
    state = Place.of(project, "").shared.state
    state.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(migrated_stores() / "mlflow.db", state / "mlflow.db")
    return project


@pytest.fixture(scope="module")
def said(shop: Project) -> Said:
    """The first time; whoever asks for the same again finds it finished."""
    return call(shop.root, "backtest", *POLICIES, *PERIOD, "--choose-until", "2026-03-01")


@pytest.mark.practice("L8")
@pytest.mark.timeout(600)
def test_it_says_what_to_take_what_each_did_and_where_the_page_is(shop: Project, said: Said) -> None:
    assert said.status == 0, said.err
    answer, _, *table = said.out.splitlines()
    assert answer.startswith("Over 25 to 28 February 2026 no policy retrained, and all came to the same.")
    assert "Over 1 March 2026, which the choice had not seen, too little is known" in answer
    assert "more than never (95 %)" in table[0]
    rows = {line.split()[0]: line for line in table[1:3]}
    assert rows["never"].split()[:3] == ["never", "(chosen)", "–"]
    assert rows["declared"].split()[:3] == ["declared", "0", "0"]
    page = shop.state / "backtests" / "latest" / "index.html"
    assert f"page: {page}" in said.out
    assert page.stat().st_size > 100_000
    assert "✓ never  5 steps" in said.err
    assert "✓ declared  5 steps" in said.err
    assert "100 %" in said.err


@pytest.mark.timeout(600)
def test_what_is_finished_is_told_again_as_json(shop: Project, said: Said) -> None:
    told = call(shop.root, "backtest", *POLICIES, *PERIOD, "--choose-until", "2026-02-27", "--json")
    assert (told.status, told.err) == (0, "")
    assert told.json["verdict"] == "unknown"
    assert told.json["choice"]["policy"] == "never"
    assert told.json["choice"]["seen"]["until"] == "2026-02-27"
    assert [item["trainings"] for item in told.json["policies"]] == [0, 0]
    assert Backtest.from_json((Path(told.json["page"]).parent / "backtest.json").read_text()).policies


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--policy", "nevr"), "did you mean 'never'?"),
        (("--vary", "training_days"), "such as retraining.training_days=60,120"),
        (("--policy", "drift", "--vary", "retraining.training_dys=60"), "training_dys: no such key"),
        (("--file", "gone.toml"), "gone.toml cannot be read"),
        (("--step", "fortnight"), "step fortnight"),
        (("--choose-until", "2026-01-01"), "choose until 2026-01-01: it is not between"),
        (("--from", "2031-01-01", "--until", "2031-02-01"), "and nothing from 2031-01-01"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(shop: Project, arguments: tuple[str, ...], why: str) -> None:
    refused = call(shop.root, "backtest", *arguments)
    assert refused.status == 2
    (line,) = refused.err.splitlines()
    assert why in line


def test_the_examples_of_its_help_are_commands(shop: Project) -> None:
    helped = call(shop.root, "backtest", "--help")
    examples = " ".join(helped.out.split("Examples:")[1].split())
    lines = [f"workbench {part.strip()}" for part in examples.split("workbench ")[1:]]
    assert len(lines) == 3
    for line in lines:
        parse(line)


# -- what to do next ---------------------------------------------------------------------------------


def test_next_is_the_section_that_puts_the_policy_in_force(said: Said, shop: Project) -> None:
    found = Backtest.from_json((shop.state / "backtests/latest/backtest.json").read_text())
    monthly = Policy(
        "monthly", "", {"retraining.trigger": ["schedule"], "gates.minimum_primary": 0.6}, "0 0 1 * *"
    )
    told = _next(monthly, choose(found))
    assert told.startswith("let workbench.toml say so:\n\n")
    declared = tomllib.loads(told.partition("\n\n")[2])
    assert declared["retraining"] == {"trigger": ["schedule"]}
    assert declared["gates"] == {"minimum_primary": 0.6}
    raw = tomllib.loads((shop.root / "workbench.toml").read_text())
    (schedule,) = Config.model_validate(raw | declared).schedules
    assert (schedule.cron, schedule.command) == ("0 0 1 * *", ("retrain", "--scheduled"))
    assert _next(Policy("declared"), choose(found)).startswith("nothing has to change")
    alone = replace(found, policies=found.policies[1:])
    assert (
        _next(monthly, choose(alone))
        == "workbench backtest --policy never --policy monthly says what it is worth"
    )


# -- progress ----------------------------------------------------------------------------------------


def test_progress_says_how_far_all_is_and_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    day = date(2013, 3, 1)
    with BacktestBar(2) as bar:
        bar(Progress("drift", day, 1, 4, "", 0.04, None))
        bar(Progress("drift", day, 2, 4, "alert", 0.25, timedelta(minutes=4)))
        bar(Progress("never[x]", day, 4, 4, "", 0.5, timedelta(seconds=70)))
        bar(Progress("drift", day, 4, 4, "", 1.0, timedelta()))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "  25 %, about 4 min left"
    assert lines[1] == "✓ never[x]  4 steps"
    assert lines[2] == "  50 %, about 70 s left"
    assert lines[3] == "✓ drift  4 steps"
    assert lines[4] == "  100 %"
