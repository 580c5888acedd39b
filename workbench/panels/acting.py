"""What can be done from the compare panel with a run: the same functions as the commands call."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, cast, get_args

from workbench.panels.markup import problem
from workbench.panels.telling import in_words
from workbench.registry import promotion

if TYPE_CHECKING:
    from workbench.project import Project
    from workbench.registry.promotion import Preview

__all__ = ["TARGETS", "Promotion", "preview"]

TARGETS: tuple[str, ...] = tuple(get_args(promotion.Target))


class Promotion:
    """A promotion that somebody thinks about: looked at first, then done, with a reason.

    Attributes
    ----------
    told : str
        What the last look or the promotion came to, as markup.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.told = ""
        self._looked_at: tuple[int, str] | None = None
        self._seen: Preview | None = None

    def may(self, version: int, to: str, reason: str) -> bool:
        """Whether it can be done now: it was looked at, would go through, and there is a reason."""
        return self._looked_at == (version, to) and bool(reason.strip())

    def look(self, version: int, to: str) -> Preview | None:
        """What it would do; nothing is changed (``workbench promote --dry-run``)."""
        self._looked_at = None
        try:
            found = promotion.promote(self.project, version, to=cast("Any", to), dry_run=True)
        except Exception as error:
            self.told = problem(in_words(error, self.project))
            return None
        if not found.refused:
            self._looked_at, self._seen = (version, to), found
        self.told = preview(found)
        return found

    def do(self, version: int, to: str, reason: str) -> bool:
        """Promote it, as ``workbench promote`` does; whether it was."""
        if not self.may(version, to, reason):
            self.told = problem("look first at what it would do, and give a reason: the ledger keeps it")
            return False
        self._looked_at = None
        try:
            entry = promotion.promote(
                self.project, version, reason=reason.strip(), to=cast("Any", to), still=self._seen
            )
        except Exception as error:
            self.told = problem(in_words(error, self.project))
            return False
        self.told = f"<p>{escape(str(entry or f'v{version} is {to} already'))}</p>"
        return True


def preview(found: Preview) -> str:
    """What a promotion would do, as markup."""
    gates = "".join(
        f"<li>{escape(str(gate['name']))}: {escape(str(gate['verdict']))} – {escape(str(gate['why']))}</li>"
        for gate in found.gates
        if gate["verdict"] != "passed"
    )
    moves = "".join(
        f"<li>{escape(move.alias)}: {_version(move.expected_from)} → {_version(move.to_version)}</li>"
        for move in found.moves
    )
    passed = sum(gate["verdict"] == "passed" for gate in found.gates)
    votes = found.approvals
    return (
        f"<p>{escape(found.version)} to {escape(found.to)}: {passed} of {len(found.gates)} gates passed, "
        f"{len(votes.counted)} of {votes.needed} approvals, {found.cases_answered} cases as recorded</p>"
        f"<ul>{gates}{moves}</ul>{''.join(problem(f'refused: {why}') for why in found.refused)}"
    )


def _version(number: int | None) -> str:
    return f"v{number}" if number else "–"
