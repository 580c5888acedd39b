"""Both databases: a file, and a PostgreSQL cluster that lives as long as the tests do."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from workbench.project import Project
from workbench.store.database import Database, open_database

_STOP_SECONDS = 30


def _programs() -> Path | None:
    """Where the newest installed PostgreSQL has its programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


def _as_postgres(*command: str | Path) -> None:
    """Run a command; PostgreSQL refuses to run as root."""
    words = [str(word) for word in command]
    if os.geteuid() == 0:
        words = ["runuser", "-u", "postgres", "--", *words]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd="/")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Path]:
    """The folder of the socket of a cluster of our own."""
    programs = _programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to install PostgreSQL: the shared stores run on it")
        pytest.skip("PostgreSQL is not installed on this machine: apt-get install postgresql")
    # Short, since the path of a socket may have 107 characters only.
    folder = Path(tempfile.mkdtemp(prefix="wb-pg-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    data, log = folder / "data", folder / "log"
    try:
        _as_postgres(programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        _as_postgres(programs / "pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start")
        try:
            yield folder
        finally:
            _as_postgres(programs / "pg_ctl", "-D", data, "-m", "immediate", "-t", str(_STOP_SECONDS), "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: Path) -> str:
    """An empty database of that cluster, new for each test."""
    name = f"t{uuid.uuid4().hex}"
    engine = create_engine(f"postgresql+psycopg://postgres@/postgres?host={postgres_server}")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"postgresql+psycopg://postgres@/{name}?host={postgres_server}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The ``[stores] database`` setting, once for each kind; empty means the file in ``.workbench/``."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def database(project: Project) -> Iterator[Database]:
    """The open database of the project that a module makes."""
    opened = open_database(project)
    yield opened
    opened.close()
