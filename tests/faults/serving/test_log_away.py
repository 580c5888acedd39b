"""Whatever becomes of the prediction log under a running server: told in one line, survived, and got over."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import pytest

from tests import disks
from tests.faults.serving.served import (
    PATHS,
    Clients,
    acknowledged,
    body,
    ids_in,
    make_project,
    post,
    source,
    state_of,
)
from tests.repeats import FULL
from tests.unit.serving.tiny import until
from workbench.serving import Server, start
from workbench.serving.log.spool import default_spool
from workbench.serving.settings import Limits

pytestmark = pytest.mark.server
_LARGE = body(1000)
_MOST = 200


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 12 MB."""
    with disks.small_disk(tmp_path, "12m") as made:
        yield made


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """No byte can be written any more."""
    filler = folder.parent / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    yield
    filler.unlink()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Somebody holds the lock of the file that is written."""
    (path,) = folder.glob("*.sqlite")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextlib.contextmanager
def vanished(folder: Path) -> Iterator[None]:
    """The folder is elsewhere, and nothing can be made in its place."""
    elsewhere = folder.with_name("elsewhere")
    folder.rename(elsewhere)
    folder.touch()
    yield
    folder.unlink()
    elsewhere.rename(folder)


_FAULTS: dict[str, Callable[[Path], AbstractContextManager[None]]] = {
    "full disk": full,
    "locked file": locked,
    "vanished folder": vanished,
}


_ALL = list(_FAULTS) if FULL else []
_REFUSED = [(fault, path) for fault in _ALL for path in PATHS] or [
    ("full disk", "compiled"),
    ("locked file", "plain"),
    ("vanished folder", "compiled"),
]


@pytest.fixture
def log_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    full_disk = request.node.callspec.params["fault"] == "full disk"
    folder = (request.getfixturevalue("disk") if full_disk else tmp_path) / "log"
    yield folder
    shutil.rmtree(default_spool(str(folder)), ignore_errors=True)


def _until_it_fails(server: Server) -> tuple[list[str], str]:
    """Ask until the log has failed; the ids that were answered meanwhile, and what was said if none was."""
    given: list[str] = []
    for _ in range(_MOST):
        status, said = post(server, _LARGE)
        if status != 200:
            assert status == 503, said
            return given, said["message"]
        given += said["prediction_ids"]
        if server.health().log.condition != "ok":
            return given, ""
    raise AssertionError("the log goes on as if nothing were")


@pytest.mark.parametrize(("fault", "path"), _REFUSED)
def test_answers_are_refused_and_it_recovers_by_itself(
    tmp_path: Path, log_folder: Path, fault: str, path: str
) -> None:
    project = make_project(tmp_path / "project")
    with start(project, champion=1, models=source(path), log_folder=log_folder, seconds=120) as server:
        status, said = post(server)
        assert status == 200
        given: list[str] = said["prediction_ids"]
        with _FAULTS[fault](log_folder):
            more, message = _until_it_fails(server)
            given += more
            assert "prediction log" in message
            assert "\n" not in message
            until(lambda: state_of(server) == ("log_failed", "refused", 503))
            assert server.health().log.error
            status, said = post(server, _LARGE)
            assert (status, said["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
        # Nobody asks for a prediction in the meantime: who reads /ping sends it none.
        until(lambda: state_of(server) == ("ready", "ok", 200))
        assert server.health().log.error == ""
        with Clients(server) as clients:
            until(lambda: len(clients.given) >= 20)
        assert clients.refused == []
        given += acknowledged(clients)
    assert sorted(ids_in(server.log)) == sorted(given)


def _answered_all_the_same(server: Server) -> list[str]:
    """What a server answers, first and under load, whose log fails and which may answer nevertheless."""
    given, message = _until_it_fails(server)
    assert message == ""
    with Clients(server) as clients:
        until(lambda: len(clients.given) >= 20)
    assert clients.refused == []
    return [*given, *acknowledged(clients)]


@pytest.mark.parametrize("fault", _ALL or ["full disk"])
def test_what_is_spooled_comes_into_the_log_by_itself(tmp_path: Path, log_folder: Path, fault: str) -> None:
    project = make_project(tmp_path / "project", when_log_fails="spool")
    with start(project, champion=1, models=source("compiled"), log_folder=log_folder, seconds=120) as server:
        _, said = post(server)
        given: list[str] = said["prediction_ids"]
        with _FAULTS[fault](log_folder):
            given += _answered_all_the_same(server)
            assert state_of(server) == ("ready", "spooled", 200)
            log = server.health().log
            assert log.ok
            assert log.spooled_rows > 0
            assert "prediction log" in log.error
        until(lambda: server.health().log.spooled_rows == 0, seconds=60)
        assert state_of(server) == ("ready", "ok", 200)
        _, said = post(server)
        given += said["prediction_ids"]
        assert sorted(ids_in(server.log)) == sorted(given)


@pytest.mark.parametrize("fault", _ALL or ["vanished folder"])
def test_what_is_answered_unlogged_is_counted_and_it_ends_by_itself(
    tmp_path: Path, log_folder: Path, fault: str
) -> None:
    project = make_project(tmp_path / "project", when_log_fails="unlogged")
    with start(project, champion=1, models=source("plain"), log_folder=log_folder, seconds=120) as server:
        _, said = post(server)
        given: list[str] = said["prediction_ids"]
        with _FAULTS[fault](log_folder):
            given += _answered_all_the_same(server)
            assert state_of(server) == ("ready", "unlogged", 200)
            assert not server.health().log.ok
        until(lambda: state_of(server) == ("ready", "ok", 200), seconds=60)
        _, said = post(server)
        given += said["prediction_ids"]
        unlogged = server.health().log.unlogged_rows
    kept = ids_in(server.log)
    assert len(set(kept)) == len(kept)
    assert set(kept) <= set(given)
    assert unlogged > 0
    assert len(kept) + unlogged == len(given)
    assert said["prediction_ids"][0] in kept


def test_ground_truth_is_refused_while_its_database_is_locked_and_answers_go_on(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    limits = Limits(answer_seconds=2.0)
    with start(project, champion=1, models=source("compiled"), limits=limits, seconds=120) as server:
        _, said = post(server)
        told = msgspec.json.encode({"rows": [{"prediction_id": said["prediction_ids"][0], "value": True}]})
        thought = told.replace(b'"value":true', b'"rating":"up"')
        assert post(server, told, "/truth")[0] == 200
        database = project.database_url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(database, isolation_level=None, timeout=60)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with Clients(server, a_second=100) as clients, ThreadPoolExecutor(8) as pool:
                begun = time.monotonic()
                asked = [("/truth", told)] * 6 + [("/feedback", thought)] * 2
                refused = list(pool.map(lambda ask: post(server, ask[1], ask[0]), asked))
                # Whoever waits behind another does not wait for the lock once more.
                assert time.monotonic() - begun < 8 * limits.answer_seconds
                answered = len(clients.given)
                until(lambda: len(clients.given) >= answered + 20)
            assert state_of(server) == ("ready", "ok", 200)
            other.execute("ROLLBACK")
        assert clients.refused == []
        assert clients.broken == []
        for status, said in refused:
            assert status == 503
            assert "locked" in said["message"]
            assert "\n" not in said["message"]
        assert post(server, told, "/truth")[0] == 200
        assert post(server, thought, "/feedback")[0] == 200
