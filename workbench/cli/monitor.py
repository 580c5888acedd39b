"""``workbench monitor``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.logs import LOG, chosen_log
from workbench.project import open_project

if TYPE_CHECKING:
    from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
    from workbench.monitoring.looking.watching import OnWindow, Watched

_NAMED = 3


@click.command(
    epilog="Examples:  workbench monitor    workbench monitor --window 7d --last 8    "
    "workbench monitor --model 3 --json    workbench monitor --last 3 --evidently"
)
@click.option(
    "--window",
    default="",
    metavar="LENGTH",
    help="day, week, month, 7d, 6h; default: as workbench.toml says. Only looks: nothing is recorded.",
)
@click.option(
    "--model",
    "version",
    type=click.IntRange(1),
    metavar="VERSION",
    help="Only this version. Only looks: nothing is recorded.",
)
@click.option("--last", type=click.IntRange(1), default=24, show_default=True, help="Show so many windows.")
@click.option("--evidently", is_flag=True, help="Put Evidently's own page, of samples, beside the page.")
@LOG
@click.option("--json", "as_json", is_flag=True, help="Print everything that was found as JSON.")
def monitor(
    window: str, version: int | None, last: int, evidently: bool, log_name: str | None, as_json: bool
) -> None:
    """Look at what the served versions were asked and answered, window by window.

    Drift against the reference that a version was registered with, performance as the truth comes in, skew
    between serving and training, trends, health. What is found is recorded, alerts are raised and told. A
    champion in its baking period is rolled back when it violates a guard ([baking]).
    """
    project = open_project()
    log, name = chosen_log(project, log_name)

    from workbench import monitoring
    from workbench.cli.output import print_json
    from workbench.monitoring.again import look_again, publish_watched
    from workbench.store.clock import project_clock

    clock, baked = project_clock(), None
    with _progress() as on_window:
        if window or version is not None:
            watched = monitoring.look(
                project,
                log,
                name,
                clock=clock,
                window=window,
                version=version,
                last=last,
                on_window=on_window,
            )
        else:
            live = log_name is None
            looked = look_again(project, log, name, clock=clock, live=live, last=last, on_window=on_window)
            watched, baked = looked.watched, looked.baked
    if as_json:
        print_json(_facts(watched) | {"baking": baked.to_dict() if baked else None})
        return
    if baked is not None and baked.until > clock.now():
        click.secho(str(baked), fg=None if baked.evidence.violation is None else "red")
    if not watched.findings:
        click.echo("; ".join(watched.notes))
        click.echo("next: workbench serve answers, and what it answers is looked at here")
        return
    pages = monitoring.evidently_pages(project, log, watched.findings) if evidently else {}
    page = publish_watched(project, name, watched, clock=clock, pages=pages)
    _show(watched, project.objective.primary_metric)
    click.echo(f"page: {page}")
    if pages:
        click.echo(f"as Evidently shows it: {page.with_name('evidently.html')}")
    elif evidently:
        click.echo("for Evidently there is nothing to compare: no champion with a reference answered")
    click.echo(_next(watched))


def _show(watched: Watched, metric: str) -> None:
    from workbench.cli.output import print_table
    from workbench.store.texts import one_line

    every = [found for finding in watched.findings for found in finding.versions]
    seldom = [name for name in ("failed", "refused") if any(getattr(found.health, name) for found in every)]
    print_table(
        ("window", "version", "answers", "drifted", metric, "", *seldom),
        (
            _row(finding, found, seldom)
            for finding in watched.findings
            for found in finding.versions or (None,)
        ),
    )
    lines: list[tuple[str, str | None]] = [
        *((note, "yellow") for note in _notes(watched)),
        *((f"new: {alert}: {alert.says}", "red") for alert in watched.raised),
        *((f"over: {alert}", "green") for alert in watched.cleared),
        *((f"not told: {failure}", "yellow") for failure in watched.undelivered),
    ]
    if watched.open:
        lines.append((f"open: {'; '.join(map(str, watched.open))}", None))
    for line, colour in lines:
        click.secho(one_line(line), fg=colour)  # it may repeat what somebody asked


def _row(finding: WindowFinding, found: VersionFinding | None, more: Sequence[str]) -> tuple[object, ...]:
    from workbench.registry.aliases import CHAMPION
    from workbench.registry.gates.bootstrap import Interval

    if found is None:
        return (finding.name, "nobody was asked")
    drift, told = found.drift, found.performance
    return (
        finding.name,
        f"v{found.version}" if found.role == CHAMPION else f"v{found.version} {found.role}",
        f"{found.rows:,}",
        f"{len(drift.drifted)} of {len(drift.judged)}" if len(drift.judged) else "?",
        str(Interval(told.value, told.low, told.high)) if told and told.labelled else "",
        "" if told is None else "?" if told.verdict == "inconclusive" else told.verdict,
        *(f"{count:,}" if count else "" for count in (getattr(found.health, name) for name in more)),
    )


def _notes(watched: Watched) -> list[str]:
    every = [(finding.name, found) for finding in watched.findings for found in finding.versions]
    said = dict.fromkeys(note for _, found in every for note in found.notes)
    skewed = (
        f"{window}: {', '.join(found.skew.skewed[:_NAMED])}{' …' * (len(found.skew.skewed) > _NAMED)}: "
        "not served as in training"
        for window, found in every
        if found.skew and found.skew.skewed
    )
    return [*watched.notes, *said, *skewed]


def _next(watched: Watched) -> str:
    if watched.recorded is None:
        return "nothing was recorded; without --window and --model it is, and alerts are raised"
    if watched.open:
        return "next: workbench backlog shows what somebody has to look at"
    if not any(
        found.performance and found.performance.labelled
        for each in watched.findings
        for found in each.versions
    ):
        return "next: workbench truth --from FILE brings what turned out to be true"
    return "next: let cron call this as often as you like; what is known is not looked at again"


def _facts(watched: Watched) -> dict[str, Any]:
    return {
        "log": watched.log,
        "recorded": watched.recorded,
        "notes": list(watched.notes),
        "raised": [alert.to_dict() for alert in watched.raised],
        "open": [alert.to_dict() for alert in watched.open],
        "undelivered": [str(failure) for failure in watched.undelivered],
        "windows": [finding.to_dict() for finding in watched.findings],
    }


@contextmanager
def _progress() -> Iterator[OnWindow]:
    """Which window is looked at, on standard error."""
    from rich.console import Console

    with Console(stderr=True, highlight=False).status("reading the prediction log") as status:
        yield lambda done, total, window: status.update(f"{window.name}: window {done + 1} of {total}")
