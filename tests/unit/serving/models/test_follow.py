"""The running server follows the aliases, and nothing that goes wrong there takes an answer away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.unit.serving import tiny_helpers as tiny
from workbench.errors import RegistryError
from workbench.serving.models.follow import Follower
from workbench.serving.models.loaded import FeatureBuilder, LoadedModel


@dataclass
class Registry:
    """Aliases that a test moves; versions that it breaks; a clock that it sets."""

    held: dict[str, int] = field(default_factory=dict)
    broken: set[int] = field(default_factory=set)
    unreachable: bool = False
    builder: FeatureBuilder = field(default_factory=lambda: FeatureBuilder(tiny.build))
    loads: list[int] = field(default_factory=list)
    time: float = 0.0
    before: int | None = None

    def champion_before(self) -> int | None:
        if self.unreachable:
            raise RegistryError("the registry is away")
        return self.before

    def aliases(self) -> dict[str, int]:
        if self.unreachable:
            raise RegistryError("the registry is away")
        return self.held

    def load(self, version: int, features: FeatureBuilder) -> LoadedModel:
        self.loads.append(version)
        if version in self.broken:
            raise RegistryError(f"version {version} is broken")
        return LoadedModel("tiny", version, "run", tiny.fitted(version), features, tiny.REQUEST)

    def features(self) -> FeatureBuilder:
        if self.builder is None:
            raise RegistryError("the memory is away")
        return self.builder

    def follow(self, heard: Any = None) -> Follower:
        return Follower(self, retry_seconds=30, memory_seconds=15, clock=lambda: self.time, teller=heard)


def versions(follower: Follower) -> tuple[int | None, list[int]]:
    champion = follower.now.champion
    return (champion.version if champion else None), [model.version for model in follower.now.shadows]


def problems(follower: Follower) -> dict[str, str]:
    return {problem.what: problem.message for problem in follower.now.problems}


def test_the_champion_answers_and_the_challenger_is_its_shadow() -> None:
    assert versions(Registry({"champion": 1, "challenger": 2}).follow()) == (1, [2])
    assert versions(Registry({"champion": 1, "challenger": 1}).follow()) == (1, [])
    assert versions(Registry({"challenger": 2}).follow()) == (None, [2])
    assert versions(Registry().follow()) == (None, [])


@pytest.mark.practice("P5")
def test_every_shadow_answers_after_the_challenger_and_once() -> None:
    held = {"champion": 1, "challenger": 2, "shadow-10": 5, "shadow-2": 4, "shadow-1": 3, "shadow-3": 1}
    registry = Registry({**held, "shadow-4": 2, "somebodys": 9}, broken={4})
    follower = registry.follow()
    assert versions(follower) == (1, [2, 3, 5])
    assert problems(follower) == {"version 4": "version 4 is broken"}
    registry.held = {"champion": 1, "shadow-1": 3}
    follower.look()
    assert versions(follower) == (1, [3])
    assert problems(follower) == {}


@pytest.mark.practice("P2")
def test_promotion_and_rollback_are_swaps_that_load_nothing_twice() -> None:
    registry = Registry({"champion": 1, "challenger": 2})
    follower = registry.follow()
    registry.held = {"champion": 2}
    follower.look()
    assert versions(follower) == (2, [])
    assert registry.loads == [1, 2]
    registry.held = {"champion": 1}
    follower.look()
    assert versions(follower) == (1, [])


def test_a_version_that_does_not_load_is_not_put_in_front() -> None:
    registry = Registry({"champion": 1}, broken={2})
    follower = registry.follow()
    registry.held = {"champion": 2}
    follower.look()
    assert versions(follower) == (1, [])
    assert problems(follower) == {"version 2": "version 2 is broken"}
    # It is not tried at every look, but again after a while.
    follower.look()
    assert registry.loads == [1, 2]
    registry.time, registry.broken = 31, set()
    follower.look()
    assert versions(follower) == (2, [])
    assert problems(follower) == {}


def test_who_answers_in_place_of_a_broken_champion_is_not_its_own_shadow() -> None:
    follower = Registry({"champion": 3, "shadow-1": 2}, broken={3}, before=2).follow()
    assert versions(follower) == (2, [])
    follower.look()
    assert versions(follower) == (2, [])


@pytest.mark.practice("P4")
def test_a_server_that_starts_while_the_champion_is_broken_puts_the_one_before_in_front() -> None:
    registry, heard = Registry({"champion": 3}, broken={3}, before=2), Heard()
    follower = registry.follow(heard)
    assert versions(follower) == (2, [])
    assert problems(follower) == {"version 3": "version 3 is broken"}
    follower.look()
    assert (registry.loads, heard.told[-1]) == ([3, 2], (3, 2, "version 3 is broken"))
    registry.broken, registry.time = set(), 31
    follower.look()
    assert (versions(follower), problems(follower)) == ((3, []), {})


def test_where_the_one_before_is_broken_too_both_are_said_and_tried_again_after_a_while() -> None:
    registry = Registry({"champion": 3}, broken={2, 3}, before=2)
    follower = registry.follow()
    follower.look()
    assert (versions(follower), registry.loads) == ((None, []), [3, 2])
    assert set(problems(follower)) == {"version 2", "version 3"}
    registry.broken, registry.time = {3}, 31
    follower.look()
    assert (versions(follower), set(problems(follower))) == ((2, []), {"version 3"})


def test_the_problem_of_a_version_that_is_no_longer_wanted_is_forgotten() -> None:
    registry = Registry({"champion": 1}, broken={2})
    follower = registry.follow()
    registry.held = {"champion": 2}
    follower.look()
    registry.held = {"champion": 1}
    follower.look()
    assert problems(follower) == {}


def test_a_challenger_that_does_not_load_takes_nothing_from_the_champion() -> None:
    follower = Registry({"champion": 1, "challenger": 2}, broken={2}).follow()
    assert versions(follower) == (1, [])
    assert problems(follower) == {"version 2": "version 2 is broken"}


def test_a_registry_that_is_away_leaves_what_is_loaded() -> None:
    registry = Registry({"champion": 1, "challenger": 2})
    follower = registry.follow()
    registry.unreachable = True
    follower.look()
    assert versions(follower) == (1, [2])
    assert problems(follower) == {"registry": "the registry is away"}
    registry.unreachable = False
    follower.look()
    assert problems(follower) == {}


def test_newer_memory_reaches_all_loaded_models_at_once() -> None:
    registry = Registry({"champion": 1, "challenger": 2})
    follower = registry.follow()
    registry.builder = FeatureBuilder(tiny.build)
    follower.look()
    assert follower.now.champion is not None
    assert follower.now.champion.features is not registry.builder, "it is not looked for at every look"
    registry.time = 16
    follower.look()
    assert {id(model.features) for model in follower.now.loaded} == {id(registry.builder)}
    assert registry.loads == [1, 2]


def test_memory_that_cannot_be_read_leaves_the_one_before() -> None:
    registry = Registry({"champion": 1})
    follower = registry.follow()
    before, registry.builder, registry.time = registry.builder, None, 16  # type: ignore[assignment]
    follower.look()
    assert follower.now.champion is not None
    assert follower.now.champion.features is before
    assert problems(follower) == {"memory": "the memory is away"}


def test_a_server_that_cannot_build_features_does_not_start() -> None:
    with pytest.raises(RegistryError, match="memory is away"):
        Registry(builder=None).follow()  # type: ignore[arg-type]


@dataclass
class Heard:
    """What a follower tells of who is wanted in front and who is there."""

    told: list[tuple[int | None, int | None, str]] = field(default_factory=list)
    ended: bool = False

    def tell(self, wanted: int | None, champion: int | None, problem: str = "", since: object = None) -> None:
        self.told.append((wanted, champion, problem))

    def end(self) -> None:
        self.ended = True


@pytest.mark.practice("P2")
def test_that_the_champion_is_refused_is_told_and_a_shadow_is_no_such_matter() -> None:
    registry, heard = Registry({"champion": 1, "challenger": 3}, broken={2, 3}), Heard()
    follower = registry.follow(heard)
    registry.held = {"champion": 2, "challenger": 3}
    follower.look()
    assert [problem.what for problem in follower.now.refused] == ["version 3", "version 2"]
    registry.unreachable = True
    follower.look()
    registry.unreachable, registry.held = False, {"champion": 1}
    follower.look()
    assert heard.told == [(1, 1, ""), (2, 1, "version 2 is broken"), (1, 1, "")]
    assert follower.now.refused == ()
    follower.stop()
    assert heard.ended
