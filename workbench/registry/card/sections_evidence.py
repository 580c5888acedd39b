"""The sections of a card that show figures: metrics, gates, slices, fairness, features, calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.registry.card import pictures
from workbench.registry.card.document import (
    Block,
    Cell,
    Pill,
    Section,
    Table,
    Text,
    between,
    number,
    rows_of,
    signed,
)
from workbench.registry.card.facts import CardFacts
from workbench.registry.card.words import metric_in_words
from workbench.registry.gates.bootstrap import Interval
from workbench.registry.gates.fairness import RATES

if TYPE_CHECKING:
    import pandas as pd

    from workbench.registry.gates.validation import Validation

__all__ = ["calibration", "evidence"]

_ROLES = ("candidate", "baseline", "champion")


def evidence(facts: CardFacts) -> list[Section]:
    """All that was measured; one section that says why, where there is no validation."""
    if facts.validation is None:
        return [Section("Validation", (Text(facts.missing["validation"], remark=True),))]
    validation = facts.validation
    found = [_metrics(facts, validation), _gates(validation), _slices(validation), _fairness(validation)]
    return [*found, _features(facts), calibration(facts)]


def _metrics(facts: CardFacts, validation: Validation) -> Section:
    """The whole family for candidate, baseline and champion, the primary metric first."""
    roles = [role for role in _ROLES if role in validation.metrics]
    names = sorted(validation.metrics[roles[0]], key=lambda name: name != validation.metric) if roles else []
    rows = []
    for name in names:
        cells: list[Cell] = [f"{name} (primary)" if name == validation.metric else name]
        cells += [_figure(facts, role, name, validation) for role in roles]
        rows.append((*cells, metric_in_words(facts.project, name)))
    heads = {"candidate": f"v{facts.version.version}"}
    columns = ("metric", *(heads.get(role, role) for role in roles), "in words")
    said = "On the holdout; in brackets 95 % intervals, drawn by day."
    if facts.insight is None:
        said = f"On the holdout; intervals are not known: {facts.missing['insight']}"
    elif absent := [role for role in roles if role not in facts.insight.metrics]:
        said += f" The {' and the '.join(absent)} could not be asked again, so no interval is known for it."
    blocks: list[Block] = [Text(said), Table(columns, tuple(rows), frozenset(columns[1:-1]))]
    for other in ("baseline", "champion"):
        gate = validation.gate(f"beats {other}")
        if gate is not None:
            blocks.append(Text(f"{gate.why}."))
    return Section("Metrics", tuple(blocks))


def _figure(facts: CardFacts, role: str, name: str, validation: Validation) -> str:
    value = validation.metrics[role].get(name)
    found = facts.insight.metrics.get(role, {}).get(name) if facts.insight else None
    gate = validation.gate("primary metric")
    if role == "candidate" and name == validation.metric and gate is not None:
        found = gate.interval  # of more draws: one figure has one interval on a card
    if found is None or not found.known:
        return number(value)
    return f"{number(value)} [{number(found.low)}, {number(found.high)}]"


def _gates(validation: Validation) -> Section:
    rows = tuple(
        (
            gate.name if gate.required else f"{gate.name} (advisory)",
            Pill(gate.verdict),
            number(gate.value),
            _interval(gate.interval),
            number(gate.threshold),
            gate.why,
        )
        for gate in validation.gates
    )
    columns = ("gate", "verdict", "value", "95 % interval", "asked", "evidence")
    said = (
        "A gate passes when its whole interval does, and is inconclusive when the data cannot tell. An "
        "advisory gate fails a version that surely falls short, but holds nobody back by being inconclusive."
    )
    return Section("Gates", (Text(said), Table(columns, rows, frozenset(columns[2:5]))))


def _interval(found: Interval | None) -> str:
    return between(found.low, found.high) if found else "–"


def _slices(validation: Validation) -> Section:
    table = validation.slices
    if table.empty:
        return Section("Slices", (Text("No slices were judged.", remark=True),))
    gate = validation.gate("slices")
    whole = validation.metrics.get("candidate", {}).get(validation.metric, float("nan"))
    picture = pictures.slices_picture(table, whole, validation.metric)
    blocks: list[Block] = [Text(f"{gate.why}.")] if gate else []
    if picture:
        blocks.append(picture)
    columns = (
        "group",
        "slice",
        "rows",
        "positive",
        validation.metric,
        "95 % interval",
        "from the whole",
        "verdict",
    )
    rows = tuple(
        (
            str(row.column),
            str(row.slice),
            f"{row.rows:,}",
            f"{row.positives:,}",
            number(row.value),
            between(row.low, row.high),
            signed(row.difference_value),
            Pill(str(row.verdict)),
        )
        for row in rows_of(table)
    )
    blocks.append(Table(columns, rows, frozenset(columns[2:7]), folded=f"All {len(rows)} slices"))
    return Section("Slices", tuple(blocks))


def _fairness(validation: Validation) -> Section:
    if validation.groups.empty:
        return Section("Fairness by group", (Text("No groups were judged.", remark=True),))
    gate = validation.gate("fairness")
    blocks: list[Block] = [Text(f"{gate.why}.")] if gate else []
    if len(validation.fairness):
        blocks.append(_gaps(validation.fairness))
    columns = ("group", "value", "rows", "positive", *(rate.replace("_", " ") for rate in RATES))
    rows = tuple(
        (
            str(row["column"]),
            str(row["group"]),
            f"{int(row['rows']):,}",
            f"{int(row['positives']):,}",
            *(number(_float(row[rate])) for rate in RATES),
        )
        for row in validation.groups.to_dict(orient="records")
    )
    blocks.append(Table(columns, rows, frozenset(columns[2:]), folded=f"Rates of all {len(rows)} groups"))
    return Section("Fairness by group", tuple(blocks))


def _gaps(table: pd.DataFrame) -> Table:
    rows = tuple(
        (
            str(row.column),
            str(row.rate).replace("_", " "),
            number(row.gap),
            between(row.low, row.high),
            str(row.lowest),
            str(row.highest),
            Pill(str(row.verdict)),
        )
        for row in rows_of(table)
    )
    columns = ("group", "rate", "widest gap", "95 % interval", "lowest in", "highest in", "verdict")
    return Table(columns, rows, frozenset({"widest gap", "95 % interval"}))


def _features(facts: CardFacts) -> Section:
    if facts.insight is None:
        said = f"What features contribute is not known: {facts.missing['insight']}"
        blocks: list[Block] = [Text(said, remark=True)]
        if facts.features:
            known = tuple((name, facts.definitions.get(name, "")) for name in facts.features)
            blocks.append(Table(("feature", "what it is"), known))
        return Section("Features", tuple(blocks))
    found = facts.insight
    said = (
        f"What {found.metric} loses when a feature's values are shuffled among {found.asked:,} rows of the "
        "holdout, with 95 % intervals, drawn by day. Features that say nearly the same share what they "
        "contribute: shuffling one leaves the other."
    )
    blocks = [Text(said)]
    picture = pictures.contributions_picture(found.features, found.metric)
    if picture:
        blocks.append(picture)
    rows = tuple(
        (
            str(row.feature),
            number(row.value, 4),
            between(row.low, row.high, 4),
            facts.definitions.get(str(row.feature), ""),
        )
        for row in rows_of(found.features)
    )
    columns = ("feature", "contributes", "95 % interval", "what it is")
    blocks.append(Table(columns, rows, frozenset(columns[1:3]), folded=f"All {len(rows)} features"))
    return Section("Features and what they contribute", tuple(blocks))


def calibration(facts: CardFacts) -> Section:
    """Whether a score can be taken as a probability."""
    gate = facts.validation.gate("calibration") if facts.validation else None
    blocks: list[Block] = [Text(f"{_capital(gate.why)}.")] if gate else []
    if facts.insight is not None:
        picture = pictures.calibration_picture(facts.insight.calibration, facts.insight.scores)
        if picture:
            blocks.append(picture)
        rows = tuple(
            (f"{row.rows:,}", number(row.score), number(row.observed), between(row.low, row.high))
            for row in rows_of(facts.insight.calibration)
        )
        columns = ("rows", "mean score", "turned out positive", "95 % interval")
        blocks.append(Table(columns, rows, frozenset(columns), folded="The bins"))
    return Section("Scores and calibration", tuple(blocks) or (Text("Not measured.", remark=True),))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
