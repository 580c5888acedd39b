"""Episodes: windows in a row in which a rule is violated are one alert: raised, extended, cleared.

They are derived from the windows again each time, as far back as any has changed, and held against what is
recorded. So it does not matter how often that is done; and where labels came late, or corrected earlier
ones, what is recorded follows:

- A violation that is only found out when later windows are judged already is an episode like any other,
  raised late. When it was over by then, it is raised and cleared at once.
- Of several in one go of which nobody had been told, the newest is told; the others are recorded with it.
- An open episode that never was, as is known now, is cleared as ``corrected``. If that is corrected in its
  turn, it is opened again.
- What was cleared otherwise stays as it was recorded; violations after it are a new episode.
- A rule that was changed is a rule for earlier windows, too: what they showed is judged by it anew.
- Nothing is cleared because nothing is known: inconclusive windows, and those that are not handed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from workbench.monitoring.alerts.rules import Evaluated, Look, Stream, judge
from workbench.registry.gates.validation import plain
from workbench.store.texts import storable

__all__ = ["Cleared", "Episode", "Event", "Recorded", "Step", "reconcile", "settled_by"]

#: How an episode ended: a later window was fine, it never was, or its version (or rule) is no longer in use.
Cleared = Literal["", "recovered", "corrected", "retired"]
Event = Literal["raised", "extended", "cleared", "reopened"]

_KEPT = 24  # windows that the evidence shows, the newest
_NAME, _SAYS = 40, 500  # characters


@dataclass(frozen=True)
class Episode:
    """From the window in which it was raised to the last one in which its rule was violated."""

    first_window: str
    first_start: datetime
    last_window: str
    last_end: datetime
    cleared: Cleared
    evidence: dict[str, Any]


@dataclass(frozen=True)
class Recorded:
    """An episode that is in the database."""

    id: int
    episode: Episode

    @property
    def over(self) -> bool:
        return bool(self.episode.cleared)


@dataclass(frozen=True)
class Step:
    """What is to be written: the episode as it is now, and what has happened to it.

    Attributes
    ----------
    id : int or None
        Of the record that changes; None for a new one.
    told : bool
        Whether anybody is to hear of it.
    """

    event: Event
    id: int | None
    episode: Episode
    told: bool = True


@dataclass(frozen=True)
class _Run:
    """Violated evaluations in a row, and the one after them, which is not."""

    violated: tuple[Evaluated, ...]
    ended: Evaluated | None

    @property
    def first(self) -> Look:
        return self.violated[0].look

    @property
    def last(self) -> Look:
        return self.violated[-1].look

    def after(self, moment: datetime) -> _Run | None:
        """What of it begins at that moment or later."""
        left = tuple(each for each in self.violated if each.look.start >= moment)
        return _Run(left, self.ended) if left else None


def reconcile(stream: Stream, recorded: Sequence[Recorded], *, retired: bool = False) -> list[Step]:
    """What has to change of the recorded episodes of a stream, the oldest first.

    Parameters
    ----------
    retired : bool
        The version, or the rule, is no longer in use: what is open is cleared.
    """
    evaluated = judge(stream)
    known = sorted(recorded, key=lambda each: each.episode.first_start)
    goes_on: dict[int, _Run] = {}
    fresh: list[_Run] = []
    for run in _runs(evaluated):
        before = [each for each in known if _belongs(run, each, evaluated)]
        if not before:
            fresh.append(run)
        elif not before[-1].over or before[-1].episode.cleared == "corrected":
            goes_on[before[-1].id] = run
        elif later := run.after(before[-1].episode.last_end):
            fresh.append(later)
    steps = [
        step
        for each in known
        if (step := _follow(stream, each, goes_on.get(each.id), evaluated, retired)) is not None
    ]
    for run in fresh:
        steps.append(Step("raised", None, _episode(stream, run, retired), told=run is fresh[-1]))
    return steps


def settled_by(recorded: Sequence[Recorded], ended: Sequence[datetime]) -> datetime | None:
    """By when windows of a stream had ended that need not be judged again; None when all have to be.

    Parameters
    ----------
    ended : sequence of datetime
        When the windows ended that are what they were when they were judged last, the oldest first.
    """
    if not ended or any(each.over and each.episode.last_end > ended[-1] for each in recorded):
        return None
    # One that is open goes on; its evidence shows so many windows, of which some may be judged anew.
    back = 1 if all(each.over for each in recorded) else 1 + _KEPT
    return ended[-back] if len(ended) >= back else None


def _runs(evaluated: Sequence[Evaluated]) -> list[_Run]:
    found: list[_Run] = []
    present: list[Evaluated] = []
    for each in evaluated:
        if each.violated:
            present.append(each)
        elif present:
            found.append(_Run(tuple(present), each))
            present = []
    return [*found, _Run(tuple(present), None)] if present else found


def _belongs(run: _Run, recorded: Recorded, evaluated: Sequence[Evaluated]) -> bool:
    """Whether a run is about the same time as a recorded episode, or carries an open one on."""
    episode = recorded.episode
    if run.first.start < episode.last_end and run.last.end > episode.first_start:
        return True
    return not recorded.over and _known_since(episode, evaluated)[:1] == [run.violated[0]]


def _known_since(episode: Episode, evaluated: Sequence[Evaluated]) -> list[Evaluated]:
    return [each for each in evaluated if each.look.end > episode.first_start]


def _follow(
    stream: Stream, recorded: Recorded, run: _Run | None, evaluated: Sequence[Evaluated], retired: bool
) -> Step | None:
    """What becomes of a recorded episode; None when it is as it is recorded."""
    before = recorded.episode
    if run is not None:
        now = _episode(stream, run, retired, before)
    elif recorded.over:
        return None
    else:
        now = _without_violation(stream, before, evaluated, retired)
    if now == before:
        return None
    event: Event = "extended"
    if before.cleared:
        event = "reopened"
    elif now.cleared:
        event = "cleared"
    return Step(event, recorded.id, now)


def _without_violation(
    stream: Stream, before: Episode, evaluated: Sequence[Evaluated], retired: bool
) -> Episode:
    """An open episode that no window bears out: corrected or over, if there is any that tells."""
    since = _known_since(before, evaluated)
    if since:
        told = since[0].look
        cleared: Cleared = "corrected" if told.start < before.last_end else "recovered"
        return _changed(before, cleared, _evidence(stream, since[0], told, before))
    return _changed(before, "retired", before.evidence) if retired else before


def _changed(before: Episode, cleared: Cleared, evidence: dict[str, Any]) -> Episode:
    span = (before.first_window, before.first_start, before.last_window, before.last_end)
    return Episode(*span, cleared, evidence)


def _episode(stream: Stream, run: _Run, retired: bool, before: Episode | None = None) -> Episode:
    until = run.ended.look if run.ended else run.last
    cleared: Cleared = "recovered" if run.ended else "retired" if retired else ""
    first, start = (
        (before.first_window, before.first_start) if before else (run.first.window, run.first.start)
    )
    # A run may begin in an episode that is over, and go on in this one.
    own = next(each for each in run.violated if before is None or each.look.end > before.first_start)
    evidence = _evidence(stream, own, until, before)
    return Episode(storable(first, 40), start, storable(run.last.window, 40), run.last.end, cleared, evidence)


def _evidence(stream: Stream, first: Evaluated, until: Look, before: Episode | None) -> dict[str, Any]:
    """The figures of the windows that ``first`` was decided on, of those to ``until``, and of those recorded
    that were not given."""
    looks = [look for look in stream.looks if first.since.start <= look.start and look.end <= until.end]
    kept, earlier = _not_given(stream, first, before) if before else ([], 0)
    windows = kept + [_figures(look) for look in looks]
    return {
        "rule": storable(str(stream.rule)),
        "windows": windows[-_KEPT:],
        "earlier": max(0, len(windows) - _KEPT) + earlier,
    }


def _not_given(stream: Stream, first: Evaluated, before: Episode) -> tuple[list[dict[str, Any]], int]:
    """The windows that are recorded of an episode and were not given, and how many more there were."""
    shown, given_from = before.evidence["windows"], _moment(stream.looks[0].start)
    kept = [each for each in shown if each["start"] < given_from]
    goes_on = stream.goes_on is not None and before.first_start < stream.goes_on
    if stream.goes_on not in (None, first.look.start) or not (kept or goes_on):
        return [], 0
    since, shown_from = _moment(first.since.start), shown[0]["start"]
    again = sum(since <= _moment(look.start) < shown_from for look in stream.looks)
    return kept, max(0, before.evidence["earlier"] - again)


def _figures(look: Look) -> dict[str, Any]:
    return {
        "window": storable(look.window, _NAME),
        "start": _moment(look.start),
        "end": _moment(look.end),
        "value": plain(float(look.value)),
        "verdict": look.verdict,
        "violates": look.violates,
        "says": storable(look.says, _SAYS),
    }


def _moment(moment: datetime) -> str:
    """As text that sorts like the moments do."""
    return moment.astimezone(UTC).isoformat()
