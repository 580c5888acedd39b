"""What the routes share: the models, the log, the counts; started and drained together."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from workbench.config import ServingConfig
from workbench.errors import ServingError
from workbench.serving.answering.commit import Committer
from workbench.serving.answering.desk import Desk
from workbench.serving.answering.failures import Failures
from workbench.serving.answering.lane import Lane
from workbench.serving.answering.predict import Predicted, Predictor
from workbench.serving.answering.shadow import Shadows
from workbench.serving.health import Counts, Health, LogHealth
from workbench.serving.http.keys import Keys
from workbench.serving.http.metrics import Metrics, Now
from workbench.serving.log.background import Compaction
from workbench.serving.log.batch import Columns
from workbench.serving.log.policy import Keeper
from workbench.serving.models.lineup import Canary, Models
from workbench.serving.models.loaded import LoadedModel
from workbench.serving.protocol.truth import decode_feedback, decode_truth
from workbench.serving.settings import Settings
from workbench.serving.truth import feedback, recording
from workbench.serving.truth.business import BusinessKey
from workbench.store.clock import Clock
from workbench.store.database import Database

__all__ = ["Service"]

_log = logging.getLogger(__name__)
_Decoded = TypeVar("_Decoded")
_REFRESH_SECONDS = 1.0
_SWITCH_SECONDS = 0.001
_REASONS = {
    400: "wrong",
    401: "no key",
    403: "not allowed",
    404: "not found",
    408: "too slow",
    413: "too large",
    415: "content type",
    429: "too many",
    503: "unavailable",
}


class Service:
    """One server's parts.

    Parameters
    ----------
    open_log : callable
        Opens a writer of the prediction log for a purpose: ``"answers"``, ``"shadow"``, ``"failures"``.
    log_name : str
        What ground truth and feedback are filed under.
    config : ServingConfig
        ``[serving]`` of the project.
    keys : Keys, optional
        Who may ask what; everybody everything without it.
    business_key : BusinessKey, optional
        By which ground truth may come, too.
    conceal : callable, optional
        Replaces personal values in what the log keeps.
    compaction : Compaction, optional
        Of the log; nobody compacts it without.
    """

    def __init__(
        self,
        settings: Settings,
        models: Models,
        *,
        open_log: Callable[[str], Keeper],
        log_name: str,
        database: Database,
        clock: Clock,
        project: str,
        code_version: str,
        config: ServingConfig | None = None,
        keys: Keys | None = None,
        business_key: BusinessKey | None = None,
        conceal: Callable[[Columns], Columns] | None = None,
        compaction: Compaction | None = None,
    ) -> None:
        limits, config = settings.limits, config or ServingConfig()
        self.settings, self.models, self.log_name = settings, models, log_name
        self.database, self.clock, self.project = database, clock, project
        self.keys, self._business_key = keys or Keys(), business_key or BusinessKey()
        self.failures = Failures(functools.partial(open_log, "failures"))
        self.shadows = Shadows(
            functools.partial(open_log, "shadow"), limits.shadow_rows, config.shadow_share, self.failures
        )
        self.log = open_log("answers")
        predictor = Predictor(
            models,
            clock=clock,
            simulated=settings.simulated,
            code_version=code_version,
            canary=Canary(config.canary.share, config.canary.key) if config.canary else None,
            conceal=conceal,
            failures=self.failures,
        )
        committer = Committer(self.log, kept=self._kept, settled=self._settled)
        self.desk = Desk(predictor, committer, models, waiting=limits.waiting, seconds=limits.answer_seconds)
        self.committer = committer
        self._decoding = asyncio.Semaphore()
        self.writing_truth = Lane("truth", self._record, limits.waiting)
        self._compaction = compaction
        self._counted: Counter[str] = Counter()
        self.metrics = Metrics(settings.metrics_folder, self._look)
        self.started_at = datetime.now(UTC)

    async def beside(self, decode: Callable[[], _Decoded]) -> _Decoded:
        """Decode a large body in a thread; one at a time: several would take as long, and more memory."""
        async with self._decoding:
            return await asyncio.to_thread(decode)

    async def record(self, kind: str, body: bytes, request_id: str) -> int:
        """Keep ground truth (``kind`` is ``"truth"``) or feedback; how many rows were kept, durably."""
        kept = await self.writing_truth.run((kind, body, request_id))
        self._counted[f"{kind}_rows"] += kept
        return kept

    def _record(self, tasks: list[tuple[str, bytes, str]]) -> list[int | Exception]:
        outcomes: list[int | Exception] = []
        for kind, body, request_id in tasks:
            try:
                outcomes.append(self._record_one(kind, body, request_id))
            except ServingError as error:
                # The database is locked or away: to be told so, nobody waits for it once more.
                return [*outcomes, *[error] * (len(tasks) - len(outcomes))]
            except Exception as error:
                outcomes.append(error)
        return outcomes

    def _record_one(self, kind: str, body: bytes, request_id: str) -> int:
        most = self.settings.limits.rows
        if kind == "feedback":
            given = decode_feedback(body, most, self.clock.now())
            return feedback.record(self.database, self.log_name, given, self.clock, request_id=request_id)
        default = None if self.settings.simulated else self.clock.now()
        rows = decode_truth(body, most, default)
        return recording.record(self.database, self.log_name, rows, self.clock, self._business_key)

    def _kept(self, predicted: Predicted) -> None:
        """In the committer's thread: what a champion or canary answered goes to the shadows, too."""
        shadows = self.models.now.shadows
        if shadows and predicted.batch.role in ("champion", "canary"):
            self.shadows.offer(shadows, predicted)

    def _settled(self, predicted: Sequence[Predicted], seconds: float, error: Exception | None) -> None:
        if error is not None:
            self.metrics.log_failed()
            return
        self.metrics.took("commit", seconds)
        for one in predicted:
            rows = len(one.batch.prediction_ids)
            self.metrics.gathered(rows)
            self.metrics.took("features", one.feature_seconds)
            self.metrics.took("model", one.model_seconds)
            self.metrics.answered(one.batch.version, one.batch.role, rows)
            self._counted["answered"] += len(one.calls)
            self._counted["rows"] += rows

    def _look(self) -> Now:
        """What the metrics want to know of the present."""
        lineup, counts = self.models.now, self.shadows.counted(self.counts)
        champion = lineup.champion
        return Now(
            waiting=self.desk.waiting,
            champion=0 if champion is None else champion.version,
            refused_versions=len(lineup.refused),
            registry_age_seconds=self.models.age(),
            uncompacted_rows=0 if self._compaction is None else self._compaction.waiting,
            shadow_rows=counts.shadow_rows,
            shadow_failed_rows=counts.shadow_failed_rows,
            shadow_dropped_rows=counts.shadow_dropped_rows,
        )

    def _refresh(self) -> None:
        if self._compaction is not None:
            self._compaction.look(self._counted["rows"] + self.failures.rows)
        log = self.log.state
        if not self.desk.waiting and (log.condition != "ok" or log.spooled_rows):
            # Whoever hears that it cannot answer sends nothing by which it would notice that it can again;
            # and what is spooled does not wait for the next who asks.
            self.committer.put([], asyncio.get_running_loop(), lambda: None)
        self.metrics.refresh()
        self._refreshing = asyncio.get_running_loop().call_later(_REFRESH_SECONDS, self._refresh)

    def report(self) -> Health:
        """What the server says about itself, now."""
        lineup, features = self.models.now, self.models.features
        champion, log = lineup.champion, self._log_health()
        return Health(
            state="no_champion"
            if champion is None
            else "log_failed"
            if log.condition == "refused"
            else "ready",
            project=self.project,
            pid=os.getpid(),
            model=next((model.model for model in lineup.loaded), ""),
            champion=None if champion is None else champion.version,
            shadows=tuple(model.version for model in lineup.shadows),
            follows=self.models.follows,
            simulated=self.settings.simulated,
            started_at=self.started_at,
            log=log,
            counts=self.shadows.counted(self.counts),
            request=tuple(lineup.request.columns),
            memory=features.memory,
            problems=lineup.problems,
            canary=None if lineup.canary is None else lineup.canary.version,
            paths={str(model.version): _path(model) for model in lineup.loaded},
        )

    def _log_health(self) -> LogHealth:
        state = self.log.state
        return LogHealth(
            ok=state.condition in ("ok", "spooled"),
            folder=self.settings.log_folder,
            name=self.log_name,
            error=state.error,
            condition=state.condition,
            spooled_rows=state.spooled_rows,
            unlogged_rows=state.unlogged_rows,
        )

    def replied(self, status: int, arrived: float) -> None:
        """Count a reply that is about to go."""
        self.metrics.replied(status, time.perf_counter() - arrived)
        if status >= 500:
            self._counted["failed"] += 1
        elif status >= 400:
            self._counted["refused"] += 1
        if status >= 400:
            self.metrics.refused(_REASONS.get(status, str(status)))

    def left(self) -> None:
        """Count a request whose client did not wait for the reply."""
        self._counted["refused"] += 1
        self.metrics.refused("client left")

    @property
    def counts(self) -> Counts:
        """What was counted since the start; what shadows did is theirs."""
        return Counts(**self._counted)

    async def start(self) -> None:
        """Before the first request."""
        # What was imported and loaded stays: looking through it for garbage would hold answers up by 0.2 s.
        gc.collect()
        gc.freeze()
        # A thread that predicts would keep the loop waiting for the interpreter for 5 ms whenever it has to.
        sys.setswitchinterval(_SWITCH_SECONDS)
        self.desk.start()
        for part in (self.committer, self.failures, self.writing_truth, self.shadows, self.models):
            part.start()
        self._refresh()

    async def drain(self) -> None:
        """After the last request: what is acknowledged is in the log already, what waits gets done."""
        self._refreshing.cancel()
        await asyncio.to_thread(self._drain)

    def _drain(self) -> None:
        end = time.monotonic() + self.settings.limits.drain_seconds

        def left() -> float:
            return max(0.0, end - time.monotonic())

        self.models.stop()
        self.desk.stop(left())
        recorded = self.writing_truth.stop(left())
        if not self.shadows.drain(left()):
            _log.warning("the shadows did not finish in time; what they had not predicted is lost")
        self.failures.stop(left())
        if self._compaction is not None:
            self._compaction.stop()
        self.metrics.refresh()
        # A thread that hangs may still hold its file; what it acknowledged is on disk already.
        if recorded:
            self.database.close()


def _path(model: LoadedModel) -> str:
    return "compiled" if model.path.compiled is not None else f"plain: {model.path.reason}"
