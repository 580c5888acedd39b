"""*Look again*: what ``workbench monitor`` does, told in a few lines."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from workbench.errors import UnknownName
from workbench.panels.markup import problem
from workbench.project import Project

__all__ = ["look"]

_NAMED = 3


def look(project: Project, log: str, last: int, tell: Callable[[str], None]) -> str:
    """Look at a log (by default the live one), record what is new, raise alerts, write the page.

    Parameters
    ----------
    tell : callable
        Told in a line how far it is.

    Returns
    -------
    str
        What came of it, as markup.
    """
    from workbench.monitoring.again import look_again, publish_watched
    from workbench.serving.log.chosen import chosen_log
    from workbench.serving.settings import LIVE_LOG
    from workbench.store.clock import project_clock

    live = log in ("", LIVE_LOG)
    try:
        answers, name = chosen_log(project, None if live else log)
    except UnknownName:
        return problem(
            f"{log} is no log that can be looked at again: a notebook recorded what it found in a replay, "
            "and finds it anew when it runs again"
        )
    clock = project_clock()
    tell("reading the prediction log")
    looked = look_again(
        project,
        answers,
        name,
        clock=clock,
        live=live,
        last=last,
        on_window=lambda done, total, window: tell(f"{window.name}: window {done + 1} of {total}"),
    )
    watched, baked = looked.watched, looked.baked
    lines = list(watched.notes)
    if watched.findings:
        page = publish_watched(project, name, watched, clock=clock)
        count = len(watched.findings)
        seen = f"looked at {count} window{'s' * (count != 1)}, {_new(watched.recorded)}"
        lines.insert(0, f"{seen}; page: {page}")
    lines += [f"new: {alert}: {alert.says}" for alert in watched.raised[:_NAMED]]
    lines += [f"over: {alert}" for alert in watched.cleared[:_NAMED]]
    told = "".join(map(_line, lines))
    if baked is not None and baked.until > clock.now():
        told += problem(str(baked)) if baked.evidence.violation else _line(str(baked))
    return told + "".join(problem(f"not told: {failure}") for failure in watched.undelivered)


def _line(text: str) -> str:
    return f'<p style="margin: 4px 0; opacity: .8">{escape(text)}</p>'


def _new(recorded: int | None) -> str:
    if not recorded:
        return "nothing is new"
    return f"{recorded} finding{'s are' if recorded > 1 else ' is'} new"
