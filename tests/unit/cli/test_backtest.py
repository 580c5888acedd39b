"""``workbench backtest`` as a person types it; what it says of a backtest that was run is beside that."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.commands import parse
from tests.unit.cli.test_sweep_cli import call
from tests.unit.monitoring.backtest import invented, orders
from workbench.cli.backtest import _next
from workbench.cli.backtest_bar import BacktestBar
from workbench.config import Config
from workbench.monitoring.backtest import Policy, Progress, choose
from workbench.project import Project


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = orders.make_shop(tmp_path_factory.mktemp("shop") / "project", orders.orders())
    orders.placed(project)
    return project


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


def test_next_is_the_section_that_puts_the_policy_in_force(shop: Project) -> None:
    found = invented.four()
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
    alone = replace(found, policies=found.policies[1:2])
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
