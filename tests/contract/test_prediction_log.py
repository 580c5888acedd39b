"""The prediction log in files and in PostgreSQL: nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import contextlib
import multiprocessing
import shutil
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import deltalake
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sqlalchemy import create_engine, make_url, text

from tests.processes import FORKED
from tests.unit.serving.log.batches import NOON, batch, words
from workbench.errors import ServingError
from workbench.serving.log import files, postgres, read, sqlite, table
from workbench.serving.log.answerers import Answerer
from workbench.serving.log.batch import Batch, LogFailed, Writer
from workbench.serving.log.compact import Compacted, compact
from workbench.serving.log.encoding import Encoder
from workbench.serving.log.policy import Keeper, LogState, WhenLogFails
from workbench.serving.log.read import PredictionLog
from workbench.serving.log.targets import is_database, open_writer

_WRITERS, _APPENDS = 2, 12
_KILLS = 10


@dataclass(frozen=True)
class Place:
    """A log, and what its writers want to know of it."""

    target: str
    log: PredictionLog

    def write(self, *appends: list[Batch]) -> Writer:
        writer = open_writer(self.target, "test")
        for batches in appends:
            writer.append(batches)
        return writer


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Place:
    folder = tmp_path / "log"
    database = f"{database_url}#late" if database_url else ""
    return Place(database or str(folder), PredictionLog(folder, database))


@pytest.fixture(scope="module")
def processes() -> Any:
    """Processes that start quickly, and in which no thread of Delta's has been started."""
    return FORKED


def test_what_was_appended_is_read_before_and_after_compaction(place: Place) -> None:
    writer = place.write([batch(0), batch(1, role="shadow", version=4)], [batch(2, notes={1: ("cut",)})])
    before = place.log.read()
    assert before["prediction_id"].tolist() == [f"{number}-{row}" for number in range(3) for row in (0, 1)]
    assert compact(place.log).rows == place.log.count() == 6
    pd.testing.assert_frame_equal(place.log.read(), before)
    writer.append([batch(3)])
    writer.close()
    assert place.log.count() == 8
    assert place.log.read()["prediction_id"].tolist() == [*before["prediction_id"], "3-0", "3-1"]
    assert compact(place.log) == Compacted(2, 1)
    assert compact(place.log) == Compacted(0, 0)
    pd.testing.assert_frame_equal(place.log.read().iloc[:6], before)


def test_windows_roles_versions_and_columns_are_chosen_alike_on_both_sides_of_compaction(
    place: Place,
) -> None:
    shadow: dict[str, Any] = {"role": "shadow", "version": 4, "features": {"wind": np.array([3.0, np.nan])}}
    place.write([batch(0), batch(0, **shadow), batch(1), batch(2, **shadow)]).close()
    half = pd.Timedelta(minutes=30)
    asked: list[dict[str, Any]] = [
        {"start": NOON + half, "end": NOON + 3 * half},
        {"role": "shadow"},
        {"version": 3, "end": NOON + half},
        {"version": 4, "columns": ["feature.wind", "input.carrier", "prediction_id"]},
        {"columns": ["score"]},
        {"role": "champion", "start": NOON + 20 * half},
    ]
    before = [place.log.read(**arguments) for arguments in asked]
    assert [len(frame) for frame in before] == [3, 4, 1, 4, 8, 0]
    assert "feature.wind" not in before[2]
    assert "feature.late_share" not in before[1]
    assert place.log.count(role="shadow") == 4
    compact(place.log)
    for arguments, frame in zip(asked, before, strict=True):
        pd.testing.assert_frame_equal(place.log.read(**arguments), frame)
    assert place.log.count(role="shadow") == 4


def _ids(tables: Iterable[pa.Table]) -> Counter[str]:
    return Counter(name for table in tables for name in table["prediction_id"].to_pylist())


