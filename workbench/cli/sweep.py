"""``workbench sweep`` and ``workbench tune``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from workbench.errors import UsageError
from workbench.project import open_project

if TYPE_CHECKING:
    from workbench.config import TuneConfig
    from workbench.execution.sweep.running import Bounds, SweepResult
    from workbench.execution.sweep.search import Search
    from workbench.execution.sweep.target import Target
    from workbench.execution.sweep.trials import Objective, Tried

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _shared_options(command: _Command) -> _Command:
    """What both take: how much runs at once, and how far one trial may go."""
    for option in reversed(
        [
            click.argument("what", nargs=-1, required=True, metavar="PHASE…|NOTEBOOK"),
            click.option("--cores", type=click.IntRange(1), help="Of the machine, for all trials at once."),
            click.option("--memory", default="", help="Likewise: '8 GB', for phases that declare theirs."),
            click.option("--trial-timeout", default="", help="What one notebook may take: '10 min'."),
            click.option("--trial-memory", default="", help="Likewise: '2 GB'."),
            click.option("--max-failures", type=click.IntRange(1), help="Stop once as many have failed."),
            click.option("--follow", is_flag=True, help="Show what the notebooks print, as it comes."),
            click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object."),
        ]
    ):
        command = option(command)
    return command


@click.command(
    epilog="Examples:  workbench sweep train -p learning_rate=0.05,0.1,0.2 -p max_iter=100,200    "
    "workbench sweep train --random 50 -p 'learning_rate=log(0.01..0.3)'    "
    "workbench sweep explore.ipynb --from-file trials.csv"
)
@_shared_options
@click.option(
    "-p",
    "--parameter",
    "given",
    multiple=True,
    metavar="NAME=VALUE,VALUE…",
    help="Values to go through; one alone is the same for all trials. Repeatable.",
)
@click.option("--zip", "paired", is_flag=True, help="Pair values up instead of each with each.")
@click.option("--from-file", "file", type=click.Path(path_type=Path), help="A CSV file: a trial a row.")
@click.option("--random", "count", type=click.IntRange(1), help="As many, drawn from values or ranges.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of --random.")
@click.option("--maximize", default="", metavar="METRIC", help="Rank by it; else by the project's objective.")
@click.option("--minimize", default="", metavar="METRIC", help="Rank by it, less is better.")
@click.option("--force", is_flag=True, help="Run also trials that are there and up to date.")
def sweep(
    what: tuple[str, ...],
    given: tuple[str, ...],
    paired: bool,
    file: Path | None,
    count: int | None,
    seed: int,
    maximize: str,
    minimize: str,
    force: bool,
    follow: bool,
    as_json: bool,
    **bounds: Any,
) -> None:
    """Run PHASEs or a NOTEBOOK once for each of many values of their parameters, side by side.

    Phases that do not depend on what varies run once. Each trial is a run with a report; trials that fail
    do not stop the others, and the same command again runs only what is missing.
    """
    target, limits = _target(what, bounds)

    from workbench.execution.sweep import points as sweep_points
    from workbench.execution.sweep import sweeping

    points, fixed = sweep_points.points(target, given, paired=paired, file=file, count=count, seed=seed)
    objective = _objective(target, maximize, minimize)
    bar = _bar(target, len(points), [objective] if objective else [], follow)
    try:
        result = sweeping.sweep(target, points, fixed, bar, objective=objective, bounds=limits, force=force)
    finally:
        bar.close()
    _finish(result, as_json)


@click.command(
    epilog="Examples:  workbench tune train --trials 40    "
    "workbench tune train --maximize roc_auc -p 'learning_rate=log(0.01..0.3)' -p 'max_iter=int(50..400)'    "
    "workbench tune train --maximize roc_auc --minimize brier --constraint 'calibration_error<=0.05'"
)
@_shared_options
@click.option(
    "-p",
    "--parameter",
    "given",
    multiple=True,
    metavar="NAME=DOMAIN",
    help="log(0.01..0.3), int(50..400), 0.1..0.9 or a|b; one value is the same for all trials. Repeatable.",
)
@click.option("--during", multiple=True, metavar="NAME=VALUE", help="For the trials only: not taken on.")
@click.option("--trials", type=click.IntRange(1), help="How many the study is to have in all.  [default: 50]")
@click.option("--maximize", multiple=True, metavar="METRIC", help="More is better. Repeatable.")
@click.option("--minimize", multiple=True, metavar="METRIC", help="Less is better. Repeatable.")
@click.option("--constraint", "constraints", multiple=True, metavar="METRIC<=NUMBER", help="Has to hold.")
@click.option(
    "--pruner",
    type=click.Choice(("median", "halving", "hyperband", "none")),
    help="Ends trials that fall behind.",
)
@click.option("--timeout", default="", help="Start no more trials after as long: '1 h'.")
@click.option("--seed", type=click.IntRange(0), help="Of the search.  [default: 0]")
@click.option("--study", default="", help="Its name; else made of the search.")
def tune(
    what: tuple[str, ...],
    given: tuple[str, ...],
    follow: bool,
    as_json: bool,
    timeout: str,
    trial_timeout: str,
    **options: Any,
) -> None:
    """Search for the best parameters of PHASEs or a NOTEBOOK, side by side, with Optuna.

    What is not given is taken from [tune.PHASE] in workbench.toml. A notebook that reports on its way
    (phase.report) has trials ended early that are not worth going on with. The same command again goes on;
    several processes may work on one study.
    """
    target, _ = _target(what, {})
    declared = target.project.config.tune.get(target.name)
    bounds = {name: options.pop(name) for name in ("cores", "memory", "trial_memory", "max_failures")}
    bounds["trial_timeout"] = trial_timeout or (declared.trial_timeout if declared else None)
    bounds["timeout"] = timeout or (declared.timeout if declared else None)
    target, limits = _target(what, bounds)

    from workbench.execution.sweep import sweeping

    search = _search(target, given, declared, **options)
    bar = _bar(target, search.trials, search.objectives, follow)
    try:
        result = sweeping.tune(target, search, bar, bounds=limits)
    finally:
        bar.close()
    _finish(result, as_json)


def _target(what: tuple[str, ...], bounds: dict[str, Any]) -> tuple[Target, Bounds]:
    """What is run, each notebook held to its limits, and what all may take together."""
    from workbench.config import duration, size
    from workbench.execution.sweep import target as targets
    from workbench.execution.sweep.running import Bounds

    if any(name.endswith(".ipynb") for name in what):
        if len(what) > 1:
            raise UsageError("a notebook is swept by itself; for a chain, name phases of workbench.toml")
        found = targets.of_notebook(Path(what[0]))
    else:
        found = targets.of_phases(open_project(), what)
    found = found.bounded(
        timeout=duration("--trial-timeout", bounds.get("trial_timeout")),
        memory=size("--trial-memory", bounds.get("trial_memory")),
    )
    seconds = duration("--timeout", bounds.get("timeout"))
    return found, Bounds(
        cores=bounds.get("cores"),
        memory=size("--memory", bounds.get("memory")),
        seconds=seconds.total_seconds() if seconds else None,
        max_failures=bounds.get("max_failures"),
    )


def _objective(target: Target, maximize: str, minimize: str) -> Objective | None:
    from workbench.execution.sweep.trials import Objective

    if maximize and minimize:
        raise UsageError("a sweep is ranked by one metric: give --maximize or --minimize")
    if maximize or minimize:
        return Objective(metric=maximize or minimize, maximize=bool(maximize))
    return target.objective


def _search(
    target: Target,
    given: tuple[str, ...],
    declared: TuneConfig | None,
    *,
    during: tuple[str, ...],
    trials: int | None,
    maximize: tuple[str, ...],
    minimize: tuple[str, ...],
    constraints: tuple[str, ...],
    pruner: str | None,
    seed: int | None,
    study: str,
) -> Search:
    """What the command line says, else what ``workbench.toml`` declares."""
    from workbench.config import TuneConfig
    from workbench.execution.sweep import points as sweep_points
    from workbench.execution.sweep.search import Constraint, Search
    from workbench.execution.sweep.trials import Objective

    declared = declared or TuneConfig()
    if not maximize and not minimize:
        maximize, minimize = declared.maximize, declared.minimize
    objectives = [Objective(metric=name, maximize=True) for name in maximize]
    objectives += [Objective(metric=name, maximize=False) for name in minimize]
    if not objectives and target.objective is not None:
        objectives = [target.objective]
    domains, fixed = sweep_points.domains(target, given, declared.space)
    cheaper = sweep_points.during(target, during, declared.during, {*domains, *fixed})
    pruning = pruner or declared.pruner
    if len(objectives) > 1 and pruner not in (None, "none"):
        raise UsageError("--pruner ends trials early for one objective only: leave it out")
    return Search(
        objectives=tuple(objectives),
        domains=domains,
        fixed=fixed | cheaper,
        during=tuple(cheaper),
        constraints=tuple(map(Constraint.parse, constraints or declared.constraints)),
        trials=trials or declared.trials,
        pruner="" if pruning == "none" or len(objectives) > 1 else pruning,
        seed=declared.seed if seed is None else seed,
        study=study,
    )


def _bar(target: Target, total: int, objectives: Any, follow: bool) -> Any:
    from workbench.cli.output import tell_tidied
    from workbench.cli.trials_bar import TrialsBar

    tell_tidied(target.project)
    return TrialsBar(total, objectives, follow=follow)


def _finish(result: SweepResult, as_json: bool) -> None:
    from workbench.cli.output import print_json
    from workbench.site import index

    found = result.results
    if not result.nothing_to_do:
        index.build_index(found.project)
    if as_json:
        print_json(
            {
                "run_id": result.run_id,
                "status": result.status,
                "why": result.why,
                "study": found.sweep.study,
                "reused": result.reused,
                "best": [trial.number for trial in found.best],
                "trials": [_plain(trial) for trial in found.tried],
                "report": str(result.report or ""),
            }
        )
    else:
        _show(result)
    if result.status != "finished":
        click.secho(f"workbench: {result.why}", fg="red", err=True)
        raise click.exceptions.Exit(1)


def _plain(trial: Tried) -> dict[str, Any]:
    from workbench.execution.notebook.parameters import as_json

    told = asdict(trial) | {"judged": [rows.model_dump() for rows in trial.judged]}
    return {name: as_json(value) for name, value in told.items()}


def _show(result: SweepResult) -> None:
    from rich.console import Console
    from rich.markup import escape

    from workbench.tracking.reports import HTML

    console = Console(highlight=False, soft_wrap=True)
    console.print(f"\n{escape(result.results.summary())}")
    if result.nothing_to_do:
        console.print("all trials are there and up to date: nothing to do")
    else:
        reused = f", {result.reused} of them there already" if result.reused else ""
        console.print(f"{result.results.count} in {result.seconds:.0f} s{reused}: {result.status}")
    if result.report is not None:
        console.print(f"[bold]report[/]     {result.report / HTML}")
    if result.results.next:
        lines = result.results.next.splitlines()
        console.print("[bold]next[/]       " + "\n           ".join(map(escape, lines)))
