"""What a version came from, as the ledger keeps it: hashes of its evidence, its data, and its two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select

from workbench.errors import PromotionRefused, RegistryError
from workbench.project import Project
from workbench.registry.versions import ModelVersion, get_version
from workbench.store import tables
from workbench.store.database import open_database
from workbench.store.hashing import hash_value
from workbench.tracking import context as contexts
from workbench.tracking import environment, reports, store

__all__ = ["RunFacts", "hashes", "of", "refuse_changed", "runs_of"]

#: A run in a ledger entry.
RunFacts = dict[str, Any]
_WORDS = {
    "sha256": "its files",
    "cases_sha256": "its recorded cases",
    "validation_sha256": "its validation",
}


def of(
    project: Project,
    version: int | ModelVersion,
    validation: dict[str, Any] | None = None,
    facts: dict[str, RunFacts] | None = None,
) -> dict[str, Any]:
    """What a ledger entry tells of a version; ``validation`` and ``facts`` if they were looked up already.

    Raises
    ------
    UnknownName
        There is no such version.
    """
    from workbench.registry.loading import evidence

    chosen = version if isinstance(version, ModelVersion) else get_version(project, version)
    if validation is None:
        try:
            validation = evidence(chosen, project)
        except RegistryError:
            validation = {}
    facts = runs_of(project, chosen) if facts is None else facts
    validated = chosen.tag("run_id")
    return {
        **hashes(chosen, validation),
        "datasets": chosen.datasets,
        "trained": facts.get(chosen.run_id, {}),
        "validated": facts.get(validated, {}),
        "trained_by": chosen.run_id,
        "validated_by": validated,
    }


def hashes(version: ModelVersion, validation: dict[str, Any]) -> dict[str, str]:
    """What the version was judged on: its files, its recorded cases, and what the gates said."""
    return {
        "sha256": version.sha256,
        "cases_sha256": version.tag("cases_sha256"),
        "validation_sha256": hash_value(validation) if validation else "",
    }


def refuse_changed(project: Project, version: ModelVersion, validation: dict[str, Any]) -> None:
    """Hold a version against what the ledger says it was registered with: tags and files can be changed.

    Raises
    ------
    PromotionRefused
        Something it was judged on is not what it was.
    """
    table = tables.ledger
    query = select(table.c.evidence).where(
        table.c.model == project.model.name, table.c.to_version == version.version
    )
    database = open_database(project)
    try:
        with database.read() as connection:
            first = connection.execute(query.order_by(table.c.id).limit(1)).scalar()
    finally:
        database.close()
    for name, now in hashes(version, validation).items():
        then = (first or {}).get(name)
        if then and then != now:
            raise PromotionRefused(
                f"{version}: {_WORDS[name]} changed since it was registered "
                f"(SHA-256 {now[:12]}…, in the ledger {then[:12]}…)"
            )


def runs_of(project: Project, version: ModelVersion) -> dict[str, RunFacts]:
    """The runs that trained and validated a version, by their ids; from the run index, or MLflow."""
    wanted = {run_id for run_id in (version.run_id, version.tag("run_id")) if run_id}
    table = tables.run_index
    database = open_database(project)
    try:
        with database.read() as connection:
            rows = connection.execute(select(table).where(table.c.run_id.in_(wanted))).all()
    finally:
        database.close()
    found = {
        row.run_id: {
            "run_id": row.run_id,
            "phase": row.phase,
            "code_version": row.code_version,
            "report": row.report,
            "who": row.who,
            "draft": row.draft,
            "status": row.status,
        }
        for row in rows
    }
    for run_id in wanted - found.keys():
        found[run_id] = _from_mlflow(project, run_id)
    return {run_id: facts | _notebook(project, facts) for run_id, facts in found.items()}


def _from_mlflow(project: Project, run_id: str) -> RunFacts:
    run = store.client(project).get_run(run_id)
    tags = run.data.tags
    return {
        "run_id": run_id,
        "phase": tags.get("workbench.phase", ""),
        "code_version": tags.get("workbench.code_version", ""),
        "report": tags.get("workbench.report", ""),
        "who": tags.get("mlflow.user", ""),
        "draft": tags.get("workbench.draft") == "true",
        "status": str(run.info.status).lower(),
    }


def _notebook(project: Project, facts: RunFacts) -> RunFacts:
    """The notebook and its hash: from the report, or from the file while the run is at work."""
    manifest = reports.read(Path(facts["report"])) if facts["report"] else None
    if manifest is not None and manifest.run_id == facts["run_id"]:
        return {"notebook": manifest.notebook, "notebook_hash": manifest.notebook_hash}
    phase = project.config.phases.get(facts["phase"])
    if phase is None:
        return {"notebook": "", "notebook_hash": ""}
    at_work = facts["status"] == "running"
    return {
        "notebook": phase.notebook,
        "notebook_hash": _hash(project.root / phase.notebook) if at_work else "",
    }


def _hash(path: Path) -> str:
    try:
        with contexts.accounted():  # a run's own notebook is compared by itself
            return environment.notebook_hash(path)
    except (OSError, ValueError):
        return ""
