"""Trainings of all worlds: what one world has prepared and trained, others take over.

A training is the policy's phases with some parameters. All of them but the last, which registers a version in
its own world's name, are run by the first world that asks. The others find its reports, have them as their
own, and by the ordinary rule the phases are up to date. So does a world that is made anew after a kill.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from workbench.execution import pipeline
from workbench.execution.progress import PipelineResult, Progress
from workbench.project import Project
from workbench.store.hashing import hash_value
from workbench.tracking import reports

__all__ = ["Trainings"]


@dataclass(eq=False)
class Trainings:
    """Runs a world's phases, as :func:`workbench.execution.pipeline.run` does.

    Attributes
    ----------
    shared : Project
        Whose reports are all worlds'.
    elapsed : float
        Seconds that all of it took here, waiting for others included.
    seconds : float
        What the phases took, wherever they ran.
    """

    shared: Project
    elapsed: float = field(default=0.0, init=False)
    seconds: float = field(default=0.0, init=False)

    def __call__(
        self,
        project: Project,
        phases: Sequence[str],
        parameters: Mapping[str, Any],
        progress: Progress | None = None,
    ) -> PipelineResult:
        begun = time.monotonic()
        try:
            done = self._run(project, phases, parameters, progress)
        finally:
            self.elapsed += time.monotonic() - begun
        manifests = (reports.read(Path(phase.report)) for phase in done.phases if phase.report)
        self.seconds += sum(manifest.seconds for manifest in manifests if manifest is not None)
        return done

    def _run(
        self,
        project: Project,
        phases: Sequence[str],
        parameters: Mapping[str, Any],
        progress: Progress | None,
    ) -> PipelineResult:
        *first, last = pipeline.order(project, phases)
        given = pipeline.share_out(project, [*first, last], parameters)
        if first:
            known = {name: value for phase in first for name, value in given[phase].items()}
            index = self._folder / f"{hash_value([first, known])[:16]}.json"
            with FileLock(index.with_suffix(".lock")):  # which whoever is killed lets go
                self._take_over(index, project)
                done = pipeline.run(project, first, known, progress)
                if done.status != "finished":
                    return done
                self._keep(index, done)
        return pipeline.run(project, phases, parameters, progress)

    @property
    def _folder(self) -> Path:
        folder = self.shared.root / "trainings"
        folder.mkdir(exist_ok=True)
        return folder

    def _take_over(self, index: Path, project: Project) -> None:
        """Have the reports of a training that another world has finished, as the newest."""
        if not index.exists():
            return
        for phase, run_id in json.loads(index.read_text(encoding="utf-8")):
            for name, origin in self._origins(phase, run_id):
                if reports.folder_of(project, name, origin) is None:
                    self._adopt(project, name, origin)
            newest = reports.latest(project, phase)
            if newest is None or newest.run_id != run_id:
                self._adopt(project, phase, run_id)

    def _adopt(self, project: Project, phase: str, run_id: str) -> None:
        if (report := reports.folder_of(self.shared, phase, run_id)) is not None:
            reports.adopt(project.reports, report)

    def _origins(self, phase: str, run_id: str) -> Iterator[tuple[str, str]]:
        """Who wrote what a run found written already: only with their reports others read it."""
        manifest = reports.find(self.shared, phase, run_id)
        for item in manifest.writes if manifest is not None else ():
            if item.origin.run_id != run_id:
                yield item.origin.phase, item.origin.run_id

    def _keep(self, index: Path, done: PipelineResult) -> None:
        for phase in done.phases:
            if reports.folder_of(self.shared, phase.phase, phase.run_id) is None:
                reports.adopt(self.shared.reports, Path(phase.report))
        draft = index.with_suffix(".new")
        draft.write_text(json.dumps([(phase.phase, phase.run_id) for phase in done.phases]), encoding="utf-8")
        os.replace(draft, index)
