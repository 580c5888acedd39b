"""Promotion and rollback: the only ways to become champion, each with its checks.

Whatever an alias is to move to is loaded first and has to answer its recorded cases, on rollback too. The
ledger remembers what a version was registered with, so that tags or files changed since are noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar, overload

from workbench.errors import AliasMoved, PromotionRefused, RegistryError
from workbench.project import Project
from workbench.registry import aliases, approvals, provenance, succession
from workbench.registry.aliases import CANARY, CHALLENGER, CHAMPION, SHADOW, LedgerEntry, Move, move
from workbench.registry.answering import check_answers
from workbench.registry.approvals import Tally
from workbench.registry.loading import Answers, evidence
from workbench.registry.succession import InsteadOf
from workbench.registry.versions import ModelVersion, RegistryPhase, get_version
from workbench.store.clock import Clock

__all__ = ["Preview", "Target", "WayBack", "promote", "retire", "rollback", "way_back"]

Target = Literal["champion", "canary", "challenger", "shadow"]
# Whose answers somebody gets.
_ANSWERING = (CHAMPION, CANARY)
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Preview:
    """What a promotion would do; nothing was changed.

    Attributes
    ----------
    verdict : str
        Of all gates, as the validation found it.
    gates : tuple of dict
        Each with its ``name``, ``verdict`` and ``why``.
    cases_answered : int
        How many recorded cases it answers as recorded; 0 when it could not be asked.
    helpers : tuple of str
        What is otherwise with the project's helpers since it was registered.
    moves : tuple of Move
        The aliases that would move.
    refused : tuple of str
        Why it would be refused, a sentence each; empty when it would go through.
    """

    version: str
    to: str
    verdict: str
    gates: tuple[dict[str, Any], ...]
    approvals: Tally
    cases_answered: int
    helpers: tuple[str, ...]
    moves: tuple[Move, ...]
    refused: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "approvals": self.approvals.to_dict(), "allowed": not self.refused}


@overload
def promote(
    project: Project,
    version: int | str,
    *,
    reason: str,
    to: Target = "champion",
    force: bool = False,
    phase: RegistryPhase | None = None,
    actor: str | None = None,
    clock: Clock | None = None,
    instead_of: InsteadOf = "anybody",
    still: Preview | None = None,
    dry_run: Literal[False] = False,
) -> LedgerEntry | None: ...


@overload
def promote(
    project: Project,
    version: int | str,
    *,
    reason: str = "",
    to: Target = "champion",
    force: bool = False,
    phase: RegistryPhase | None = None,
    actor: str | None = None,
    clock: Clock | None = None,
    instead_of: InsteadOf = "anybody",
    still: Preview | None = None,
    dry_run: Literal[True],
) -> Preview: ...


def promote(
    project: Project,
    version: int | str,
    *,
    reason: str = "",
    to: Target = "champion",
    force: bool = False,
    phase: RegistryPhase | None = None,
    actor: str | None = None,
    clock: Clock | None = None,
    instead_of: InsteadOf = "anybody",
    still: Preview | None = None,
    dry_run: bool = False,
) -> LedgerEntry | Preview | None:
    """Make a version the champion, the canary, the challenger, or one more shadow.

    Parameters
    ----------
    version : int or str
        A number, or an alias such as ``"challenger"``, which it loses by becoming something else.
    reason : str
        Goes into the ledger.
    to : str
        A shadow takes the first free alias: ``shadow-1``, ``shadow-2``. Champion and canary need passed
        gates: what the others answer is logged, and nobody gets it.
    force : bool
        Promote although its gates did not pass; the ledger says so. It still has to load and answer, and
        to be approved if the project asks for that.
    phase : RegistryPhase, optional
        The run that promotes. A draft promotes nothing, says so, and gets None.
    instead_of : int, None or "anybody"
        Who has to be champion still (None: nobody).
    still : Preview, optional
        What was seen with ``dry_run``: nothing is done when other moves would come of it by now.
    dry_run : bool
        Check everything, change nothing, and return what was found.

    Raises
    ------
    PromotionRefused
        It may not become that; the message says why. Nothing was changed.
    AliasMoved
        Somebody else moved the alias while this one was checked. Nothing was changed.
    """
    if phase is not None and phase.draft and not dry_run:
        print(f"draft: {version} was not promoted; a run from the command line does that")
        return None
    checked = _Checks(project, get_version(project, version), to, keep_on=dry_run)
    succession.refuse_unless_still(instead_of, checked.champion)
    checked.everything(reason, force)
    if dry_run:
        return checked.preview()
    if still is not None:
        succession.refuse_other_moves(still.moves, checked.moves)
    return move(
        project,
        checked.moves,
        reason=reason,
        actor=actor,
        run_id=phase.run_id if phase else None,
        evidence=checked.told(),
        clock=clock,
    )[0]


class _Checks:
    """The checks of one promotion, in order; the first that fails ends it, unless they are to keep on."""

    def __init__(self, project: Project, chosen: ModelVersion, to: Target, *, keep_on: bool) -> None:
        self._project, self._chosen, self._to, self._keep_on = project, chosen, to, keep_on
        self._held = aliases.held(project)
        self.champion = self._held.get(CHAMPION)
        self._facts: dict[str, provenance.RunFacts] = {}
        self._validation: dict[str, Any] = {}
        self._answered: Answers | None = None
        self._tally = Tally()
        self._refused: list[str] = []
        self.moves: list[Move] = []

    def everything(self, reason: str, force: bool) -> None:
        self._try(self._plan_moves, None)
        self._try(self._refuse_drafts, None)
        self._validation = self._try(lambda: _evidence(self._project, self._chosen), {})
        self._try(lambda: provenance.refuse_changed(self._project, self._chosen, self._validation), None)
        if self._to in _ANSWERING and self._verdict != "passed":
            self._try(lambda: self._refuse_unless_forced(reason, force), None)
        self._try(self._count_approvals, None)
        self._answered = self._try(lambda: check_answers(self._project, self._chosen), None)
        if not self._keep_on:
            self._count_approvals()  # answering took a while, in which one may have been withdrawn

    def _count_approvals(self) -> None:
        self._tally = approvals.tally(self._project, self._chosen, self._to)
        self._tally.refuse_if_short(str(self._chosen))

    def _try(self, check: Callable[[], _Found], instead: _Found) -> _Found:
        try:
            return check()
        except PromotionRefused as error:
            if not self._keep_on:
                raise
            self._refused.append(error.message)
            return instead

    @property
    def _verdict(self) -> str:
        # What was found, and not what a tag says about it.
        return str(self._validation.get("verdict", ""))

    def _plan_moves(self) -> None:
        """To the wanted alias, and away from what else it is: one version has one part to play."""
        number, held = self._chosen.version, self._held
        parts = [alias for alias, version in held.items() if version == number]
        if CHAMPION in parts:
            other = "" if self._to == CHAMPION else "; promote another version, or roll back"
            already = " already" if self._to == CHAMPION else ""
            raise PromotionRefused(f"{self._chosen} is the champion{already}{other}")
        if self._to == SHADOW and any(map(aliases.is_shadow, parts)):
            raise PromotionRefused(f"{self._chosen} is {next(filter(aliases.is_shadow, parts))} already")
        if self._to in parts:
            raise PromotionRefused(f"{self._chosen} is the {self._to} already")
        alias = aliases.free_shadow(held) if self._to == SHADOW else self._to
        self.moves = [Move(alias, held.get(alias), number), *_away(held, number)]

    def _refuse_drafts(self) -> None:
        """Drafts register nothing, but anybody can register their models with MLflow's own API."""
        chosen, validated = self._chosen, self._chosen.tag("run_id")
        if not validated:
            raise PromotionRefused(
                f"{chosen} was not registered through the workbench: nothing is known about its validation"
            )
        self._facts = provenance.runs_of(self._project, chosen)
        for purpose, run_id in (("trained", chosen.run_id), ("validated", validated)):
            if self._facts.get(run_id, {}).get("draft"):
                raise PromotionRefused(
                    f"{chosen} was {purpose} in a draft, run {run_id}; drafts are never promoted"
                )

    def _refuse_unless_forced(self, reason: str, force: bool) -> None:
        if force and (reason.strip() or self._keep_on):
            return
        open_gates = [
            f"{gate['name']} {gate['verdict']}: {gate['why']}"
            for gate in self._validation.get("gates", [])
            if gate["verdict"] != "passed"
        ]
        raise PromotionRefused(
            f"{self._chosen}: its gates are {self._verdict or 'unknown'}, not passed; promoting it anyway "
            "takes force and a reason",
            details="\n".join(open_gates),
        )

    def told(self) -> dict[str, Any]:
        """What the ledger keeps."""
        return {
            "action": "promote",
            "forced": self._to in _ANSWERING and self._verdict != "passed",
            "verdict": self._verdict,
            "gates": self._validation.get("gates", []),
            "approvals": [item.to_dict() for item in self._tally.counted],
            **_told(self._answered),
            **provenance.of(self._project, self._chosen, self._validation, self._facts),
        }

    def preview(self) -> Preview:
        return Preview(
            version=str(self._chosen),
            to=self._to,
            verdict=self._verdict,
            gates=tuple(self._validation.get("gates", ())),
            approvals=self._tally,
            cases_answered=self._answered.cases if self._answered else 0,
            helpers=self._answered.helpers if self._answered else (),
            moves=tuple(self.moves),
            refused=tuple(self._refused),
        )


