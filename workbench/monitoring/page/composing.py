"""The page put together: what it says on top, and in which order the rest comes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
from workbench.monitoring.page.alerts import alerts_section
from workbench.monitoring.page.pictures import picture_sections
from workbench.monitoring.page.tables import table_sections
from workbench.registry.card.document import Cell, Link, Page
from workbench.tracking.page import moment

if TYPE_CHECKING:
    from workbench.monitoring.alerts import Alert

__all__ = ["heading", "lead", "monitor_page", "render"]

_NAMED = 3
_WORDS = {"held": "holds", "dropped": "has dropped", "inconclusive": "cannot be judged yet"}


def render(
    findings: Sequence[WindowFinding],
    alerts: Sequence[Alert] = (),
    *,
    model: str,
    evaluated_at: datetime,
    beside: Sequence[tuple[str, str]] = (),
    index: str = "",
) -> str:
    """The page as HTML.

    Parameters
    ----------
    findings : sequence
        One of each window, oldest first.
    alerts : sequence of Alert
        Open and cleared ones, the newest first.
    model : str
        The registered model's name.
    beside : sequence of (str, str)
        Files beside the page, such as Evidently's: what they are called, and their relative addresses.
    index : str
        The relative address of the page that lists reports.
    """
    from workbench.registry.card.html import as_html

    page = monitor_page(findings, alerts, model=model, evaluated_at=evaluated_at, beside=beside)
    return as_html(page, index=index)


def monitor_page(
    findings: Sequence[WindowFinding],
    alerts: Sequence[Alert] = (),
    *,
    model: str,
    evaluated_at: datetime,
    beside: Sequence[tuple[str, str]] = (),
) -> Page:
    """The same in parts."""
    windows = f"{len(findings)} window{'s' if len(findings) != 1 else ''}"
    byline: list[Cell] = [windows, f"evaluated {moment(evaluated_at)}"]
    byline += [Link(text, href) for text, href in beside]
    told = [alert for alert in alerts if alert.open and alert.severity == "critical"]
    return Page(
        title=f"{model} · monitor",
        eyebrow=f"{model} / monitor",
        heading=heading(findings, model),
        byline=tuple(byline),
        lead=lead(findings, sum(alert.open for alert in alerts)),
        trouble=tuple(f"{alert.subject}: {alert.says or alert.rule}" for alert in told),
        sections=(alerts_section(alerts), *picture_sections(findings), *table_sections(findings)),
        footer="Intervals of 95 %. Drift is of what the champion was asked, against its version's reference.",
    )


def heading(findings: Sequence[WindowFinding], model: str) -> str:
    """Which model was watched, and from when to when."""
    if not findings:
        return f"{model} has not been watched yet"
    first, last = findings[0].name, findings[-1].name
    return f"{model} in {last}" if first == last else f"{model} from {first} to {last}"


def lead(findings: Sequence[WindowFinding], alerts: int) -> str:
    """The verdict on the newest window in one sentence."""
    if not findings:
        return "There is no prediction yet."
    newest = findings[-1]
    reigning = newest.champion
    if reigning is None or not reigning.rows:
        says = [f"in {newest.name} nobody asked the champion"]
    else:
        says = [*_performance(newest, reigning), *_drift(reigning), *_trend(reigning), *_skew(reigning)]
        says += _shadows(newest)
    says.append(f"{alerts} alert{'s are' if alerts > 1 else ' is'} open" if alerts else "no alert is open")
    sentence = "; ".join(says)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _performance(finding: WindowFinding, reigning: VersionFinding) -> list[str]:
    about = f"in {finding.name} v{reigning.version}"
    found = reigning.performance
    if found is None:
        return [f"{about} was champion"]
    return [f"{about} {_WORDS[found.verdict]}: {found.why}"]


def _drift(reigning: VersionFinding) -> list[str]:
    drift = reigning.drift
    if not len(drift.judged):
        return ["no feature could be judged for drift"]
    drifted = drift.drifted
    named = f" ({', '.join(drifted[:_NAMED])}{' …' if len(drifted) > _NAMED else ''})" if drifted else ""
    scores = ", and so did the scores" if drift.prediction == "drifted" else ""
    return [f"{len(drifted) or 'none'} of {len(drift.judged)} features drifted{named}{scores}"]


def _trend(reigning: VersionFinding) -> list[str]:
    climbing = reigning.trend.climbing if reigning.trend else ()
    if not climbing:
        return []
    named = ", ".join(item.feature for item in climbing[:_NAMED]) + (" …" if len(climbing) > _NAMED else "")
    return [f"{named} {'are on their' if len(climbing) > 1 else 'is on its'} way to the line"]


def _skew(reigning: VersionFinding) -> list[str]:
    skewed = reigning.skew.skewed if reigning.skew else ()
    of = f"{len(skewed)} feature{'s are' if len(skewed) > 1 else ' is'}"
    return [f"{of} not served as in training"] if skewed else []


def _shadows(finding: WindowFinding) -> list[str]:
    deltas = [item.delta for item in finding.versions if item.delta is not None]
    return [f"shadow v{delta.shadow} is surely worse" for delta in deltas if delta.verdict == "bad"]
