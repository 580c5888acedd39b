"""A report that is looked at: remarks and sign-offs; no widget is in here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from workbench.panels.choosing import run_label
from workbench.panels.telling import in_words
from workbench.project import Project
from workbench.registry import reviews
from workbench.registry.reviews import ReportReview
from workbench.tracking import runs

__all__ = ["Reports"]

_NEWEST = 50


class Reports:
    """The newest reports, and one of them with what is said of it.

    Attributes
    ----------
    options : list of (str, str)
        What the reports are called, and their folders.
    seen : ReportReview or None
        The one that is looked at, as it was then: what is signed off is what was looked at.
    problem : str
        One line on why the last thing could not be done; empty if it could.
    """

    def __init__(self, project: Project, *, actor: str | None = None) -> None:
        self.project, self._actor = project, actor
        self.options: list[tuple[str, str]] = []
        self.seen: ReportReview | None = None
        self.problem = ""

    def load(self) -> bool:
        """List the newest reports, and read the chosen one anew; whether that could be done."""
        try:
            found = runs.list_runs(self.project, limit=_NEWEST)
        except Exception as error:
            return self._failed("the reports cannot be listed", error, "try again with Refresh")
        self.options = [
            (run_label(run), run.report) for run in found if run.report and Path(run.report).is_dir()
        ]
        self.problem = (
            "" if self.options or self.seen else "there are no reports yet: workbench run makes some"
        )
        if self.seen is None:
            return True
        return self.choose(self.named)

    @property
    def named(self) -> str:
        """What the report that is looked at is chosen by; empty when none is."""
        if self.seen is None:
            return ""
        return str(self.seen.folder) if self.seen.kept else self.seen.run_id

    def choose(self, named: str) -> bool:
        """Look at a report: of a run, the beginning of its id, a phase, or a folder."""
        try:
            self.seen = reviews.look(self.project, named)
        except Exception as error:
            return self._failed("the report cannot be looked at", error, "try again with Refresh")
        self.problem = ""
        return True

    def remark(self, text: str, *, cell: int | None = None, asks: bool = False) -> bool:
        """Say something of it; whether that was kept."""
        return self._act(
            "your remark was not kept",
            lambda seen: reviews.remark(self.project, seen, text, cell=cell, asks=asks, actor=self._actor),
        )

    def sign_off(self) -> bool:
        """Sign it off as it was looked at; whether that was kept."""
        return self._act(
            "it was not signed off", lambda seen: reviews.sign_off(self.project, seen, actor=self._actor)
        )

    def withdraw(self) -> bool:
        """Take my sign-off back; whether that was kept."""
        return self._act(
            "nothing was withdrawn",
            lambda seen: reviews.sign_off(self.project, seen, withdraw=True, actor=self._actor),
        )

    def _act(self, failed: str, do: Callable[[ReportReview], ReportReview]) -> bool:
        if self.seen is None:
            self.problem = "choose a report first"
            return False
        try:
            self.seen = do(self.seen)
        except Exception as error:
            return self._failed(failed, error, "")
        self.problem = ""
        return True

    def _failed(self, what: str, error: Exception, then: str) -> bool:
        self.problem = "; ".join(filter(None, (f"{what}: {in_words(error, self.project)}", then)))
        return False
