"""The last sections of a card: known limits, approvals, the ledger, the way back, how to load it."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, urlsplit

from workbench.registry.card.document import (
    Block,
    Bullets,
    Cell,
    Code,
    Facts,
    Hash,
    Link,
    Section,
    Table,
    Text,
)
from workbench.registry.card.facts import CardFacts
from workbench.registry.lineage import Link as Traced
from workbench.registry.lineage import TracedRun
from workbench.tracking.page import moment

__all__ = ["approvals", "known_limits", "ledger", "loading", "way_back"]


def known_limits(limits: tuple[tuple[str, str], ...]) -> Section:
    if not limits:
        return Section("Known limits", (Text("Nothing in the record speaks against it."),))
    said = "Drawn from the record when this card was written."
    return Section("Known limits", (Text(said), Bullets(limits)))


def approvals(facts: CardFacts) -> Section:
    """Who has looked at it, and whether what they looked at is still what it has."""
    tally = facts.approvals
    counted = len(tally.counted)
    if tally.needed:
        have = "and it has them" if tally.enough else f"and it has {counted}"
        said = f"To become {tally.alias} it needs {tally.needed} by others than its author, {have}."
    else:
        said = f"The project asks for none before a version becomes {tally.alias}."
    if not tally.found:
        return Section("Approvals", (Text(f"{said} Nobody has approved this version."),))
    states = {"lapsed": "lapsed: the evidence has changed since"}
    rows = tuple(
        (moment(each.at), str(each.who), each.note, states.get(each.state, each.state))
        for each in tally.found
    )
    return Section("Approvals", (Text(said), Table(("when", "who", "note", "state"), rows)))


def ledger(facts: CardFacts) -> Section:
    if not facts.ledger:
        return Section("Ledger", (Text("No alias was ever moved to this version."),))
    rows = tuple(
        (
            moment(entry.at),
            entry.alias,
            _named(entry.from_version),
            _named(entry.to_version),
            str(entry.who),
            entry.reason,
            Hash(entry.run_id) if entry.run_id else "",
        )
        for entry in facts.ledger
    )
    return Section("Ledger", (Table(("when", "alias", "from", "to", "who", "why", "run"), rows),))


def way_back(facts: CardFacts, place: Path) -> Section:
    """Each run that made the version, with what has become of what it stood on."""
    if not facts.way_back.runs:
        return Section("The way back", (Text("No run was recorded.", remark=True),))
    blocks: list[Block] = []
    for run in facts.way_back.runs:
        blocks += [Facts(_run(run, place)), _traced(run)]
    typed = "\n".join(f"workbench rerun {run.run_id[:8]}" for run in facts.way_back.runs)
    blocks += [Text("To repeat them from their record, and compare the results:"), Code(typed)]
    return Section("The way back", tuple(blocks))


def _run(run: TracedRun, place: Path) -> tuple[tuple[str, Cell], ...]:
    report: Cell = "gone"
    if run.html and Path(run.html).is_file():
        report = Link("open it", quote(os.path.relpath(run.html, place).replace(os.sep, "/")))
    pairs: list[tuple[str, Cell]] = [(f"{run.role} by run", Hash(run.run_id)), ("report", report)]
    if run.phase:
        pairs.append(("phase", run.phase))
    if run.pipeline_run_id and run.pipeline_run_id != run.run_id:
        pairs.append(("pipeline run", Hash(run.pipeline_run_id)))
    if run.started_at:
        pairs.append(("started", moment(run.started_at)))
    if run.parameters:
        pairs.append(("parameters", ", ".join(f"{name}={value}" for name, value in run.parameters.items())))
    return tuple(pairs)


def _traced(run: TracedRun) -> Table:
    shown: list[Traced] = [link for link in run.links if link.kind not in ("run", "report")]
    rows = tuple((link.kind, _name(link), Hash(link.identity), link.state) for link in shown)
    return Table(("what", "name", "identity", "now"), rows, folded=f"What it stood on ({len(rows)})")


def _name(link: Traced) -> Cell:
    return Hash(link.name) if link.kind == "code version" else link.name


def loading(facts: CardFacts) -> Section:
    """The workbench checks the files first; MLflow's own loader believes them."""
    version = facts.version
    ours = (
        "from workbench import registry\n"
        "from workbench.project import open_project\n\n"
        "project = open_project()\n"
        f"model = registry.load(registry.get_version(project, {version.version}), project)\n"
        "scores = registry.positive_scores(model, features)"
    )
    theirs = (
        "import mlflow\n\n"
        f'mlflow.set_tracking_uri("{_tracking(facts)}")\n'
        f'model = mlflow.pyfunc.load_model("{version.uri}")'
    )
    blocks: list[Block] = [
        Text("With the workbench, in the project's folder: its files are checked against their hash first."),
        Code(ours),
        Text("With MLflow, which takes the files' own word for what is safe in them:"),
        Code(theirs),
    ]
    if facts.requirements:
        blocks += [Text("What has to be installed:"), Code("\n".join(facts.requirements))]
    return Section("How to load it", tuple(blocks))


def _tracking(facts: CardFacts) -> str:
    """The tracking store's address without who may enter it, and without this machine's folders."""
    uri = facts.project.tracking_uri
    if uri == f"sqlite:///{facts.project.state / 'mlflow.db'}":
        return "sqlite:///.workbench/mlflow.db"
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return parts._replace(netloc=f"USER:PASSWORD@{parts.netloc.rpartition('@')[2]}").geturl()


def _named(version: int | None) -> str:
    return f"v{version}" if version else "–"
