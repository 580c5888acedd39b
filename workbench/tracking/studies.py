"""Studies of hyper-parameters, kept by Optuna: where they are, and whether a trial should go on.

Embedded, they are a SQLite file of their own in ``.workbench``, since Optuna migrates its tables by itself;
with a shared workbench database they are a schema beside it. Optuna's own tools open either.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from workbench.errors import UsageError
from workbench.tracking.context import StudyTrial

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.storages import RDBStorage
    from sqlalchemy import Engine

    from workbench.project import Project

__all__ = ["PRUNERS", "address", "alone", "is_hopeless", "open_storage", "pruner"]

_SCHEMA = "studies"
_WAIT_FOR_LOCK_SECONDS = 60
_WAIT_FOR_TURN_SECONDS = 120
_TURN = 1_851_994_211  # the number of PostgreSQL's advisory lock
#: Who may end a trial early, by the names that people give them.
PRUNERS = ("median", "halving", "hyperband")


def address(project: Project) -> str:
    """Where the project's studies are, as SQLAlchemy writes it."""
    if project.database_url.startswith("sqlite"):
        return f"sqlite:///{project.state / 'studies.db'}"
    return project.database_url


@contextmanager
def alone(project: Project) -> Iterator[None]:
    """Nobody else who asks for this changes studies meanwhile: no process, no machine on a shared store."""
    import sqlalchemy

    with FileLock(project.state / "studies.lock", timeout=_WAIT_FOR_TURN_SECONDS):
        url = address(project)
        if url.startswith("sqlite"):
            yield
            return
        engine = _plain_engine(url)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(_TURN)))
            yield


@functools.cache
def _plain_engine(url: str) -> Engine:
    import sqlalchemy

    return sqlalchemy.create_engine(url, pool_pre_ping=True)


@functools.cache
def open_storage(url: str, *, made: bool = False) -> RDBStorage:
    """Optuna's storage; ``made`` when its tables are known to be there, which saves looking."""
    import sqlalchemy
    from optuna.storages import RDBStorage

    options: dict[str, Any] = {"connect_args": {"timeout": _WAIT_FOR_LOCK_SECONDS}}
    if not url.startswith("sqlite"):
        options = {"pool_pre_ping": True, "connect_args": {"options": f"-csearch_path={_SCHEMA}"}}
        if not made:
            with _plain_engine(url).begin() as connection:
                connection.execute(sqlalchemy.schema.CreateSchema(_SCHEMA, if_not_exists=True))
    return RDBStorage(url, options, skip_compatibility_check=made, skip_table_creation=made)


def pruner(name: str) -> BasePruner:
    """The one of :data:`PRUNERS` with that name; without a name one that never ends anything.

    Raises
    ------
    UsageError
        There is no such pruner.
    """
    from optuna import pruners

    makers: dict[str, Callable[[], BasePruner]] = {
        "": pruners.NopPruner,
        "median": pruners.MedianPruner,
        "halving": pruners.SuccessiveHalvingPruner,
        "hyperband": pruners.HyperbandPruner,
    }
    if name not in makers:
        raise UsageError(f"no pruner {name!r}; there is: {', '.join(PRUNERS)}, none")
    return makers[name]()


def is_hopeless(study: StudyTrial, step: int, value: float) -> bool:
    """Tell the study of a value on a trial's way; whether the trial should end here."""
    from optuna import load_study

    storage = open_storage(study.storage, made=True)
    storage.set_trial_intermediate_value(study.trial_id, step, float(value))
    if not study.pruner:
        return False
    judge = pruner(study.pruner)
    opened = load_study(study_name=study.name, storage=storage, pruner=judge)
    return bool(judge.prune(opened, storage.get_trial(study.trial_id)))
