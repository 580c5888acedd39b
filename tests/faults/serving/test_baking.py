"""Four broken models are promoted by force while clients ask: each is rolled back, the good one answers."""

from __future__ import annotations

import os
import signal
from datetime import datetime
from pathlib import Path

import pytest

from tests.baked import BAD, FLIPPED, GOOD, RAISES, SHIFTED, SLOW, make_baked
from tests.baked_traffic import Client, served
from tests.unit.serving.tiny import until
from workbench.monitoring.baking import Baking, find
from workbench.project import Project
from workbench.registry import aliases, promotion
from workbench.store import leases
from workbench.store.database import open_database

pytestmark = pytest.mark.server
# What is slow takes 400 ms.
_GUARDS = """
score_shift = 0.6
p99_ms = 300
performance_drop = 0.2
minimum_labels = 250
"""
_EXPECTED = {
    SHIFTED: "score_shift",
    FLIPPED: "performance_drop",
    SLOW: "p99_ms",
    RAISES: "failed_share",
}


def _kill_who_looks(project: Project) -> None:
    """Whoever holds the lease; the other is forked from an agent, or starts in some seconds."""
    lease = leases.find(open_database(project), f"baking/{project.model.name}")
    assert lease is not None
    os.kill(int(lease.holder.split(":")[1]), signal.SIGKILL)


@pytest.mark.timeout(400)
@pytest.mark.practice("C2", "P4")
def test_each_of_four_broken_models_is_rolled_back_under_traffic(tmp_path: Path) -> None:
    project = make_baked(tmp_path / "project", _GUARDS, bad=tuple(BAD))
    promotion.promote(project, GOOD, reason="good")
    promotion.retire(project, RAISES, reason="the challenger, as the last that was registered")
    with served(project) as server, Client(server) as client:
        until(lambda: len(client.given) >= 20, seconds=120)
        for version, name in BAD.items():
            promotion.promote(project, version, reason=name, force=True)
            if version == SLOW:  # whoever looks is killed, and there is another one
                until(lambda: _newest(project).version == SLOW, seconds=60)
                _kill_who_looks(project)
            until(lambda: aliases.current(project, "champion") == GOOD, seconds=90)
            until(lambda: _newest(project).status != "baking", seconds=30)
            found = _newest(project)
            assert (found.version, found.status) == (version, "rolled_back")
            decided = found.evidence.violation
            assert decided is not None
            assert decided.guard == _EXPECTED[version], decided.says
            again = _answered_by_the_good_one(client, decided.at)
            later = (again - decided.at).total_seconds()
            print(f"{name}: {decided.says}; v{GOOD} answers {later:.1f} s later")
    moves = [entry.to_version for entry in aliases.ledger(project, "champion")]
    assert moves == [GOOD, SHIFTED, GOOD, FLIPPED, GOOD, SLOW, GOOD, RAISES, GOOD]


def _answered_by_the_good_one(client: Client, since: datetime) -> datetime:
    until(lambda: client.answered_by(GOOD, since), seconds=30)
    again = client.answered_by(GOOD, since)
    assert again is not None
    return again


def _newest(project: Project) -> Baking:
    found = find(project)
    assert found is not None
    return found
