"""Who answers just now: the champion, a canary for its share, and the shadows."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from workbench.registry.aliases import CANARY, CHALLENGER, CHAMPION, is_shadow
from workbench.serving.health import Problem
from workbench.serving.log.batch import Role
from workbench.serving.models.loaded import FeatureBuilder, LoadedModel
from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.schema import Refused, RequestSchema

__all__ = ["Canary", "Lineup", "ModelSource", "Models", "Pinned", "places_of"]


@dataclass(frozen=True)
class Canary:
    """A share of the traffic that a canary answers.

    ``key`` is the raw column that makes it sticky: equal values are always answered by the same one.
    Without it every request is drawn by its id.
    """

    share: float = 0.0
    key: str = ""

    def takes(self, asked: Asked, request_id: str) -> bool:
        """Whether the canary answers; a request of many rows goes by the key of its first."""
        if self.share <= 0:
            return False
        cells = asked.columns.get(self.key)
        drawn = request_id if cells is None else _alike(cells[0])
        return zlib.crc32(drawn.encode("utf-8", "replace")) < self.share * 2**32


def _alike(cell: object) -> str:
    """The same text for a number however it is written: 1545, 1545.0, and in CSV ``"1545"``."""
    try:
        return repr(float(cell))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return str(cell)


@dataclass(frozen=True)
class Lineup:
    """Who answers at one moment. A request takes it once, so one version answers all its rows."""

    champion: LoadedModel | None = None
    shadows: tuple[LoadedModel, ...] = ()
    problems: tuple[Problem, ...] = ()
    canary: LoadedModel | None = None

    @functools.cached_property
    def loaded(self) -> tuple[LoadedModel, ...]:
        """All of them, the champion first."""
        first = (self.champion, self.canary)
        return (*(model for model in first if model is not None), *self.shadows)

    @functools.cached_property
    def refused(self) -> tuple[Problem, ...]:
        """The problems of versions that are to answer, and do not."""
        return tuple(problem for problem in self.problems if problem.of_version)

    @functools.cached_property
    def request(self) -> RequestSchema:
        """What a raw row has to have, for whoever answers first."""
        return next((model.request for model in self.loaded), RequestSchema({}))

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """Its columns in order."""
        return tuple(self.request.columns)

    def pick(self, version: int | None) -> LoadedModel | None:
        """The champion, or the loaded version of that number; none if there is no such one."""
        if version is None:
            return self.champion
        return next((model for model in self.loaded if model.version == version), None)

    def is_compiled(self, version: int | None) -> bool:
        """Whether whoever may answer a request for that version is asked by its compiled path."""
        return version in self._compiled

    @functools.cached_property
    def _compiled(self) -> frozenset[int | None]:
        versions = {model.version for model in self.loaded if model.path.compiled is not None}
        may_answer = {model.version for model in (self.champion, self.canary) if model is not None}
        return frozenset((*versions, None) if may_answer and may_answer <= versions else versions)

    def choose(self, asked: Asked, request_id: str, canary: Canary) -> tuple[LoadedModel, Role]:
        """Who answers a request, and as what.

        Raises
        ------
        Refused
            When there is no champion (503), or the version that was asked for is not loaded (404).
        """
        if asked.version is None and self.canary is not None and canary.takes(asked, request_id):
            return self.canary, "canary"
        model = self.pick(asked.version)
        if model is not None:
            return model, "champion" if model is self.champion else "challenger"
        if asked.version is None:
            raise Refused(503, "no version is champion yet; promote one: workbench promote VERSION")
        known = ", ".join(str(loaded.version) for loaded in self.loaded) or "none"
        raise Refused(404, f"version {asked.version} is not loaded; loaded: {known}")


def places_of(aliases: Mapping[str, int]) -> tuple[int | None, int | None, list[int]]:
    """The champion, the canary, and each other version that is to answer in the shadow: challenger first."""
    champion, canary = aliases.get(CHAMPION), aliases.get(CANARY)
    shadows = sorted((name for name in aliases if is_shadow(name)), key=lambda name: (len(name), name))
    others = [aliases[name] for name in (CHALLENGER, *shadows) if name in aliases]
    return champion, canary, [v for v in dict.fromkeys(others) if v not in (champion, canary)]


class Models(Protocol):
    """What the server answers with, now. :class:`Pinned` stays, ``Follower`` changes."""

    @property
    def now(self) -> Lineup: ...

    @property
    def features(self) -> FeatureBuilder: ...

    @property
    def follows(self) -> bool: ...

    def age(self) -> float:
        """Seconds since the registry was last looked at."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class ModelSource(Protocol):
    """Where versions come from: the registry, or what a test brings."""

    def aliases(self) -> Mapping[str, int]:
        """Every alias that names a version now: ``champion``, ``challenger``, ``shadow-1`` and so on."""

    def champion_before(self) -> int | None:
        """The version that was champion before the one that is."""

    def load(self, version: int, features: FeatureBuilder) -> LoadedModel:
        """Load a version; raises when it cannot be."""

    def features(self) -> FeatureBuilder:
        """The feature builder with the newest memory; the same object while nothing is newer."""


class Pinned:
    """The same versions from start to end: a replay, or a test."""

    follows = False

    def __init__(self, lineup: Lineup, features: FeatureBuilder) -> None:
        self.now = lineup
        self.features = features

    @classmethod
    def load(cls, source: ModelSource, champion: int | None, shadows: tuple[int, ...]) -> Pinned:
        """Load the given versions; the first that does not load ends it with its error."""
        features = source.features()
        best = None if champion is None else source.load(champion, features)
        others = tuple(source.load(version, features) for version in shadows if version != champion)
        return cls(Lineup(best, others), features)

    def age(self) -> float:
        """It is never looked at again, and nothing waits for that."""
        return 0.0

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""
