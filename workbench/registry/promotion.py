"""Promotion and rollback: the only ways to become champion, each with its checks.

Whatever is to become champion is loaded first and has to answer its recorded cases, on rollback too.
"""

from __future__ import annotations

from typing import Any

from workbench.errors import PromotionRefused, RegistryError
from workbench.project import Project
from workbench.registry.aliases import CHALLENGER, CHAMPION, LedgerEntry, Move, current, ledger, move
from workbench.registry.cases import wrong_answers
from workbench.registry.loading import evidence, load, recorded_cases
from workbench.registry.versions import ModelVersion, RegistryPhase, get_version
from workbench.store.clock import Clock
from workbench.tracking import store

__all__ = ["champion_before", "check_answers", "promote", "rollback"]


def promote(
    project: Project,
    version: int | str,
    *,
    reason: str,
    force: bool = False,
    phase: RegistryPhase | None = None,
    actor: str | None = None,
    clock: Clock | None = None,
) -> LedgerEntry | None:
    """Make a version the champion.

    Parameters
    ----------
    version : int or str
        A number, or an alias such as ``"challenger"``, which it loses by becoming champion.
    reason : str
        Goes into the ledger.
    force : bool
        Promote although its gates did not pass; the ledger says so. It still has to load and answer.
    phase : RegistryPhase, optional
        The run that promotes. A draft promotes nothing, says so, and gets None.

    Raises
    ------
    PromotionRefused
        It may not become champion; the message says why. Nothing was changed.
    AliasMoved
        Somebody else moved the alias while this one was checked. Nothing was changed.
    """
    if phase is not None and phase.draft:
        print(f"draft: {version} was not promoted; a run from the command line does that")
        return None
    present, challenger = current(project, CHAMPION), current(project, CHALLENGER)
    chosen = get_version(project, version)
    if chosen.version == present:
        raise PromotionRefused(f"{chosen} is the champion already")
    _refuse_drafts(project, chosen)
    found = _evidence(project, chosen)
    if chosen.verdict != "passed":
        _refuse_unless_forced(chosen, found, reason, force)
    answered = check_answers(project, chosen)
    moves = [Move(CHAMPION, present, chosen.version)]
    if challenger == chosen.version:
        moves.append(Move(CHALLENGER, challenger, None))
    return move(
        project,
        moves,
        reason=reason,
        actor=actor,
        run_id=phase.run_id if phase else None,
        evidence={
            "action": "promote",
            "forced": chosen.verdict != "passed",
            "verdict": chosen.verdict,
            "gates": found.get("gates", []),
            "cases_answered": answered,
            "sha256": chosen.sha256,
            "datasets": chosen.datasets,
            "trained_by": chosen.run_id,
            "validated_by": chosen.tag("run_id"),
        },
        clock=clock,
    )[0]


def rollback(
    project: Project,
    *,
    reason: str,
    phase: RegistryPhase | None = None,
    actor: str | None = None,
    clock: Clock | None = None,
) -> LedgerEntry | None:
    """Make the champion before the present one champion again.

    Rolling back twice goes back two champions, not back to the one that was just rolled back.

    Raises
    ------
    PromotionRefused
        There was none before, or it does not load or answer any more. Nothing was changed.
    AliasMoved
        Somebody else moved the alias in the meantime. Nothing was changed.
    """
    if phase is not None and phase.draft:
        print("draft: nothing was rolled back; a run from the command line does that")
        return None
    present = current(project, CHAMPION)
    before = champion_before(ledger(project, CHAMPION))
    if before is None:
        raise PromotionRefused(f"there is no champion before {f'v{present}' if present else 'the first'}")
    chosen = get_version(project, before)
    answered = check_answers(project, chosen)
    return move(
        project,
        [Move(CHAMPION, present, before)],
        reason=reason,
        actor=actor,
        run_id=phase.run_id if phase else None,
        evidence={"action": "rollback", "cases_answered": answered, "sha256": chosen.sha256},
        clock=clock,
    )[0]


def champion_before(entries: list[LedgerEntry]) -> int | None:
    """The version to roll back to, from the moves of the alias ``champion``, or None.

    A rollback takes back the promotions after the one it returns to.
    """
    line: list[int] = []
    for entry in entries:
        if entry.to_version is None:
            continue
        if entry.evidence.get("action") == "rollback" and entry.to_version in line:
            while line[-1] != entry.to_version:
                line.pop()
        elif not line or line[-1] != entry.to_version:
            line.append(entry.to_version)
    if entries and entries[-1].to_version is None:
        return line[-1] if line else None
    return line[-2] if len(line) > 1 else None


def check_answers(project: Project, version: ModelVersion) -> int:
    """Load a version and ask it its recorded cases; how many it answered.

    Raises
    ------
    PromotionRefused
        It does not load, or answers otherwise than recorded.
    """
    try:
        estimator, recorded = load(version, project), recorded_cases(version, project)
    except RegistryError as error:
        raise PromotionRefused(f"{version} cannot be served: {error.message}") from error
    try:
        wrong = wrong_answers(estimator, recorded)
    except Exception as error:  # an estimator may raise anything on input that it does not know
        raise PromotionRefused(
            f"{version} cannot answer its recorded cases: {type(error).__name__}", details=str(error)
        ) from error
    if len(wrong):
        worst = wrong.iloc[(wrong["answer"] - wrong["score"]).abs().argmax()]
        raise PromotionRefused(
            f"{version} answers {len(wrong)} of {len(recorded)} recorded cases differently; the worst: "
            f"{worst['answer']:.6f} where {worst['score']:.6f} was recorded"
        )
    return len(recorded)


def _refuse_drafts(project: Project, version: ModelVersion) -> None:
    """Drafts register nothing, but anybody can register their models with MLflow's own API."""
    if not version.tag("run_id"):
        raise PromotionRefused(
            f"{version} was not registered through the workbench: nothing is known about its validation"
        )
    client = store.client(project)
    for purpose, run_id in (("trained", version.run_id), ("validated", version.tag("run_id"))):
        if client.get_run(run_id).data.tags.get("workbench.draft") == "true":
            raise PromotionRefused(
                f"{version} was {purpose} in a draft, run {run_id}; drafts are never promoted"
            )


def _evidence(project: Project, version: ModelVersion) -> dict[str, Any]:
    try:
        return evidence(version, project)
    except RegistryError as error:
        raise PromotionRefused(f"{version}: {error.message}") from error


def _refuse_unless_forced(version: ModelVersion, found: dict[str, Any], reason: str, force: bool) -> None:
    if force and reason.strip():
        return
    open_gates = [
        f"{gate['name']} {gate['verdict']}: {gate['why']}"
        for gate in found.get("gates", [])
        if gate["verdict"] != "passed"
    ]
    raise PromotionRefused(
        f"{version}: its gates are {version.verdict or 'unknown'}, not passed; promoting it anyway takes "
        "force and a reason",
        details="\n".join(open_gates),
    )
