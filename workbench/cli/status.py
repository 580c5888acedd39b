"""``workbench status`` and ``workbench runs``."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

import click

from workbench.project import open_project


@click.command(epilog="Examples:  workbench status    workbench status --json")
@click.option("--json", "as_json", is_flag=True, help="Print as one JSON object.")
def status(as_json: bool) -> None:
    """Show the newest report of each phase, and what the registry's aliases point to."""
    project = open_project()

    from workbench.cli.output import age, print_json, print_table
    from workbench.execution import pipeline
    from workbench.registry import aliases
    from workbench.tracking import reports

    newest: dict[str, tuple[str, reports.Manifest]] = {}
    for folder, manifest in reports.all_manifests(project):
        if manifest is not None and manifest.default and manifest.phase not in newest:
            newest[manifest.phase] = (str(folder), manifest)
    versions = {alias: aliases.current(project, alias) for alias in ("champion", "challenger")}
    if as_json:
        phases = []
        for name in pipeline.order(project):
            report, manifest = newest.get(name, ("", None))
            phases.append(
                {
                    "phase": name,
                    "status": manifest.status if manifest else "never_run",
                    "run_id": manifest.run_id if manifest else "",
                    "started_at": manifest.started_at if manifest else None,
                    "seconds": manifest.seconds if manifest else None,
                    "report": report,
                }
            )
        print_json({"project": project.name, "phases": phases, "model": project.model.name, **versions})
        return
    now = datetime.now(UTC)
    rows: list[tuple[object, ...]] = []
    for name in pipeline.order(project):
        if name not in newest:
            rows.append((name, "never run", "", "", ""))
            continue
        _, manifest = newest[name]
        rows.append(
            (
                name,
                manifest.status,
                age(manifest.started_at, now),
                f"{manifest.seconds:.1f} s",
                manifest.notes.get("summary"),
            )
        )
    print_table(("phase", "status", "started", "took", "summary"), rows)
    served = versions["champion"]
    click.echo(
        f"\nmodel {project.model.name}: champion {f'v{served}' if served else 'none yet'}, "
        f"challenger {'v' + str(versions['challenger']) if versions['challenger'] else 'none'}"
    )
    if not newest:
        click.echo("next: workbench run")


@click.command(
    epilog="Examples:  workbench runs    workbench runs --phase train --limit 5    workbench runs --json"
)
@click.option("--phase", default="", help="Only runs of this phase.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many at the most.")
@click.option("--drafts", is_flag=True, help="Show hand-runs, too.")
@click.option("--json", "as_json", is_flag=True, help="Print as a JSON array.")
def runs(phase: str, limit: int, drafts: bool, as_json: bool) -> None:
    """List runs, newest first: each execution of a notebook is one."""
    project = open_project()
    if phase:
        project.phase(phase)

    from workbench.cli.output import age, print_json, print_table
    from workbench.tracking import runs as tracking

    found = tracking.list_runs(project, drafts=drafts, phase=phase, limit=limit)
    if as_json:
        print_json([asdict(run) | {"seconds": run.seconds} for run in found])
        return
    now = datetime.now(UTC)
    metric = project.objective.primary_metric
    print_table(
        ("run", "phase", "status", "started", "took", metric, "parameters"),
        (
            (
                run.run_id[:8],
                run.phase + (" (draft)" if run.draft else ""),
                run.status,
                age(run.started_at, now),
                f"{run.seconds:.1f} s" if run.seconds is not None else "",
                f"{run.metrics[metric]:.4f}" if metric in run.metrics else "",
                ", ".join(f"{key}={value}" for key, value in sorted(run.params.items())),
            )
            for run in found
        ),
    )
    if not found:
        click.echo("no runs yet; next: workbench run")
