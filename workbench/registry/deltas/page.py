"""A delta report in parts that HTML and Markdown can both show."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.registry.card import pictures
from workbench.registry.card.document import (
    Block,
    Cell,
    Facts,
    Page,
    Section,
    Table,
    Text,
    between,
    number,
    rows_of,
    signed,
)
from workbench.registry.card.words import METRIC_WORDS
from workbench.registry.deltas.result import Delta
from workbench.tracking.page import moment

__all__ = ["delta_page"]

_MOST_FEATURES = 60
_LONGEST = 60


def delta_page(found: Delta) -> Page:
    """The report, the gist on top."""
    old, new = f"v{found.old}", f"v{found.new}"
    return Page(
        title=f"{found.model} {old} and {new} · delta report",
        eyebrow=f"{found.model} / delta report",
        heading=f"Where {found.model} {old} and {new} disagree",
        byline=(f"{found.rows:,} rows on {found.days} days", f"flagged at {found.threshold:g} or more"),
        lead=_lead(found, old, new),
        trouble=(),
        sections=(
            _rows(found),
            _often(found, old, new),
            *([_judged(found, old, new)] if len(found.metrics) else []),
            *([_where(found)] if len(found.disagreement) > 1 else []),
            _scores(found, old, new),
            _most(found, old, new),
        ),
        footer=f"Intervals of 95 %, drawn by day; differences are {new} less {old}.",
    )


def _lead(found: Delta, old: str, new: str) -> str:
    share = found.share
    told = f"They flag {_percent(share.value)} of the rows differently ({_span(share.low, share.high)})."
    if not len(found.metrics):
        return f"{told} None of the rows has a label, so nobody can tell who is right."
    first = next(rows_of(found.metrics))
    words = {"new": f"{new} is better", "old": f"{old} is better", "": "which is better cannot be told"}
    return (
        f"{told} {first.metric} {number(first.old)} became {number(first.new)}, a difference of "
        f"{signed(first.difference)} [{signed(first.low)}, {signed(first.high)}]: {words[first.better]}."
    )


def _rows(found: Delta) -> Section:
    pairs: list[tuple[str, Cell]] = [
        ("rows", f"{found.rows:,}, of them {found.labelled:,} with a label"),
        ("from", found.rows_from or "a frame that was handed in"),
        ("period", f"{moment(found.start)} to {moment(found.end)}, {found.days} days"),
    ]
    if found.notes:
        pairs.append(("of note", "; ".join(found.notes)))
    return Section("The rows", (Facts(tuple(pairs)),))


def _often(found: Delta, old: str, new: str) -> Section:
    who = {"both": "both", "new only": f"only {new}", "old only": f"only {old}", "neither": "neither"}
    rows = tuple(
        (
            who[row.by],
            f"{row.rows:,}",
            _percent(row.share),
            _span(row.low, row.high),
            f"{row.positive:,} of {row.labelled:,}" if row.labelled else "–",
        )
        for row in rows_of(found.flags)
    )
    columns = ("flagged by", "rows", "share", "95 % interval", "turned out positive")
    blocks: list[Block] = [Table(columns, rows, frozenset(columns[1:]))]
    apart = {row.by: row for row in rows_of(found.flags)}
    only_new, only_old = apart["new only"], apart["old only"]
    if known := only_new.labelled + only_old.labelled:
        # Whoever flags alone is right where it turned out positive, and the other one where it did not.
        right = only_new.positive + only_old.labelled - only_old.positive
        blocks.append(
            Text(
                f"Of the {known:,} labelled rows they disagree on, {new} is right on {right:,} "
                f"and {old} on {known - right:,}."
            )
        )
    return Section("How often", tuple(blocks))


def _judged(found: Delta, old: str, new: str) -> Section:
    words = {"new": new, "old": old, "": "cannot be told"}
    rows = tuple(
        (
            f"{row.metric} (primary)" if row.metric == found.metric else row.metric,
            number(row.old),
            number(row.new),
            signed(row.difference),
            f"{signed(row.low)} to {signed(row.high)}",
            "–" if row.metric == "flagged_share" else words[row.better],
            METRIC_WORDS.get(row.metric, ""),
        )
        for row in rows_of(found.metrics)
    )
    columns = ("metric", old, new, "difference", "95 % interval", "better", "in words")
    return Section("Who is better", (Table(columns, rows, frozenset(columns[1:5])),))


def _where(found: Delta) -> Section:
    rows = tuple(
        (
            str(row.column),
            str(row.slice),
            f"{row.rows:,}",
            _percent(row.flagged_differently),
            _span(row.low, row.high),
            number(row.mean_distance),
        )
        for row in rows_of(found.disagreement)
    )
    columns = ("group", "slice", "rows", "flagged differently", "95 % interval", "mean distance of scores")
    return Section("Where", (Table(columns, rows, frozenset(columns[2:])),))


def _scores(found: Delta, old: str, new: str) -> Section:
    distance = np.abs(found.differences)
    low, middle, high = np.quantile(found.differences, [0.05, 0.5, 0.95])
    said = (
        f"Scores lie {number(float(distance.mean()))} apart on average. {new} scores higher on "
        f"{_percent(float((found.differences > 0).mean()))} of the rows; the difference has a median of "
        f"{signed(float(middle))}, and nine in ten lie between {signed(float(low))} "
        f"and {signed(float(high))}."
    )
    return Section("Scores", (Text(said), pictures.differences_picture(found.differences, old, new)))


def _most(found: Delta, old: str, new: str) -> Section:
    table = found.changed
    names = [str(name) for name in table.columns[:_MOST_FEATURES]]
    heads = {"old_score": old, "new_score": new}
    rows = tuple(
        tuple(_value(name, value) for name, value in zip(names, row, strict=False))
        for row in table.itertuples(index=False, name=None)
    )
    numeric = [name for name in names if table[name].dtype.kind in "iuf"]
    columns = tuple(heads.get(name, name.replace("_", " ")) for name in names)
    right = frozenset(heads.get(name, name.replace("_", " ")) for name in numeric)
    said = f"The {len(rows)} rows whose score changed most, with what the versions were told of them."
    return Section("What changed most", (Text(said), Table(columns, rows, right)))


def _value(name: str, value: Any) -> str:
    import pandas as pd

    if pd.isna(value):
        return "–"
    if name == "difference":
        return signed(float(value))
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, int | float | np.number):
        digits = 3 if name.endswith("score") else 2
        return f"{value:,}" if isinstance(value, int | np.integer) else f"{value:,.{digits}f}"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if np.isfinite(share) else "–"


def _span(low: float, high: float) -> str:
    """An interval of shares; none where no draw differs from another, which says nothing of the rest."""
    if not np.isfinite([low, high]).all() or low == high:
        return "–"
    return f"{between(100 * low, 100 * high, 1)} %"
