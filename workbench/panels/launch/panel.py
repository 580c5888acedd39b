"""The launch panel: a form made of a notebook's parameters; run it now, or as a sweep.

Where no kernel is, as in a report, the form is shown as a table with what was typed and what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.execution.progress import PipelineResult
from workbench.execution.sweep import target as targets
from workbench.execution.sweep.running import SweepResult
from workbench.panels.launch.form import Form, text_of
from workbench.panels.launch.progress import PanelProgress
from workbench.panels.markup import CELL, problem
from workbench.panels.telling import in_words
from workbench.project import Project, open_project

if TYPE_CHECKING:
    from ipywidgets import VBox

__all__ = ["LaunchPanel", "launch"]

_SOFT = "opacity: .7"


def launch(
    what: str | Path | Sequence[str],
    values: Mapping[str, Any] | None = None,
    *,
    of: Project | None = None,
) -> LaunchPanel:
    """A panel with a form for a phase or any notebook, and buttons that run it.

    Parameters
    ----------
    what : str, Path or sequence of str
        A phase of the project, several of them, or the path of a notebook.
    values : mapping, optional
        What the form begins with, such as the parameters of another run; else the notebook's own values.
    of : Project, optional
        By default the one around the working directory.

    Raises
    ------
    UnknownName
        There is no such phase.
    NotebookError
        There is no such notebook, or its parameters cannot be read.
    """
    if isinstance(what, Path) or (isinstance(what, str) and what.endswith(".ipynb")):
        target = targets.of_notebook(Path(what))
    else:
        target = targets.of_phases(of or open_project(), [what] if isinstance(what, str) else what)
    return LaunchPanel(Form(target).with_values(values or {}))


class LaunchPanel:
    """A form, and what came of it; :attr:`widget` is what one clicks on.

    Attributes
    ----------
    form : Form
        What would be run now.
    result : PipelineResult, SweepResult or None
        Of what was run last.
    problem : str
        One line on why it could not be run; empty if it could.
    ended : callable
        Called when a run from the widget has come to its end, for who shows what it may have changed.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        self.result: PipelineResult | SweepResult | None = None
        self.problem = ""
        self.ended: Callable[[], None] = lambda: None

    def run(self, draw: Any = None) -> PipelineResult | SweepResult | None:
        """Run what the form says, and wait for it; None when it says nothing that can be run.

        A kernel's interrupt ends what runs, with a report of how far it came.
        """
        self.problem, self.result = "", None
        tell = draw or (lambda progress: None)
        try:
            if self.form.several:
                trials = len(self.form.points[0])
                self.result = self.form.sweep(PanelProgress(tell, trials))
            else:
                self.result = self.form.run(PanelProgress(tell))
        except Exception as error:
            self.problem = in_words(error, self.form.target.project)
        return self.result

    def plan(self) -> str:
        """What pressing the button would do, or what is wrong with the form, in one line."""
        form = self.form
        if wrong := form.problems:
            return "; ".join(wrong.values())
        try:
            if not form.several:
                count = len(form.given)
                changed = f" with {count} changed parameter{'s' * (count != 1)}" if count else " as it is"
                return f"{form.target.name} runs{changed}"
            return f"{form.target.name} runs {len(form.points[0])} times"
        except WorkbenchError as error:
            return error.message

    @cached_property
    def widget(self) -> VBox:
        """The live form."""
        from workbench.panels.launch.widget import build

        return build(self)

    @property
    def report(self) -> Path | None:
        """The folder of the report of what was run: of a chain, of its last phase."""
        if isinstance(self.result, SweepResult):
            return self.result.report
        if self.result is None:
            return None
        folders = [phase.report for phase in self.result.phases if phase.report]
        return Path(folders[-1]) if folders else None

    def outcome(self) -> str:
        """What came of it, as markup; empty before anything was run."""
        if self.problem:
            return problem(self.problem)
        if self.result is None:
            return ""
        if isinstance(self.result, SweepResult):
            told = f"sweep {self.result.run_id[:8]} {self.result.status}: {self.result.results.summary()}"
        else:
            told = "; ".join(
                f"{phase.phase} {phase.status.replace('_', ' ')}"
                + (f" ({phase.why})" if phase.status in ("failed", "killed", "skipped") and phase.why else "")
                for phase in self.result.phases
            )
        where = f"<br><code>{escape(str(self.report))}</code>" if self.report else ""
        return f"<p>{escape(told)}{where}</p>"

    def _repr_html_(self) -> str:
        form = self.form
        rows = "".join(
            f'<tr><td style="{CELL}"><b>{escape(name)}</b></td>'
            f'<td style="{CELL}"><code>{escape(form.typed.get(name, text_of(item)) or "–")}</code></td>'
            f'<td style="{CELL}; {_SOFT}">{escape(item.kind.words)}</td>'
            f'<td style="{CELL}; {_SOFT}">{escape(item.help)}</td></tr>'
            for name, item in form.parameters.items()
        )
        table = (
            f'<table style="border-collapse: collapse">{rows}</table>'
            if rows
            else "<p>It has no parameters.</p>"
        )
        head = f"<p><b>{escape(form.target.name)}</b> – {escape(self.plan())}</p>"
        return f"<div>{head}{table}{self.outcome()}</div>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        live: dict[str, Any] = self.widget._repr_mimebundle_() or {}
        return {**live, "text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"LaunchPanel({self.form.target.name}, {self.form.given})"

    def update(self, **changes: Any) -> None:
        """Change the form: ``several``, ``draws``, ``force``."""
        self.form = replace(self.form, **changes)
