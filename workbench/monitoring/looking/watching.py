"""The monitor: looks at every window of a prediction log, keeps what it found, and raises alerts.

It may run as often as anybody likes, be killed at any moment, and run twice at once: what it finds follows
from the log, what was said of its answers, and the clock; and what is recorded is not recorded again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from workbench.config import MonitoringConfig
from workbench.config.alerts import AlertConfig
from workbench.errors import UsageError
from workbench.monitoring.alerts import Alert, Failure, deliver, evaluate, hold, read
from workbench.monitoring.findings import record
from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.looking import looks
from workbench.monitoring.looking.known import Known
from workbench.monitoring.looking.measuring import Before, OnWindow, measure_windows
from workbench.monitoring.looking.news import News, nobody_spoke
from workbench.monitoring.looking.past import find_asked
from workbench.monitoring.looking.ruling import in_use, not_judged, rules_of, signals_of
from workbench.monitoring.looking.spans import MOST_WINDOWS, spans
from workbench.monitoring.looking.subject import Subject
from workbench.project import Project
from workbench.serving import PredictionLog
from workbench.serving.truth.absent import count_absent
from workbench.store.clock import Clock
from workbench.store.database import Database, open_database

__all__ = ["OnWindow", "Watched", "look", "watch"]


@dataclass(frozen=True, eq=False)
class Watched:
    """What the monitor found.

    Attributes
    ----------
    log : str
        The log's name.
    findings : tuple of WindowFinding
        Of each window, the oldest first.
    recorded : int
        How many findings are new, or not what they were; None when nothing is recorded.
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

    def newest(self, windows: int) -> Watched:
        """The same with the findings of so many windows only."""
        left_out = len(self.findings) - windows
        if left_out <= 0:
            return self
        shown = self.findings[left_out:]
        note = f"{left_out:,} windows before {shown[0].name} are not shown"
        return replace(self, findings=shown, notes=(*self.notes, note))


def watch(
    project: Project,
    log: PredictionLog,
    name: str,
    *,
    clock: Clock,
    record_as: str = "",
    replayed: bool = False,
    present: bool = True,
    last: int = MOST_WINDOWS,
    on_window: OnWindow | None = None,
) -> Watched:
    """Look at the windows of a log up to now, record what is new, and tell whom ``workbench.toml`` names.

    A window is measured when it is over, and again when something new is known of its answers. Rules for
    alerts see windows that are over; a present one is judged by what there is so far, and recorded.

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
    present : bool
        Without it the window that is under way is left until it is over. Then it takes milliseconds, however
        long the log is, to find that no other has ended and nothing was said of those that have. (Rows that
        come into one of these afterwards are found when the next ends.)
    last : int
        How many windows, the newest, are handed out at most.
    on_window : callable, optional
        Told how many windows are done, of how many, and which is next.
    """
    subject = Subject(project, log, name, project.config.monitoring)
    kept, now, rules = record_as or name, clock.now(), rules_of(project.config.monitoring, replayed=replayed)
    database = open_database(project)
    try:
        with database.read() as connection:
            known = Known.read(connection, subject, kept, now, rules)
        if not present and known.stands():
            watched = _as_recorded(database, kept, known)
        else:
            asked = find_asked(subject, known)
            chosen = spans(subject, asked, now, replayed=replayed, silence=not replayed)
            windows = [window for window in chosen.windows if present or window.end <= now]
            new, absent = known.told_of(windows)
            told = _told(database, subject, known.news)
            before = Before(known.findings, frozenset(new), asked.past)
            findings = measure_windows(subject, windows, before, now, told, on_window)
            watched = _record(database, kept, known, findings, rules)
            if known.news.everything and told is not None:
                absent = count_absent(project, log, name)
            notes = (*chosen.notes, *_never_made(absent), *watched.notes)
            watched = replace(watched, notes=notes)
        delivery = deliver(database, project.name, subject.config, clock)
    finally:
        database.close()
    return replace(watched, undelivered=delivery.failed).newest(last)


def look(
    project: Project,
    log: PredictionLog,
    name: str,
    *,
    clock: Clock,
    window: str = "",
    version: int | None = None,
    last: int = MOST_WINDOWS,
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
    chosen = spans(subject, find_asked(subject), now, last)
    database = open_database(project)
    try:
        with database.read() as connection:
            alerts = read(connection, name, model=project.model.name)
        told = _told(database, subject)
    finally:
        database.close()
    findings = measure_windows(subject, chosen.windows, Before(), now, told, on_window)
    return Watched(name, tuple(findings), alerts=tuple(alerts), notes=chosen.notes)


def _with_window(config: MonitoringConfig, window: str) -> MonitoringConfig:
    try:
        return (
            MonitoringConfig.model_validate({**config.model_dump(), "window": window}) if window else config
        )
    except ValidationError as error:
        raise UsageError(
            f"--window {window}: {error.errors()[0]['msg'].removeprefix('Value error, ')}"
        ) from None


def _as_recorded(database: Database, kept: str, known: Known) -> Watched:
    model = known.subject.project.model.name
    if known.worth_noting:
        with database.write() as connection:
            hold(connection, kept)
            looks.write(connection, kept, model, known.next_look())
    with database.read() as connection:
        alerts = read(connection, kept, model=model)
    return Watched(kept, tuple(known.over), recorded=0, alerts=tuple(alerts))


def _record(
    database: Database,
    kept: str,
    known: Known,
    findings: Sequence[WindowFinding],
    rules: Sequence[AlertConfig],
) -> Watched:
    """Record what is new, and raise alerts: both, or neither."""
    subject, now, model = known.subject, known.now, known.subject.project.model.name
    changed = [finding for finding in findings if finding is not known.findings.get(finding.window)]
    with database.write() as connection:
        hold(connection, kept)
        added = record.add(connection, kept, model, changed)
        evaluation = evaluate(
            connection,
            rules,
            list(signals_of(subject, record.newest(connection, kept, model), now)),
            project=subject.project.name,
            log=kept,
            now=now,
            serving=in_use(connection, model, findings),
            settled=known.settled(looks.read(connection, kept, model), changed),
        )
        if added.passed_over:  # what this look knew is not all recorded
            looks.doubt(connection, kept, model)
        else:
            looks.write(connection, kept, model, known.next_look())
        alerts = read(connection, kept, model=model)
    over = any(finding.over for finding in findings)
    return Watched(
        kept,
        tuple(findings),
        added.recorded,
        raised=(*evaluation.raised, *evaluation.reopened),
        cleared=evaluation.cleared,
        alerts=tuple(alerts),
        notes=tuple(not_judged(evaluation, over)) if findings else (),
    )


def _told(database: Database, subject: Subject, news: News | None = None) -> int | None:
    """How much was said of the answers in the log; None for nothing ever."""
    with database.read() as connection:
        if nobody_spoke(connection, subject.name):
            return None
    return news.told if news is not None else 0


def _never_made(absent: int) -> Iterator[str]:
    if absent:
        are = "label is" if absent == 1 else "labels are"
        yield f"{absent:,} {are} about predictions that this log never made"
