"""What is watched: a log, and what is known of the versions that answer into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TypeVar

import numpy as np
import pyarrow as pa

from workbench import registry
from workbench.config import MonitoringConfig
from workbench.data.summary import Summary
from workbench.errors import WorkbenchError
from workbench.monitoring.findings.windows import Window, WindowSize, cut, holding
from workbench.monitoring.performance import Standard
from workbench.monitoring.skew import TrainingPath
from workbench.project import Project
from workbench.registry import Validation
from workbench.registry.aliases import CHAMPION
from workbench.registry.gates.validation import plain
from workbench.serving import PredictionLog
from workbench.serving.log.answerers import Answerer, Tally
from workbench.store.hashing import hash_value

__all__ = ["Served", "Subject"]

_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class Served:
    """A version as the monitor holds its answers against it.

    Attributes
    ----------
    reference : Summary
        Of the features and scores that it was registered with; without columns if there is none.
    standard : Standard
        What it reached when it was validated.
    notes : tuple of str
        What of these is not there, and why.
    """

    reference: Summary
    standard: Standard
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, project: Project, number: int) -> Served:
        """Look a version up; what cannot be had of it is a note, not an error."""
        notes: list[str] = []
        version = _tried(lambda: registry.get_version(project, number), notes)
        if version is None:
            return cls(Summary(0, {}), Standard.of(project), tuple(notes))
        reference = _tried(lambda: registry.reference(version, project), notes)
        if reference is None and not notes:
            notes.append(f"{version} was registered without a reference: its drift cannot be told")
        validation = _tried(lambda: Validation.from_dict(registry.evidence(version, project)), notes)
        return cls(reference or Summary(0, {}), Standard.of(project, validation), tuple(notes))


@dataclass(frozen=True, eq=False)
class Subject:
    """A log, as the monitor looks at it.

    Attributes
    ----------
    name : str
        Under which ground truth and feedback for the log are filed.
    version : int or None
        Only this version is looked at.
    """

    project: Project
    log: PredictionLog
    name: str
    config: MonitoringConfig
    version: int | None = None
    _served: dict[int, Served] = field(default_factory=dict, repr=False)
    _training: list[TrainingPath] = field(default_factory=list, repr=False)

    def served(self, version: int) -> Served:
        """What is known of a version; looked up once."""
        if version not in self._served:
            self._served[version] = Served.of(self.project, version)
        return self._served[version]

    def training(self) -> TrainingPath:
        """The training path with today's data; made once, since that reads the memory datasets."""
        if not self._training:
            self._training.append(TrainingPath(self.project))
        return self._training[0]

    @cached_property
    def trains(self) -> bool:
        """Whether the training path is there."""
        try:
            self.training()
        except WorkbenchError:
            return False
        return True

    def asked(self, since: datetime | None = None) -> tuple[list[Answerer], int]:
        """Who was ever asked from then on, and how many rows were asked before."""
        if since is None:
            return self._chosen(self.log.answerers()), 0
        found, before = self.log.tally(since)
        return self._chosen(found), before

    def answerers_in(self, windows: Sequence[Window], until: datetime) -> list[list[Answerer]]:
        """Who was asked in each of these windows, which come in time, before ``until``.

        Champions come first, of these the one that answered most. Of windows that follow each other, the log
        is gone through once.
        """
        runs: list[list[Window]] = []
        for window in windows:
            if runs and runs[-1][-1].end == window.start:
                runs[-1].append(window)
            else:
                runs.append([window])
        return [self._chosen(tally.answerers()) for run in runs for tally in self._tallies(run, until)]

    def _tallies(self, windows: Sequence[Window], until: datetime) -> list[Tally]:
        tallies = [Tally() for _ in windows]
        edges = np.array([window.start.replace(tzinfo=None) for window in windows], "datetime64[us]").astype(
            np.int64
        )
        start, end = windows[0].start, min(windows[-1].end, until)
        for table in self.log.batches(start, end, columns=Tally.COLUMNS, failed=None):
            within = np.searchsorted(edges, table["asked_at"].cast("int64").to_numpy(), side="right") - 1
            for number in np.unique(within).tolist():
                tallies[number].add(table.filter(pa.array(within == number)))
        return tallies

    def _chosen(self, found: Sequence[Answerer]) -> list[Answerer]:
        chosen = [one for one in found if self.version is None or one.version == self.version]
        return sorted(chosen, key=lambda one: (one.role != CHAMPION, one.role, -one.rows, one.version))

    def windows(self, first: datetime, last: datetime) -> tuple[Window, ...]:
        """The windows from the one that holds ``first`` to the one that holds ``last``."""
        return cut(first, last, self._size, self.config.timezone)

    def window(self, moment: datetime) -> Window:
        """The window that holds ``moment``."""
        return holding(moment, self._size, self.config.timezone)

    def after(self, moment: datetime) -> Window:
        """The window after the one that holds ``moment``."""
        return self.window(self.window(moment).end)

    def cuts(self, window: Window) -> bool:
        """Whether it is one of these, and not one of another length."""
        return self.window(window.start) == window

    @cached_property
    def _size(self) -> WindowSize:
        return self.config.length or self.config.window

    @cached_property
    def judged_by(self) -> str:
        """What findings are judged by, as a hash: when it is another one, they are judged again."""
        config, standard = self.config, asdict(Standard.of(self.project))
        utility = self.project.config.gates.utility
        standard["utility"] = utility.model_dump(mode="json") if utility is not None else None
        lines = (config.drift_share, config.performance_drop, config.minimum_labels)
        return hash_value([plain(standard), lines])


def _tried(look_up: Callable[[], _T], notes: list[str]) -> _T | None:
    try:
        return look_up()
    except WorkbenchError as error:
        notes.append(str(error))
        return None
