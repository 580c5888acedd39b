"""To say something of a report, and to sign it off: durable first, then shown on the report's page."""

from __future__ import annotations

from workbench.errors import UsageError
from workbench.project import Project
from workbench.registry.identity import Identity, identify
from workbench.registry.reviews.looking import ReportReview, look
from workbench.registry.reviews.page import turn, write_page
from workbench.store import reviews
from workbench.store.clock import Clock, project_clock
from workbench.store.database import open_database
from workbench.store.reviews import Remark

__all__ = ["remark", "sign_off"]


def remark(
    project: Project,
    seen: ReportReview,
    text: str,
    *,
    cell: int | None = None,
    asks: bool = False,
    actor: str | None = None,
    clock: Clock | None = None,
) -> ReportReview:
    """Say something of a report that was looked at; it is not said twice in a row.

    Parameters
    ----------
    cell : int, optional
        The cell that it is about, as the report counts them.
    asks : bool
        Whether somebody has to do something: then it is an item of the backlog, too.

    Returns
    -------
    ReportReview
        As it is now.

    Raises
    ------
    UsageError
        It says nothing, or the report has no such cell. Nothing was kept.
    """
    if cell is not None and not 1 <= cell <= seen.cells:
        raise UsageError(f"the {seen.name} has no cell {cell}: they are 1 to {seen.cells}")
    with open_database(project).write() as connection:
        who = identify(connection, actor)
        before = reviews.remarks(connection, project.name, [seen.run_id])
        if not (before and _is_same(before[-1], who, text, cell, asks)):
            reviews.add_remark(
                connection,
                project.name,
                seen.run_id,
                text,
                report=seen.identity,
                by=who.actor,
                at=(clock or project_clock()).now(),
                cell=cell,
                asks=asks,
                subject=seen.name,
            )
    return _shown(project, seen)


def sign_off(
    project: Project,
    seen: ReportReview,
    *,
    withdraw: bool = False,
    actor: str | None = None,
    clock: Clock | None = None,
) -> ReportReview:
    """Sign a report off as it was looked at, or take one's own sign-off back; it as it is now.

    Raises
    ------
    UsageError
        There is nothing to withdraw, or it was signed as it is already. Nothing was kept.
    """
    with open_database(project).write() as connection:
        who = identify(connection, actor)
        mine = [
            each
            for each in reviews.sign_offs(connection, project.name, [seen.run_id])
            if each.person == who.person
        ]
        stands = bool(mine) and not mine[-1].withdrawn
        if withdraw and not stands:
            raise UsageError(f"{who} has not signed the {seen.name} off: there is nothing to withdraw")
        if not withdraw and stands and mine[-1].report == seen.identity:
            raise UsageError(f"{who} has signed the {seen.name} off already, {mine[-1].at:%Y-%m-%d %H:%M}")
        reviews.add_sign_off(
            connection,
            project.name,
            seen.run_id,
            report=seen.identity,
            by=who.actor,
            at=(clock or project_clock()).now(),
            withdraw=withdraw,
        )
    return _shown(project, seen)


def _is_same(last: Remark, who: Identity, text: str, cell: int | None, asks: bool) -> bool:
    """Whether it was said a moment ago, as by a second click."""
    mine = Identity(last.actor, last.database_user).person == who.person
    return mine and (last.text, last.cell, last.item is not None) == (text.strip(), cell, asks)


def _shown(project: Project, seen: ReportReview) -> ReportReview:
    """It as it is now, which its page shows, too."""
    named = str(seen.folder) if seen.kept else seen.run_id
    try:
        with turn(project):
            now = look(project, named)
            write_page(now)
            return now
    except OSError:  # nobody waits for the page: what was said is kept
        return look(project, named)
