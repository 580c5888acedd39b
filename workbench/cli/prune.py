"""``workbench prune``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from workbench.project import CONFIG_NAME, Project, open_project

if TYPE_CHECKING:
    from workbench.execution.schedule.left_over import LeftOver
    from workbench.tracking.retention import Plan


@click.command(epilog="Examples:  workbench prune --dry-run    workbench prune    workbench prune --json")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="Print as one JSON object.")
def prune(dry_run: bool, as_json: bool) -> None:
    """Remove reports, runs and drafts that are older than [retention] in workbench.toml allows.

    What stays whatever its age: the newest reports of each phase, those that somebody signed off, what runs,
    and all that model versions, the ledger and the data in use lead back to. Old output of schedules goes,
    too, and checked-out commits to which none is pinned any more, and what the monitor once found of a window
    and has found anew since.
    Nothing is asked; look with --dry-run first.
    """
    project = open_project()

    from workbench.execution.schedule import left_over
    from workbench.monitoring.findings import pruning
    from workbench.store.clock import project_clock
    from workbench.tracking import retention

    chosen, scheduled = retention.plan(project), left_over.left_over(project)
    findings = pruning.prune(project, clock=project_clock(), dry_run=dry_run)
    if not dry_run:
        left_over.remove(project, scheduled)
        retention.apply(project, chosen)
        if chosen.reports:
            from workbench.site import index

            index.build_index(project)
    if as_json:
        from workbench.cli.output import print_json

        print_json({**_as_json(chosen, scheduled, dry_run), "findings": findings})
    else:
        _show(project, chosen, scheduled, findings, dry_run)


def _as_json(chosen: Plan, scheduled: LeftOver, dry_run: bool) -> dict[str, Any]:
    return {
        "removed": not dry_run,
        "days": chosen.days,
        "reports": [str(folder) for folder in chosen.reports],
        "runs": list(chosen.runs),
        "drafts": [str(folder) for folder in chosen.drafts],
        "scheduled": [str(path) for path in (*scheduled.files, *scheduled.trees)],
        "bytes": chosen.bytes + scheduled.bytes,
        "kept": chosen.kept,
    }


def _show(project: Project, chosen: Plan, scheduled: LeftOver, findings: int, dry_run: bool) -> None:
    phases = Counter(folder.parent.name for folder in chosen.reports)
    for phase, count in sorted(phases.items()):
        click.echo(f"  {phase:<12} {_count(count, 'report')}")
    if chosen.drafts:
        click.echo(f"  {'drafts':<12} {_count(len(chosen.drafts), 'folder')}")
    if chosen.runs:
        click.echo(f"  {'MLflow':<12} {_count(len(chosen.runs), 'run')}")
    if not scheduled.empty:
        counts = (_count(len(scheduled.files), "file"), _count(len(scheduled.trees), "checked-out commit"))
        click.echo(f"  {'schedules':<12} {' and '.join(each for each in counts if each[0] != '0')}")
    if findings:
        click.echo(f"  {'findings':<12} {_count(findings, 'older revision')}")
    for run_id, reason in chosen.kept.items():
        click.secho(f"  stays        {run_id[:8]}: {reason}", dim=True)
    verb = "would be removed" if dry_run else "removed"
    click.echo(
        f"{verb}: {(chosen.bytes + scheduled.bytes) / 1e6:,.1f} MB in files"
        if findings or not (chosen.empty and scheduled.empty)
        else "nothing to remove"
    )
    if chosen.days is None:
        click.echo(
            "only drafts are looked at: reports and runs stay until [retention] days "
            f"in {project.root / CONFIG_NAME} says for how long"
        )
    if chosen.runs and not dry_run:
        click.echo(
            "the runs are deleted in MLflow and can be restored there; "
            f"mlflow gc --backend-store-uri {_without_password(project.tracking_uri)} frees their artifacts"
        )


def _without_password(uri: str) -> str:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(uri).render_as_string(hide_password=True)
    except ArgumentError:
        return uri


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
