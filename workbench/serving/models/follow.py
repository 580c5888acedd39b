"""Follows the registry: a promotion or rollback reaches the running server within about a second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from workbench.serving.health import Problem
from workbench.serving.models.lineup import Lineup, ModelSource, places_of
from workbench.serving.models.loaded import FeatureBuilder, LoadedModel
from workbench.store.standing import Teller

__all__ = ["Follower"]

_log = logging.getLogger(__name__)


class Follower:
    """Keeps the line-up equal to the aliases: champion and canary, and in the shadow challenger and shadows.

    A champion that does not load is not put in front: the version before it stays, or by the ledger is loaded
    where there is none yet, and :attr:`now` says so among its problems. It is tried again after
    ``retry_seconds``.

    Parameters
    ----------
    teller : Teller, optional
        Hears after each look who is wanted in front and who is there, so that somebody can be told.
    """

    follows = True

    def __init__(
        self,
        source: ModelSource,
        *,
        poll_seconds: float = 1.0,
        memory_seconds: float = 15.0,
        retry_seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        teller: Teller | None = None,
    ) -> None:
        self._source, self._teller = source, teller
        self._poll_seconds, self._memory_seconds, self._retry_seconds = (
            poll_seconds,
            memory_seconds,
            retry_seconds,
        )
        self._clock = clock
        self._problems: dict[str, Problem] = {}
        self._not_before: dict[int, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="follow-registry", daemon=True)
        # A server whose features cannot be built at all has nothing to start for: let it raise.
        self.features: FeatureBuilder = source.features()
        self._features_read = clock()
        self._looked_at = clock()
        self.now = Lineup()
        self.look()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._teller is not None:
            self._teller.end()

    def age(self) -> float:
        """Seconds since the registry told its aliases."""
        return self._clock() - self._looked_at

    def look(self) -> None:
        """Look once, and swap when something changed."""
        features = self._newest_features()
        try:
            wanted = self._source.aliases()
        except Exception as error:
            self._note("registry", error)
            return
        self._forget("registry")
        self._looked_at = self._clock()
        first, second, others = places_of(wanted)
        champion = self._settle(first, features, instead=self.now.champion)
        before = self._before() if first is not None and champion is None else None
        champion = champion or self._settle(before, features, instead=None)
        canary = None if second == first else self._settle(second, features, instead=None)
        settled = [self._settle(version, features, instead=None) for version in others]
        in_front = None if champion is None else champion.version
        shadows = tuple(shadow for shadow in settled if shadow is not None and shadow.version != in_front)
        for what in [problem.what for problem in self._problems.values() if problem.of_version]:
            if what not in {f"version {version}" for version in (first, before, second, *others)}:
                self._forget(what)
        # One assignment: a request sees the line-up before it or after it, never between.
        self.now = Lineup(champion, shadows, tuple(self._problems.values()), canary)
        self._tell(first)

    def _tell(self, wanted: int | None) -> None:
        if self._teller is None or self._ended.is_set():
            return
        champion = None if self.now.champion is None else self.now.champion.version
        why = self._problems.get(f"version {wanted}") if champion != wanted else None
        self._teller.tell(wanted, champion, why.message if why else "", why.since if why else None)

    def _settle(
        self, version: int | None, features: FeatureBuilder, *, instead: LoadedModel | None
    ) -> LoadedModel | None:
        if version is None:
            return None
        loaded = self.now.pick(version)
        if loaded is not None:
            return loaded if loaded.features is features else loaded.with_features(features)
        if self._clock() >= self._not_before.get(version, 0.0):
            try:
                loaded = self._source.load(version, features)
            except Exception as error:
                self._note(f"version {version}", error)
                self._not_before[version] = self._clock() + self._retry_seconds
            else:
                self._forget(f"version {version}")
                _log.info("version %s is loaded", version)
                return loaded
        return None if instead is None else instead.with_features(features)

    def _before(self) -> int | None:
        try:
            return self._source.champion_before()
        except Exception as error:
            self._note("registry", error)
            return None

    def _newest_features(self) -> FeatureBuilder:
        if self._clock() - self._features_read >= self._memory_seconds:
            self._features_read = self._clock()
            try:
                self.features = self._source.features()
                self._forget("memory")
            except Exception as error:
                self._note("memory", error)
        return self.features

    def _note(self, what: str, error: Exception) -> None:
        message = str(error) or type(error).__name__
        known = self._problems.get(what)
        if known is None or known.message != message:
            _log.warning("%s: %s", what, message)
            self._problems[what] = Problem(what, message, datetime.now(UTC))
        self.now = replace(self.now, problems=tuple(self._problems.values()))

    def _forget(self, what: str) -> None:
        self._problems.pop(what, None)

    def _poll(self) -> None:
        while not self._ended.wait(self._poll_seconds):
            try:
                self.look()
            except Exception:  # the follower outlives what it did not foresee
                _log.exception("the registry could not be followed")
