"""What differs between two runs, and a table of it that needs no script to be read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape

from workbench.panels.markup import CELL
from workbench.tracking.metrics import LOWER_IS_BETTER, METRICS
from workbench.tracking.page import duration, moment, short
from workbench.tracking.runs import RunInfo

__all__ = ["Comparison", "Fact", "MetricPair", "compare_runs", "more_is_better"]

_NEUTRAL = {"positive_share", "flagged_share"}
_BETTER, _WORSE, _OTHER = "#2da44e", "#d1242f", "#3b82c4"
_SHOWN_METRICS = 12
_HALF = 56  # pixels from the middle of a bar to its end
_NUMBER = CELL.replace("text-align: left", "text-align: right") + "; white-space: nowrap"
_SOFT = "opacity: .7"


@dataclass(frozen=True)
class Fact:
    """A named value of both runs; an empty text where a run has none."""

    name: str
    left: str
    right: str

    @property
    def same(self) -> bool:
        return self.left == self.right


@dataclass(frozen=True)
class MetricPair:
    """A metric of both runs; None where a run did not record it."""

    name: str
    left: float | None
    right: float | None

    @property
    def same(self) -> bool:
        if self.left is None or self.right is None:
            return self.left is self.right
        return self.left == self.right or (math.isnan(self.left) and math.isnan(self.right))

    @property
    def change(self) -> float | None:
        """How much the right run has more; None where that is no number."""
        if self.left is None or self.right is None or not math.isfinite(self.right - self.left):
            return None
        return self.right - self.left

    @property
    def share(self) -> float:
        """The change relative to the larger of both values, in [-2, 2]; 0 where there is none."""
        if not self.change or self.left is None or self.right is None:
            return 0.0
        return self.change / max(abs(self.left), abs(self.right))

    @property
    def better(self) -> bool | None:
        """Whether the right run is better; None for a metric of which we do not know what is good."""
        more = more_is_better(self.name)
        return None if not self.change or more is None else (self.change > 0) == more


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side; shown by a notebook as a table, what differs first."""

    left: RunInfo
    right: RunInfo
    metrics: tuple[MetricPair, ...]
    parameters: tuple[Fact, ...]
    versions: tuple[Fact, ...]

    @property
    def differing(self) -> tuple[str, ...]:
        """The names of all that differ: metrics, parameters, then versions."""
        metrics = [pair.name for pair in self.metrics if not pair.same]
        return (*metrics, *(fact.name for fact in (*self.parameters, *self.versions) if not fact.same))

    def _repr_html_(self) -> str:
        longest = max((abs(pair.share) for pair in self.metrics), default=0.0)
        changed = [_metric(pair, longest) for pair in self.metrics if not pair.same]
        parts = [
            _heads(self.left, self.right),
            _metric_table(changed[:_SHOWN_METRICS]),
            _fold("more metrics that differ", _metric_table, changed[_SHOWN_METRICS:]),
            _table("Parameters", [_fact(fact) for fact in self.parameters if not fact.same]),
            _table("Data and code", [_fact(fact) for fact in self.versions if not fact.same]),
        ]
        if not self.differing:
            parts.append("<p>These two runs do not differ in anything that was recorded.</p>")
        same = [_metric(pair, 0.0) for pair in self.metrics if pair.same]
        same += [_fact(fact) for fact in (*self.parameters, *self.versions) if fact.same]
        parts.append(_fold("the same in both", _plain_table, same))
        return f"<div>{''.join(parts)}</div>"


def more_is_better(metric: str) -> bool | None:
    """Which way a metric is good; None for one of which we do not know."""
    kind = metric.rpartition(".")[2]
    return None if kind not in METRICS or kind in _NEUTRAL else kind not in LOWER_IS_BETTER


def compare_runs(left: RunInfo, right: RunInfo) -> Comparison:
    """Put two runs side by side."""
    return Comparison(
        left,
        right,
        metrics=tuple(
            MetricPair(name, left.metrics.get(name), right.metrics.get(name))
            for name in sorted({*left.metrics, *right.metrics}, key=_metric_order)
        ),
        parameters=_facts(left.params, right.params),
        versions=(
            *_facts(
                {name: f"v{version}" for name, version in left.datasets.items()},
                {name: f"v{version}" for name, version in right.datasets.items()},
            ),
            Fact("code", left.code_version, right.code_version),
        ),
    )