@pytest.mark.parametrize("compacted", [0, 2, 4])
def test_batches_are_what_read_reads(place: Place, compacted: int) -> None:
    writer = place.write()
    for number in range(4):
        features = {"wind": np.array([3.0, np.nan])} if number % 2 else {}
        writer.append([batch(number, version=number % 2 + 1, features=features)])
        if number + 1 == compacted:
            compact(place.log)
    whole = place.log.read()
    half = pd.Timedelta(minutes=30)
    asked: list[dict[str, Any]] = [{}, {"version": 1}, {"start": NOON + half, "end": NOON + 5 * half}]
    for arguments in asked:
        wanted = place.log.read(**arguments)["prediction_id"].tolist()
        assert _ids(place.log.batches(**arguments)) == Counter(wanted)
    columns = ["feature.wind", "score", "feature.never"]
    tables = list(place.log.batches(columns=columns))
    assert {tuple(found.column_names) for found in tables} == {tuple(columns)}
    found = pa.concat_tables(tables, promote_options="permissive").to_pandas()
    pd.testing.assert_frame_equal(
        found.sort_values(["score", "feature.wind"], ignore_index=True),
        whole.assign(**{"feature.never": np.nan})[columns].sort_values(
            ["score", "feature.wind"], ignore_index=True
        ),
    )
    for found in place.log.batches(version=1):
        assert "feature.wind" not in found.column_names
    assert list(place.log.batches(start=NOON + 99 * half)) == []
    with pytest.raises(ServingError, match="has no column 'scroe'"):
        place.log.batches(columns=["scroe"])


@pytest.mark.parametrize("open_at_once", [0, 100])
def test_what_is_compacted_between_two_batches_comes_once(
    place: Place, monkeypatch: pytest.MonkeyPatch, open_at_once: int
) -> None:
    monkeypatch.setattr(read, "_FEW_ROWS", 1)
    monkeypatch.setattr(files, "_MOST_OPEN", open_at_once)
    place.write([batch(0)]).close()
    compact(place.log)
    for number in range(1, 5):
        place.write([batch(number)]).close()
    tables = place.log.batches(columns=["prediction_id"])
    seen = [next(tables)]
    place.write([batch(5)]).close()
    assert compact(place.log).rows == 10
    seen += tables
    assert _ids(seen) == Counter(f"{number}-{row}" for number in range(5) for row in (0, 1))
    compact(place.log)
    assert place.log.files() == []
    assert len(_ids(place.log.batches(columns=["prediction_id"]))) == 12


def test_who_answered_when(place: Place) -> None:
    writer = place.write([batch(0, version=1), batch(0, version=2, role="shadow")], [batch(1, version=1)])
    compact(place.log)
    writer.append([batch(2, version=2), batch(3, version=2, rows=3)])
    writer.close()
    half = pd.Timedelta(minutes=30)
    assert place.log.answerers() == [
        Answerer("champion", 1, NOON, NOON + 3 * half, 4, 0),
        Answerer("champion", 2, NOON + 4 * half, NOON + 8 * half, 5, 0),
        Answerer("shadow", 2, NOON, NOON + half, 2, 0),
    ]
    # Batches that lie in the window by a part of their rows count with that part.
    assert place.log.answerers(NOON + half, NOON + 7 * half) == [
        Answerer("champion", 1, NOON + half, NOON + 3 * half, 3, 0),
        Answerer("champion", 2, NOON + 4 * half, NOON + 6 * half, 3, 0),
        Answerer("shadow", 2, NOON + half, NOON + half, 1, 0),
    ]
    assert place.log.answerers(end=NOON) == []
    # Rows before a moment are counted, those of batches that it divides too.
    assert place.log.tally(NOON + half) == (place.log.answerers(NOON + half), 2)
    assert place.log.tally(NOON + 9 * half) == ([], 11)


def test_what_failed_is_kept_apart_from_predictions(place: Place) -> None:
    failure: dict[str, Any] = {
        "features": {},
        "outputs": np.full(2, np.nan),
        "classes": (),
        "error": "KeyError",
    }
    writer = place.write([batch(0)])
    writer.append([batch(1, **failure), batch(2, **failure, role="shadow", version=4)])
    for _ in range(2):  # before and after compaction
        assert place.log.read()["prediction_id"].tolist() == ["0-0", "0-1"]
        assert _ids(place.log.batches()) == {"0-0": 1, "0-1": 1}
        assert place.log.count() == 2
        failed = place.log.read(failed=True)
        assert failed["prediction_id"].tolist() == ["1-0", "1-1", "2-0", "2-1"]
        assert set(failed["error"]) == {"KeyError"}
        assert failed["score"].isna().all()
        assert failed["input.carrier"].tolist()[:1] == ["UA"]
        assert "feature.late_share" not in failed
        assert len(place.log.read(failed=None, role="champion")) == 4
        assert place.log.tally(NOON + pd.Timedelta(days=1)) == ([], 6)
        assert [(one.role, one.version, one.rows, one.failed) for one in place.log.answerers()] == [
            ("champion", 3, 2, 2),
            ("shadow", 4, 0, 2),
        ]
        compact(place.log)
    writer.close()


