"""``workbench status`` and ``workbench runs``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.errors import UnknownName
from workbench.project import Project, open_project

if TYPE_CHECKING:
    from workbench.tracking.reports import Manifest
    from workbench.tracking.rows import RunInfo

_PARAMETERS_SHOWN = 60  # characters; --json has them all
_STATUSES = ("finished", "failed", "killed", "running")


@dataclass(frozen=True)
class _Newest:
    """A phase as ``status`` shows it: its run that goes on at this moment, else its newest report."""

    phase: str
    report: Path | None
    manifest: Manifest | None
    running: RunInfo | None

    def facts(self) -> dict[str, Any]:
        if self.running is not None:
            return self._facts("running", self.running.run_id, self.running.started_at, None)
        if self.manifest is None:
            return self._facts("never_run", "", None, None)
        found = self.manifest
        return self._facts(found.status, found.run_id, found.started_at, found.seconds)

    def _facts(
        self, status: str, run_id: str, started_at: datetime | None, seconds: float | None
    ) -> dict[str, Any]:
        return {
            "phase": self.phase,
            "status": status,
            "run_id": run_id,
            "started_at": started_at,
            "seconds": seconds,
            "report": str(self.report) if self.report and not self.running else "",
        }

    def row(self, now: datetime) -> tuple[object, ...]:
        from workbench.cli.output import age

        summary = self.manifest.notes.get("summary") if self.manifest else ""
        if self.running is not None:
            return self.phase, "running", age(self.running.started_at, now), "", ""
        if self.manifest is None:
            return self.phase, "never run", "", "", ""
        found = self.manifest
        return self.phase, found.status, age(found.started_at, now), f"{found.seconds:.1f} s", summary


@click.command(epilog="Examples:  workbench status    workbench status --json")
@click.option("--json", "as_json", is_flag=True, help="Print as one JSON object.")
def status(as_json: bool) -> None:
    """Show the newest report of each phase, and how the served model stands: versions, alerts, backlog."""
    project = open_project()

    from workbench.cli.output import print_json, print_table, tell_tidied

    tell_tidied(project)
    model = project.config.model
    if model:
        from workbench.cli.repairs import tell_repairs

        tell_repairs(project)
    from workbench.registry import aliases
    from workbench.site.standing import standing
    from workbench.store.clock import project_clock

    running = _running(project)
    phases = [_newest(project, name, running.get(name)) for name in project.order()]
    held = aliases.held(project) if model else {}
    versions: dict[str, Any] = {}
    if model:
        versions = {alias: held.get(alias) for alias in (aliases.CHAMPION, aliases.CHALLENGER)}
        versions["shadows"] = {alias: number for alias, number in held.items() if aliases.is_shadow(alias)}
    now = datetime.now(UTC)
    stands = standing(project, project_clock().now()) if model else None
    if as_json:
        facts = [phase.facts() for phase in phases]
        named = {"project": project.name, "phases": facts, "model": model.name if model else None}
        print_json({**named, **versions, "standing": asdict(stands) if stands else None})
        return
    print_table(("phase", "status", "started", "took", "summary"), (phase.row(now) for phase in phases))
    if model:
        champion = f"v{held[aliases.CHAMPION]}" if aliases.CHAMPION in held else "none yet"
        others = "".join(f", {alias} v{number}" for alias, number in versions["shadows"].items())
        challenger = f"v{held[aliases.CHALLENGER]}" if aliases.CHALLENGER in held else "none"
        click.echo(f"\nmodel {model.name}: champion {champion}, challenger {challenger}{others}")
    for about, line in stands.lines() if stands else ():
        click.echo(f"{about + ':':<15} {line}")
    if not any(phase.manifest or phase.running for phase in phases):
        click.echo("next: workbench run")


def _running(project: Project) -> dict[str, RunInfo]:
    """The newest run of each phase that goes on; runs nested in a notebook's are left out.

    With a store of its own only this machine's processes can be at work, which their scratch folders
    tell: MLflow, whose import takes seconds, is asked only if there is something to ask.
    """
    from workbench.tracking import work

    alone = project.tracking_uri.startswith("sqlite")
    if alone and not (any(project.state.glob("work/*/")) and work.going_on(project)):
        return {}
    from workbench.tracking import runs

    found = runs.list_runs(project, status="running")
    nested = {run.run_id for run in found if run.phase == runs.PIPELINE and run.parent_run_id}
    return {run.phase: run for run in reversed(found) if run.parent_run_id not in nested}


def _newest(project: Project, phase: str, running: RunInfo | None) -> _Newest:
    """Reads no more manifests than it must: there may be thousands."""
    from workbench.tracking import reports

    folder = project.reports / phase
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    for name in sorted((name for name in names if not name.startswith(".")), reverse=True):
        manifest = reports.read(folder / name)
        if manifest is not None and manifest.default:
            return _Newest(phase, folder / name, manifest, running)
    return _Newest(phase, None, None, running)


@click.command(
    epilog="Examples:  workbench runs    workbench runs --phase train --limit 5    "
    "workbench runs --status failed --json"
)
@click.option("--phase", default="", help="Only runs of this phase.")
@click.option("--status", "only", default="", type=click.Choice(("", *_STATUSES)), help="Only such runs.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many at the most.")
@click.option("--drafts", is_flag=True, help="Show hand-runs, too.")
@click.option("--sweep", default="", metavar="RUN", help="The trials of a sweep, by its run's id.")
@click.option("--rebuild", is_flag=True, help="First make the index of runs anew out of MLflow.")
@click.option("--json", "as_json", is_flag=True, help="Print as a JSON array.")
def runs(phase: str, only: str, limit: int, drafts: bool, sweep: str, rebuild: bool, as_json: bool) -> None:
    """List runs, newest first: each execution of a notebook is one."""
    project = open_project()

    from workbench.cli.output import print_json, tell_tidied
    from workbench.tracking import index
    from workbench.tracking import runs as tracking

    tell_tidied(project)
    if phase and phase not in (tracking.PIPELINE, *project.config.phases):
        raise UnknownName("phase", phase, project.config.phases)
    if rebuild:
        click.echo(f"the index of runs was made anew: {index.rebuild(project):,} runs", err=True)
    parent = tracking.find(project, sweep).run_id if sweep else ""
    found = tracking.list_runs(project, drafts=drafts, phase=phase, status=only, sweep=parent, limit=limit)
    if as_json:
        print_json([asdict(run) | {"seconds": run.seconds} for run in found])
        return
    _print_runs(project, found)
    if not found:
        nothing = "no such runs" if phase or only or sweep else "no runs yet; next: workbench run"
        click.echo(nothing)


def _print_runs(project: Project, found: list[RunInfo]) -> None:
    from workbench.cli.output import age, print_table

    now = datetime.now(UTC)
    metric = project.config.objective.primary_metric if project.config.objective else ""
    columns: dict[str, list[str]] = {
        "run": [run.run_id[:8] for run in found],
        "phase": [_called(run) for run in found],
        "status": [run.status for run in found],
        "started": [age(run.started_at, now) for run in found],
        "took": [_seconds(run.seconds) for run in found],
        "cpu": [_seconds(run.cpu_seconds) for run in found],
        "memory": [_bytes(run.peak_memory_bytes) for run in found],
        metric: [f"{run.metrics[metric]:.4f}" if metric in run.metrics else "" for run in found],
        "parameters": [_joined(run.params) for run in found],
    }
    # What no run here recorded takes no room.
    if not metric:
        del columns[metric]
    for name in ("cpu", "memory"):
        if not any(columns[name]):
            del columns[name]
    print_table(list(columns), zip(*columns.values(), strict=True))


def _called(run: RunInfo) -> str:
    trial = f" #{run.trial}" if run.trial is not None else ""
    return run.phase + trial + (" (draft)" if run.draft else "")


def _joined(params: dict[str, str]) -> str:
    text = ", ".join(f"{name}={value}" for name, value in sorted(params.items()))
    return text if len(text) <= _PARAMETERS_SHOWN else text[: _PARAMETERS_SHOWN - 1] + "…"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def _bytes(value: int | None) -> str:
    if value is None:
        return ""
    return f"{value / 1e9:.1f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"
