"""What can be done with a version: looked at first, then done with a reason, as the commands do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, cast

from workbench.errors import PromotionRefused
from workbench.panels.acting import TARGETS, preview
from workbench.panels.markup import problem
from workbench.registry import aliases, approvals, promotion, succession
from workbench.registry.aliases import LedgerEntry
from workbench.registry.versions import get_version

if TYPE_CHECKING:
    from workbench.project import Project
    from workbench.registry.approvals import Approval, Review
    from workbench.registry.promotion import Target

__all__ = [
    "ACTIONS",
    "APPROVE",
    "PROMOTE",
    "RETIRE",
    "ROLL_BACK",
    "ROLL_BACK_TO",
    "WITHDRAW",
    "Considered",
    "Intent",
    "consider",
]

PROMOTE = "promote to "
APPROVE, WITHDRAW, RETIRE = "approve", "withdraw the approval", "retire"
ROLL_BACK, ROLL_BACK_TO = "roll back to the champion before", "roll back to it"
#: What can be done, in the order in which it is offered.
ACTIONS = (*(PROMOTE + target for target in TARGETS), APPROVE, WITHDRAW, ROLL_BACK, ROLL_BACK_TO, RETIRE)


@dataclass(frozen=True)
class Intent:
    """What somebody wants to do.

    Attributes
    ----------
    action : str
        One of :data:`ACTIONS`.
    version : int
    force : bool
        Promote although its gates did not pass.
    """

    action: str
    version: int
    force: bool = False


@dataclass(frozen=True)
class Considered:
    """An intent that was looked at; nothing was changed.

    Attributes
    ----------
    told : str
        What it would do, as markup.
    act : callable or None
        Does exactly that, given the reason, or raises when it is not the same any more; what was recorded.
        None when it is refused.
    """

    intent: Intent
    told: str
    act: Callable[[str], list[LedgerEntry] | Approval] | None = None


def consider(project: Project, intent: Intent) -> Considered:
    """Look at what it would do.

    Raises
    ------
    WorkbenchError
        It cannot be done; the message says why.
    """
    if intent.action in (APPROVE, WITHDRAW):
        return _approval(project, intent)
    if intent.action in (ROLL_BACK, ROLL_BACK_TO):
        return _rollback(project, intent)
    return _retirement(project, intent) if intent.action == RETIRE else _promotion(project, intent)


def _promotion(project: Project, intent: Intent) -> Considered:
    to = cast("Target", intent.action.removeprefix(PROMOTE))
    seen = promotion.promote(project, intent.version, to=to, force=intent.force, dry_run=True)

    def act(reason: str) -> list[LedgerEntry]:
        entry = promotion.promote(
            project, intent.version, to=to, reason=reason, force=intent.force, still=seen
        )
        return [entry] if entry else []

    return Considered(intent, preview(seen), None if seen.refused else act)


def _rollback(project: Project, intent: Intent) -> Considered:
    # The move that is taken back, counted before it is looked at: a later one by somebody else stays.
    position = len(succession.champions(project))
    chosen = intent.version if intent.action == ROLL_BACK_TO else None
    back = promotion.way_back(project, to=chosen, position=position)

    def act(reason: str) -> list[LedgerEntry]:
        to = back.version.version
        entry = promotion.rollback(project, reason=reason, to=to, position=position)
        return [entry] if entry else []

    moves = "".join(
        f"<li>{escape(move.alias)}: {_version(move.expected_from)} → {_version(move.to_version)}</li>"
        for move in back.moves
    )
    cases = f"it loads, and answers {back.answered.cases} recorded cases as recorded"
    return Considered(intent, f"<p>Back to {escape(str(back.version))}: {cases}.</p><ul>{moves}</ul>", act)


def _approval(project: Project, intent: Intent) -> Considered:
    seen = approvals.review(project, intent.version)
    withdraw = intent.action == WITHDRAW

    def act(reason: str) -> Approval:
        return approvals.approve(project, seen, note=reason, withdraw=withdraw)

    told = f"<p>Your approval of {escape(str(seen.version))} would be taken back.</p>"
    return Considered(intent, told if withdraw else _review(seen), act)


def _retirement(project: Project, intent: Intent) -> Considered:
    chosen, held = get_version(project, intent.version), aliases.held(project)
    names = [alias for alias, version in held.items() if version == chosen.version]
    if aliases.CHAMPION in names:
        raise PromotionRefused(f"{chosen} is the champion: promote another version, or roll back")
    if not names:
        raise PromotionRefused(f"{chosen} is neither canary nor challenger nor shadow")

    def act(reason: str) -> list[LedgerEntry]:
        return promotion.retire(project, chosen.version, reason=reason)

    told = f"{chosen} would be {' and '.join(names)} no longer; it stays a version."
    return Considered(intent, f"<p>{escape(told)}</p>", act)


def _review(seen: Review) -> str:
    """What an approver is shown: in what the notebook that trained it differs from the champion's."""
    from workbench.panels.notebook_diff import changed_cells

    head = f"<p>{escape(str(seen.version))}: verdict {escape(seen.version.verdict or 'unknown')}. "
    if seen.missing:
        return f"{head}</p>{problem(f'its notebook was not compared: {seen.missing}')}"
    against = f"the one that trained the champion, v{seen.against}"
    if not seen.cells:
        return f"{head}Its notebook is {against}.</p>"
    return f"{head}Its notebook against {against}:</p>{changed_cells(seen.cells)}"


def _version(number: int | None) -> str:
    return f"v{number}" if number else "–"
