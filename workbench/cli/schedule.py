"""``workbench schedule``."""

from __future__ import annotations

import os
import signal
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from workbench.errors import UsageError
from workbench.project import Project, open_project

if TYPE_CHECKING:
    from workbench.execution.schedule.ending import Failure, Notify
    from workbench.execution.schedule.history import Entry
    from workbench.execution.schedule.records import ScheduledTime
    from workbench.execution.schedule.scheduler import Scheduler

_JSON = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
_FORMAT = "%Y-%m-%d %H:%M %Z"


@click.group(
    epilog="Examples:  workbench schedule list    workbench schedule run    workbench schedule history"
)
def schedule() -> None:
    """Run what [[schedules]] in workbench.toml declares, and show what became of it."""


@schedule.command(
    epilog="Examples:  workbench schedule run    workbench schedule run --once    workbench schedule run -j 4"
)
@click.option("--once", is_flag=True, help="Run what is due now, and end.")
@click.option(
    "-j",
    "--at-once",
    type=click.IntRange(1),
    help="So many scheduled runs at the same time.  [default: the cores of this machine]",
)
def run(once: bool, at_once: int | None) -> None:
    """Run what is due, when it is due, until Ctrl-C.

    Any number of these may run, on any number of machines that share a workbench database: each scheduled
    time is claimed by one. Ctrl-C (SIGTERM) waits for what runs; a second one ends it.
    """
    project = open_project()
    if not project.config.schedules:
        raise UsageError("workbench.toml has no [[schedules]]: say what runs when (name, cron, phases, code)")

    from workbench.cli.baking_watch import BakingWatch
    from workbench.execution.schedule.scheduler import Scheduler
    from workbench.store.clock import project_clock

    with BakingWatch(project) as watch:
        scheduler = Scheduler(
            project,
            project_clock(),
            at_once=at_once or os.cpu_count() or 1,
            notify=_notifier(project),
            say=_say,
            beside=() if once else (watch,),
        )
        _stop_on_signals(scheduler)
        if once:
            scheduler.run_once()
            return
        _say(f"{len(project.config.schedules)} schedules; Ctrl-C waits for what runs")
        scheduler.run()


def _stop_on_signals(scheduler: Scheduler) -> None:
    def stop(*_: object) -> None:
        if scheduler.stop() == 1 and scheduler.going_on:
            _say(f"waiting for {scheduler.going_on} that run; again to end them")

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _say(line: str) -> None:
    click.echo(f"{datetime.now():%H:%M:%S} {line}", err=True)


def _notifier(project: Project) -> Notify:
    def notify(channel: str, failure: Failure) -> None:
        from workbench.monitoring.alerts.channels import Undelivered, send

        message = {"title": failure.title, "text": failure.text}
        try:
            send(project.config.monitoring, channel, message, failure.key)
        except Undelivered as error:
            raise UsageError(str(error)) from None

    return notify


@schedule.command(
    "list", epilog="Examples:  workbench schedule list    workbench schedule list --json | jq '.[].next_time'"
)
@_JSON
def list_schedules(as_json: bool) -> None:
    """List the schedules: when each runs next, and how it went the last time."""
    project = open_project()

    from workbench.cli.output import print_json, print_table
    from workbench.execution.schedule.history import overview
    from workbench.store.clock import project_clock

    found = overview(project, project_clock().now())
    if as_json:
        print_json([_facts(entry) for entry in found])
        return
    print_table(("schedule", "when", "runs", "code", "next", "last", ""), map(_row, found))
    if not found:
        click.echo("none: [[schedules]] in workbench.toml says what runs when")


def _row(entry: Entry) -> tuple[object, ...]:
    schedule, last, zone = entry.schedule, entry.last, ZoneInfo(entry.schedule.timezone)
    coming = entry.next_time.astimezone(zone).strftime(_FORMAT) if entry.next_time else ""
    return (
        schedule.name,
        entry.when,
        entry.what,
        schedule.code,
        coming or ("when it is too old" if schedule.enabled else "not enabled"),
        last.scheduled_at.astimezone(zone).strftime(_FORMAT) if last else "",
        last.status if last else "",
    )


def _facts(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.schedule.name,
        "when": entry.when,
        "runs": entry.what,
        "code": entry.schedule.code,
        "enabled": entry.schedule.enabled,
        "next_time": entry.next_time,
        "last": entry.last and entry.last.to_dict(),
    }


@schedule.command(
    epilog="Examples:  workbench schedule history    workbench schedule history nightly --last 50 --json"
)
@click.argument("name", default="")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="So many.")
@_JSON
def history(name: str, last: int, as_json: bool) -> None:
    """Show what became of scheduled times (of the schedule NAME), the newest first."""
    project = open_project()

    from workbench.cli.output import print_json, print_table
    from workbench.execution.schedule.history import history as read

    found = read(project, name, last)
    if as_json:
        print_json([time.to_dict() for time in found])
        return
    zones = {each.name: each.timezone for each in project.config.schedules}
    print_table(
        ("schedule", "time", "status", "attempt", "run", "report, or what was said"),
        (_history_row(project, time, ZoneInfo(zones.get(time.schedule, "UTC"))) for time in found),
    )


def _history_row(project: Project, time: ScheduledTime, zone: ZoneInfo) -> tuple[object, ...]:
    from workbench.store.texts import one_line

    again = f" (again at {time.next_try:%H:%M:%S} UTC)" if time.next_try else ""
    report = os.path.relpath(time.report, project.root) if time.report else ""
    said = "\n".join(filter(None, (f"{one_line(time.note)}{again}", report)))
    return (
        time.schedule,
        time.scheduled_at.astimezone(zone).strftime(_FORMAT),
        time.status,
        time.attempt,
        (time.run_id or "")[:8],
        said,
    )


@schedule.command(
    epilog="Examples:  workbench schedule export | crontab -    "
    "workbench schedule export --systemd > ~/.config/systemd/user/flights.service"
)
@click.option("--systemd", is_flag=True, help="A unit for systemd instead of a line for cron.")
def export(systemd: bool) -> None:
    """Print what starts workbench schedule run with the machine: a line for cron, or a unit for systemd."""
    project = open_project()

    from workbench.execution.schedule import exporting

    click.echo(exporting.unit(project) if systemd else exporting.line(project))
