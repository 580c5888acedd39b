"""The tables of a log in a PostgreSQL database, and how it is reached."""

from __future__ import annotations

import os
from functools import lru_cache

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    create_engine,
    func,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from workbench.errors import ServingError
from workbench.serving.log.batch import LogFailed

__all__ = [
    "COMPACTING",
    "FORMAT",
    "failed",
    "first_line",
    "open_tables",
    "prediction_headers",
    "prediction_streams",
    "predictions",
    "shown",
    "split_address",
]

_tables = MetaData()
prediction_streams = Table(
    "prediction_streams",
    _tables,
    Column("log", Text),
    Column("stream", Text),
    Column("format", Integer, nullable=False),
    PrimaryKeyConstraint("log", "stream"),
)
prediction_headers = Table(
    "prediction_headers",
    _tables,
    Column("id", LargeBinary, primary_key=True),  # a hash of the header
    Column("model", Text, nullable=False),
    Column("model_version", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("crc32", BigInteger, nullable=False),
    Column("header", LargeBinary, nullable=False),
)
predictions = Table(
    "predictions",
    _tables,
    Column("log", Text),
    Column("stream", Text),
    Column("number", BigInteger),
    Column("header", LargeBinary, nullable=False),
    Column("asked_from", BigInteger, nullable=False),
    Column("asked_until", BigInteger, nullable=False),
    Column("answered_at", BigInteger, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("crc32", BigInteger, nullable=False),
    Column("predictions", LargeBinary, nullable=False),
    PrimaryKeyConstraint("log", "stream", "number"),
)
FORMAT = 2
#: Any numbers that nobody else takes for advisory locks.
_MAKING, COMPACTING = 0x6C6F676D, 0x6C6F6763


def split_address(address: str) -> tuple[str, str]:
    """``postgresql://…#NAME`` as the address of the database and the name of the log."""
    url, _, name = address.partition("#")
    return url, name or "predictions"


def open_tables(address: str) -> tuple[Engine, str]:
    """The database of a log, with its tables made, and the log's name.

    Raises
    ------
    LogFailed
        When the database does not answer.
    """
    url, name = split_address(address)
    try:
        engine = _engine(url, os.getpid())
        _make_tables(engine)
    except SQLAlchemyError as error:
        raise failed(url, error) from error
    return engine, name


@lru_cache(maxsize=16)
def _engine(url: str, _process: int) -> Engine:
    """Kept, with the statements that it has compiled; connections are not. A forked process makes its own."""
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    try:
        return create_engine(
            parsed,
            poolclass=NullPool,
            connect_args={"connect_timeout": 10, "tcp_user_timeout": 10_000},
        )
    except ModuleNotFoundError as error:
        raise ServingError(
            "a prediction log in PostgreSQL needs its driver, which is not installed:"
            " pip install 'psycopg[binary]'"
        ) from error


def _make_tables(engine: Engine) -> None:
    with engine.begin() as connection:
        if connection.execute(select(func.to_regclass(predictions.name))).scalar() is None:
            # Several workers start at once, and "create if not exists" alone may still collide.
            connection.execute(select(func.pg_advisory_xact_lock(_MAKING)))
            _tables.create_all(connection)


def failed(address: str, error: SQLAlchemyError) -> LogFailed:
    url, _ = split_address(address)
    return LogFailed(f"the prediction log in {shown(url)} cannot be written: {first_line(error)}")


def first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def shown(url: str) -> str:
    """An address without its password."""
    return make_url(url).render_as_string(hide_password=True)