def retire(
    project: Project,
    version: int | str,
    *,
    reason: str,
    actor: str | None = None,
    clock: Clock | None = None,
) -> list[LedgerEntry]:
    """Take a canary, challenger or shadow out of the line-up: it answers no longer, and stays a version.

    Raises
    ------
    PromotionRefused
        It is the champion, which is replaced and not retired; or it is nothing.
    AliasMoved
        Somebody else moved the alias in the meantime. Nothing was changed.
    """
    chosen, held = get_version(project, version), aliases.held(project)
    if held.get(CHAMPION) == chosen.version:
        raise PromotionRefused(f"{chosen} is the champion: promote another version, or roll back")
    moves = _away(held, chosen.version)
    if not moves:
        raise PromotionRefused(f"{chosen} is neither canary nor challenger nor shadow")
    told = {"action": "retire", "sha256": chosen.sha256}
    return move(project, moves, reason=reason, actor=actor, evidence=told, clock=clock)


def _away(held: Mapping[str, int], version: int) -> list[Move]:
    """The moves that take every alias but the champion's from a version."""
    return [
        Move(alias, version, None)
        for alias, present in held.items()
        if present == version and (alias in (CANARY, CHALLENGER) or aliases.is_shadow(alias))
    ]


@dataclass(frozen=True)
class WayBack:
    """An earlier champion that loads and answers as recorded, and the moves that put it back in front."""

    version: ModelVersion
    validation: dict[str, Any]
    answered: Answers
    moves: tuple[Move, ...]

    def to_dict(self) -> dict[str, Any]:
        moves = [asdict(item) for item in self.moves]
        return {"version": str(self.version), **_told(self.answered), "moves": moves}


