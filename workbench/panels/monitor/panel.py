"""What is looked at in the monitor panel: tested without a browser."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

from workbench.errors import UnknownName
from workbench.panels.markup import problem
from workbench.panels.monitor import again, grid, parts
from workbench.panels.monitor.recorded import Recorded, read
from workbench.panels.telling import in_words
from workbench.project import Project, open_project
from workbench.serving.log.chosen import chosen_log
from workbench.serving.settings import LIVE_LOG
from workbench.tracking.page import moment

if TYPE_CHECKING:
    from ipywidgets import VBox

    from workbench.monitoring.findings.finding import WindowFinding
    from workbench.monitoring.findings.heat import Heat

__all__ = ["MonitorPanel", "monitor"]

_LAST = 12


def monitor(
    log: str = "",
    *,
    window: str = "",
    feature: str = "",
    part: str = parts.DRIFT,
    last: int = _LAST,
    of: Project | None = None,
) -> MonitorPanel:
    """A panel over what the monitor has recorded; nothing is computed anew unless that is asked for.

    Parameters
    ----------
    log : str
        The prediction log; by default the live one, else the one that was looked at last.
    window, feature : str
        The cell that is looked into; by default what has drifted most, in the newest window.
    part : str
        What is open: see :data:`~workbench.panels.monitor.parts.PARTS`.
    last : int
        So many windows are shown, the newest.
    of : Project, optional
        By default the one around the working directory.

    Raises
    ------
    UnknownName
        There is no such log or part, or nothing is recorded of such a window or feature.
    """
    if part not in parts.PARTS:
        raise UnknownName("part", part, parts.PARTS)
    panel = MonitorPanel(of or open_project(), log, part=part, last=max(1, last))
    if log and log != LIVE_LOG and not panel.away and log not in panel.recorded.logs:
        chosen_log(panel.project, log)  # it was never looked at, and that can be done
    if panel.recorded.findings:
        panel.look_into(feature=feature, window=window)
    return panel


class MonitorPanel:
    """Findings, and the cell of them that is looked into.

    Attributes
    ----------
    recorded : Recorded
        What was recorded of the log when it was last read.
    feature, window : str
        The cell that is looked into.
    away : str
        Why the findings could not be read; empty if they could. What was known before stays.
    told : str
        What came of the last *Look again*, as markup.
    """

    def __init__(
        self, project: Project, log: str = "", *, part: str = parts.DRIFT, last: int = _LAST
    ) -> None:
        self.project, self.log, self.part, self.last = project, log, part, last
        self.recorded = Recorded()
        self._drawn: dict[tuple[str, str, str], str] = {}
        self._first = 0  # where the grid begins
        self.feature = self.window = self.away = self.told = ""
        self.refresh()

    def refresh(self) -> None:
        """Read what is recorded anew; :attr:`away` says why that failed, and what was known stays."""
        newest_was_shown = self.window == next(iter(self.recorded.windows[::-1]), "")
        try:
            self.recorded = read(self.project, self.log, self.last)
        except Exception as error:
            self.away = f"the findings cannot be read: {in_words(error, self.project)}"
            return
        self.away = ""
        self._drawn.clear()
        if newest_was_shown or self.window not in self.recorded.windows:
            self.window = self.recorded.windows[-1] if self.recorded.windows else ""
        if self.feature not in self.recorded.heat.every:
            self.feature = self._most_drifted()
        self._first = len(self.recorded.windows)
        self._bring_into_sight()

    def choose_log(self, log: str) -> None:
        """Look at another log."""
        self.log, self.window, self.told = log, "", ""
        self.refresh()

    def look_into(self, *, feature: str = "", window: str = "") -> None:
        """Look into another cell of the grid.

        Raises
        ------
        UnknownName
            Nothing is recorded of such a window or feature.
        """
        if window and window not in self.recorded.windows:
            raise UnknownName("window", window, self.recorded.windows, where="what is shown")
        if feature and feature not in self.recorded.heat.every:
            raise UnknownName("feature", feature, self.recorded.heat.every, where="what was judged")
        self.window, self.feature = window or self.window, feature or self.feature
        self._bring_into_sight()

    def look_again(self, tell: Callable[[str], None] | None = None) -> None:
        """Do what ``workbench monitor`` does, and show what is recorded then.

        Parameters
        ----------
        tell : callable, optional
            Told in a line how far it is.
        """
        try:
            self.told = again.look(self.project, self.recorded.log, self.last, tell or (lambda line: None))
        except KeyboardInterrupt:
            self.told = problem("stopped; what was recorded before is whole")
        except Exception as error:
            self.told = problem(f"it could not be looked at: {in_words(error, self.project)}")
        self.refresh()

    def drawn(self, what: str, draw: Callable[[], str]) -> str:
        """What was drawn of the cell that is looked into, until the findings are read anew."""
        place = (what, self.window, self.feature)
        if place not in self._drawn:
            self._drawn[place] = draw()
        return self._drawn[place]

    @property
    def finding(self) -> WindowFinding | None:
        """The window that is looked into."""
        return self.recorded.finding(self.window)

    @property
    def place(self) -> int:
        """Where that window stands among those that are shown, from 0; -1 for nowhere."""
        names = self.recorded.windows
        return len(names) - 1 - names[::-1].index(self.window) if self.window in names else -1

    @property
    def shown(self) -> tuple[Heat, int]:
        """As many windows of the grid as there is room for, and where the one that is looked into stands.

        They are the newest, until an older one is looked into.
        """
        heat, first = self.recorded.heat, self._first
        return heat.between(first, first + grid.fitting(heat)), self.place - first

    @property
    def top(self) -> str:
        """What is wrong, the verdict on the newest window, and the alerts that are open, as markup."""
        if not self.recorded.findings:
            return problem(self.away) + self.told + ("" if self.away else self._nothing())
        from workbench.monitoring.page.composing import heading, lead

        findings, alerts = self.recorded.findings, self.recorded.alerts
        open_ones = sum(alert.open for alert in alerts)
        return (
            f"{problem(self.away)}{self.told}"
            f'<p style="margin: 4px 0"><b>{escape(heading(findings, self.project.model.name))}</b> '
            f'<span style="opacity: .7">{escape(self.recorded.log)}, as of '
            f"{moment(self.recorded.evaluated_at)}</span></p>"
            f'<p style="margin: 4px 0">{escape(lead(findings, open_ones))}</p>{parts.open_alerts(alerts)}'
        )

    @cached_property
    def widget(self) -> VBox:
        """The live panel."""
        from workbench.panels.monitor.widget import build

        return build(self)

    def _repr_html_(self) -> str:
        shown = parts.html(self, self.part) if self.recorded.findings else ""
        return f"<div>{self.top}{shown}</div>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        live: dict[str, Any] = self.widget._repr_mimebundle_() or {}
        return {**live, "text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        log = self.recorded.log or "no log"
        return f"MonitorPanel({log}, {len(self.recorded.findings)} windows; {self.feature} in {self.window})"

    def _nothing(self) -> str:
        of = f" of {escape(self.recorded.log)}" if self.recorded.log else ""
        return (
            f"<p>Nothing is recorded{of} yet. Next: <code>workbench serve</code> answers, and "
            "<code>workbench monitor</code>, or <b>Look again</b> here, looks at what it answered.</p>"
        )

    def _bring_into_sight(self) -> None:
        """Have the grid begin where the window that is looked into is seen; where it was, if it is."""
        heat = self.recorded.heat
        count = grid.fitting(heat)
        newest = max(0, len(heat.windows) - count)
        self._first = min(self._first, newest)
        if not self._first <= self.place < self._first + count:
            self._first = max(0, min(self.place, newest))

    def _most_drifted(self) -> str:
        """In the newest window, by how far over its line; else the first that is shown."""
        reigning = self.recorded.findings[-1].champion if self.recorded.findings else None
        shown = self.recorded.heat.features
        drifted = set(reigning.drift.drifted) if reigning else set()
        return next((name for name in shown if name in drifted), next(iter(shown), ""))