def _metric_order(name: str) -> tuple[str, int, str]:
    """Model by model, and within one as the family of metrics is ordered everywhere."""
    model, _, kind = name.rpartition(".")
    return model, METRICS.index(kind) if kind in METRICS else len(METRICS), kind


def _facts(left: Mapping[str, str], right: Mapping[str, str]) -> tuple[Fact, ...]:
    return tuple(Fact(name, left.get(name, ""), right.get(name, "")) for name in sorted({*left, *right}))


def _heads(left: RunInfo, right: RunInfo) -> str:
    cells = "".join(
        f'<td style="{CELL}; vertical-align: top; min-width: 220px"><b>{side}</b> {escape(run.phase)} '
        f"<code>{escape(run.run_id[:8])}</code>{' (draft)' if run.draft else ''}<br>"
        f'<span style="{_SOFT}">{moment(run.started_at)}, {escape(run.status)}, took {duration(run.seconds)}'
        f"{', by ' + escape(run.who) if run.who else ''}</span></td>"
        for side, run in (("A", left), ("B", right))
    )
    return f'<table style="border-collapse: collapse; margin: 0 0 8px 0"><tr>{cells}</tr></table>'


def _fold(title: str, table: Callable[[list[str]], str], rows: list[str]) -> str:
    return f"<details><summary>{len(rows)} {title}</summary>{table(rows)}</details>" if rows else ""


def _plain_table(rows: list[str]) -> str:
    return _table("", rows)


def _metric_table(rows: list[str]) -> str:
    return _table("Metrics", rows, ("A", "B", "B against A", ""), _NUMBER)


def _table(title: str, rows: list[str], columns: tuple[str, ...] = ("A", "B"), cell: str = CELL) -> str:
    if not rows:
        return ""
    heads = "".join(f'<th style="{cell}; font-weight: 500; {_SOFT}">{column}</th>' for column in columns)
    return (
        '<table style="border-collapse: collapse; margin: 0 0 12px 0">'
        f'<tr><th style="{CELL}; min-width: 170px">{escape(title)}</th>{heads}</tr>{"".join(rows)}</table>'
    )


def _fact(fact: Fact) -> str:
    texts = [short(text) if fact.name == "code" else text for text in (fact.left, fact.right)]
    values = "".join(f'<td style="{CELL}; min-width: 90px">{escape(text) or "–"}</td>' for text in texts)
    return f'<tr><td style="{CELL}">{escape(fact.name)}</td>{values}</tr>'


def _metric(pair: MetricPair, longest: float) -> str:
    left, right, change = _figures(pair.left, pair.right, None if pair.change is None else abs(pair.change))
    values = f'<td style="{_NUMBER}">{left}</td><td style="{_NUMBER}">{right}</td>'
    if pair.same:
        return f'<tr><td style="{CELL}">{escape(pair.name)}</td>{values}</tr>'
    colour = {True: _BETTER, False: _WORSE, None: _OTHER}[pair.better]
    verdict = {True: "better", False: "worse", None: ""}[pair.better]
    arrow = "" if pair.change is None else f"{'▲ +' if pair.change > 0 else '▼ −'}{change}"
    return (
        f'<tr><td style="{CELL}">{escape(pair.name)}</td>{values}'
        f'<td style="{_NUMBER}; color: {colour}">{arrow} {verdict}</td>'
        f'<td style="{CELL}">{_bar(pair.share, longest, colour)}</td></tr>'
    )


def _figures(*values: float | None) -> list[str]:
    """Counts as counts, scores with four decimals, so that both are read digit by digit."""
    count = all(value is None or value.is_integer() for value in values)
    return ["–" if value is None else f"{value:,.0f}" if count else _decimal(value) for value in values]


def _decimal(value: float) -> str:
    return f"{value:,.4f}" if 0.001 <= abs(value) < 1e6 or value == 0 else f"{value:.3g}"


def _bar(share: float, longest: float, colour: str) -> str:
    """A bar to the left or right of a middle line, as long as the change is beside the largest one."""
    if not share:
        return ""
    width = max(1, round(_HALF * abs(share) / longest))
    bar = f'<div style="width: {width}px; height: 10px; background: {colour}"></div>'
    half = f"width: {_HALF}px; display: flex"
    down, up = (bar, "") if share < 0 else ("", bar)
    return (
        f'<div style="display: flex; width: {2 * _HALF}px" title="{share:+.1%}">'
        f'<div style="{half}; justify-content: flex-end">{down}</div>'
        f'<div style="{half}; border-left: 1px solid rgba(127,127,127,.6)">{up}</div></div>'
    )
