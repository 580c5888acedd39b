"""Looking at a baking period: measure, judge, and roll back once.

Any number of processes may look, and each may be killed at any moment. A lease spares them the same work;
what keeps a rollback from happening twice is the ledger: a version is taken back by the position of the
promotion that is judged, so that whoever comes second, or after somebody's later promotion, is refused. The
decision is written down before it is carried out, and who comes next carries it out.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from workbench.errors import AliasMoved, PromotionRefused
from workbench.monitoring.alerts import deliver
from workbench.monitoring.baking import ending, record
from workbench.monitoring.baking.evidence import Evidence, Outcome, Violation
from workbench.monitoring.baking.figures import Yardstick, answers_of, look_before, windows_since
from workbench.monitoring.baking.guards import unjudged, violation
from workbench.monitoring.baking.outcomes import count_labels, measure_outcome, with_bar
from workbench.monitoring.baking.record import ACTOR, Baking
from workbench.monitoring.looking.subject import Subject
from workbench.project import Project
from workbench.registry.promotion import rollback, way_back
from workbench.serving import PredictionLog
from workbench.store import baking, leases
from workbench.store.clock import Clock, SystemClock
from workbench.store.database import Database, open_database

__all__ = ["Evaluator", "bake"]

# Whoever holds the lease and dies is followed after so many seconds.
_LEASE_SECONDS = 5.0
# So often a rollback that was refused is tried again.
_AGAIN = timedelta(seconds=30)
# How good the answers were is looked at for one part in so many of the time.
_REST = 20
_KEPT = 300  # windows that the evidence holds


def bake(project: Project, log: PredictionLog, name: str, *, clock: Clock) -> Baking | None:
    """Look once at how the newest champion bakes, and roll it back when a guard is violated.

    Parameters
    ----------
    name : str
        Under which ground truth for the log is filed: ``Server.log_name``.

    Returns
    -------
    Baking or None
        The newest baking period as it is now; None when there is none.
    """
    evaluator = Evaluator(project, log, name)
    try:
        return evaluator.look(clock)
    finally:
        evaluator.leave()


class Evaluator:
    """Looks at the newest baking period again and again; what cannot change it looks up once."""

    def __init__(self, project: Project, log: PredictionLog, name: str) -> None:
        self._project, self._config = project, project.config.baking
        self._subject = Subject(project, log, name, project.config.monitoring)
        self._holder = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._yardstick: tuple[int, Yardstick] | None = None
        self._told, self._outcome_after = -1, 0.0
        self._not_before: datetime | None = None

    def look(self, clock: Clock) -> Baking | None:
        """Look once, unless another process does; the newest period as it is now, None without one."""
        database = open_database(self._project)
        model, now = self._project.model.name, clock.now()
        with database.read() as connection:
            found = record.newest(connection, model)
            watched = baking.is_watched(connection, model, now, self._config.period)
        if not watched or not self._config.enabled:
            return found
        if leases.take(database, self._lease, self._holder, _LEASE_SECONDS, SystemClock()) is None:
            return found
        present = self._follow(database, now)
        if present is None or present.status != "baking":
            return present
        decided = self._judge(database, present, now)
        if decided.status == "baking" and decided.evidence.violation is not None:
            return self._roll_back(database, decided, decided.evidence.violation, clock)
        return decided

    def rehearse(self) -> None:
        """Try the way back, so that what it takes is loaded when it is needed, and change nothing.

        Raises
        ------
        PromotionRefused
            There is none: the champion before does not load, does not answer, or never was.
        """
        way_back(self._project)

    def leave(self) -> None:
        """Let another process look at once."""
        database = open_database(self._project)
        held = leases.find(database, self._lease)
        if held is not None and held.holder == self._holder:
            leases.release(database, held)

    @property
    def _lease(self) -> str:
        return f"baking/{self._project.model.name}"

    def _follow(self, database: Database, now: datetime) -> Baking | None:
        """What the ledger says: an older period is over, and that of a new promotion begins."""
        model = self._project.model.name
        with database.write() as connection:
            for each in record.unfinished(connection, model):
                ending.settle(connection, self._project, each, now)
            record.open_newest(connection, self._project, self._subject.name, now)
            return record.newest(connection, model)

    def _judge(self, database: Database, present: Baking, now: datetime) -> Baking:
        """What is seen by now, and the decision on it; a decision that was made before stands."""
        if present.evidence.violation is not None:
            found = replace(present, checked_at=now)
            if now >= present.until and present.evidence.refused:
                found = replace(found, status="failed", evidence=_ended(found.evidence))
        else:
            found = self._measured(present, now)
        with database.write() as connection:
            if record.keep(connection, found, present):
                return found
            return record.newest(connection, present.model) or present  # another process was quicker

    def _measured(self, present: Baking, now: datetime) -> Baking:
        until, known = min(now, present.until), present.evidence
        yardstick = self._held_against(present, now)
        since = known.windows[-1].end if known.windows else present.started_at
        answers = answers_of(self._subject.log, present.version, since, until)
        over, running = windows_since(answers, since, until, yardstick)
        outcome = self._outcome(present, until, now)
        windows = (*known.windows, *over)
        decision = violation(self._config, (*windows, running), yardstick.before, outcome, now)
        found = replace(
            known,
            windows=windows[-_KEPT:],
            running=running,
            before=yardstick.before,
            outcome=outcome,
            violation=decision,
        )
        seen = replace(present, checked_at=now, evidence=found)
        return self._passed(seen) if decision is None and now >= present.until else seen

    def _passed(self, present: Baking) -> Baking:
        """The period is over and nothing was violated, as far as that could be told."""
        known = present.evidence
        lacks, any_judged = unjudged(self._config, known.seen, known.before, known.outcome)
        said = ["no guard was violated"] if any_judged else []
        if lacks:
            answers = sum(window.rows for window in known.seen)
            says = ", ".join(f"{guard} ({why})" for guard, why in lacks.items())
            said = [f"{answers:,} answers", *said, f"not judged: {says}"]
        ended = replace(known, ended="; ".join(said))
        return replace(present, evidence=ended, status="passed" if any_judged else "inconclusive")

    def _held_against(self, present: Baking, now: datetime) -> Yardstick:
        if self._yardstick is None or self._yardstick[0] != present.position:
            yardstick = Yardstick(self._config, self._subject.served(present.version).reference)
            if present.previous is not None:
                earlier = present.started_at - self._config.period
                asked = answers_of(self._subject.log, present.previous, earlier, present.started_at)
                before, scores = look_before(asked, present.previous, now)
                yardstick = replace(yardstick, before=before, before_scores=scores)
            self._yardstick = (present.position, yardstick)
        return self._yardstick[1]

    def _outcome(self, present: Baking, until: datetime, now: datetime) -> Outcome | None:
        """How good the answers were, measured anew when more labels are in."""
        last, begun = present.evidence.outcome, time.monotonic()
        rests = begun < self._outcome_after and now < present.until
        if self._config.performance_drop is None or rests:
            return last
        with open_database(self._project).read() as connection:
            told = count_labels(connection, self._subject.name, now)
        if told and (told != self._told or last is None):
            self._told = told
            outcome = measure_outcome(self._subject, present.version, present.started_at, until, now)
            last = self._with_bar(present, outcome, now)
        # All answers of the period are read for it, while other guards are in a hurry.
        self._outcome_after = time.monotonic() + _REST * (time.monotonic() - begun)
        return last

    def _with_bar(self, present: Baking, outcome: Outcome, now: datetime) -> Outcome:
        versions = [each for each in (present.previous, present.version) if each is not None]
        standards = {version: self._subject.served(version).standard for version in versions}
        before = None
        if present.previous is not None:
            earlier, start = present.started_at - self._config.period, present.started_at
            before = measure_outcome(self._subject, present.previous, earlier, start, now)
        return with_bar(outcome, before, standards, self._config.minimum_labels)

    def _roll_back(self, database: Database, present: Baking, decision: Violation, clock: Clock) -> Baking:
        """Carry the decision out, or tell why that cannot be done."""
        now = clock.now()
        if self._not_before is not None and now < self._not_before:
            return present
        reason = f"{decision.guard} of the baking period: {decision.says}"
        try:
            with suppress(AliasMoved):  # by somebody, or by another process that looks: the ledger says which
                rollback(self._project, reason=reason, position=present.position, actor=ACTOR, clock=clock)
            found = self._follow(database, now)
        except PromotionRefused as error:
            self._not_before = now + _AGAIN
            found = replace(present, evidence=replace(present.evidence, refused=error.message))
            with database.write() as connection:
                if record.keep(connection, found, present):
                    ending.tell_refused(connection, self._project, found, decision, now)
        if set(self._config.to) - {"backlog"}:
            deliver(database, self._project.name, self._project.config.monitoring, clock)
        return found or present


def _ended(evidence: Evidence) -> Evidence:
    says = evidence.violation.says if evidence.violation else ""
    return replace(evidence, ended=f"{says}; not rolled back: {evidence.refused}")
