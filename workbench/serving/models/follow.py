"""Follows the registry: a promotion or rollback reaches the running server within about a second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from workbench.registry.aliases import CANARY, CHALLENGER, CHAMPION, is_shadow
from workbench.serving.health import Problem
from workbench.serving.models.lineup import Lineup, ModelSource
from workbench.serving.models.loaded import FeatureBuilder, LoadedModel

__all__ = ["Follower"]

_log = logging.getLogger(__name__)


def _parts(aliases: Mapping[str, int]) -> tuple[int | None, int | None, list[int]]:
    """The champion, the canary, and each other version that is to answer in the shadow: challenger first."""
    champion, canary = aliases.get(CHAMPION), aliases.get(CANARY)
    shadows = sorted((name for name in aliases if is_shadow(name)), key=lambda name: (len(name), name))
    others = [aliases[name] for name in (CHALLENGER, *shadows) if name in aliases]
    return champion, canary, [v for v in dict.fromkeys(others) if v not in (champion, canary)]


class Follower:
    """Keeps the line-up equal to the aliases: champion and canary, and in the shadow challenger and shadows.

    A champion that does not load is not put in front: the version before it stays, and
    :attr:`now` says so among its problems. It is tried again after ``retry_seconds``.
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
    ) -> None:
        self._source = source
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
        first, second, others = _parts(wanted)
        champion = self._settle(first, features, instead=self.now.champion)
        canary = None if second == first else self._settle(second, features, instead=None)
        settled = [self._settle(version, features, instead=None) for version in others]
        shadows = tuple(shadow for shadow in settled if shadow is not None)
        for what in [what for what in self._problems if what.startswith("version ")]:
            if what not in {f"version {version}" for version in (first, second, *others)}:
                self._forget(what)
        # One assignment: a request sees the line-up before it or after it, never between.
        self.now = Lineup(champion, shadows, tuple(self._problems.values()), canary)

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
