"""The first sections of a card: what the version is for and predicts, where it stands, what it learnt."""

from __future__ import annotations

from workbench.project import CONFIG_NAME
from workbench.registry.card.document import Block, Cell, Facts, Hash, Pill, Section, Table, Text, number
from workbench.registry.card.facts import CardFacts
from workbench.registry.card.words import day, metric_in_words, span
from workbench.tracking.page import moment

__all__ = ["data", "lead", "objective", "purpose", "status"]

_BEATS = {
    "passed": "it beats the {}",
    "failed": "it does not beat the {}",
    "inconclusive": "whether it beats the {} cannot be told",
}


def purpose(facts: CardFacts) -> Section:
    """From the project file, as it is now."""
    about = facts.project.config.project
    pairs: list[tuple[str, Cell]] = []
    for name, key, value in (
        ("purpose", "title", about.title),
        ("owner", "owner", about.owner),
        ("intended use", "intended_use", about.intended_use),
        ("risk", "risk", about.risk),
        ("retention", "retention", about.retention),
    ):
        pairs.append((name, value or f"not stated: say it in {CONFIG_NAME}, [project] {key}"))
    return Section("Purpose", (Facts(tuple(pairs)),))


def objective(facts: CardFacts) -> Section:
    """What it predicts, and the metric by which that is judged, in words."""
    said = facts.project.config.objective
    if said is None:
        return Section("What it predicts", (Text(f"{CONFIG_NAME} has no [objective]."),))
    threshold = facts.project.config.gates.threshold
    groups = facts.project.config.model.groups if facts.project.config.model else ()
    pairs: list[tuple[str, Cell]] = [
        ("answer", f"a score between 0 and 1: how probable it is that {said.target} turns out true"),
        ("as of", f"the moment {said.time} of each row; nothing that was known later may enter"),
        ("flagged", f"a row whose score is {threshold:g} or more"),
        ("judged by", f"{said.primary_metric}: {metric_in_words(facts.project, said.primary_metric)}"),
        ("groups", ", ".join(groups) or "none are declared, so slices and fairness are not judged"),
    ]
    return Section("What it predicts", (Facts(tuple(pairs)),))


def status(facts: CardFacts) -> Section:
    """Aliases, verdict, and whether it can be served at this moment."""
    version = facts.version
    verdict: Cell = Pill(version.verdict) if version.verdict else "registered without a validation"
    if facts.answered is None:
        served = facts.missing["answers"]
    else:
        served = (
            f"yes: when this card was written its files were unchanged, and it answered all {facts.answered} "
            "recorded cases as recorded"
        )
    pairs: list[tuple[str, Cell]] = [("verdict of its gates", verdict)]
    for alias in version.aliases:
        entry = facts.since(alias)
        told = f"since {moment(entry.at)}, by {entry.who}: {entry.reason}" if entry else "now"
        pairs.append((alias, told))
    if not version.aliases:
        pairs.append(("aliases", "none: it is not served"))
    pairs += [
        ("loads and answers", served),
        ("registered", moment(version.created_at)),
        ("model", f"{version.tag('name') or 'unknown'}, {_size(version.tag('size_bytes'))}"),
        ("files", Hash(version.sha256) if version.sha256 else "no hash was recorded"),
    ]
    return Section("Status", (Facts(tuple(pairs)),))


def data(facts: CardFacts) -> Section:
    """Dataset versions, the training window, the holdout."""
    version, validation = facts.version, facts.validation
    learnt = ", ".join(f"{name} v{at}" for name, at in version.datasets.items())
    pairs: list[tuple[str, Cell]] = [
        ("learnt from", learnt or "no dataset version was recorded"),
        (
            "trained until",
            f"{moment(version.trained_until)}: every row was known before"
            if version.trained_until
            else "not recorded",
        ),
    ]
    if validation is not None:
        share = validation.metrics.get("candidate", {}).get("positive_share")
        positive = f", {number(100 * share, 1)} % of them positive" if share is not None else ""
        pairs.append(
            (
                "validated on",
                f"{validation.rows:,} labelled rows on {validation.days} days, {moment(validation.start)} to "
                f"{moment(validation.end)}{positive}",
            )
        )
        if version.trained_until and validation.start:
            pairs.append(("gap", _gap((validation.start - version.trained_until).total_seconds())))
    blocks: list[Block] = [Facts(tuple(pairs))]
    if facts.datasets:
        rows = tuple(
            (
                str(item),
                f"{item.rows:,}",
                Hash(item.content),
                item.written_at[:16].replace("T", " "),
                item.origin.phase,
                ", ".join(run.role for run in facts.way_back.runs if item in run.datasets),
            )
            for item in facts.datasets
        )
        columns = ("dataset version", "rows", "content", "written", "by phase", "read when it was")
        blocks.append(Table(columns, rows, frozenset({"rows"})))
    return Section("Data", tuple(blocks))


def _gap(seconds: float) -> str:
    hours = seconds / 3600
    if hours < 0:
        return "none: rows it was judged on are from before the end of its training"
    told = f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
    return f"{told} from the end of its training to the first row it was judged on"


def _size(size: str) -> str:
    return f"{int(size) / 1e6:.1f} MB" if size.isdecimal() else "of unknown size"


def lead(facts: CardFacts) -> str:
    """The gist in two sentences."""
    validation, version = facts.validation, facts.version
    if validation is None:
        return "Nothing is known of its validation."
    gate = validation.gate("primary metric")
    figure = f"{validation.metric} {gate.interval}" if gate and gate.interval else f"no {validation.metric}"
    told = f"{figure} on {validation.rows:,} rows, {span(validation.start, validation.end)}"
    for other in ("baseline", "champion"):
        beats = validation.gate(f"beats {other}")
        if beats is not None:
            told += f"; {_BEATS[beats.verdict].format(other)}"
    return f"{told}. It learnt from what was known until {day(version.trained_until)}."
