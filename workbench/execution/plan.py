"""Which phases have to run, and why: the graph of needs, and what is up to date.

A phase is up to date when its newest finished run would come out the same now: the same code cells,
project modules, parameters and environment, and every input that it recorded is what it was. What
nobody can tell counts as changed. Nested runs and drafts are never looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workbench.errors import NotebookError
from workbench.execution.notebook import parameters as declared_parameters
from workbench.project import Project
from workbench.store.hashing import hash_file
from workbench.tracking import environment, reports
from workbench.tracking.inputs import Now, unaccounted_in_words
from workbench.tracking.reports import Manifest

__all__ = ["Step", "after", "differences", "explain", "in_words", "judge", "missing_needs", "order"]

_MOST_REASONS = 5


@dataclass(frozen=True)
class Step:
    """What is to be done with one phase.

    Attributes
    ----------
    verdict : str
        ``up_to_date``; ``run``; or ``depends``: a phase that it needs runs first, then it is looked at.
    reasons : tuple of str
        Why it runs, in words; what it waits for when it depends.
    manifest : Manifest or None
        Of its newest finished run: what an up-to-date phase hands on.
    report : Path or None
        Where that run's report is.
    """

    phase: str
    verdict: Literal["up_to_date", "run", "depends"]
    reasons: tuple[str, ...] = ()
    manifest: Manifest | None = None
    report: Path | None = None


def order(project: Project, names: Iterable[str] = ()) -> list[str]:
    """The given phases (default: all) so that each comes after what it needs.

    Raises
    ------
    UnknownName
        For a phase that the project does not have.
    """
    return project.order(names)


def after(project: Project, name: str) -> list[str]:
    """A phase and all that need it, directly or not, in order."""
    project.phase(name)
    found = {name}
    for phase in order(project):
        if found.intersection(project.config.phases[phase].needs):
            found.add(phase)
    return order(project, found)


def missing_needs(project: Project, names: Sequence[str]) -> list[str]:
    """Phases that the given ones need, that are not among them and have never finished, in order."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        for need in project.phase(waiting.pop()).needs:
            if need not in found and need not in names and reports.latest(project, need) is None:
                found.add(need)
                waiting.append(need)
    return order(project, found) if found else []


def judge(project: Project, phase: str, parameters: Mapping[str, Any], now: Now, *, force: bool) -> Step:
    """Whether one phase has to run now."""
    newest = reports.latest_with_folder(project, phase)
    if newest is None:
        return Step(phase, "run", ("it has never finished",))
    manifest, report = newest
    if force:
        return Step(phase, "run", ("asked for",), manifest, report)
    found = differences(project, manifest, project.phase(phase).notebook, parameters, now)
    reasons = list(dict.fromkeys((*found, *_unaccounted(manifest))))
    if reasons:
        return Step(phase, "run", tuple(reasons), manifest, report)
    return Step(phase, "up_to_date", (), manifest, report)


def explain(
    project: Project,
    phases: Sequence[str],
    parameters: Mapping[str, Mapping[str, Any]],
    forced: Iterable[str] = (),
) -> list[Step]:
    """What a run of these phases would do, without doing it."""
    now, steps, moving = Now(project), [], set[str]()
    for phase in phases:
        step = judge(project, phase, parameters[phase], now, force=phase in set(forced))
        waits = [need for need in project.phase(phase).needs if need in moving]
        if step.verdict == "up_to_date" and waits:
            step = Step(phase, "depends", tuple(f"{need} runs first" for need in waits), step.manifest)
        if step.verdict != "up_to_date":
            moving.add(phase)
        steps.append(step)
    return steps


def _unaccounted(manifest: Manifest) -> Iterable[str]:
    """What nobody can tell counts as changed."""
    return (unaccounted_in_words(manifest.phase, item) for item in manifest.unaccounted)


def differences(
    project: Project, manifest: Manifest, notebook: str, parameters: Mapping[str, Any], now: Now
) -> Iterable[str]:
    """Why a run of ``notebook`` would not come out the same now, in words, the plainest reasons first.

    What the run read by itself is not looked at: ``manifest.unaccounted`` tells of that.
    """
    if not manifest.code_hash:
        yield "its last run recorded too little to tell"
        return
    path = project.root / notebook
    if manifest.notebook != notebook:
        yield f"its notebook was {manifest.notebook}"
    if environment.code_hash(path) != manifest.code_hash:
        yield "its notebook's code changed"
    yield from _parameters(path, manifest.parameters, parameters)
    for name, then in manifest.code.items():
        file = project.root / name
        now_hash = environment.code_hash(file) if name.endswith(".ipynb") else hash_file(file)
        if now_hash != then:
            yield f"helper {name} {'changed' if file.is_file() else 'is gone'}"
    if environment.environment_hash() != manifest.environment_hash:
        yield "the environment changed (installed packages, Python or the workbench)"
    yield from filter(None, (now.differs(item, manifest.reads) for item in manifest.inputs))
    for item in manifest.outputs:
        if reason := now.differs(item):
            yield f"its output: {reason}"
    for written in manifest.writes:
        if "://" not in written.uri and not Path(written.uri).is_dir():
            yield f"its dataset {written.name} is gone"


def _parameters(path: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[str]:
    """Parameters that differ; one that is given as its default is not given."""
    if dict(then) == dict(now):
        return
    try:
        declared = declared_parameters.read_parameters(path)
    except NotebookError:
        return
    defaults = {name: item.default for name, item in declared.items()}
    before, present = defaults | dict(then), defaults | dict(now)
    for name in sorted({*before, *present}):
        if before.get(name) != present.get(name):
            yield f"parameter {name} was {before.get(name)!r}, is {present.get(name)!r}"


def in_words(step: Step) -> str:
    """One line for a person."""
    if step.verdict == "up_to_date":
        return "up to date"
    shown = "; ".join(step.reasons[:_MOST_REASONS])
    more = len(step.reasons) - _MOST_REASONS
    return shown + (f"; and {more} more" if more > 0 else "")
