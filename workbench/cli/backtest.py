"""``workbench backtest``."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.project import open_project

if TYPE_CHECKING:
    from workbench.monitoring.backtest import Backtest, Choice, Policy
    from workbench.project import Project

_DAY = click.DateTime(["%Y-%m-%d"])
_SHOWN = 12
# What a terminal has no room for.
_ON_PAGE = ["worth", "lost to the best", "computing"]


@click.command(
    epilog="Examples:  workbench backtest    "
    "workbench backtest --policy never --policy drift --vary retraining.training_days=60,120,180    "
    "workbench backtest --file policies.toml --step '500 rows' --choose-until 2013-09-01 --json"
)
@click.option(
    "--policy",
    "names",
    multiple=True,
    metavar="NAME",
    help="never, monthly, weekly, drift, performance, declared (what [retraining] says), or one of "
    "[backtest.policies]. Repeatable.  [default: never, monthly, drift, performance]",
)
@click.option(
    "--file", type=click.Path(path_type=Path), help="More policies: TOML with [policies.NAME] tables."
)
@click.option(
    "--vary",
    "variations",
    multiple=True,
    metavar="KEY=VALUE,VALUE…",
    help="Try each policy but never with each value, such as retraining.training_days=60,120. Repeatable.",
)
@click.option("--from", "since", type=_DAY, help="The first day.  [default: as workbench.toml says]")
@click.option("--until", type=_DAY, help="The day after the last.  [default: likewise]")
@click.option(
    "--choose-until", type=_DAY, help="Choose on the days before, check on the rest.  [default: likewise]"
)
@click.option(
    "--step",
    default="",
    metavar="LENGTH",
    help='day, hour, 7d, or a batch such as "500 rows".  [default: likewise]',
)
@click.option("--jobs", type=click.IntRange(1), help="So many policies at once.  [default: one a core]")
@click.option("--name", default="", help="Tells backtests apart; one that was cut short goes on by its name.")
@click.option("--again", is_flag=True, help="Begin anew, whatever is there.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def backtest(
    names: tuple[str, ...],
    file: Path | None,
    variations: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    choose_until: datetime | None,
    step: str,
    jobs: int | None,
    name: str,
    again: bool,
    as_json: bool,
) -> None:
    """Try retraining policies on the project's history: what would each have done, and which to take?

    Every day of the history is asked, answered, watched and decided upon by the very code that production
    runs, with a simulated clock and in stores of its own; truth comes in when it really became known. A
    policy is chosen on the first part of the days, and checked on the rest. Cut short, it goes on.
    """
    project = open_project()

    from workbench.cli.backtest_bar import BacktestBar
    from workbench.monitoring import backtest as backtests
    from workbench.monitoring.backtest.choosing import check_until
    from workbench.monitoring.backtest.history import plan_of
    from workbench.monitoring.backtest.worlds import Place

    policies = _policies(project, names, file, variations)
    if choose_until is not None:  # what cannot be is said before all is run
        plan = plan_of(project, since=_day(since), until=_day(until), step=step)
        check_until(choose_until.date(), plan.since, plan.until)
    with BacktestBar(len(policies)) as bar:
        found = backtests.run(
            project,
            policies,
            name=name,
            since=_day(since),
            until=_day(until),
            step=step,
            jobs=jobs,
            again=again,
            on_progress=bar,
        )
    choice = backtests.recommend(project, found, until=_day(choose_until))
    page = backtests.publish(Place.of(project, name).root, found, choice)
    if as_json:
        from workbench.cli.output import print_json

        print_json(_facts(found, choice, page))
    else:
        _show(found, choice, page)
        chosen = next(policy for policy in policies if policy.name == choice.policy)
        click.echo(f"next: {_next(chosen, choice)}")


def _policies(
    project: Project, names: tuple[str, ...], file: Path | None, variations: tuple[str, ...]
) -> tuple[Policy, ...]:
    """Those that are named and those of the file, each in its variants; the usual ones when none is given."""
    from workbench.monitoring import backtest as backtests

    chosen = backtests.find(project, names or (() if file else backtests.USUAL))
    chosen += backtests.read_file(file) if file else ()
    return backtests.vary(chosen, dict(map(backtests.parse_variation, variations)))


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _show(found: Backtest, choice: Choice, page: Path) -> None:
    from workbench.cli.output import print_table
    from workbench.monitoring.backtest import answer, ranked
    from workbench.store.texts import one_line

    click.secho(one_line(answer(choice)), fg="red" if choice.verdict == "did not hold" else None, bold=True)
    click.echo()
    table = ranked(found, choice).drop(columns=_ON_PAGE, errors="ignore").map(one_line)
    print_table(list(table.columns), table.head(_SHOWN).itertuples(index=False))
    if len(table) > _SHOWN:
        click.echo(f"and {len(table) - _SHOWN} more on the page")
    click.echo()
    click.echo(f"page: {page}")


def _facts(found: Backtest, choice: Choice, page: Path) -> dict[str, Any]:
    from dataclasses import asdict

    from workbench.monitoring.backtest import answer
    from workbench.registry.gates.validation import plain

    return {
        "answer": answer(choice),
        "verdict": choice.verdict,
        "choice": plain(asdict(choice)),
        "policies": [
            {
                "policy": item.policy,
                "settings": item.settings,
                "trainings": item.trainings,
                "seconds": item.seconds,
            }
            for item in found.policies
        ],
        "page": str(page),
    }


def _next(chosen: Policy, choice: Choice) -> str:
    """How the project comes by the policy that was chosen."""
    if len(choice.whole.standings) == 1:
        return f"workbench backtest --policy never --policy {chosen.name} says what it is worth"
    sections = _sections(chosen)
    if not sections:
        return "nothing has to change: workbench.toml says so already"
    if choice.verdict == "did not hold":
        return f"look at the page, since that did not hold; to take it all the same:\n\n{sections}"
    return f"let workbench.toml say so:\n\n{sections}"


def _sections(policy: Policy) -> str:
    """What stands in ``workbench.toml`` when the policy is in force."""
    from workbench.monitoring.backtest.settings import as_toml

    raw: dict[str, dict[str, Any]] = {}
    for key, value in policy.settings.items():
        section, _, name = key.partition(".")
        raw.setdefault(section, {})[name] = value
    told = as_toml(raw).strip()
    if policy.schedule:
        lines = ("name", "retrain"), ("cron", policy.schedule), ("code", "following")
        told += "\n\n[[schedules]]\n" + "\n".join(f'{key} = "{value}"' for key, value in lines)
        told += '\ncommand = ["retrain", "--scheduled"]'
        told += f'\ntimezone = "{policy.timezone}"' if policy.timezone else ""
    return told
