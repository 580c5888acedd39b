"""What a version must not be trusted with, drawn from the record: nobody has to remember to write it down."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.registry.card.document import number, rows_of
from workbench.registry.card.facts import CardFacts
from workbench.registry.card.words import day, span
from workbench.registry.gates.slices import TOO_FEW
from workbench.registry.gates.validation import Validation
from workbench.registry.plateau import CHALLENGERS, no_gains

__all__ = ["limits"]

_YEAR_DAYS = 360
_OLD_DAYS = 90
_LISTED = 8


def limits(facts: CardFacts) -> tuple[tuple[str, str], ...]:
    """Known limits, each as what it is about and a sentence; those that weigh most come first."""
    found = [*_answers(facts), *_force(facts)]
    if facts.validation is None:
        found.append(("validation", facts.missing["validation"]))
    else:
        found += [*_gates(facts.validation), *_slices(facts.validation), *_period(facts, facts.validation)]
    return (*found, *_dates(facts), *_features(facts), *_plateau(facts), *_record(facts))


def _answers(facts: CardFacts) -> Iterator[tuple[str, str]]:
    if facts.answered is None:
        yield "cannot be served", facts.missing["answers"]


def _force(facts: CardFacts) -> Iterator[tuple[str, str]]:
    for entry in facts.ledger:
        if entry.evidence.get("forced") and entry.to_version == facts.version.version:
            yield (
                "promoted by force",
                f"{entry.who} made it {entry.alias} on {day(entry.at)} although its gates were "
                f"{entry.evidence.get('verdict') or 'unknown'}: {entry.reason}",
            )


def _gates(validation: Validation) -> Iterator[tuple[str, str]]:
    for verdict in ("failed", "inconclusive"):
        for gate in validation.gates:
            if gate.verdict == verdict:
                advisory = "" if gate.required else " (advisory)"
                yield f"gate {gate.name} {verdict}{advisory}", gate.why
    if validation.notes:
        yield "left out of the validation", "; ".join(validation.notes)


def _slices(validation: Validation) -> Iterator[tuple[str, str]]:
    table = validation.slices
    if table.empty:
        return
    few = table[table["verdict"] == TOO_FEW]
    if len(few):
        names = [f"{row.column} {row.slice} ({row.rows:,} rows)" for row in rows_of(few)]
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        listed = ", ".join(names[:_LISTED])
        yield "groups too small to be judged", f"{listed}{more}: how good it is there is not known"


def _period(facts: CardFacts, validation: Validation) -> Iterator[tuple[str, str]]:
    if validation.start is None or validation.end is None:
        return
    days = validation.days
    if days < _YEAR_DAYS:
        yield (
            "seasons",
            f"it was judged on {days} days, {span(validation.start, validation.end)}: what other times "
            "of the year bring was not seen",
        )
    positives = validation.metrics.get("candidate", {}).get("positive_share")
    if positives is not None:
        yield (
            "another mix of cases",
            f"in the holdout {number(100 * positives, 1)} % turned out positive; where that share is "
            "another, precision and calibration are others too",
        )
    until = facts.version.trained_until
    if until and validation.start < until:
        yield (
            "overlap",
            f"it learnt from data up to {day(until)}, and rows it was judged on are from before: its figures "
            "may flatter it",
        )


def _dates(facts: CardFacts) -> Iterator[tuple[str, str]]:
    until = facts.version.trained_until
    if until is None:
        yield "training window", "until when it learnt was not recorded"
        return
    age = (facts.at - until).days
    if age > _OLD_DAYS:
        yield (
            "age",
            f"it learnt nothing after {day(until)}, {age:,} days before this card was written: what has "
            "changed since it does not know",
        )


def _features(facts: CardFacts) -> Iterator[tuple[str, str]]:
    if facts.insight is None:
        if facts.validation is not None:
            yield "contributions of features", f"not known: {facts.missing['insight']}"
        return
    table = facts.insight.features
    idle = [str(row.feature) for row in rows_of(table) if not row.low > 0]
    if idle:
        yield (
            "features that may carry nothing",
            f"{', '.join(idle)}: shuffling one of them changed {facts.insight.metric} by no more than chance "
            "does",
        )


def _plateau(facts: CardFacts) -> Iterator[tuple[str, str]]:
    gains = no_gains(facts.project)
    if len(gains) >= CHALLENGERS and facts.version.version in {gain.version for gain in gains}:
        *names, last = (f"v{gain.version}" for gain in gains)
        yield (
            "plateau",
            f"{', '.join(names)} and {last} in a row gained nothing over the champion that is surely more "
            "than chance: more of the same does not help",
        )


def _record(facts: CardFacts) -> Iterator[tuple[str, str]]:
    for run in facts.way_back.runs:
        if run.code_version.endswith("+changed"):
            yield "code", f"it was {run.role} with files that differed from commit {run.commit[:12]}"
        elif not run.code_version:
            yield "code", f"it was {run.role} outside of a repository: its code has no version"
    if broken := facts.way_back.broken:
        said = ", ".join(f"{link.kind} {link.name} {link.state}" for link in broken[:_LISTED])
        more = f" and {len(broken) - _LISTED} more" if len(broken) > _LISTED else ""
        yield "the way back", f"not all that made it is there as it was: {said}{more}"