def test_a_table_from_before_there_were_failures_is_read_and_added_to(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        leading = {name: kind for name, kind in table.LEADING.items() if name != "error"}
        before.setattr(table, "LEADING", leading)
        append = table.CompactedTable.append
        before.setattr(
            table.CompactedTable,
            "append",
            lambda self, tables, taken: append(self, [one.drop_columns("error") for one in tables], taken),
        )
        place.write([batch(0)]).close()
        compact(place.log)
        assert "error" not in deltalake.DeltaTable(place.log.table_uri).schema().to_arrow().names
    assert place.log.count() == len(place.log.read()) == 2
    assert len(place.log.read(failed=True)) == 0
    assert place.log.answerers()[0].rows == 2
    place.write([batch(1, error="KeyError")]).close()
    compact(place.log)
    assert place.log.read(columns=["prediction_id"])["prediction_id"].tolist() == ["0-0", "0-1"]
    assert place.log.read(failed=True)["prediction_id"].tolist() == ["1-0", "1-1"]


def test_columns_that_change_their_kind_or_capitals_are_compacted(place: Place) -> None:
    place.write(
        [batch(0, inputs={"size": np.array([1.5, np.nan]), "a:b%": words("x", "y")})],
        [batch(1, version=4, inputs={"size": words("small", None), "Size": np.array([7.0, 8.0])})],
    ).close()
    before = place.log.read()
    compact(place.log)
    pd.testing.assert_frame_equal(place.log.read(), before)
    assert before["input.size"].dropna().tolist() == ["1.5", "small"]
    assert place.log.read(version=3)["input.size"][0] == 1.5
    assert place.log.read(columns=["input.Size"])["input.Size"].tolist()[2:] == [7.0, 8.0]
    # What comes later finds the places of what came before.
    place.write(
        [batch(2, version=4, inputs={"size": words("big", None), "Size": np.array([9.0, 9.0])})]
    ).close()
    before = place.log.read(version=4)
    compact(place.log)
    pd.testing.assert_frame_equal(place.log.read(version=4), before)


def test_small_files_of_the_table_are_merged(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_SMALL_FILES", 5)
    writer = open_writer(place.target, "test")
    for number in range(7):
        writer.append([batch(number)])
        assert compact(place.log).rows == 2
    assert len(deltalake.DeltaTable(place.log.table_uri).file_uris()) <= 3
    assert place.log.read()["prediction_id"].tolist() == [f"{n}-{row}" for n in range(7) for row in (0, 1)]
    writer.append([batch(7)])
    writer.close()
    assert compact(place.log).rows == 2
    assert place.log.count() == 16


def test_few_rows_are_left_where_they_are(place: Place) -> None:
    place.write([batch(0), batch(1)]).close()
    assert compact(place.log, minimum_rows=5) == Compacted(0, 0)
    assert compact(place.log, minimum_rows=4).rows == 4


def _append_many(target: str, writer: int) -> None:
    opened = open_writer(target, f"writer{writer}")
    for number in range(_APPENDS):
        opened.append([batch(number, prediction_ids=[f"{writer}-{number}-{part}-{row}" for row in (0, 1)])
                       for part in (0, 1)])  # fmt: skip
    opened.close()


def test_several_writers_compactions_and_readers_at_once(place: Place, processes: Any) -> None:
    """Two compactions race beside the writers, and a reader never sees a row less or twice."""
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=_append_many, args=(place.target, number)) for number in range(_WRITERS)
    ]
    stop, problems = threading.Event(), []

    def repeat(work: Any) -> None:
        try:
            while not stop.is_set():
                work()
        except BaseException as error:
            problems.append(error)

    seen = [0]

    def look() -> None:
        ids = place.log.read(columns=["prediction_id"])["prediction_id"]
        assert ids.is_unique
        assert len(ids) >= seen[0]
        streamed = _ids(place.log.batches(columns=["prediction_id"]))
        assert set(streamed.values()) <= {1}
        assert len(streamed) >= len(ids)
        seen[0] = len(ids)

    threads = [threading.Thread(target=repeat, args=(work,)) for work in (lambda: compact(place.log), look)]
    for started in (*writers, *threads):
        started.start()
    for process in writers:
        process.join()
    stop.set()
    for thread in threads:
        thread.join()
    assert problems == []
    compact(place.log)
    ids = Counter(place.log.read(columns=["prediction_id"])["prediction_id"])
    assert len(ids) == place.log.count() == _WRITERS * _APPENDS * 4
    assert place.log.files() == []


