"""``workbench check``: the project's rules, or the practices that its tests show."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from workbench.project import open_project

if TYPE_CHECKING:
    from workbench.check.findings import CheckResult
    from workbench.check.practices import PracticeStatus

_MARKS = {"passed": "✓", "shown": "✓", "failed": "✗", "skipped": "·", "missing": "·"}
_COLORS = {"✓": "green", "✗": "red", "·": "yellow"}


@click.command(epilog="Examples:  workbench check    workbench check --practices --json")
@click.option("--practices", is_flag=True, help="List the practices and what shows each.")
@click.option("--run", "run_first", is_flag=True, help="With --practices: run their tests first.")
@click.option("--shared", is_flag=True, help="Also that others see what a run here leaves: for a runner.")
@click.option("--json", "as_json", is_flag=True, help="Print as one JSON object.")
def check(practices: bool, run_first: bool, shared: bool, as_json: bool) -> None:
    """Check configuration, sources, notebooks and code; exit 1 with the findings."""
    if run_first and not practices:
        raise click.UsageError("--run goes with --practices")
    if shared and practices:
        raise click.UsageError("--shared is about the project; it does not go with --practices")
    failed = _practices(run_first, as_json) if practices else _project(shared, as_json)
    if failed:
        raise click.exceptions.Exit(1)


def _project(shared: bool, as_json: bool) -> bool:
    from workbench.check.project import check_project

    results = check_project(seen=shared)
    failed = any(item.status == "failed" for item in results)
    if as_json:
        from workbench.cli.output import print_json

        checks = [asdict(item) for item in results]
        print_json({"status": "failed" if failed else "passed", "checks": checks})
    else:
        print_results(results)
    return failed


def print_results(results: list[CheckResult]) -> None:
    """A line for each check, and one below it for each finding."""
    for item in results:
        note = f" ({item.note})" if item.note else ""
        _print_line(item.status, f"{item.check:<21} {item.about}{note}")
        for finding in item.findings:
            click.echo(f"    {finding.where}: {finding.message}")
    count = sum(len(item.findings) for item in results)
    click.echo(f"\n{len(results)} checks, {count} finding{'' if count == 1 else 's'}")


def _practices(run_first: bool, as_json: bool) -> bool:
    from workbench.check import practices

    root = open_project().root
    practices.read_table(root)
    if run_first or not practices.recorded(root):
        reason = "" if run_first else "nothing is recorded yet: "
        click.echo(f"{reason}running the tests that name a practice (pytest -m practice)", err=True)
        practices.run_tests(root)
    found = practices.statuses(root)
    if as_json:
        from workbench.cli.output import print_json

        print_json({"practices": [_row(item) for item in found]})
    else:
        _print_practices(found)
    return any(item.status == "failed" for item in found)


def _row(item: PracticeStatus) -> dict[str, object]:
    evidence = [asdict(seen) for seen in item.evidence]
    return {
        "id": item.practice.id,
        "practice": item.practice.name,
        "status": item.status,
        "evidence": evidence,
    }


def _print_practices(found: list[PracticeStatus]) -> None:
    for item in found:
        _print_line(item.status, f"{item.practice.id:<4} {item.status:<8} {item.practice.name}")
        for seen in item.evidence:
            dirty = " with uncommitted changes" if seen.dirty else ""
            changed = "; code has changed since" if seen.code_changed else ""
            when = f"{seen.at:%Y-%m-%d %H:%M} UTC"
            at = f" at {seen.commit[:8]}{dirty}" if seen.commit else ""
            click.echo(f"       {seen.outcome}: {seen.test} ({when}{at}{changed})")
    counts = Counter(item.status for item in found)
    total = ", ".join(f"{counts[status]} {status}" for status in ("shown", "missing", "failed"))
    click.echo(f"\n{len(found)} practices: {total}")


def _print_line(status: str, text: str) -> None:
    mark = _MARKS[status]
    click.echo(f"{click.style(mark, fg=_COLORS[mark])} {text}")
