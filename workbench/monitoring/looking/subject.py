"""What is watched: a log, and what is known of the versions that answer into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy import func, select

from workbench import registry
from workbench.config import MonitoringConfig
from workbench.data.summary import Summary
from workbench.errors import WorkbenchError
from workbench.monitoring.findings.windows import Window, cut
from workbench.monitoring.performance import Standard
from workbench.monitoring.skew import TrainingPath
from workbench.project import Project
from workbench.registry import Validation
from workbench.registry.aliases import CHAMPION
from workbench.serving import PredictionLog
from workbench.serving.log.answerers import Answerer
from workbench.store.database import open_database
from workbench.store.tables import feedback, ground_truth

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

    def answerers(self, start: datetime | None = None, end: datetime | None = None) -> list[Answerer]:
        """Who was asked in ``[start, end)``; champions first, of these the one that answered most."""
        found = self.log.answerers(start, end)
        chosen = [one for one in found if self.version is None or one.version == self.version]
        return sorted(chosen, key=lambda one: (one.role != CHAMPION, one.role, -one.rows, one.version))

    def windows(self, first: datetime, last: datetime) -> tuple[Window, ...]:
        """The windows from the one that holds ``first`` to the one that holds ``last``."""
        return cut(first, last, self.config.length or self.config.window, self.config.timezone)

    def after(self, moment: datetime) -> Window:
        """The window after the one that holds ``moment``."""
        end = self.windows(moment, moment)[-1].end
        return self.windows(end, end)[-1]

    def cuts(self, window: Window) -> bool:
        """Whether it is one of these, and not one of another length."""
        return self.windows(window.start, window.start) == (window,)

    def told(self, now: datetime) -> int:
        """How often, by now, anybody said what is true of an answer, or what they think of it."""
        truth, opinions = ground_truth.c, feedback.c
        queries = (
            select(func.count()).where(truth.log == self.name, truth.known_at <= now),
            select(func.count()).where(opinions.log == self.name, opinions.given_at < now),
        )
        database = open_database(self.project)
        try:
            with database.read() as connection:
                return sum(connection.scalar(query) or 0 for query in queries)
        finally:
            database.close()


def _tried(look_up: Callable[[], _T], notes: list[str]) -> _T | None:
    try:
        return look_up()
    except WorkbenchError as error:
        notes.append(str(error))
        return None