def _compact(log: PredictionLog, gate: Any) -> None:
    gate.wait()
    compact(log)


def test_a_compaction_may_be_killed_at_any_moment(place: Place, processes: Any) -> None:
    """Kills come later and later in it; in the end one is left alone."""
    writer = open_writer(place.target, "test")
    appended = 0
    for kill in range(_KILLS):
        gate = processes.Event()
        process = processes.Process(target=_compact, args=(place.log, gate))
        process.start()
        for _ in range(5):
            writer.append([batch(appended)])
            appended += 1
        if kill % 3 == 2:  # also when a whole file can be removed
            writer.close()
            writer = open_writer(place.target, "test")
        gate.set()
        process.join(0.01 * kill)
        process.kill()
        process.join()
        ids = place.log.read(columns=["prediction_id"])["prediction_id"]
        assert Counter(ids) == Counter(f"{number}-{row}" for number in range(appended) for row in (0, 1))
    writer.close()
    compact(place.log)
    assert place.log.count() == 2 * appended
    assert place.log.files() == []


def _write(target: str, number: int, acknowledge: Any) -> None:
    writer = open_writer(target, "test")
    while True:
        writer.append([batch(number), batch(number + 1)])
        acknowledge.send(number)
        number += 2


def test_what_a_killed_writer_acknowledged_is_there_once(place: Place, processes: Any) -> None:
    acknowledged: list[int] = []
    for kill in range(_KILLS):
        ours, theirs = processes.Pipe(duplex=False)
        process = processes.Process(target=_write, args=(place.target, kill * 10_000, theirs))
        process.start()
        theirs.close()
        for _ in range(kill + 1):
            acknowledged.append(ours.recv())
        process.kill()
        with contextlib.suppress(EOFError):
            while True:
                acknowledged.append(ours.recv())
        process.join()
    for _ in range(2):  # before and after compaction
        ids = Counter(place.log.read(columns=["prediction_id"])["prediction_id"])
        assert set(ids.values()) == {1}
        assert {f"{n + part}-{row}" for n in acknowledged for part in (0, 1) for row in (0, 1)} <= set(ids)
        # An append is there whole or not at all.
        assert all(f"{int(one.split('-')[0]) ^ 1}-1" in ids for one in ids)
        compact(place.log)
    assert place.log.files() == []


def test_a_log_of_another_name_in_the_same_database_is_another_log(place: Place, tmp_path: Path) -> None:
    other_target = (
        place.target.replace("#late", "#early") if is_database(place.target) else str(tmp_path / "two")
    )
    place.write([batch(0)]).close()
    open_writer(other_target, "test").close()
    other = PredictionLog(tmp_path / "two", other_target if is_database(place.target) else "")
    assert (place.log.count(), other.count()) == (2, 0)


