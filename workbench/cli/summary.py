"""What a person reads when a run has ended."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from workbench.execution.progress import PipelineResult
from workbench.project import Project

__all__ = ["show"]


def show(project: Project, result: PipelineResult, page: Path) -> None:
    """Print one line per phase that noted a summary, where the reports are, and what to try next."""
    console = Console(highlight=False, soft_wrap=True)
    console.print()
    for phase in result.phases:
        told = result.facts.get(phase.phase, {}).get("summary")
        if told:
            console.print(f"[bold]{phase.phase:<10}[/] {escape(str(told))}")
    fresh = sum(phase.status == "up_to_date" for phase in result.phases)
    if fresh == len(result.phases):
        console.print(f"\nall {fresh} phases are up to date: nothing to do")
        console.print("[bold]next[/]       workbench run --explain               how that was decided")
        console.print("           workbench run --force                 run them all the same")
        return
    kept = f" ({fresh} up to date)" if fresh else ""
    count = "1 notebook" if len(result.phases) == 1 else f"{len(result.phases)} phases{kept}"
    console.print(f"\n{count} in {result.seconds:.0f} s: {result.status}")
    console.print(f"[bold]reports[/]    {page}")
    if result.status == "finished":
        console.print("[bold]next[/]       " + "\n           ".join(_next(project)))


def _next(project: Project) -> list[str]:
    if not project.config.phases:
        return ["workbench adopt                       propose a project for the notebooks here"]
    steps = ["workbench status                        which version is served, and why"]
    if "train" in project.config.phases:
        steps.append(
            "workbench run train validate -p learning_rate=0.05    another candidate, through the gates"
        )
    steps.append("make lab                                open the same notebooks in JupyterLab")
    if not (project.root / "Makefile").is_file():
        steps[-1] = "jupyter lab notebooks                   open the same notebooks and run them by hand"
    return steps
