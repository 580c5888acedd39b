"""What is looked at in the registry panel, and what is done with it: tested without a browser."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UnknownName
from workbench.panels.markup import problem
from workbench.panels.registry import parts, tables
from workbench.panels.registry.acting import Considered, Intent, consider
from workbench.panels.registry.known import Known, read
from workbench.panels.registry.made import Made
from workbench.panels.telling import in_words
from workbench.project import Project, open_project
from workbench.registry.aliases import CHAMPION, LedgerEntry
from workbench.registry.versions import ModelVersion

if TYPE_CHECKING:
    from ipywidgets import VBox

    from workbench.registry.card.writing import Card
    from workbench.registry.deltas.result import Delta
    from workbench.registry.gates.validation import Validation

__all__ = ["RegistryPanel", "registry"]


def registry(
    version: int | str = "",
    against: int | str = "",
    *,
    part: str = parts.GATES,
    of: Project | None = None,
) -> RegistryPanel:
    """A panel over the versions of the project's model, their gates, the ledger, and what one may do.

    Parameters
    ----------
    version : int or str
        The one that is looked at, by number or alias; by default the newest.
    against : int or str
        The one that it is held against; by default the champion, else the one before.
    part : str
        What is open: see :data:`~workbench.panels.registry.parts.PARTS`. A delta or a card that is asked
        for here is made at once, so that a report has it.
    of : Project, optional
        By default the one around the working directory.

    Raises
    ------
    UnknownName
        There is no such version or part.
    """
    if part not in parts.PARTS:
        raise UnknownName("part", part, parts.PARTS)
    panel = RegistryPanel(of or open_project(), part=part)
    if panel.known.versions:
        if version:
            panel.choose(version)
        if against:
            panel.hold_against(against)
    if part == parts.DELTA:
        panel.compare()
    elif part == parts.CARD:
        panel.write_card()
    return panel


class RegistryPanel:
    """Versions, the one that is looked at, and what is thought of doing with it.

    Attributes
    ----------
    known : Known
        What the stores said when they were last read.
    chosen, against : int or None
        The version that is looked at, and the one that it is held against.
    news : tuple of LedgerEntry
        What others have moved since the panel was last read.
    away : str
        Why the stores could not be read; empty if they could. What was known before stays.
    considered : Considered or None
        What was looked at and could be done now.
    told : str
        What became of the last look or act, as markup.
    """

    def __init__(self, project: Project, *, part: str = parts.GATES) -> None:
        self.project, self.part = project, part
        self.known = Known()
        self.chosen: int | None = None
        self.against: int | None = None
        self.news: tuple[LedgerEntry, ...] = ()
        self.away = self.told = self.refused = ""
        self.considered: Considered | None = None
        self.page = 0
        self._made = Made(project)
        self._was_read = False
        self.refresh()

    # -- what is looked at ---------------------------------------------------------------------------

    def refresh(self, own: tuple[LedgerEntry, ...] = ()) -> None:
        """Read the stores anew; what others moved since is :attr:`news` (``own`` is what this panel did)."""
        before, in_sight = self.known, self.version in self.shown
        try:
            self.known = read(self.project, before)
        except Exception as error:
            self.away = f"the registry cannot be read: {in_words(error, self.project)}"
            return
        self.away = (
            f"the tracking store does not answer, and shown is what was known before ({self.known.away})"
            if self.known.away
            else ""
        )
        if not self.away:
            self._made.forget_validations()
        mine = {(entry.at, entry.reason) for entry in own}
        new = self.known.newer_than(before) if self._was_read else ()
        self.news = tuple(entry for entry in new if (entry.at, entry.reason) not in mine)
        self._was_read = True
        if self.version is None:
            self.chosen = self.known.versions[0].version if self.known.versions else None
        if in_sight:  # newer versions do not push it out
            self._turn_to_chosen()
        if self.known.version(self.against) is None or self.against == self.chosen:
            self.against = self._usual_against()

    @property
    def problem(self) -> str:
        """One line on what could not be done; empty for nothing."""
        return self.refused or self.away

    @property
    def version(self) -> ModelVersion | None:
        """The version that is looked at."""
        return self.known.version(self.chosen)

    @property
    def metric(self) -> str:
        """The project's primary metric."""
        declared = self.project.config.objective
        return declared.primary_metric if declared else "roc_auc"

    @property
    def pages(self) -> int:
        return max(1, -(-len(self.known.versions) // tables.PAGE))

    @property
    def shown(self) -> tuple[ModelVersion, ...]:
        """The versions of the page."""
        start = min(self.page, self.pages - 1) * tables.PAGE
        return self.known.versions[start : start + tables.PAGE]

    def choose(self, version: int | str) -> None:
        """Look at another version, given by number or alias.

        Raises
        ------
        UnknownName
            There is none.
        """
        self.chosen = self._find(version)
        self._turn_to_chosen()
        self.considered, self.told, self.refused = None, "", ""
        if self.against in (None, self.chosen):
            self.against = self._usual_against()

    def hold_against(self, version: int | str) -> None:
        """Hold it against another one (errors as for :meth:`choose`)."""
        self.against = self._find(version)

    def validation(self) -> Validation | None:
        """That of the version that is looked at; None when its store is away, and it was not read before.

        Raises
        ------
        RegistryError
            It has none, or it cannot be read.
        """
        return self._made.validation(self.version, away=bool(self.away)) if self.version else None

    # -- what takes seconds, when it is asked for ------------------------------------------------------

    @property
    def delta(self) -> Delta | None:
        """Where the two versions disagree, if that was measured."""
        return self._made.delta(self._pair)

    def compare(self) -> None:
        """Measure where they disagree, as ``workbench models delta`` does."""
        self.refused, pair = "", self._pair
        try:
            if pair is not None:
                self._made.measure(pair)
        except Exception as error:
            self.refused = f"they cannot be compared: {in_words(error, self.project)}"

    @property
    def card(self) -> Card | None:
        """The version's card, if it was written here."""
        return self._made.card(self.chosen)

    @property
    def card_file(self) -> Path | None:
        """Where its card lies, if one was written by anybody."""
        return self._made.card_file(self.chosen)

    def write_card(self) -> None:
        """Write the version's card, as ``workbench models card`` does."""
        self.refused = ""
        try:
            if self.chosen is not None:
                self._made.write_card(self.chosen)
        except Exception as error:
            self.refused = f"its card cannot be written: {in_words(error, self.project)}"

    # -- what is done ------------------------------------------------------------------------------------

    def look(self, action: str, *, force: bool = False) -> Considered | None:
        """What an action would do with the version that is chosen; nothing is changed.

        Parameters
        ----------
        action : str
            One of :data:`~workbench.panels.registry.acting.ACTIONS`.
        """
        from workbench.registry.repairs import repaired

        self.considered = None
        if self.chosen is None:
            return None
        intent = Intent(action, self.chosen, force)
        try:
            repairs = "".join(map(problem, repaired(self.project)))
            found = consider(self.project, intent)
        except Exception as error:
            self.told = problem(f"refused: {in_words(error, self.project)}")
            return None
        self.told = repairs + found.told
        self.considered = found if found.act else None
        return found

    def may(self, reason: str) -> bool:
        """Whether what was looked at can be done now: it is not refused, and there is a reason."""
        return self.considered is not None and bool(reason.strip())

    def do(self, reason: str) -> bool:
        """Do what was looked at; whether it was done.

        When somebody else moved an alias since, it is told, and nothing is done: look again.
        """
        considered = self.considered
        if considered is None or considered.act is None or not reason.strip():
            self.told = problem("look first at what it would do, and give a reason: it is kept")
            return False
        self.considered = None
        self.refresh()
        if self.away or self.news:
            moved = "somebody was quicker; nothing was changed: look again, and then decide"
            self.told = tables.news(self.news) + problem(self.away or moved)
            return False
        try:
            done = considered.act(reason.strip())
        except Exception as error:
            self.refresh()
            self.told = problem(f"refused: {in_words(error, self.project)}")
            return False
        own = tuple(done) if isinstance(done, list) else ()
        self.refresh(own)
        self.told = "".join(f"<p>{tables.said(entry)}</p>" for entry in (own or [done]))
        return True

    # -- how it is shown -----------------------------------------------------------------------------------

    @cached_property
    def widget(self) -> VBox:
        """The live panel."""
        from workbench.panels.registry.widget import build

        return build(self)

    @property
    def top(self) -> str:
        """What is wrong or new, and who is champion, as markup."""
        told = problem(self.problem) + tables.news(self.news)
        if self.known.versions or self.known.ledger:
            return told + tables.standing(self.known)
        if self.away:
            return told
        return told + (
            "<p>No version is registered yet. Next: <code>workbench run</code> trains one, validates and "
            "registers it; then it stands here.</p>"
        )

    def _repr_html_(self) -> str:
        if self.version is None:
            return f"<div>{self.top}</div>"
        table = tables.versions(self.known, self.shown, self.chosen, self.against, self.metric)
        return f"<div>{self.top}{table}{parts.html(self, self.part)}</div>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        live: dict[str, Any] = self.widget._repr_mimebundle_() or {}
        return {**live, "text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        champion = tables.name(self.known.held.get(CHAMPION))
        return f"RegistryPanel({len(self.known.versions)} versions; champion {champion})"

    @property
    def _pair(self) -> tuple[int, int] | None:
        return (self.against, self.chosen) if self.against and self.chosen else None

    def _usual_against(self) -> int | None:
        champion = self.known.held.get(CHAMPION)
        if champion is not None and champion != self.chosen:
            return champion
        older = [item.version for item in self.known.versions if item.version < (self.chosen or 0)]
        return next(iter(older), None)

    def _turn_to_chosen(self) -> None:
        place = next((at for at, item in enumerate(self.known.versions) if item.version == self.chosen), 0)
        self.page = place // tables.PAGE

    def _find(self, version: int | str) -> int:
        text = str(version).removeprefix("v")
        number = int(text) if text.isdecimal() else self.known.held.get(str(version))
        if self.known.version(number) is None:
            known = [name for item in self.known.versions for name in self._names(item.version)]
            raise UnknownName("model version", str(version), known)
        assert number is not None
        return number

    def _names(self, version: int) -> list[str]:
        return [str(version), *self.known.aliases_of(version)]
