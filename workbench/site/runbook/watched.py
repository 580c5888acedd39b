"""What is watched: the rules for alerts in words, what is open now, and how the last windows were."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import shorten

from workbench.config.alerts import AlertConfig
from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
from workbench.project import Project
from workbench.registry.card.document import Block, Cell, Link, Pill, Section, Table, Text
from workbench.site.runbook.facts import RunbookFacts
from workbench.site.runbook.places import report_of
from workbench.site.runbook.signals import ALWAYS, guide
from workbench.site.standing import WORST_FIRST

__all__ = ["alerts", "open_now", "windows"]

_NUMBERS = frozenset({"answers", "failed", "p99 ms"})
_EVIDENCE = 200  # characters
_RUN = re.compile(r"run ([0-9a-f]{32})")


def alerts(facts: RunbookFacts) -> Section:
    """Each rule: when it fires, what that means, what to do, who is told."""
    config, whole = facts.project.config.monitoring, facts.project.config
    cut = f"Windows are {_length(config.window)} in {config.timezone}"
    none = "" if config.alerts else " No rule is declared: nobody is told what the windows show."
    judged = (
        f"{cut}.{none} A window has drifted when {config.drift_share:.0%} of its features have; performance "
        f"has dropped when it is surely more than {config.performance_drop:g} worse than at validation; with "
        f"fewer than {config.minimum_labels:,} labels nothing is said of it. An alert is told once, and "
        "cleared by itself when a later window is fine."
    )
    rows = [_rule(rule) for rule in config.alerts]
    told = _told(whole.baking.to, whole.project.owner)
    rows += [(name, Pill("critical"), said.means, said.do, told) for name, said in ALWAYS.items()]
    columns = ("alert", "severity", "fires when, and what it means", "what to do", "told to")
    return Section("When an alert fires", (Text(judged), Table(columns, tuple(rows))))


def _length(window: str) -> str:
    return {"day": "days", "week": "weeks", "month": "months"}.get(window, f"{window} long,")


def _rule(rule: AlertConfig) -> tuple[Cell, ...]:
    said = guide(rule.signal)
    told = _told(rule.to, rule.owner)
    return rule.name, Pill(rule.severity), f"{rule}: {said.means}", said.do, told


def _told(to: Sequence[str], owner: str) -> Cell:
    return [*to, *([f"owner {owner}"] if owner else [])] or "nobody"


def open_now(facts: RunbookFacts, place: Path) -> Section:
    """Alerts that are not over, and what is open on the backlog."""
    blocks: list[Block] = []
    if facts.open_alerts:
        rows = tuple(
            (
                Pill(alert.severity),
                alert.rule,
                alert.subject,
                alert.first_window,
                _brief(alert.says),
                alert.owner,
            )
            for alert in sorted(facts.open_alerts, key=lambda alert: WORST_FIRST.index(alert.severity))
        )
        blocks.append(Table(("severity", "alert", "about", "since", "newest evidence", "owner"), rows))
    else:
        blocks.append(Text("No alert is open."))
    if facts.items:
        items = tuple(
            (
                f"{item.id}",
                _brief(item.title),
                item.priority,
                item.assignee or "nobody",
                _links(facts.project, item.links, place),
            )
            for item in facts.items
        )
        blocks.append(
            Table(("backlog", "what somebody has to look at", "priority", "assigned to", "evidence"), items)
        )
    else:
        blocks.append(Text("The backlog is empty."))
    return Section("What is open now", tuple(blocks))


def _brief(text: str) -> str:
    """The page tells what is up; the whole evidence stands on the monitor's and in the backlog."""
    return shorten(text, _EVIDENCE, placeholder=" …")


def _links(project: Project, links: tuple[str, ...], place: Path) -> Cell:
    return [_link(project, text, place) for text in links]


def _link(project: Project, text: str, place: Path) -> str | Link:
    """A link where it leads somewhere: a URL, or a run whose report is here."""
    if text.startswith(("https://", "http://")):
        return Link(text, text)
    if (run := _RUN.fullmatch(text)) and (page := report_of(project, run[1], place)):
        return Link(f"run {run[1][:8]}", page)
    return text


def windows(facts: RunbookFacts) -> Section:
    """The newest of them, as they were recorded."""
    if not facts.findings:
        return Section("Health of the last windows", (Text("Nothing was looked at yet: workbench monitor."),))
    rows = tuple(row for finding in reversed(facts.findings) for row in _window(finding))
    columns = (
        "window",
        "version",
        "answers",
        "failed",
        "p99 ms",
        "drifted",
        "performance",
        "verdict",
        "skew",
    )
    about = f"From the prediction log {facts.standing.log}, the newest first."
    return Section("Health of the last windows", (Text(about), Table(columns, rows, _NUMBERS)))


def _window(finding: WindowFinding) -> Iterator[tuple[Cell, ...]]:
    if not finding.versions:
        yield finding.name, "nobody was asked", "", "", "", "", "", "", ""
    for found in finding.versions:
        yield _version(finding.name, found)


def _version(window: str, found: VersionFinding) -> tuple[Cell, ...]:
    drift, told = found.drift, found.performance
    known = told is not None and told.value == told.value
    return (
        window,
        f"v{found.version} {found.role}",
        f"{found.rows:,}",
        f"{found.failed:,}",
        f"{found.health.p99_ms:.1f}" if found.rows else "–",
        f"{len(drift.drifted)} of {len(drift.judged)}" if len(drift.judged) else "–",
        f"{told.metric} {told.value:.3f} [{told.low:.3f}, {told.high:.3f}]" if told and known else "–",
        Pill(told.verdict) if told else "–",
        Pill(found.skew.verdict) if found.skew else "–",
    )
