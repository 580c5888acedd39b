"""The compare panel: find runs among thousands, see how they differ, act on what was found.

Live in JupyterLab. Where no kernel is, as in a report, what was looked at is shown as it was: the page of
the table, and the part that was open.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.errors import UnknownName, UsageError
from workbench.panels.compare import markup, pairing, parts, reading
from workbench.panels.compare.comparison import Comparison, compare_runs
from workbench.panels.compare.filtering import Condition, within
from workbench.panels.compare.view import Group, Shown, View, look
from workbench.panels.markup import problem
from workbench.panels.telling import in_words
from workbench.project import Project, open_project
from workbench.tracking import index
from workbench.tracking.run_table import RunTable
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
        and the one before it of the same phase, until somebody chooses others.
    where : str
        Conditions, such as ``learning_rate > 0.05 and roc_auc >= 0.7 or who ~ maria``.
    sort, group : str
        The column to sort by (``-name``: descending), and the one whose values make groups.
    metric : str
        The metric that charts show over the parameters; by default the project's primary one.
    part : str
        What is open below the table: see :data:`~workbench.panels.compare.parts.PARTS`.
    drafts : bool
        Whether hand-runs are among them, too.

    Raises
    ------
    UnknownName
        There is no such phase, column or part, or no such run, or several.
    UsageError
        The conditions cannot be read.

    While a store is away, what it is asked for in vain is told by :attr:`ComparePanel.problem` instead.
    """
    project = of if isinstance(of, Project) else open_project()
    if isinstance(of, str) and of:
        project.phase(of)
        where = within(f'phase = "{of}"', where)
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
    typed : str
        The conditions that were asked for last, those among them that were refused.
    refused : str
        Why the last look was none, such as a filter that cannot be read; empty if it was one.
    versions : tuple of ModelVersion
        The registered versions, as they were last read; none in a project without ``[model]``.
    times_read : int
        How often the runs were read anew.
    """

    def __init__(self, project: Project, *, drafts: bool = False, part: str = parts.TWO_RUNS) -> None:
        self.project, self.drafts, self.part = project, drafts, part
        self.typed, self.refused, self._away, self._unregistered = "", "", "", ""
        self.times_read = 0
        self.table = RunTable.empty()
        self.shown: Shown = look(self.table, View())
        self.versions: tuple[ModelVersion, ...] = ()
        self._difference: tuple[tuple[str, ...], RunDiff] | None = None
        self._preset: tuple[str, ...] = ()  # two runs that nobody chose
        self._parts = parts.Parts(self)
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
        self.typed = where
        try:
            self._begin(View(where=where, metric=metric), sort, group, left, right)
        except UsageError as error:
            if not self._away:
                raise
            self.shown = look(self.table, View(metric=metric), first=self.primary)
            self.refused = error.message

    def _begin(self, view: View, sort: str, group: str, left: str, right: str) -> None:
        if not len(self.table):  # nothing to sort or to choose from
            self.shown = look(self.table, view, first=self.primary)
            return
        if sort:
            view = replace(view, sort=self._column(sort.removeprefix("-")), descending=sort.startswith("-"))
        if group:
            view = replace(view, group=self._column(group))
        self.table = self._with_tags(self.table, view.where)
        self.shown = look(self.table, view, first=self.primary)
        newer = self._find(right) if right else pairing.newest(self.shown)
        older = self._find(left) if left else pairing.before(self.shown, newer)
        pair = [self.table.columns["run_id"].values[row] for row in (older, newer) if row is not None]
        self.look(chosen=tuple(pair))
        self._preset = () if left or right else tuple(pair)

    @property
    def primary(self) -> str:
        """The project's primary metric, which is shown before all others."""
        declared = self.project.config.objective
        return declared.primary_metric if declared else ""

    def look(self, **changes: Any) -> Shown:
        """Look at something else: any fields of :class:`~workbench.panels.compare.view.View`.

        What cannot be read or is not there is told by :attr:`problem`, and what was shown stays.
        """
        if {"where", "group", "sort", "descending"} & changes.keys() and "page" not in changes:
            changes["page"] = 0
        view = replace(self.shown.view, **changes)
        self.typed = view.where
        try:
            self.table = self._with_tags(self.table, view.where)
            same = self.shown.with_view(view) if self.shown.table is self.table else None
            found = same or look(self.table, view, first=self.primary)
            self.shown = found if view.metric else found.with_metric(self._usual_metric(found))
        except UsageError as error:
            self.refused = error.message
        else:
            self.refused = ""
        return self.shown

    @property
    def problem(self) -> str:
        """One line on what could not be done: a filter that cannot be read, a store that is away."""
        return "; ".join(filter(None, (self.refused, self._away, self._unregistered)))

    def sort_by(self, name: str) -> Shown:
        """Sort by a column, the largest first; once more by the same, the other way round."""
        view = self.shown.view
        return self.look(sort=name, descending=not view.descending if view.sort == name else True)

    def choose(self, *run_ids: str) -> Comparison | None:
        """Choose runs by their ids, or the beginnings of them; the comparison of the last two.

        Raises
        ------
        UnknownName
            When no run, or more than one, begins like that.
        """
        ids = self.table.columns["run_id"].values
        self.look(chosen=tuple(dict.fromkeys(ids[self._find(start)] for start in run_ids)))
        return self.comparison

    def tick(self, run_id: str, chosen: bool) -> None:
        """Choose one more run, or one less; the first takes the place of the two that nobody chose."""
        before = self.shown.view.chosen
        others = () if chosen and before == self._preset else tuple(each for each in before if each != run_id)
        self._preset = ()
        self.look(chosen=(*others, run_id) if chosen else others)

    def narrow(self, group: Group) -> Shown:
        """Look at the runs of one group, one by one."""
        view = self.shown.view
        alike = Condition(str("" if group.value is None else group.value), view.group, "=")
        return self.look(where=within(str(alike), view.where), group="")

    def swap(self) -> Comparison | None:
        """Look at the two runs the other way round."""
        ids = tuple(run.run_id for run in self.chosen)
        self.look(chosen=(*ids[:-2], *ids[-2:][::-1]))
        return self.comparison

    @property
    def chosen(self) -> tuple[RunInfo, ...]:
        """The runs that are chosen and still there."""
        rows = (self.table.row_of.get(run_id) for run_id in self.shown.view.chosen)
        return tuple(self.table.run(row) for row in rows if row is not None)

    @property
    def comparison(self) -> Comparison | None:
        """The last two of the chosen runs side by side; None when fewer are chosen."""
        two = self.chosen[-2:]
        return compare_runs(*two) if len(two) == 2 else None

    @property
    def difference(self) -> RunDiff | None:
        """All in which the last two of the chosen runs differ, their code and notebooks among it."""
        from workbench.tracking.diff import diff_runs

        two = tuple(run.run_id for run in self.chosen[-2:])
        if len(two) < 2:
            return None
        if self._difference is None or self._difference[0] != two:
            self._difference = (two, diff_runs(self.project, *two))
        return self._difference[1]

    def versions_of(self, run_id: str) -> list[ModelVersion]:
        """The registered versions that a run trained or validated, the newest first."""
        return [item for item in self.versions if run_id in (item.run_id, item.tag("run_id"))]

    def registering(self, run: RunInfo) -> list[str]:
        """The phases that judge and register what this run trained; none if that is no model, or was done."""
        if self.project.config.model is None or self.versions_of(run.run_id):
            return []
        if not reading.made_model(self.project, run.run_id):
            return []
        declared = self.project.config.phases
        return [name for name in self.project.order() if run.phase in declared[name].needs]

    def refresh(self) -> None:
        """Read the runs anew; :attr:`problem` says why that could not be done, and what was known stays."""
        try:
            with index.opened(self.project) as runs:
                table = runs.table(drafts=self.drafts)
        except Exception as error:
            self._away = f"the runs cannot be read: {in_words(error, self.project)}; try again with Refresh"
            return
        self.table, self._difference = self._with_models(table), None
        self.times_read += 1
        self._away = (
            f"the tracking store does not answer, and shown is what was known before ({table.away}); "
            "try again with Refresh"
            if table.away
            else ""
        )
        typed = self.typed
        self.look()
        if typed != self.typed:  # it was refused: perhaps it is no more
            self.look(where=typed)

    @property
    def opened(self) -> str:
        """The part that is open, as markup."""
        return self._parts.html(self.part)

    @cached_property
    def widget(self) -> VBox:
        """The live panel."""
        from workbench.panels.compare.widget import build

        return build(self)

    def _repr_html_(self) -> str:
        return f"<div>{problem(self.problem)}{markup.picture(self.shown)}{self.opened}</div>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        live: dict[str, Any] = self.widget._repr_mimebundle_() or {}
        return {**live, "text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        chosen = " against ".join(run.run_id[:8] for run in self.chosen)
        count = f"{len(self.shown.rows):,} of {len(self.table):,} runs"
        return f"ComparePanel({count}; {chosen or 'none chosen'})"

    def _with_models(self, table: RunTable) -> RunTable:
        """With the registered version that came of each run: when they cannot be read, those known before."""
        from workbench.registry.versions import list_versions

        if self.project.config.model is None:
            return table
        self._unregistered = ""
        if not table.away:
            try:
                self.versions = tuple(list_versions(self.project))
            except Exception as error:
                why = in_words(error, self.project)
                self._unregistered = f"registered versions cannot be read: {why}; try again with Refresh"
        return reading.with_models(table, self.versions)

    def _with_tags(self, table: RunTable, where: str) -> RunTable:
        return reading.with_tags(self.project, table, where, drafts=self.drafts)

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

    def _usual_metric(self, shown: Shown) -> str:
        known = shown.metrics
        return self.primary if self.primary in known else next(iter(known), "")
