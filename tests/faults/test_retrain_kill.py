"""A retraining is killed at any moment: called again it goes on, and decides once."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.killing import end_leases, killed
from tests.repeats import FULL, moments, repeats
from tests.unit.monitoring.retrained import (
    asked,
    beside,
    call,
    champions,
    found,
    make,
    monitored,
    with_champion,
)
from tests.unit.registry.warm import warm
from workbench import registry
from workbench.execution import recover
from workbench.monitoring.retraining import retrainings
from workbench.project import Project, open_project

KILLS = repeats(100, 4)
# Seconds that a call takes at most, by what the retraining is at; as long as it takes here is learnt.
LONGEST = {"not begun": 0.6, "training": 4.0, "validated": 0.6, "shadowing": 0.6}
APART = timedelta(minutes=2)  # between two calls
_NOT_WORSE = "minimum_effect = -0.5\n"


def retraining(root: str, number: int) -> Callable[[], object]:
    """What ``workbench retrain`` does, so late."""
    project = open_project(Path(root))

    def act() -> None:
        recover.tidy(project)
        call(project, after=number * APART)

    return act


@pytest.mark.timeout(3600 if FULL else 900)
@pytest.mark.practice("L8", "C3")
def test_a_kill_at_any_moment_loses_no_decision_and_repeats_none(tmp_path: Path) -> None:
    project = make(tmp_path / "late", 'shadow_for = "1min"')
    path = project.root / "workbench.toml"
    path.write_text(path.read_text().replace("[gates]\n", f"[gates]\n{_NOT_WORSE}"))
    project = with_champion(open_project(project.root))
    chance, died, calls, rounds = moments(0, 1.0), 0, 0, 0
    longest, states = dict(LONGEST), Counter[str]()
    with warm(killed, retraining, str(project.root)) as killer:
        while died < KILLS:
            rounds += 1
            monitored(project, [found(11, version=_champion(project), verdict="dropped")])
            while (status := _status(project, rounds)) != "decided":
                calls += 1
                end_leases(project)
                killer.send((calls, longest[status] * next(chance)))
                assert killer.poll(120)
                code = killer.recv()
                assert code in (0, -signal.SIGKILL)
                longest[status] *= 1.1 if code else 0.9
                died += code != 0
                states[status] += code != 0
            assert retrainings(project)[0].decision == "promoted", retrainings(project)[0].evidence
    print(f"{died} of {calls} calls killed in {rounds} retrainings; when it was {dict(states)}")
    done = retrainings(project)[::-1]
    assert [item.decision for item in done] == ["promoted"] * rounds
    assert champions(project) == [1, *(item.version for item in done)]
    shadows = [entry.to_version for entry in registry.ledger(project) if entry.alias.startswith("shadow")]
    assert Counter(filter(None, shadows)) == Counter(item.version for item in done)
    assert asked(project) == []


def _champion(project: Project) -> int:
    found = registry.champion(project)
    assert found is not None
    return found.version


def _status(project: Project, number: int) -> str:
    """What the retraining of this round is at; what the monitor would find of its shadow is on record.

    Who is killed after the shadow was set, and before that was noted, has a shadow all the same.
    """
    item = next((item for item in retrainings(project) if item.id == number), None)
    if item is None:
        return "not begun"
    if item.status in ("validated", "shadowing") and item.version and item.champion:
        monitored(project, [beside(12, shadow=item.version, champion=item.champion)])
    return item.status
