"""Promotions and rollbacks under load: hot swaps that no request notices."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.faults.serving.served import (
    Clients,
    acknowledged,
    expected,
    ids_in,
    make_project,
    source,
)
from tests.repeats import repeats
from tests.unit.serving.tiny import set_aliases, until
from workbench.serving import start

pytestmark = pytest.mark.server
_VERSIONS = (1, 2, 3, 4)


@pytest.mark.timeout(600)
@pytest.mark.practice("P2", "L6")
def test_each_answer_under_swaps_is_by_one_version_and_names_it(tmp_path: Path) -> None:
    """Odd versions are on the compiled path, even ones on the plain one."""
    project = make_project(tmp_path / "project", champion=1)
    chance = random.Random(4)
    champion, swaps = 1, repeats(100, 5)
    with start(project, models=source("mixed")) as server:
        paths = server.health().paths
        with Clients(server, count=4, a_second=400) as clients:
            for _ in range(swaps):
                champion = chance.choice([version for version in _VERSIONS if version != champion])
                before = len(clients.given)
                set_aliases(project, champion=champion)
                until(lambda wanted=champion: server.health().champion == wanted, seconds=60)
                paths |= server.health().paths
                until(lambda before=before: len(clients.given) >= before + 20, seconds=60)
        assert clients.broken == []
        assert clients.refused == []
    assert {version: path == "compiled" for version, path in paths.items()} == {
        "1": True,
        "2": False,
        "3": True,
        "4": False,
    }
    wanted = {(version, rows): expected(version, rows) for version in _VERSIONS for rows in (1, 2, 3)}
    for one, other in itertools.combinations(_VERSIONS, 2):
        assert not np.allclose(wanted[one, 1], wanted[other, 1], rtol=0, atol=1e-6)
    for given in clients.given:
        outputs = wanted[given.version, given.rows]
        # Linear models agree to 1e-12 on the compiled path; versions differ by much more.
        assert np.allclose(given.outputs, outputs, rtol=0, atol=1e-12), given
    assert set(Counter(given.version for given in clients.given)) == set(_VERSIONS)
    assert sorted(ids_in(server.log)) == sorted(acknowledged(clients))
    kept = server.log.read(columns=["prediction_id", "model_version"]).set_index("prediction_id")
    versions = kept["model_version"].to_dict()
    assert all(versions[name] == given.version for given in clients.given for name in given.ids)
