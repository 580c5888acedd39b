"""What a policy backtest found, policy by policy: kept as JSON, read back by anybody."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

__all__ = ["Backtest", "Day", "Event", "EventKind", "PolicyOutcome", "Span", "from_json", "to_json"]

_Kind = TypeVar("_Kind")

EventKind = Literal[
    "retrained",
    "registered",
    "shadowing",
    "promoted",
    "proposed",
    "refused",
    "failed",
    "rolled_back",
    "alert",
    "cleared",
]


@dataclass(frozen=True)
class Event:
    """Something that was decided or told on a day.

    Attributes
    ----------
    at : datetime
        Aware, by the world's clock.
    version : int or None
        The version that it is about.
    mattered : bool or None
        Of an alert, judged in hindsight with all labels: while it lasted, the primary metric of its version
        really was below the line that ``[monitoring] performance_drop`` draws, or its answers were worth
        less than flagging nobody. None when too few labels ever came to tell, and of all other events.
    """

    at: datetime
    kind: EventKind
    version: int | None
    says: str
    mattered: bool | None = None


@dataclass(frozen=True)
class Day:
    """One day of the project's calendar.

    Attributes
    ----------
    version : int
        The champion that answered most of its rows; 0 when nobody answered.
    asked, answered : int
        Rows. A model may refuse some that another answers.
    labelled, positives : int
        Of what was asked, rows whose truth became known at all, and those that turned out positive.
    worth : float or None
        Of the labelled rows in the unit of ``[gates.utility]``, by the threshold; one that was not answered
        counts as not flagged, so that it is of the same rows whatever the policy. None without either.
    metric : float or None
        The primary metric of the day's labelled answers alone; None when they cannot give it.
    """

    day: date
    version: int
    asked: int
    answered: int
    labelled: int
    positives: int
    worth: float | None = None
    metric: float | None = None


@dataclass(frozen=True)
class Span:
    """One window of ``[monitoring] window``, with all labels that ever came.

    Attributes
    ----------
    name : str
        Such as ``2013-08``.
    start, end : datetime
        The window, ``[start, end)``, as far as the backtest goes.
    asked, answered, labelled : int
        As of a day.
    metric, low, high : float or None
        The primary metric of the champions' answers, with its 95 % interval by days; None when it cannot be
        computed.
    worth : float or None
        As of a day.
    """

    name: str
    start: datetime
    end: datetime
    asked: int
    answered: int
    labelled: int
    metric: float | None
    low: float | None
    high: float | None
    worth: float | None


@dataclass(frozen=True)
class PolicyOutcome:
    """What one policy would have done to the project.

    Attributes
    ----------
    settings : dict
        What the policy sets otherwise than the project, such as ``{"retraining.training_days": 60}``.
    first_version_note : str
        What the gates said of the first champion, which is promoted whatever they say.
    trainings : int
        How many challengers it asked for, those that failed included; the first champion is none of them.
    seconds : float
        Of computing, exempt from all comparisons: what its trainings would have taken by themselves is in it,
        whoever else shared them.
    unknown : tuple of str
        Stretches without labels: what it cannot know.
    """

    policy: str
    about: str
    settings: dict[str, Any]
    first_version_note: str
    days: tuple[Day, ...]
    spans: tuple[Span, ...]
    events: tuple[Event, ...]
    trainings: int
    seconds: float
    unknown: tuple[str, ...] = ()

    @property
    def unanswered(self) -> int:
        """Rows that were asked and not answered."""
        return sum(day.asked - day.answered for day in self.days)

    @property
    def worth(self) -> float | None:
        """Of all days; None where no day has any."""
        known = [day.worth for day in self.days if day.worth is not None]
        return sum(known) if known else None

    def decisions(self) -> PolicyOutcome:
        """All of it but the time that it took: what has to be the same each time."""
        return replace(self, seconds=0.0)


@dataclass(frozen=True)
class Backtest:
    """Several policies over the same history.

    Attributes
    ----------
    project, name : str
        Of the project, and of the backtest within it.
    began, until : date
        The first day, and the one after the last.
    unit : str
        Of worth; empty where the project declares none.
    metric : str
        The primary metric.
    notes : tuple of str
        What holds for all policies, such as gates that were left out.
    step : str
        ``day``, ``hour``, a length such as ``7d``, or a batch such as ``500 rows``.
    timezone : str
        In which a day begins and ends.
    memory_note : str
        How fresh memory features were taken to be; empty where the model has none.
    """

    project: str
    name: str
    began: date
    until: date
    unit: str
    metric: str
    policies: tuple[PolicyOutcome, ...]
    notes: tuple[str, ...] = ()
    step: str = "day"
    timezone: str = "UTC"
    memory_note: str = ""

    def day_of(self, moment: datetime) -> date:
        """The day on which something happened, where the project is."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()

    @property
    def pace(self) -> str:
        """How much of the history is replayed at a time, in words."""
        return {"day": "a day", "hour": "an hour"}.get(self.step, self.step)

    def policy(self, name: str) -> PolicyOutcome:
        """The outcome of that policy (:class:`KeyError` if it was not among them)."""
        for outcome in self.policies:
            if outcome.policy == name:
                return outcome
        raise KeyError(name)

    def to_json(self) -> str:
        """Everything as JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Backtest:
        """A backtest from what :meth:`to_json` gave (:class:`ValueError` if it is none)."""
        return from_json(cls, text)


def to_json(outcome: Backtest | PolicyOutcome) -> str:
    """An outcome as JSON."""
    from pydantic import TypeAdapter

    return TypeAdapter(type(outcome)).dump_json(outcome, indent=1).decode()


def from_json(kind: type[_Kind], text: str | bytes) -> _Kind:
    """An outcome from what :func:`to_json` gave (:class:`ValueError` if it is none)."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind).validate_json(text)
