"""What the review panel holds: three parts, each of which says for itself what could not be done.

Live in JupyterLab. Where no kernel is, as in a report, it is shown what people judged, what was said of the
report that was looked at, and what waits on the backlog.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from workbench.errors import UsageError
from workbench.monitoring.judged import Draw
from workbench.panels.review import judged, said
from workbench.panels.review.items import Items
from workbench.panels.review.predictions import Predictions
from workbench.panels.review.reports import Reports
from workbench.project import Project, open_project

if TYPE_CHECKING:
    from ipywidgets import VBox

__all__ = ["ReviewPanel", "review"]


def review(
    sample: str = "random",
    *,
    slice: str = "",
    rows: int = 20,
    seed: int = 0,
    since: str = "",
    until: str = "",
    log: str = "",
    run: str = "",
    of: Project | None = None,
) -> ReviewPanel:
    """A panel to judge live predictions, to remark on reports and sign them off, and to tidy the backlog.

    Parameters
    ----------
    sample : str
        ``random``; ``slice``, at random among the rows of one; or ``uncertain``, those nearest to being
        decided otherwise. Only of what is random can shares be told of all.
    slice : str
        ``column=value``, such as ``origin=JFK``.
    rows, seed : int
        How many are drawn; other seeds draw other ones.
    since, until : str
        Only what was asked in ``[since, until)``: ISO times, in UTC unless they say otherwise.
    log : str
        Another log than the live one, such as ``predictions/june``.
    run : str
        The report to look at: a run's id or its beginning, a phase, or a report's folder.
    of : Project, optional
        By default the one around the working directory.

    Raises
    ------
    UsageError
        The sample cannot be drawn like that, or a time is none.
    UnknownName
        There is no such log.
    """
    project = of or open_project()
    span = {"since": _time("since", since), "until": _time("until", until)}
    how = Draw(cast("Any", "slice" if slice else sample), slice, rows, seed, **span)
    panel = ReviewPanel(project, how, log=log)
    panel.refresh()
    if run:
        panel.reports.choose(run)
    return panel


class ReviewPanel:
    """What is looked at, and the widgets to act on it.

    Attributes
    ----------
    predictions : Predictions
        The sample that is judged.
    reports : Reports
        The report that is looked at.
    items : Items
        The backlog.
    """

    def __init__(
        self, project: Project, how: Draw | None = None, *, log: str = "", actor: str | None = None
    ) -> None:
        self.project = project
        self.predictions = Predictions(project, how or Draw(), log=log, actor=actor)
        self.reports = Reports(project, actor=actor)
        self.items = Items(project, actor=actor)

    def refresh(self) -> None:
        """Read predictions and the backlog anew; reports are read when somebody opens them."""
        self.predictions.load()
        self.items.load()

    @cached_property
    def widget(self) -> VBox:
        """The live panel."""
        from workbench.panels.review.widget import build

        return build(self)

    def _repr_html_(self) -> str:
        about = said.report(self.reports) if self.reports.seen else ""
        return f"<div>{judged.judged(self.predictions)}{about}{said.backlog(self.items)}</div>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        live: dict[str, Any] = self.widget._repr_mimebundle_() or {}
        return {**live, "text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        count = f"{len(self.predictions.mine)} of {len(self.predictions.answers)} judged"
        open_ones = sum(item.status == "open" for item in self.items.found)
        return f"ReviewPanel({count}; {open_ones} open on the backlog)"


def _time(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{name} is {text!r}; a time such as 2013-12-01 or 2013-12-01T05:00 is meant"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