@contextlib.contextmanager
def _held(place: Place, writer: Writer) -> Iterator[None]:
    """Somebody holds the lock that appending needs."""
    if is_database(place.target):
        engine = create_engine(place.target.split("#")[0])
        with engine.connect() as connection:
            connection.execute(text("LOCK TABLE predictions IN EXCLUSIVE MODE"))
            yield
        engine.dispose()
        return
    with contextlib.closing(sqlite3.connect(writer.place, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writers that wait for a lock a tenth of a second at most."""
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.1)
    monkeypatch.setattr(postgres, "_WAIT_SECONDS", 0.1)


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


def _keeper(place: Place, when_it_fails: WhenLogFails, clock: list[float]) -> Keeper:
    spool = place.log.folder.parent / "spool"
    return Keeper(
        place.target, "test", when_it_fails, spool=spool, folder=place.log.folder, clock=lambda: clock[0]
    )


@pytest.mark.usefixtures("impatient")
def test_answers_are_refused_while_the_log_cannot_be_written(place: Place, clock: list[float]) -> None:
    keeper = _keeper(place, "refuse", clock)
    keeper.append([batch(0)])
    with _held(place, keeper):
        for _ in range(2):
            with pytest.raises(LogFailed, match="cannot be written"):
                keeper.append([batch(1)])
        assert keeper.state.condition == "refused"
        assert "cannot be written" in keeper.state.error
    keeper.append([batch(2)])
    assert keeper.state == LogState("ok", "", 0, 0)
    keeper.close()
    assert place.log.read()["prediction_id"].tolist() == ["0-0", "0-1", "2-0", "2-1"]


@pytest.mark.usefixtures("impatient")
def test_answers_given_unlogged_are_counted(place: Place, clock: list[float]) -> None:
    keeper = _keeper(place, "unlogged", clock)
    with _held(place, keeper):
        keeper.append([batch(0), batch(1)])
        keeper.append([batch(2)])
        assert (keeper.state.condition, keeper.state.unlogged_rows) == ("unlogged", 6)
    keeper.append([batch(3)])
    assert place.log.count() == 0  # the next try is due after a while only
    clock[0] += 60
    keeper.append([batch(4)])
    keeper.close()
    assert (keeper.state.condition, keeper.state.unlogged_rows) == ("ok", 8)
    assert place.log.read()["prediction_id"].tolist() == ["4-0", "4-1"]


@pytest.mark.usefixtures("impatient")
def test_what_is_spooled_comes_into_the_log_once(place: Place, clock: list[float]) -> None:
    keeper = _keeper(place, "spool", clock)
    keeper.append([batch(0)])
    spool = place.log.folder.parent / "spool"
    with _held(place, keeper):
        keeper.append([batch(1)])
        keeper.append([batch(2), batch(3, role="shadow")])
        assert (keeper.state.condition, keeper.state.spooled_rows) == ("spooled", 6)
        shutil.copytree(spool, spool.with_name("copy"))
        assert place.log.count() == 2
    clock[0] += 60
    keeper.append([batch(4)])
    keeper.close()
    assert keeper.state == LogState("ok", "", 0, 0)
    everything = [f"{number}-{row}" for number in range(5) for row in (0, 1)]
    assert place.log.read()["prediction_id"].tolist() == everything
    # Killed before it had removed what it had brought, the next server finds it in the spool again.
    for _ in range(2):
        shutil.copytree(spool.with_name("copy"), spool, dirs_exist_ok=True)
        again = _keeper(place, "spool", clock)
        again.close()
        assert again.state.spooled_rows == 0
        assert not list(spool.glob("*.sqlite"))
        assert place.log.read()["prediction_id"].tolist() == everything
        compact(place.log)


@pytest.mark.postgres
def test_two_writers_with_the_same_new_headers_both_write(postgres_url: str) -> None:
    open_writer(f"{postgres_url}#late", "test").close()  # which makes the tables
    encoder = Encoder()
    encoded = [encoder.encode(batch(version=version)) for version in (1, 2)]
    low, high = sorted(encoded, key=lambda each: blake2b(each.header.blob, digest_size=16).digest())
    engine = create_engine(postgres_url)

    def write_both() -> None:
        with engine.begin() as connection:
            postgres.put(connection, "late", "theirs", 0, [high, low], set())

    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as connection:
            postgres.put(connection, "late", "mine", 0, [low], set())
            other = pool.submit(write_both)
            with pytest.raises(TimeoutError):
                other.result(timeout=0.5)
            postgres.put(connection, "late", "mine", 1, [high], set())
        other.result()
    engine.dispose()


@pytest.mark.postgres
def test_a_server_that_goes_away_is_named_and_comes_back(postgres_url: str, tmp_path: Path) -> None:
    address = f"{postgres_url}#late"
    writer = open_writer(address, "test")
    writer.append([batch(0)])
    url = make_url(postgres_url)
    name, admin = url.database, create_engine(url.set(database="postgres"))
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": name},
        )
        for _ in range(2):
            with pytest.raises(LogFailed, match="cannot be written"):
                writer.append([batch(1)])
        with pytest.raises(ServingError, match="prediction log"):
            PredictionLog(tmp_path, address).read()
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    admin.dispose()
    writer.append([batch(2)])
    writer.close()
    assert PredictionLog(tmp_path, address).read()["prediction_id"].tolist() == ["0-0", "0-1", "2-0", "2-1"]


@pytest.mark.postgres
def test_a_password_is_not_shown(tmp_path: Path) -> None:
    address = f"postgresql://somebody:secret@/late?host={tmp_path}#late"
    with pytest.raises(LogFailed) as failed:
        open_writer(address, "test")
    assert "secret" not in failed.value.message
    with pytest.raises(ServingError) as error:
        PredictionLog(tmp_path, address).read()
    assert "secret" not in error.value.message
