"""What went wrong, in one line: nobody reads a traceback in a panel."""

from __future__ import annotations

from workbench.project import Project
from workbench.store import trouble

__all__ = ["in_words"]

_LONGEST = 300


def in_words(error: Exception, project: Project) -> str:
    """One line for whatever went wrong."""
    from sqlalchemy.exc import SQLAlchemyError

    told = trouble.in_words(error, project.state)
    if told is not None:
        return told.message
    first = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, SQLAlchemyError):
        return f"the workbench database does not answer: {first}"[:_LONGEST]
    return f"{type(error).__name__}: {first}"[:_LONGEST]
