"""How good the answers of a baking version turned out to be, as labels arrive."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import Connection, func, select

from workbench.monitoring.baking.evidence import Outcome
from workbench.monitoring.performance import MINIMUM_COVERAGE, Standard
from workbench.monitoring.performance.answers import Answers
from workbench.monitoring.performance.rounds import ROUNDS, blocks_of, rounds_of
from workbench.registry.cases import INPUT
from workbench.registry.gates.bootstrap import Days, interval
from workbench.registry.gates.judging import MINIMUM_DAYS
from workbench.serving import labelled
from workbench.store.tables import ground_truth
from workbench.tracking.metrics import binary_metrics

if TYPE_CHECKING:
    import pandas as pd

    from workbench.monitoring.looking.subject import Subject

__all__ = ["count_labels", "measure_outcome", "with_bar"]

_COLUMNS = ("prediction_id", "asked_at", "score")
# Where there are too few hours to draw from, stretches of as many answers each are drawn.
_STRETCHES = 20


def measure_outcome(subject: Subject, version: int, start: datetime, end: datetime, now: datetime) -> Outcome:
    """The primary metric of a champion's answers asked in ``[start, end)``, by what is known now.

    Labels that come early are not like those that come late, so answers count up to the last one by which the
    truth of nine in ten is known. The interval draws days or hours; of less than seven of them, twenty
    stretches of time in which equally many were asked.
    """
    standard = subject.served(version).standard
    inputs = [INPUT + name for name in subject.project.config.serving.key]
    asked = subject.log.read(start, end, role="champion", version=version, columns=[*_COLUMNS, *inputs])
    told = labelled(subject.project, subject.name, asked, known_by=now)
    answers = Answers.of(told, time="asked_at", label="truth", now=now)
    ripe = answers.only(_ripe(answers))
    known = ripe.known
    y, score = ripe.truth[known], ripe.score[known]
    nothing = Outcome(standard.metric, len(y))
    if not len(y):
        return nothing
    value = binary_metrics(y, score, standard.threshold)[standard.metric]
    rounds = rounds_of(standard.metric, y, score, _blocks(ripe.asked_at[known]), standard.threshold)
    found = interval(value, rounds)
    return replace(nothing, value=value, low=found.low, high=found.high)


def count_labels(connection: Connection, log: str, now: datetime) -> int:
    """How often anybody has said by now what is true of an answer in a log."""
    truth = ground_truth.c
    query = select(func.count()).where(truth.log == log, truth.known_at <= now)
    return connection.scalar(query) or 0


def with_bar(
    outcome: Outcome, before: Outcome | None, standards: dict[int, Standard], fewest: int
) -> Outcome:
    """The outcome, and what it is held against.

    That is what the champion before reached lately, if enough of its labels are in: what everybody's answers
    suffer from is no reason to go back. Else it is what that one reached at its validation, or, of a first
    champion, what the version itself did.

    Parameters
    ----------
    standards : mapping of int to Standard
        Of the champion before, if there was one, and then of the version itself.
    """
    if before is not None and before.labelled >= fewest and np.isfinite(before.value):
        version = next(iter(standards))
        says = f"where v{version} lately had"
        return replace(outcome, bar=before.value, bar_of=says, bar_low=before.low, bar_high=before.high)
    for version, standard in standards.items():
        if np.isfinite(standard.expected):
            return replace(outcome, bar=standard.expected, bar_of=f"where v{version} had at its validation")
    return outcome


def _ripe(answers: Answers) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """The answers up to the last one by which nine in ten are labelled."""
    order = np.argsort(answers.asked_at.to_numpy(), kind="stable")
    share = np.cumsum(answers.known[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(share >= MINIMUM_COVERAGE)
    ripe = np.zeros(len(order), dtype=bool)
    ripe[order[: enough[-1] + 1 if len(enough) else 0]] = True
    return ripe


def _blocks(moments: pd.Series[pd.Timestamp]) -> Days:
    days = blocks_of(moments, seed=0)
    if days.count >= MINIMUM_DAYS:
        return days
    stretches = min(_STRETCHES, len(moments))
    place = np.argsort(np.argsort(moments.to_numpy(), kind="stable"), kind="stable")
    draws = np.random.default_rng(0).multinomial(stretches, np.full(stretches, 1 / stretches), size=ROUNDS)
    return Days((place * stretches // len(moments)).astype(np.int64), draws.astype(float))
