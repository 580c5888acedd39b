"""The parts of the panel, made of the figures and sections that the monitor's page is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from workbench.monitoring.drift import PREDICTION
from workbench.panels.markup import problem
from workbench.panels.monitor import grid
from workbench.panels.telling import in_words

if TYPE_CHECKING:
    from workbench.monitoring.alerts import Alert
    from workbench.monitoring.drift import DriftResult
    from workbench.panels.monitor.panel import MonitorPanel
    from workbench.registry.card.document import Block, Section

__all__ = [
    "ALERTS",
    "DRIFT",
    "PARTS",
    "PERFORMANCE",
    "SHADOWS",
    "TRENDS",
    "VERSIONS",
    "WINDOWS",
    "WITH_WINDOW",
    "cell",
    "html",
    "open_alerts",
]

DRIFT, PERFORMANCE, VERSIONS, SHADOWS = "drift", "performance", "versions", "shadows"
ALERTS, TRENDS, WINDOWS = "alerts", "trends", "windows"
#: The parts by name, in the order of their tabs.
PARTS = (DRIFT, PERFORMANCE, VERSIONS, SHADOWS, ALERTS, TRENDS, WINDOWS)
#: Those that show the window that is looked into.
WITH_WINDOW = frozenset({DRIFT, PERFORMANCE, WINDOWS})
_MOST_ALERTS = 4
_LONGEST = 160
# A chart beside the grid is made smaller where there is little room, and has to be read there.
_WIDTH, _DPI = 5.4, 125
_COLOURS = {"critical": "#d1242f", "warning": "#d97706"}


def html(panel: MonitorPanel, part: str) -> str:
    """A part as markup; one line where it cannot be shown."""
    ways: dict[str, Callable[[MonitorPanel], str]] = {
        DRIFT: _drift,
        PERFORMANCE: _performance,
        VERSIONS: _versions,
        SHADOWS: _shadows,
        ALERTS: _alerts,
        TRENDS: _trends,
        WINDOWS: _windows,
    }
    try:
        return panel.drawn(part, lambda: ways[part](panel))
    except Exception as error:
        return problem(in_words(error, panel.project))


def cell(panel: MonitorPanel) -> str:
    """One feature in one window: the verdict with its figures, and both distributions."""
    return panel.drawn("cell", lambda: _cell(panel))


def _cell(panel: MonitorPanel) -> str:
    from workbench.monitoring.figures import distribution
    from workbench.monitoring.page.pictures import as_image
    from workbench.registry.card.document import Text

    finding, feature = panel.finding, panel.feature
    if finding is None or finding.champion is None:
        return f"<p>In {escape(panel.window)} nobody asked the champion.</p>" if finding else ""
    drift = finding.champion.drift
    blocks: list[Block] = [Text(line) for line in _said(drift, feature)]
    if not blocks:
        return f"<p>{escape(feature)} was not judged in {escape(finding.name)}.</p>"
    if feature in drift.distributions:
        drawn = distribution(drift, feature, window=finding.name, width=_WIDTH)
        blocks.append(as_image(drawn, f"{feature} in the reference and in {finding.name}", _DPI))
    head = (
        f"<b>{escape(feature)}</b> in {escape(finding.name)}, v{finding.champion.version}: "
        f"{drift.rows:,} rows, {drift.reference_rows:,} in the reference"
    )
    return f'<p style="margin: 0">{head}</p>{_markup(*blocks)}'


def open_alerts(alerts: Iterable[Alert]) -> str:
    """Those that are not over, the worst first, a line each."""
    open_ones = [alert for alert in alerts if alert.open]
    open_ones.sort(key=lambda alert: [*_COLOURS, alert.severity].index(alert.severity))
    lines = "".join(_alert(alert) for alert in open_ones[:_MOST_ALERTS])
    more = len(open_ones) - _MOST_ALERTS
    return lines + (f"<p>… and {more} more that are open</p>" if more > 0 else "")


def _alert(alert: Alert) -> str:
    says = alert.says if len(alert.says) <= _LONGEST else f"{alert.says[: _LONGEST - 1]}…"
    colour = _COLOURS.get(alert.severity, "#64748b")
    return (
        f'<div style="border-left: 4px solid {colour}; padding: 2px 10px; margin: 4px 0">'
        f"<b>{escape(alert.severity)}</b> {escape(alert.rule)}, {escape(alert.subject)} "
        f"since {escape(alert.first_window)}: {escape(says)}</div>"
    )


def _drift(panel: MonitorPanel) -> str:
    """As a report keeps it; the live panel has buttons instead of heads."""
    heat, place = panel.shown
    if not heat.features:
        return "<p>No feature was judged in these windows: nobody asked a champion.</p>"
    legend = grid.legend(heat, len(panel.recorded.windows))
    return grid.picture(heat, panel.feature, place) + legend + cell(panel)


def _performance(panel: MonitorPanel) -> str:
    from workbench.monitoring.figures import performance_over_time
    from workbench.monitoring.page.pictures import as_image, window_performance
    from workbench.registry.card.document import Text

    findings = panel.recorded.findings
    if not any(each.champion and each.champion.performance for each in findings):
        return (
            "<p>Nothing is known yet of what turned out to be true. Next: <code>workbench truth --from FILE"
            "</code> brings it, or the server's <code>/v1/ground-truth</code>.</p>"
        )
    blocks: list[Block] = [as_image(performance_over_time(findings), "The metric by window with intervals")]
    finding = panel.finding
    found = finding.champion.performance if finding and finding.champion else None
    if finding is not None and found is not None:
        blocks.append(Text(f"In {finding.name}: {found.why}"))
        blocks += window_performance(finding.name, found, "the window that is looked into")
    return _markup(*blocks)


def _versions(panel: MonitorPanel) -> str:
    from workbench.monitoring.figures import served_over_time
    from workbench.monitoring.page.pictures import as_image

    return _markup(as_image(served_over_time(panel.recorded.findings), "Every served version over time"))


def _shadows(panel: MonitorPanel) -> str:
    from workbench.monitoring.page.pictures import shadow_section

    found = [*shadow_section(panel.recorded.findings)]
    none = (
        "<p>No shadow answered beside the champion in these windows. "
        "<code>workbench promote VERSION --to shadow</code> makes one.</p>"
    )
    return _sections(*found) if found else none


def _alerts(panel: MonitorPanel) -> str:
    from workbench.monitoring.page.alerts import alerts_section

    return _sections(alerts_section(panel.recorded.alerts))


def _trends(panel: MonitorPanel) -> str:
    from workbench.monitoring.page.pictures import skew_section, trend_section

    findings = panel.recorded.findings
    found = [*trend_section(findings), *skew_section(findings)]
    return _sections(*found) if found else "<p>Too few windows are known to see a trend.</p>"


def _windows(panel: MonitorPanel) -> str:
    from workbench.monitoring.page.tables import window_tables

    first, *others = window_tables(panel.recorded.findings) or (None,)
    if first is None:
        return "<p>Nobody was asked anything in these windows.</p>"
    told = f"<p><b>{escape(first.folded)}</b></p>"
    finding = panel.finding
    notes = [note for found in (finding.versions if finding else ()) for note in found.notes]
    remarks = "".join(f"<li>{escape(note)}</li>" for note in dict.fromkeys(notes))
    if finding is not None and remarks:
        remarks = f"<p>Of note in {escape(finding.name)}:</p><ul>{remarks}</ul>"
    return told + _markup(replace(first, folded=""), *others) + remarks


def _said(drift: DriftResult, feature: str) -> list[str]:
    """The verdict in words, as alerts have it."""
    names = ("drift.prediction",) if feature == PREDICTION else _signals_of(feature)
    return [signal.says for signal in drift.signals() if signal.name in names]


def _signals_of(feature: str) -> tuple[str, str]:
    return f"drift.feature.{feature}", f"drift.missing.{feature}"


def _markup(*blocks: Block) -> str:
    from workbench.registry.card.document import Section

    return _sections(Section("", blocks))


def _sections(*sections: Section) -> str:
    """Parts of the monitor's page as markup for a notebook."""
    from workbench.registry.card.document import Page
    from workbench.registry.card.html import fragment

    return fragment(Page("", "", "", (), "", (), tuple(sections), ""))
