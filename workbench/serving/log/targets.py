"""Where a log is: a folder, or a database."""

from __future__ import annotations

from pathlib import Path

from workbench.serving.log.batch import Writer

__all__ = ["is_database", "open_writer"]


def is_database(target: str) -> bool:
    """Whether a log's place is ``postgresql://…#NAME`` rather than a folder."""
    return target.startswith("postgresql")


def open_writer(target: str, purpose: str) -> Writer:
    """A writer of a log, for one thread.

    Parameters
    ----------
    target : str
        A folder, or ``postgresql://…#NAME``, where NAME tells logs in one database apart.
    purpose : str
        A word for people who look at the log's files, such as ``answers`` or ``shadow``.

    Raises
    ------
    LogFailed
        When it cannot be written.
    """
    if is_database(target):
        from workbench.serving.log.postgres import PostgresWriter

        return PostgresWriter(target, purpose)
    from workbench.serving.log.sqlite import SqliteWriter

    return SqliteWriter(Path(target), purpose)
