"""The rules applied to all windows: alerts, what is to be told, and items of the backlog, all or nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from workbench.config.alerts import AlertConfig, Severity
from workbench.monitoring.alerts import outbox, records
from workbench.monitoring.alerts.episodes import Recorded, Step, reconcile, settled_by
from workbench.monitoring.alerts.records import Alert
from workbench.monitoring.alerts.rules import Stream, WindowSignals, streams
from workbench.store import backlog
from workbench.store.standing import UNSERVED

__all__ = ["Evaluation", "evaluate", "steps_of", "tell"]

#: Who the backlog's history says it was.
MONITOR = "monitor"
_PRIORITY: dict[Severity, backlog.Priority] = {"info": "low", "warning": "normal", "critical": "high"}


@dataclass(frozen=True)
class Evaluation:
    """What came of it.

    Attributes
    ----------
    raised, cleared, reopened : tuple of Alert
        What is new since the evaluation before.
    open : tuple of Alert
        All that are open now, of the models that the findings are about.
    unseen : tuple of str
        Rules about whose signals no window says anything, which may be what is wrong.
    undecided : tuple of str
        Rules about which no window could decide: their signals are inconclusive everywhere.
    """

    raised: tuple[Alert, ...]
    cleared: tuple[Alert, ...]
    reopened: tuple[Alert, ...]
    open: tuple[Alert, ...]
    unseen: tuple[str, ...]
    undecided: tuple[str, ...]


def evaluate(
    connection: Connection,
    rules: Sequence[AlertConfig],
    findings: Sequence[WindowSignals],
    *,
    project: str,
    log: str,
    now: datetime,
    serving: Collection[int] | None = None,
    settled: datetime | None = None,
) -> Evaluation:
    """Apply the rules to the windows of a log as they are known now.

    It does not matter how often: what is recorded is held against what the windows show, and only what
    differs is written (:mod:`~workbench.monitoring.alerts.episodes` tells what late labels change). Nothing
    is sent here; :func:`~workbench.monitoring.alerts.outbox.deliver` does that after the commit.

    Parameters
    ----------
    connection : Connection
        In a transaction (:meth:`~workbench.store.database.Database.write`) that all of it belongs to. Who
        reads the findings in it calls :func:`~workbench.monitoring.alerts.records.hold` before.
    findings : sequence of WindowSignals
        All windows of the log, or at least those since the first of an open alert, each as it was judged
        last. In any order. Windows that are not among them are left as they are recorded.
    now : datetime
        Written as the time of raising and clearing, and used for nothing else.
    serving : collection of int, optional
        The versions in use: alerts of others are cleared as ``retired``.
    settled : datetime, optional
        Windows that ended by then are what they were when these rules were applied last, and are gone
        through again only as far as they tell how the later ones go on.
    """
    records.hold(connection, log)
    models = {found.model for found in findings}
    stored: dict[str, list[Alert]] = {}
    for alert in records.read(connection, log):
        # In a shared database others may have a log of this name. What the server refuses no window tells.
        if alert.model in models and alert.signal != UNSERVED:
            stored.setdefault(alert.key, []).append(alert)
    happened: list[tuple[Step, Alert]] = []

    ended = sorted({found.end for found in findings if settled is not None and found.end <= settled})

    def judged_until(stream: Stream) -> datetime | None:
        return settled_by([alert.recorded for alert in stored.get(_key(log, stream), ())], ended)

    seen = list(streams(rules, findings, judged_until))
    for stream in [*seen, *_without_windows(stored, seen, rules, log)]:
        key = _key(log, stream)
        unused = stream.rule not in rules or (serving is not None and stream.version not in serving)
        recorded = [alert.recorded for alert in stored.get(key, ())]
        stream, steps = steps_of(stream, findings, recorded, retired=unused)
        written = records.write(connection, log, stream, steps, now)
        for step, alert in zip(steps, written, strict=True):
            happened.append((step, alert))
            if step.told:
                tell(connection, project, stream.rule, step, alert, now)
    present = [each for each in records.read(connection, log, only_open=True) if each.model in models]
    return _sum_up(rules, seen, happened, present)


def steps_of(
    stream: Stream, findings: Sequence[WindowSignals], recorded: Sequence[Recorded], *, retired: bool = False
) -> tuple[Stream, list[Step]]:
    """What has to change of the recorded episodes of a stream, and the stream that this was decided on.

    An episode is carried on by its last windows; what is told of one is decided on all of them.
    """
    steps = reconcile(stream, recorded, retired=retired)
    if stream.goes_on is None or all(step.event == "extended" for step in steps):
        return stream, steps
    own = [found for found in findings if (found.model, found.version) == (stream.model, stream.version)]
    whole = next(each for each in streams([stream.rule], own) if each.signal == stream.signal)
    return whole, reconcile(whole, recorded, retired=retired)


def _key(log: str, stream: Stream) -> str:
    return records.stream_key(log, stream.model, stream.version, stream.rule.name, stream.signal)


def _without_windows(
    stored: dict[str, list[Alert]], seen: Sequence[Stream], rules: Sequence[AlertConfig], log: str
) -> list[Stream]:
    """Streams of open alerts of which no window says anything: their rule or version may be gone."""
    there = {_key(log, stream) for stream in seen}
    declared = {rule.name: rule for rule in rules}
    found = []
    for key, alerts in stored.items():
        if key not in there and (alert := next((each for each in alerts if each.open), None)):
            rule = declared.get(alert.rule)
            if rule is None or not rule.covers(alert.signal):
                rule = AlertConfig.model_construct(name=alert.rule, signal=alert.signal, to=("backlog",))
            found.append(Stream(rule, alert.model, alert.version, alert.signal, ()))
    return found


def tell(
    connection: Connection, project: str, rule: AlertConfig, step: Step, alert: Alert, now: datetime
) -> None:
    """Put what has happened to an alert where its rule says, in the transaction in which it was written."""
    if step.event == "extended":
        return
    outbox.put(connection, project, step.event, alert, rule.to, now)
    once = ("alert", alert.key, alert.first_start.isoformat())
    if step.event == "raised":
        if "backlog" in rule.to:
            backlog.add(
                connection,
                project,
                f"{alert.rule}: {alert.signal} of {alert.subject} in {alert.first_window}: {alert.says}",
                by=MONITOR,
                at=now,
                kind="alert",
                subject=alert.subject,
                links=(f"alert {alert.id}", f"log {alert.log}"),
                priority=_PRIORITY[alert.severity],
                assignee=alert.owner,
                once=once,
            )
        if alert.open:
            return
    item = backlog.known(connection, project, once)
    if item is not None:
        if step.event == "reopened" and item.status == "closed":
            item = backlog.reopen(connection, item, f"in {alert.last_window}", by=MONITOR, at=now)
        text = f"{alert.cleared or step.event} as of {alert.last_window}"
        backlog.remark(connection, item, text, by=MONITOR, at=now)


def _sum_up(
    rules: Sequence[AlertConfig],
    seen: Sequence[Stream],
    happened: Sequence[tuple[Step, Alert]],
    present: Sequence[Alert],
) -> Evaluation:
    by_event = {
        event: tuple(alert for step, alert in happened if step.event == event)
        for event in ("raised", "cleared", "reopened")
    }
    covered = {stream.rule.name for stream in seen}
    decided = {stream.rule.name for stream in seen if any(look.violates is not None for look in stream.looks)}
    return Evaluation(
        **by_event,
        open=tuple(present),
        unseen=tuple(rule.name for rule in rules if rule.name not in covered),
        undecided=tuple(rule.name for rule in rules if rule.name in covered - decided),
    )
