"""What the rules for alerts are handed of the windows, and what they could not be applied to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from workbench.config import MonitoringConfig
from workbench.config.alerts import AlertConfig
from workbench.monitoring.alerts import Evaluation, WindowSignals
from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.findings.signal import Signal
from workbench.monitoring.findings.windows import Window
from workbench.monitoring.looking.subject import Subject
from workbench.registry.aliases import CHAMPION
from workbench.store.ledger import held

__all__ = ["in_use", "not_judged", "rules_of", "signals_of"]

_OF_INPUTS = ("drift.share", "drift.feature.", "drift.missing.")
_NOBODY = Signal("health.rows", 0.0, "bad", "nobody was asked anything")


def rules_of(config: MonitoringConfig, *, replayed: bool) -> list[AlertConfig]:
    """The project's rules; of a replay nobody hears but the backlog."""
    return [_to_backlog(rule) if replayed else rule for rule in config.alerts]


def signals_of(
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
            signals = found.signals()
            if found.role != CHAMPION and finding.champion is not None:  # who was asked the same rows
                signals = (signal for signal in signals if not signal.name.startswith(_OF_INPUTS))
            yield WindowSignals(*at, model, found.version, tuple(signals))
        if not finding.versions and reigning is not None:
            yield WindowSignals(*at, model, reigning, (_NOBODY,))


def in_use(connection: Connection, model: str, findings: Sequence[WindowFinding]) -> set[int]:
    """The versions that an alias names, or that answered last."""
    answered = next((finding.versions for finding in reversed(findings) if finding.versions), ())
    return {*held(connection, model).values(), *(found.version for found in answered)}


def not_judged(evaluation: Evaluation, over: bool) -> Iterator[str]:
    """Rules that could not be applied, which may be what is wrong."""
    if not over:
        yield "no window is over yet; rules for alerts look at it when it is"
        return
    if evaluation.unseen:
        yield f"no window says anything of the signals of these rules: {', '.join(evaluation.unseen)}"
    if evaluation.undecided:
        yield f"no window can tell yet about these rules: {', '.join(evaluation.undecided)}"


def _to_backlog(rule: AlertConfig) -> AlertConfig:
    return rule.model_copy(update={"to": tuple(channel for channel in rule.to if channel == "backlog")})
