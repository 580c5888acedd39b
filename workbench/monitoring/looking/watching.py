"""The monitor: looks at every window of a prediction log, keeps what it found, and raises alerts.

It may run as often as anybody likes, be killed at any moment, and run twice at once: what it finds follows
from the log, what was said of its answers, and the clock; and what is recorded is not recorded again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Connection

from workbench.config import MonitoringConfig
from workbench.config.alerts import AlertConfig
from workbench.errors import UsageError
from workbench.monitoring.alerts import (
    Alert,
    Evaluation,
    Failure,
    WindowSignals,
    deliver,
    evaluate,
    hold,
    read,
)
from workbench.monitoring.findings import record
from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.findings.signal import Signal
from workbench.monitoring.findings.windows import Window
from workbench.monitoring.looking.measuring import measure_window
from workbench.monitoring.looking.subject import Subject
from workbench.project import Project
from workbench.serving import PredictionLog
from workbench.serving.truth.absent import count_absent
from workbench.store.clock import Clock
from workbench.store.database import open_database
from workbench.store.ledger import held

__all__ = ["Watched", "look", "watch"]

_NOBODY = Signal("health.rows", 0.0, "bad", "nobody was asked anything")
OnWindow = Callable[[int, int, Window], None]

# A clock that was wrong once must not make thousands of empty windows.
_MOST_WINDOWS = 400


@dataclass(frozen=True, eq=False)
class Watched:
    """What the monitor found.

    Attributes
    ----------
    log : str
        The log's name.
    findings : tuple of WindowFinding
        Of each window that was looked at, the oldest first.
    recorded : int
        How many of them are new, or not what they were; None when nothing is recorded.
    raised, cleared : tuple of Alert
        What is new of the alerts.
    alerts : tuple of Alert
        All that are recorded of the log, in the order of their first windows.
    undelivered : tuple of Failure
        Notifications that did not arrive, and why.
    notes : tuple of str
        What was left out.
    """

    log: str
    findings: tuple[WindowFinding, ...]
    recorded: int | None = None
    raised: tuple[Alert, ...] = ()
    cleared: tuple[Alert, ...] = ()
    alerts: tuple[Alert, ...] = ()
    undelivered: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def open(self) -> tuple[Alert, ...]:
        """The alerts that are not over."""
        return tuple(alert for alert in self.alerts if alert.open)


def watch(
    project: Project,
    log: PredictionLog,
    name: str,
    *,
    clock: Clock,
    record_as: str = "",
    replayed: bool = False,
    last: int = _MOST_WINDOWS,
    on_window: OnWindow | None = None,
) -> Watched:
    """Look at the windows of a log up to now, record what is new, and tell whom ``workbench.toml`` names.

    Rules for alerts see windows that are over; a present one is judged by what there is so far, and recorded.

    Parameters
    ----------
    name : str
        Under which ground truth for the log is filed: ``Server.log_name``.
    clock : Clock
        What is asked, and what becomes known, later than it says is not known yet.
    record_as : str, optional
        The name under which findings are recorded and alerts are raised, if not the log's own.
    replayed : bool
        The log is of a replay: alerts reach the backlog, and nobody's mailbox.
    last : int
        How many windows, the newest, at most.
    on_window : callable, optional
        Told how many windows are done, of how many, and which is next.
    """
    subject = Subject(project, log, name, project.config.monitoring)
    kept, model, now = record_as or name, project.model.name, clock.now()
    rules = subject.config.alerts
    database = open_database(project)
    try:
        windows, notes = _windows(subject, now, last, replayed=replayed, silence=not replayed)
        with database.read() as connection:
            known = record.newest(connection, kept, model)
        findings = _look(subject, windows, now, known, on_window)
        said = max((each.told for each in known.values()), default=0)
        if any(each.told > said for each in findings):  # it reads the ids of all predictions
            notes += _never_made(subject)
        with database.write() as connection:
            hold(connection, kept)
            recorded = record.add(connection, kept, model, findings)
            known = record.newest(connection, kept, model)
            evaluation = evaluate(
                connection,
                [_to_backlog(rule) for rule in rules] if replayed else rules,
                list(_signals(subject, known, now)),
                project=project.name,
                log=kept,
                now=now,
                serving=_in_use(connection, model, findings),
            )
            alerts = read(connection, kept, model=model)
        delivery = deliver(database, project.name, subject.config, clock)
    finally:
        database.close()
    if findings:
        notes += _not_judged(evaluation, any(finding.over for finding in findings))
    return Watched(
        kept,
        tuple(findings),
        recorded,
        raised=(*evaluation.raised, *evaluation.reopened),
        cleared=evaluation.cleared,
        alerts=tuple(alerts),
        undelivered=delivery.failed,
        notes=tuple(notes),
    )


def look(
    project: Project,
    log: PredictionLog,
    name: str,
    *,
    clock: Clock,
    window: str = "",
    version: int | None = None,
    last: int = _MOST_WINDOWS,
    on_window: OnWindow | None = None,
) -> Watched:
    """Look at windows of another length, or at one version only; nothing is recorded, nobody is told.

    Parameters
    ----------
    window : str, optional
        As in ``workbench.toml``: ``day``, ``week``, ``month``, or a length such as ``7d``.

    Raises
    ------
    UsageError
        It is no such length.
    """
    config = _with_window(project.config.monitoring, window)
    subject = Subject(project, log, name, config, version)
    now = clock.now()
    windows, notes = _windows(subject, now, last)
    findings = _look(subject, windows, now, {}, on_window)
    database = open_database(project)
    try:
        with database.read() as connection:
            alerts = read(connection, name, model=project.model.name)
    finally:
        database.close()
    return Watched(name, tuple(findings), alerts=tuple(alerts), notes=tuple(notes))


def _with_window(config: MonitoringConfig, window: str) -> MonitoringConfig:
    try:
        return (
            MonitoringConfig.model_validate({**config.model_dump(), "window": window}) if window else config
        )
    except ValidationError as error:
        raise UsageError(
            f"--window {window}: {error.errors()[0]['msg'].removeprefix('Value error, ')}"
        ) from None


def _windows(
    subject: Subject, now: datetime, last: int, *, replayed: bool = False, silence: bool = False
) -> tuple[tuple[Window, ...], list[str]]:
    """The windows to look at, and what lies in none of them; with one in which nobody asked any more."""
    answerers = subject.answerers()
    if not answerers:
        one = subject.version
        return (), [
            "nobody has been asked yet" if one is None else f"v{one} has answered nothing in this log"
        ]
    notes: list[str] = []
    first, newest = min(one.first for one in answerers), max(one.last for one in answerers)
    if newest > now and not replayed:
        notes.append(
            f"a clock is wrong: something was asked at {newest:%Y-%m-%d %H:%M} UTC, which is yet to come"
        )
    skipped, length = 0, subject.config.length
    until = min(newest, now)
    if silence and subject.after(until).end <= now:
        until = subject.after(until).start
    if length is not None:  # since a clock was wrong, there may be millions
        skipped = max(0, (until - first) // length - last)
        first += skipped * length
    # A window that begins just now has nothing to show.
    windows = tuple(window for window in subject.windows(first, until) if window.start < now)
    skipped += max(0, len(windows) - last)
    if skipped:
        notes.append(f"{skipped:,} windows before {windows[-last:][0].name} were not looked at")
    return windows[-last:], notes


def _look(
    subject: Subject,
    windows: Sequence[Window],
    now: datetime,
    known: Mapping[Window, WindowFinding],
    on_window: OnWindow | None,
) -> list[WindowFinding]:
    told = subject.told(now)
    findings = [
        known[window]
        for window in known
        if windows and window.end <= windows[0].start and subject.cuts(window)
    ]
    before = len(findings)
    for done, window in enumerate(windows):
        if on_window is not None:
            on_window(done, len(windows), window)
        findings.append(
            measure_window(subject, window, now=now, told=told, earlier=findings, before=known.get(window))
        )
    return findings[before:]


def _signals(
    subject: Subject, known: Mapping[Window, WindowFinding], now: datetime
) -> Iterator[WindowSignals]:
    """Of every window that is over, as it is recorded; windows of another length than now are left out."""
    model, reigning = subject.project.model.name, None
    for window, finding in known.items():
        reigning = finding.champion.version if finding.champion else reigning
        if window.end > now or not subject.cuts(window):
            continue
        at = (window.name, window.start, window.end)
        for found in finding.versions:
            yield WindowSignals(*at, model, found.version, tuple(found.signals()))
        if not finding.versions and reigning is not None:
            yield WindowSignals(*at, model, reigning, (_NOBODY,))


def _to_backlog(rule: AlertConfig) -> AlertConfig:
    return rule.model_copy(update={"to": tuple(channel for channel in rule.to if channel == "backlog")})


def _not_judged(evaluation: Evaluation, over: bool) -> Iterator[str]:
    """Rules that could not be applied, which may be what is wrong."""
    if not over:
        yield "no window is over yet; rules for alerts look at it when it is"
        return
    if evaluation.unseen:
        yield f"no window says anything of the signals of these rules: {', '.join(evaluation.unseen)}"
    if evaluation.undecided:
        yield f"no window can tell yet about these rules: {', '.join(evaluation.undecided)}"


def _never_made(subject: Subject) -> Iterator[str]:
    if absent := count_absent(subject.project, subject.log, subject.name):
        are = "label is" if absent == 1 else "labels are"
        yield f"{absent:,} {are} about predictions that this log never made"


def _in_use(connection: Connection, model: str, findings: Sequence[WindowFinding]) -> set[int]:
    """The versions that an alias names, or that answered last."""
    answered = next((finding.versions for finding in reversed(findings) if finding.versions), ())
    return {*held(connection, model).values(), *(found.version for found in answered)}
