"""A version that did not pass its gates is something that somebody has to look at."""

from __future__ import annotations

from workbench.project import Project
from workbench.registry.gates.validation import Validation
from workbench.store import backlog
from workbench.store.clock import Clock, project_clock
from workbench.store.database import open_database
from workbench.tracking import environment

__all__ = ["put_on_backlog"]


def put_on_backlog(
    project: Project,
    version: int,
    validation: Validation,
    run_id: str,
    *,
    actor: str | None = None,
    clock: Clock | None = None,
) -> None:
    """Put a version whose gates failed, or could not tell, on the backlog: one item, however often."""
    if validation.verdict == "passed":
        return
    subject = f"{project.model.name} v{version}"
    gates = [gate for gate in validation.gates if gate.verdict == validation.verdict]
    told = "failed its gates" if validation.verdict == "failed" else "has gates that could not tell"
    database = open_database(project)
    try:
        with database.write() as connection:
            backlog.add(
                connection,
                project.name,
                f"{subject} {told}: {'; '.join(f'{gate.name} ({gate.why})' for gate in gates)}",
                by=actor or environment.who(),
                at=(clock or project_clock()).now(),
                kind="gate",
                subject=subject,
                links=(f"run {run_id}", f"workbench models show {version}"),
                priority="normal" if validation.verdict == "failed" else "low",
                once=("gate", project.model.name, version),
            )
    finally:
        database.close()
