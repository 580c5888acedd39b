"""What the model is for, who owns it, and what it must not be trusted with."""

from __future__ import annotations

from workbench.project import CONFIG_NAME
from workbench.registry.card.document import Bullets, Cell, Facts, Section, Text
from workbench.site.runbook.facts import RunbookFacts

__all__ = ["limits", "purpose"]


def purpose(facts: RunbookFacts) -> Section:
    """From the project file, as it is now."""
    about, objective = facts.project.config.project, facts.project.config.objective
    pairs: list[tuple[str, Cell]] = []
    for name, key, value in (
        ("purpose", "title", about.title),
        ("owner", "owner", about.owner),
        ("intended use", "intended_use", about.intended_use),
        ("risk", "risk", about.risk),
        ("retention", "retention", about.retention),
    ):
        pairs.append((name, value or f"not stated: say it in {CONFIG_NAME}, [project] {key}"))
    if objective is not None:
        words = f": {objective.metric_in_words}" if objective.metric_in_words else ""
        pairs.append(("answers", f"how probable it is that {objective.target} turns out true"))
        pairs.append(("judged by", f"{objective.primary_metric}{words}"))
    return Section("What it is for", (Facts(tuple(pairs)),))


def limits(facts: RunbookFacts) -> Section:
    """Of the champion, as on its card."""
    if facts.card is None:
        return Section("Known limits", (Text(facts.missing or "There is no champion yet."),))
    if not facts.limits:
        return Section("Known limits", (Text("Nothing in the record speaks against it."),))
    return Section("Known limits", (Bullets(facts.limits),))
