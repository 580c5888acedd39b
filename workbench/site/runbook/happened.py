"""What goes on by itself, and what happened lately: retraining, baking, schedules, the timeline."""

from __future__ import annotations

from datetime import datetime, timedelta

from workbench.config.baking import BakingConfig
from workbench.config.retraining import RetrainingConfig
from workbench.config.schedules import ScheduleConfig
from workbench.registry.card.document import Block, Bullets, Cell, Code, Pill, Section, Table, Text
from workbench.site.runbook.facts import RunbookFacts
from workbench.site.standing import Scheduled
from workbench.tracking.page import moment

__all__ = ["baking", "lately", "retraining", "schedules"]

_TRIGGERS = {
    "schedule": "it is scheduled",
    "new_data": "enough new data came in",
    "data_drift": "features drift",
    "performance": "performance has dropped",
}
_PROMOTED = "it becomes champion by itself"
_PROPOSED = "a person decides: workbench promote"
_UNITS = (
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
    (timedelta(seconds=1), "second"),
)


def retraining(facts: RunbookFacts) -> Section:
    """The retraining policy in words."""
    policy = facts.project.config.retraining
    said = [
        ("begins when", _triggers(policy)),
        ("learns from", _window(policy)),
        ("judged on", f"the {policy.holdout_days} days after that, which nobody has learnt from"),
        ("waits for", _waits(policy)),
        ("runs", ", ".join(policy.phases)),
        ("when all gates pass", _after(policy)),
        ("when one does not", "the champion stays, and the backlog says why"),
    ]
    blocks: list[Block] = [Bullets(tuple((name, text) for name, text in said if text))]
    if facts.standing.retraining is not None:
        blocks.append(Text(f"At this moment: {facts.standing.retraining}.", remark=True))
    blocks.append(Code("workbench retrain --dry-run          # what the policy would do now, and why"))
    return Section("How it is retrained", tuple(blocks))


def _triggers(policy: RetrainingConfig) -> str:
    if not policy.trigger:
        return "nobody: the policy names no trigger"
    row = f", in {policy.windows_in_a_row} windows in a row" if policy.windows_in_a_row > 1 else ""
    return " or ".join(_TRIGGERS[trigger] for trigger in policy.trigger) + row


def _window(policy: RetrainingConfig) -> str:
    if policy.window == "expanding":
        return "everything whose outcome was known by its cut-off"
    return f"the {policy.training_days} days before its cut-off, as far as their outcome was known by then"


def _waits(policy: RetrainingConfig) -> str:
    parts = []
    if policy.minimum_labels:
        parts.append(f"{policy.minimum_labels:,} labels that came in since the last training")
    if policy.cooldown is not None:
        parts.append(f"{_length(policy.cooldown)} since the last retraining")
    return " and ".join(parts)


def _after(policy: RetrainingConfig) -> str:
    shadows = []
    if policy.shadow_for is not None:
        shadows.append(f"for {_length(policy.shadow_for)}")
    if policy.shadow_labels is not None:
        shadows.append(f"until {policy.shadow_labels:,} labels are known")
    first = f"it answers in the champion's shadow {' and '.join(shadows)}, then " if shadows else ""
    return first + (_PROMOTED if policy.action == "promote" else _PROPOSED)


def baking(facts: RunbookFacts) -> Section:
    """What rolls a new champion back by itself."""
    policy = facts.project.config.baking
    if not policy.enabled:
        return Section(
            "After a promotion", (Text("Nothing is rolled back by itself: [baking] is not enabled."),)
        )
    often = f"{policy.needed} of the last {policy.windows} windows" if policy.windows > 1 else "a window"
    said = (
        f"A new champion bakes for {_length(policy.period)}, in windows of {_length(policy.window)}. When "
        f"{often} violates a guard, the champion before comes back by itself. The ledger says why, and "
        f"{', '.join(policy.to) or 'nobody'} is told. A guard is violated when:"
    )
    blocks: list[Block] = [Text(said), Bullets(_guards(policy))]
    if facts.baking:
        blocks.append(Text(f"The newest: {facts.baking}."))
    return Section("After a promotion", tuple(blocks))


def _guards(policy: BakingConfig) -> tuple[tuple[str, str], ...]:
    found = [("failures", f"surely more than {policy.failed_share:.1%} of the requests failed")]
    if policy.p99_ms is not None:
        found.append(
            ("latency", f"surely more than one request in a hundred took longer than {policy.p99_ms:g} ms")
        )
    if policy.slower_than_before is not None:
        found.append(
            ("latency", f"it takes {policy.slower_than_before:g} times as long as the champion before")
        )
    if policy.score_shift is not None:
        found.append(("scores", f"they lie {policy.score_shift:g} standard deviations from where they lay"))
    if policy.performance_drop is not None:
        drop, labels = policy.performance_drop, policy.minimum_labels
        found.append(("performance", f"surely {drop:g} worse than the champion before, on {labels:,} labels"))
    return tuple(found)


def schedules(facts: RunbookFacts) -> Section:
    """What is declared, when it is due, and what became of its newest time."""
    stands = facts.standing.schedules
    if not stands:
        said = "None is declared; whatever calls workbench monitor stands elsewhere, such as in cron."
        return Section("Schedules", (Text(said),))
    declared = {each.name: each for each in facts.project.config.schedules}
    rows = tuple(
        (each.schedule, *_declared(declared.get(each.schedule)), _short(each.next_at), _became(each))
        for each in stands
    )
    columns = ("schedule", "when", "what", "after a failure", "next (UTC)", "newest (UTC)")
    typed = (
        "workbench schedule run               # the process that keeps them, as many as you like\n"
        "workbench schedule history           # what became of each scheduled time"
    )
    return Section("Schedules", (Table(columns, rows), Code(typed)))


def _declared(schedule: ScheduleConfig | None) -> tuple[str, str, str]:
    if schedule is None:
        return "no longer declared", "", ""
    when = f"{schedule.cron} ({schedule.timezone})"
    if schedule.fresh is not None:
        when = f"{schedule.fresh.dataset} is older than {_length(schedule.fresh.within)}"
    if not schedule.enabled:
        when = f"switched off ({when})"
    words = ("run", *schedule.phases) if schedule.phases else schedule.command or ("run", schedule.notebook)
    failed = schedule.on_failure
    again = f"tried {failed.retries} times more, then " if failed.retries else ""
    return when, f"workbench {' '.join(words)}", f"{again}{', '.join(failed.notify) or 'nobody'} is told"


def _became(each: Scheduled) -> Cell:
    return [Pill(each.status), _short(each.newest_at)] if each.newest_at is not None else "none yet"


def _short(at: datetime | None) -> str:
    """Without the year, which is this one or the next: the table is wide enough."""
    return f"{at.day} {at:%b %H:%M}" if at is not None else "–"


def lately(facts: RunbookFacts) -> Section:
    """Promotions, alerts, retrainings, rollbacks: the newest first."""
    if not facts.lately:
        return Section("What happened lately", (Text("Nothing yet."),))
    rows = tuple((moment(each.at), each.what, each.says, each.who) for each in facts.lately)
    return Section("What happened lately", (Table(("when", "what", "why", "who"), rows),))


def _length(length: timedelta) -> str:
    """In the largest unit that it is a whole number of."""
    for unit, name in _UNITS:
        if not length % unit:
            count = length // unit
            return f"{count:,} {name}{'' if count == 1 else 's'}"
    return f"{length.total_seconds():g} seconds"
