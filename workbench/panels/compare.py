"""The compare panel: find runs among thousands, see how they differ, act on what was found.

Live in JupyterLab. Where no kernel is, as in a report, what was looked at is shown as it was: the page of
the table, and the part that was open.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import UnknownName, UsageError
from workbench.panels import markup, parts
from workbench.panels.comparison import Comparison, compare_runs
from workbench.panels.filtering import parse
from workbench.panels.telling import in_words
from workbench.panels.view import Shown, View, look
from workbench.project import Project, open_project
from workbench.tracking import index
from workbench.tracking.asking import StoreAway
from workbench.tracking.run_table import Column, RunTable
from workbench.tracking.runs import RunInfo

if TYPE_CHECKING:
    from ipywidgets import VBox

    from workbench.registry.versions import ModelVersion
    from workbench.tracking.diff import RunDiff

__all__ = ["ComparePanel", "compare"]


def compare(
    of: Project | str | None = None,
    left: str = "",
    right: str = "",
    *,
    where: str = "",
    sort: str = "",
    group: str = "",
    metric: str = "",
    part: str = parts.TWO_RUNS,
    drafts: bool = False,
) -> ComparePanel:
    """A panel over all runs of a project, with two of them side by side.

    Parameters
    ----------
    of : Project or str, optional
        The project, or the phase of the current project whose runs are looked at (default: all).
    left, right : str
        Ids of the two runs, or the beginnings of them. By default the newest run that measured something,
        and the one before it of the same phase.
    where : str
        Conditions, such as ``learning_rate > 0.05 and roc_auc >= 0.7 and who ~ maria``.
    sort, group : str
        The column to sort by (``-name``: descending), and the one whose values make groups.
    metric : str
        The metric that charts show over the parameters; by default the project's primary one.
    part : str
        What is open below the table: see :data:`~workbench.panels.parts.PARTS`.
    drafts : bool
        Whether hand-runs are among them, too.

    Raises
    ------
    UnknownName
        There is no such phase, column or part, or no such run, or several.
    UsageError
        The conditions cannot be read.
    """
    project = of if isinstance(of, Project) else open_project()
    if isinstance(of, str) and of:
        project.phase(of)
        where = " and ".join(filter(None, (f'phase = "{of}"', where)))
    if part not in parts.PARTS:
        raise UnknownName("part", part, parts.PARTS)
    panel = ComparePanel(project, drafts=drafts, part=part)
    panel.begin(where=where, sort=sort, group=group, metric=metric, left=left, right=right)
    return panel


class ComparePanel:
    """What is looked at, and the widgets to look at something else.

    Attributes
    ----------
    table : RunTable
        All runs, as they were when they were last read.
    shown : Shown
        What the view comes to; :attr:`Shown.view` is the view.
    part : str
        What is open below the table.
    refused : str
        Why the last look was none, such as a filter that cannot be read; empty if it was one.
    """

    def __init__(self, project: Project, *, drafts: bool = False, part: str = parts.TWO_RUNS) -> None:
        self.project, self.drafts, self.part = project, drafts, part
        self.refused, self._away = "", ""
        self.table = RunTable.empty()
        self.shown: Shown = look(self.table, View())
        self.versions: tuple[ModelVersion, ...] = ()
        self._difference: tuple[tuple[str, ...], RunDiff] | None = None
        self.refresh()

    def begin(
        self,
        *,
        where: str = "",
        sort: str = "",
        group: str = "",
        metric: str = "",
        left: str = "",
        right: str = "",
    ) -> None:
        """Look at the runs for the first time; errors as for :func:`compare`."""
        view = View(where=where, metric=metric)
        if not len(self.table):  # nothing to sort or to choose from
            self.shown = look(self.table, view, first=self.primary)
            return
        if sort:
            view = replace(view, sort=self._column(sort.removeprefix("-")), descending=sort.startswith("-"))
        if group:
            view = replace(view, group=self._column(group))
        self.table = self._with_tags(self.table, where)
        self.shown = look(self.table, view, first=self.primary)
        newer = self._find(right) if right else self._newest()
        older = self._find(left) if left else self._before(newer)
        pair = [self.table.columns["run_id"].values[row] for row in (older, newer) if row is not None]
        self.look(chosen=tuple(pair), metric=metric or self._usual_metric())

    @property
    def primary(self) -> str:
        """The project's primary metric, which is shown before all others."""
        declared = self.project.config.objective
        return declared.primary_metric if declared else ""

    def look(self, **changes: Any) -> Shown:
        """Look at something else: any fields of :class:`~workbench.panels.view.View`.

        What cannot be read or is not there is told by :attr:`problem`, and what was shown stays.
        """
        if {"where", "group", "sort", "descending"} & changes.keys() and "page" not in changes:
            changes["page"] = 0
        view = replace(self.shown.view, **changes)
        try:
            self.table = self._with_tags(self.table, view.where)
            same = self.shown.with_view(view) if self.shown.table is self.table else None
            self.shown = same or look(self.table, view, first=self.primary)
        except UsageError as error:
            self.refused = error.message
        else:
            self.refused = ""
        return self.shown

    @property
    def problem(self) -> str:
        """One line on what could not be done: a filter that cannot be read, a store that is away."""
        return self.refused or self._away

    def sort_by(self, name: str) -> Shown:
        """Sort by a column, the largest first; once more by the same, the other way round."""
        view = self.shown.view
        return self.look(sort=name, descending=not view.descending if view.sort == name else True)

    def choose(self, *run_ids: str) -> Comparison | None:
        """Choose runs by their ids, or the beginnings of them; the comparison of the first two.

        Raises
        ------
        UnknownName
            When no run, or more than one, begins like that.
        """
        ids = self.table.columns["run_id"].values
        self.look(chosen=tuple(dict.fromkeys(ids[self._find(start)] for start in run_ids)))
        return self.comparison

    def swap(self) -> Comparison | None:
        """Look at the chosen runs the other way round."""
        self.look(chosen=self.shown.view.chosen[::-1])
        return self.comparison

    @property
    def chosen(self) -> tuple[RunInfo, ...]:
        """The runs that are chosen and still there."""
        rows = (self.table.row_of.get(run_id) for run_id in self.shown.view.chosen)
        return tuple(self.table.run(row) for row in rows if row is not None)

    @property
    def comparison(self) -> Comparison | None:
        """The first two of the chosen runs side by side; None when fewer are chosen."""
        two = self.chosen[:2]
        return compare_runs(*two) if len(two) == 2 else None

    @property
    def difference(self) -> RunDiff | None:
        """All in which the first two of the chosen runs differ, their code and notebooks among it."""
        from workbench.tracking.diff import diff_runs

        two = tuple(run.run_id for run in self.chosen[:2])
        if len(two) < 2:
            return None
        if self._difference is None or self._difference[0] != two:
            self._difference = (two, diff_runs(self.project, *two))
        return self._difference[1]

    def versions_of(self, run_id: str) -> list[ModelVersion]:
        """The registered versions that a run trained or validated, the newest first."""
        return [item for item in self.versions if run_id in (item.run_id, item.tag("run_id"))]

    def refresh(self) -> None:
        """Read the runs anew; :attr:`problem` says why that could not be done, and what was known stays."""
        try:
            with index.opened(self.project) as runs:
                table = runs.table(drafts=self.drafts)
            if not table.away:
                table = self._with_models(table)
        except Exception as error:
            self._away = f"the runs cannot be read: {in_words(error, self.project)}; try again with Refresh"
            return
        self.table, self._difference = table, None
        self._away = (
            f"the tracking store does not answer, and shown is what was known before ({table.away}); "
            "try again with Refresh"
            if table.away
            else ""
        )
        self.look()

    @cached_property
    def widget(self) -> VBox:
        """The live panel."""
        from workbench.panels.compare_widget import build

        return build(self)

    def _repr_html_(self) -> str:
        below = parts.html(self, self.part)
        return f"<div>{markup.problem(self.problem)}{markup.picture(self.shown)}{below}</div>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        live: dict[str, Any] = self.widget._repr_mimebundle_() or {}
        return {**live, "text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        chosen = " against ".join(run.run_id[:8] for run in self.chosen)
        count = f"{len(self.shown.rows):,} of {len(self.table):,} runs"
        return f"ComparePanel({count}; {chosen or 'none chosen'})"

    def _with_models(self, table: RunTable) -> RunTable:
        """With the registered version that came of each run, by the run that trained or validated it."""
        from workbench.registry.versions import list_versions

        self.versions = tuple(list_versions(self.project))
        if not self.versions:
            return table
        values = np.full(len(table), None, dtype=object)
        for version in reversed(self.versions):
            told = " ".join((f"v{version.version}", *version.aliases))
            for run_id in (version.run_id, version.tag("run_id")):
                if run_id in table.row_of:
                    values[table.row_of[run_id]] = told
        return table.with_column(Column("model", values))

    def _with_tags(self, table: RunTable, where: str) -> RunTable:
        """With those tags that conditions name, which have to be asked of MLflow: ``tags.team = blue``."""
        for name in {condition.name for condition in parse(where)}:
            if not name.startswith("tags.") or name in table.columns:
                continue
            try:
                with index.opened(self.project) as runs:
                    found = runs.tag(name.removeprefix("tags."), drafts=self.drafts)
            except StoreAway as error:
                raise UsageError(f"tags cannot be asked for: {error}") from error
            values = np.full(len(table), None, dtype=object)
            for run_id in found.keys() & table.row_of.keys():
                values[table.row_of[run_id]] = found[run_id]
            table = table.with_column(Column(name, values))
        return table

    def _column(self, name: str) -> str:
        column = self.table.column(name)
        if column is None:
            raise UnknownName("column", name, [*self.table.columns], where="these runs")
        return column.name

    def _find(self, start: str) -> int:
        row = self.table.find(start)
        if row is None:
            known = self.table.columns["run_id"].values[self.shown.rows[:5]].tolist()
            raise UnknownName("run", start, [run_id[:8] for run_id in known], where="these runs")
        return row

    def _newest(self) -> int | None:
        """The newest run that measured something and has one to be compared with; else the newest."""
        rows = np.sort(self.shown.rows).tolist()
        telling = (row for row in rows if self.table.measured(row) and self._before(row) is not None)
        return next(telling, next(iter(rows), None))

    def _before(self, newer: int | None) -> int | None:
        """The run of the same phase before it; else any run before it."""
        if newer is None:
            return None
        earlier = np.sort(self.shown.rows[self.shown.rows > newer])
        phases = self.table.columns["phase"].values
        alike = earlier[phases[earlier] == phases[newer]]
        return int(alike[0]) if len(alike) else int(earlier[0]) if len(earlier) else None

    def _usual_metric(self) -> str:
        known = self.shown.metrics
        return self.primary if self.primary in known else next(iter(known), "")
