"""Remarks and sign-offs on the page of the report itself, which is derived and so may be written anew.

They stand in one block below the page's head. What stands in the head is escaped, so nothing but this module
writes the comments right behind it that the block is found by.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from sqlalchemy.exc import SQLAlchemyError

from workbench.errors import WorkbenchError
from workbench.registry.card.writing import write_whole
from workbench.registry.reviews.looking import ReportReview, of_record
from workbench.store import reviews
from workbench.store.database import open_database
from workbench.tracking import reports

if TYPE_CHECKING:
    from jinja2 import Template

    from workbench.project import Project

__all__ = ["block", "show_item", "turn", "write_page", "write_pages"]

_WAIT_SECONDS = 60
_BEGIN, _END, _HEAD = "<!-- review -->", "<!-- /review -->", "</header>"


def turn(project: Project) -> FileLock:
    """One after the other: whoever looks and writes last has seen what all others said."""
    return FileLock(project.state / "reviews.lock", timeout=_WAIT_SECONDS)


def block(review: ReportReview) -> str:
    """What is said of a report as a part of its page; empty when nothing is."""
    if not (review.remarks or review.history):
        return ""
    return f"{_BEGIN}{_template().render(review=review)}{_END}"


def write_page(review: ReportReview) -> bool:
    """Show it on the report's page, if that is here and can be written; whether it does."""
    page = review.folder / reports.HTML
    if not review.kept or not page.is_file():
        return False
    try:
        text = page.read_text(encoding="utf-8", errors="surrogateescape")
        head, found, rest = text.partition(_HEAD)
        if not found:
            return False
        if rest.lstrip("\n").startswith(_BEGIN):
            rest = rest.partition(_END)[2]
        written = f"{head}{found}{block(review)}{rest}"
        if written != text:
            write_whole(page, written)
    except OSError:  # the page is derived: workbench site writes it anew
        return False
    return True


def write_pages(project: Project, item: int | None = None) -> int:
    """Write the block anew on the page of each report that anything was said of; how many those are.

    Parameters
    ----------
    item : int, optional
        Only those of which something was said that this item of the backlog is about.
    """
    from workbench.execution.rerun import record

    with open_database(project).read() as connection:
        if item is None:
            said = list(reviews.reviewed(connection, project.name))
        else:
            said = reviews.runs_of(connection, project.name, item)
    written = 0
    for run_id in said:
        folder = _folder(project, run_id)
        manifest = reports.read(folder) if folder else None
        if folder is not None and manifest is not None:
            with turn(project):
                written += write_page(of_record(project, record.Recorded(manifest, folder)))
    return written


def show_item(project: Project, item: int) -> None:
    """Have what became of a remark beside it on its report's page; what cannot be written is left alone."""
    with suppress(OSError, SQLAlchemyError, WorkbenchError):  # workbench site writes it anew
        write_pages(project, item)


def _folder(project: Project, run_id: str) -> Path | None:
    """Of the report of that run, if it is here."""
    pattern = f"[!.]*-{run_id[:8]}/{reports.MANIFEST}"
    for path in (*project.reports.glob(f"[!.]*/{pattern}"), *project.reports.glob(f"trials/*/{pattern}")):
        manifest = reports.read(path.parent)
        if manifest is not None and manifest.run_id == run_id:
            return path.parent
    return None


@cache
def _template() -> Template:
    from workbench.tracking.page import environment

    return environment(Path(__file__).parent / "templates").get_template("review.html.j2")