def way_back(project: Project, *, to: int | str | None = None, position: int | None = None) -> WayBack:
    """Check everything that :func:`rollback` checks, and change nothing (errors as there)."""
    reigns = succession.champions(project)
    present = reigns[-1][0] if reigns else None
    if position is not None and len(reigns) != position:
        raise AliasMoved(f"{CHAMPION} was moved since (move {len(reigns)}, not {position}); look at it again")
    chosen = get_version(project, succession.before(project, reigns, to))
    validation = _evidence(project, chosen)
    provenance.refuse_changed(project, chosen, validation)
    # No approvals: it was approved when it became champion, and who rolls back is in a hurry.
    answered = check_answers(project, chosen)
    first = Move(CHAMPION, present, chosen.version, position)
    return WayBack(chosen, validation, answered, (first, *_away(aliases.held(project), chosen.version)))


def rollback(
    project: Project,
    *,
    reason: str,
    to: int | str | None = None,
    position: int | None = None,
    phase: RegistryPhase | None = None,
    actor: str | None = None,
    clock: Clock | None = None,
) -> LedgerEntry | None:
    """Make the champion before the present one champion again, or the earlier one that ``to`` names.

    Rolling back twice goes back two champions, not back to the one that was just rolled back.

    Parameters
    ----------
    position : int, optional
        The move of the ledger that is taken back. Whoever decides by what a certain promotion led to gives
        it, so that of two that do only one goes back, and neither past somebody's later move.

    Raises
    ------
    PromotionRefused
        There was none before, or it was never champion, or it does not load or answer any more. Nothing
        was changed.
    AliasMoved
        Somebody else moved the alias in the meantime. Nothing was changed.
    """
    if phase is not None and phase.draft:
        print("draft: nothing was rolled back; a run from the command line does that")
        return None
    found = way_back(project, to=to, position=position)
    told = {
        "action": "rollback",
        **_told(found.answered),
        **provenance.of(project, found.version, found.validation),
    }
    run_id = phase.run_id if phase else None
    return move(
        project, list(found.moves), reason=reason, actor=actor, run_id=run_id, evidence=told, clock=clock
    )[0]


def _told(answered: Answers | None) -> dict[str, Any]:
    """What the ledger keeps of how it answered."""
    return {"cases_answered": answered.cases, "helpers": list(answered.helpers)} if answered else {}


def _evidence(project: Project, version: ModelVersion) -> dict[str, Any]:
    try:
        return evidence(version, project)
    except RegistryError as error:
        raise PromotionRefused(f"{version}: {error.message}") from error
