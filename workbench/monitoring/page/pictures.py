"""The sections with pictures; one that has nothing to show is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from workbench.monitoring import figures
from workbench.monitoring.drift import PREDICTION
from workbench.monitoring.figures import Chart
from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
from workbench.registry.card.document import Block, Hash, Image, Pill, Section, Table, Text, number
from workbench.tracking.page import moment

if TYPE_CHECKING:
    from workbench.monitoring.performance import Performance

__all__ = [
    "as_image",
    "picture_sections",
    "shadow_section",
    "skew_section",
    "trend_section",
    "window_performance",
]

_MOST_BARS = 4
_MOST_TRENDS = 4
_DPI = 100


def picture_sections(findings: Sequence[WindowFinding]) -> Iterator[Section]:
    """What happened, from the whole to the parts."""
    if not findings:
        return
    answered = [item for finding in findings for item in finding.versions if item.rows]
    if answered:
        versions = ", ".join(f"v{number}" for number in sorted({item.version for item in answered}))
        alt = f"Quality, drift, volume, latency and failures of {versions} in {len(findings)} windows"
        yield Section("All versions", (as_image(figures.served_over_time(findings), alt),))
    yield from _performance(findings)
    yield from _drift(findings)
    yield from trend_section(findings)
    yield from skew_section(findings)
    yield from shadow_section(findings)
    yield from _opinions(findings)


def _performance(findings: Sequence[WindowFinding]) -> Iterator[Section]:
    known = [(finding.name, found) for finding, item in _champions(findings) if (found := item.performance)]
    if not known:
        return
    metric = known[-1][1].metric
    alt = f"{metric} of each version in {len(findings)} windows with 95 % intervals"
    blocks: list[Block] = [as_image(figures.performance_over_time(findings), alt)]
    judged = next((each for each in reversed(known) if each[1].labelled and not each[1].unripe), None)
    if judged is not None:
        blocks += window_performance(
            *judged, "the newest window" if judged is known[-1] else "the newest to be judged"
        )
    yield Section("Performance", tuple(blocks))


def window_performance(window: str, found: Performance, which: str) -> Iterator[Block]:
    """By slice, by score and by group, of one window."""
    if found.slices:
        dropped = [f"{item.column} {item.slice}" for item in found.slices if item.verdict == "dropped"]
        alt = f"{found.metric} by slice in {window}; dropped: {', '.join(dropped) or 'none'}"
        yield Text(f"Slices in {window}, {which}:")
        yield as_image(figures.slices(found), alt)
    if found.calibration is not None and found.calibration.bins:
        alt = f"Calibration in {window}: error {number(found.calibration.error.value)}"
        yield Text(f"Calibration in {window}, {which}:")
        yield as_image(figures.calibration_curve(found), alt)
    for gap in found.gaps:
        if gap.verdict == "failed":
            yield Text(f"Unequal treatment in {window}: {gap.why}.", remark=True)


def _drift(findings: Sequence[WindowFinding]) -> Iterator[Section]:
    known = [(finding.name, item.drift) for finding, item in _champions(findings)]
    if not known:
        return
    window, newest = known[-1]
    alt = f"Verdicts on {len(newest.features)} features in {len(findings)} windows"
    blocks: list[Block] = [as_image(figures.drift_heatmap(findings), alt)]
    drifted = list(newest.drifted)
    if newest.prediction == "drifted":
        drifted.insert(0, PREDICTION)
    shown = [name for name in drifted if name in newest.distributions][:_MOST_BARS]
    if shown:
        more = (
            f"; {len(drifted) - len(shown)} more are in the tables below" if len(drifted) > len(shown) else ""
        )
        blocks.append(Text(f"What drifted in {window}{more}:"))
    for name in shown:
        alt = f"{name} in the reference and in {window}"
        blocks.append(as_image(figures.distribution(newest, name, window=window), alt))
    yield Section("Drift", tuple(blocks))


def trend_section(findings: Sequence[WindowFinding]) -> Iterator[Section]:
    newest = next((item.trend for _, item in reversed(_champions(findings)) if item.trend is not None), None)
    if newest is None:
        return
    told = [*newest.climbing, *newest.jumped]
    if not told:
        judged = sum(item.verdict == "steady" for item in newest.features)
        says = (
            f"{judged} of {len(newest.features)} features stay where they were; none climbs towards its line."
        )
        yield Section("Trends", (Text(says),))
        return
    blocks: list[Block] = [
        as_image(figures.trend(item), f"{item.feature}: {item.says}") for item in told[:_MOST_TRENDS]
    ]
    rows = tuple((item.feature, Pill(item.verdict), item.says) for item in told)
    blocks.append(Table(("feature", "verdict", "what it does"), rows))
    yield Section("Trends", tuple(blocks))


def skew_section(findings: Sequence[WindowFinding]) -> Iterator[Section]:
    known = [
        (finding.name, found) for finding, item in _champions(findings) if (found := item.skew) is not None
    ]
    if not known:
        return
    window, newest = known[-1]
    says = f"In {window}, {newest.rows:,} logged rows went through the training path: "
    if not newest.skewed:
        equal = (
            f"{len(newest.judged)} features come out as they were served." if newest.judged else newest.note
        )
        yield Section("Training-serving skew", (Text(f"{says}{equal or 'nothing could be compared.'}"),))
        return
    rows = tuple(
        (item.feature, f"{item.share:.1%}", item.note, Hash(item.prediction_id), item.served, item.training)
        for item in newest.judgements
        if item.verdict == "skewed"
    )
    columns = ("feature", "rows that differ", "why", "such as", "served", "in training")
    told = Text(f"{says}{len(newest.skewed)} of {len(newest.judged)} features differ.", remark=True)
    yield Section("Training-serving skew", (told, Table(columns, rows, frozenset({"rows that differ"}))))


def shadow_section(findings: Sequence[WindowFinding]) -> Iterator[Section]:
    deltas = [
        (finding.name, item.delta)
        for finding in findings
        for item in finding.versions
        if item.delta is not None
    ]
    if deltas:
        window, newest = deltas[-1]
        alt = f"Metric of shadow v{newest.shadow} less that of the champion, and how often they disagree"
        image = as_image(figures.champion_beside_shadow(findings), alt)
        yield Section("Champion and shadow", (image, Text(f"In {window}: {newest.why}.")))


def _opinions(findings: Sequence[WindowFinding]) -> Iterator[Section]:
    known = [(f.name, item.opinions) for f, item in _champions(findings) if item.opinions is not None]
    if known:
        window, newest = known[-1]
        image = as_image(figures.opinions_by_group(newest), f"Mean rating by user group in {window}")
        says = f"What users said of predictions in {window}. Opinions are never taken for ground truth."
        blocks: list[Block] = [Text(says), image]
        if remarks := tuple(
            (moment(item.given_at), item.user_group, number(item.rating), item.text) for item in newest.newest
        ):
            columns = ("given", "user group", "rating", "remark")
            blocks.append(Table(columns, remarks, frozenset({"rating"}), folded="The newest remarks"))
        yield Section("Opinions", tuple(blocks))


def _champions(findings: Sequence[WindowFinding]) -> list[tuple[WindowFinding, VersionFinding]]:
    return [(finding, item) for finding in findings if (item := finding.champion) is not None]


def as_image(chart: Chart, alt: str, dpi: int = _DPI) -> Image:
    """A chart as a part of a page."""
    return Image(chart.png(dpi), alt)
