"""When data gets too old: the scheduled times of a schedule that goes by the age of a dataset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from workbench.config import FreshConfig
from workbench.data.tables import Tables
from workbench.errors import DatasetNotFound
from workbench.project import Project
from workbench.tracking import inputs

__all__ = ["due_since", "next_look"]


def due_since(project: Project, fresh: FreshConfig, now: datetime) -> datetime | None:
    """Since when the dataset is too old; None while it is fresh.

    A dataset that stays too old is due again each time that ``within`` has passed once more. So there is one
    scheduled time for all schedulers that look, whenever they do.
    """
    try:
        newest = Tables(project.data_uri).newest(
            fresh.dataset, lambda version: inputs.is_published(project, version)
        )
        written = datetime.fromisoformat(newest.written_at)
    except DatasetNotFound:
        written = datetime(1970, 1, 1, tzinfo=UTC)
    passed = (now - written) // fresh.within
    return written + passed * fresh.within if passed > 0 else None


def next_look(now: datetime) -> datetime:
    """The next full minute."""
    return now.replace(second=0, microsecond=0) + timedelta(minutes=1)
