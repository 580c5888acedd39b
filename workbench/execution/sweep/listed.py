"""Trials that are known from the start, of which only those run that are missing.

A trial is not missing when one with the same parameters has finished, in this sweep or in an earlier one of
the same notebooks, and would come out the same now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.execution import plan
from workbench.execution.sweep import trials
from workbench.execution.sweep.loop import Next
from workbench.execution.sweep.target import Target
from workbench.execution.sweep.trials import Runs, Tried
from workbench.tracking.inputs import Now, unaccounted_in_words
from workbench.tracking.reports import Manifest

__all__ = ["Listed", "finished_before", "why_not"]


class Listed:
    """The source of a sweep: what is on the list, but for what is there already."""

    def __init__(self, points: Mapping[int, dict[str, Any]]) -> None:
        self._waiting = [Next(number, parameters) for number, parameters in points.items()]
        self._waiting.reverse()

    def next(self) -> Next | None:
        return self._waiting.pop() if self._waiting else None

    def ended(self, trial: Tried) -> Tried:
        return trial


def finished_before(
    target: Target,
    own: Sequence[str],
    fixed: Mapping[str, Any],
    points: Mapping[int, Mapping[str, Any]],
    now: Now,
) -> dict[int, Runs]:
    """Number to the runs of an earlier trial that stands for it: still up to date, phase by phase."""
    known = _known(target, own)
    found = {}
    for number, point in points.items():
        given = target.share_out(own, {**fixed, **point})
        for runs in known.get(_key(target, given), ()):
            if not why_not(target, own, given, runs, now):
                found[number] = runs
                break
    return found


def _known(target: Target, own: Sequence[str]) -> dict[str, list[Runs]]:
    """Trials of the same notebooks that finished, by their parameters, the newest sweep first."""
    found: dict[str, list[Runs]] = {}
    notebooks = {name: target.phases[name].notebook for name in own}
    for sweep, folder in trials.sweeps(target.project):
        if {name: sweep.phases.get(name) for name in sweep.own} != notebooks:
            continue
        for runs in trials.runs_of(folder).values():
            if [manifest.phase for manifest, _ in runs] == list(own) and _finished(runs):
                given = {manifest.phase: manifest.parameters for manifest, _ in runs}
                found.setdefault(_key(target, given), []).append(runs)
    return found


def _finished(runs: Runs) -> bool:
    return all(manifest.status == "finished" for manifest, _ in runs)


def _key(target: Target, given: Mapping[str, Mapping[str, Any]]) -> str:
    """Equal for the same values, whether they are given or are a notebook's defaults."""
    whole = {
        name: {other.name: other.default for other in target.declared[name].values()} | dict(values)
        for name, values in given.items()
    }
    return json.dumps(whole, sort_keys=True, default=str)


def why_not(
    target: Target, own: Sequence[str], given: Mapping[str, Mapping[str, Any]], runs: Runs, now: Now
) -> str:
    """In words, why a trial would not come out the same now; empty when nobody can tell of a reason."""
    present = Now(target.project, dict(now.datasets), dict(now.models), dict(now.facts))
    for name, (manifest, _) in zip(own, runs, strict=False):
        changed = plan.differences(
            target.project, manifest, target.phases[name].notebook, given[name], present
        )
        if (reason := next(iter(changed), "")) or (reason := _touched(target, manifest)):
            return reason
        present.hand_on(manifest)
    return ""


def _touched(target: Target, manifest: Manifest) -> str:
    """Whether a file that it read by itself was written to since, or its record cannot be relied on."""
    for item in manifest.unaccounted:
        kind, _, what = item.partition(":")
        if kind in ("torn", "moved"):
            return unaccounted_in_words(manifest.phase, item)
        path = target.project.root / what
        if kind == "file" and not (path.is_file() and path.stat().st_mtime < manifest.started_at.timestamp()):
            return f"file {what} was written to since"
    return ""
