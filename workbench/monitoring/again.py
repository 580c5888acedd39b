"""Looking at a log once more: what ``workbench monitor`` does, and the panel's *Look again*."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.monitoring.baking import Baking, bake
from workbench.monitoring.looking.watching import OnWindow, Watched, watch
from workbench.monitoring.page.publishing import publish
from workbench.project import Project
from workbench.serving import PredictionLog
from workbench.store.clock import Clock

if TYPE_CHECKING:
    from workbench.monitoring.page.evidently import EvidentlyPage

__all__ = ["Looked", "look_again", "publish_watched"]


@dataclass(frozen=True, eq=False)
class Looked:
    """What came of it.

    Attributes
    ----------
    baked : Baking or None
        How the newest champion bakes, if the log is the live one: a guard that was violated rolled it back.
    """

    watched: Watched
    baked: Baking | None


def look_again(
    project: Project,
    log: PredictionLog,
    name: str,
    *,
    clock: Clock,
    live: bool,
    last: int,
    on_window: OnWindow | None = None,
) -> Looked:
    """Look at all windows up to now, record what is new and raise alerts; let a new champion bake before.

    Parameters
    ----------
    live : bool
        The log is the one that the server writes: only its champion bakes.
    last, on_window
        As for :func:`~workbench.monitoring.watch`.
    """
    baked = bake(project, log, name, clock=clock) if live else None
    return Looked(watch(project, log, name, clock=clock, last=last, on_window=on_window), baked)


def publish_watched(
    project: Project,
    name: str,
    watched: Watched,
    *,
    clock: Clock,
    pages: Mapping[str, EvidentlyPage] | None = None,
) -> Path:
    """Write the page of what was found into the project's state; its path.

    The page of what is recorded stays when somebody only looked, at other windows or at one version.
    """
    folder = project.state / "monitor" / name.replace("/", "-")
    return publish(
        folder if watched.recorded is not None else folder / "looked",
        watched.findings,
        watched.alerts[::-1],
        model=project.model.name,
        now=clock.now(),
        pages=pages,
    )
