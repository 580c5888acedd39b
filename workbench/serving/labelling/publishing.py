"""Labels as ground truth: what people settled becomes what monitoring, gates and training go by.

It can be done again at any time: what was published already is not written twice, and what has been corrected
since is. What the world itself has told is not overruled by what people think, unless somebody asks for that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from workbench.data.labels.model import Batch, Queue
from workbench.data.labels.results import Result
from workbench.errors import DataError, UsageError
from workbench.project import Project
from workbench.registry.cases import INPUT
from workbench.serving.log.read import PredictionLog
from workbench.serving.truth import store as truth_store
from workbench.serving.truth.business import BusinessKey
from workbench.serving.truth.recording import hold_truth, insert
from workbench.store.clock import Clock
from workbench.store.database import open_database
from workbench.store.tables import ground_truth

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Published", "look_up", "publish", "source_of"]

_TABLE = ground_truth.c
_IDS_A_QUERY = 500
_Says = tuple[float | None, str | None, datetime]


@dataclass(frozen=True)
class Published:
    """What became of the labels that count.

    Attributes
    ----------
    written, corrected : int
        Written now: about predictions of which nothing was known, and in place of what was published before.
    repeated : int
        Published already.
    agreed : int
        Told by the world itself meanwhile, and the same.
    contradicted : int
        Told otherwise by the world itself, and so left alone (unless overruled: then they are ``written``).
    withdrawn : int
        Published before and not settled any more: they stand as ground truth until there is a new label.
    """

    log: str
    written: int = 0
    corrected: int = 0
    repeated: int = 0
    agreed: int = 0
    contradicted: int = 0
    withdrawn: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def source_of(queue: Queue) -> str:
    """How ground truth says that it is from this queue."""
    return f"labelling:{queue.name}"


def publish(
    connection: Connection,
    project: Project,
    queue: Queue,
    results: Sequence[Result],
    batches: Sequence[Batch],
    clock: Clock,
    *,
    keys: Mapping[str, pd.DataFrame],
    overrule: bool = False,
) -> list[Published]:
    """Write them as ground truth of the logs that the rows are from, within a transaction.

    Parameters
    ----------
    keys : mapping
        What :func:`look_up` found before.

    Raises
    ------
    DataError
        The rows are from a dataset, so there are no predictions that labels could be about.
    UsageError
        The project predicts yes or no, and the queue has labels that are neither 0 nor 1.
    """
    by_log = _by_log(results, batches)
    if not by_log:
        raise DataError(
            f"the rows of queue {queue.name!r} are from a dataset, not from a prediction log: there is no "
            f"prediction to tell the truth about; workbench label export {queue.name} --dataset NAME"
        )
    values = {each.value: _value(project, queue, each.value) for each in queue.choices}
    return [
        _publish(connection, project, queue, found, values, clock, keys.get(name), name, overrule)
        for name, found in sorted(by_log.items())
    ]


def look_up(
    project: Project, results: Sequence[Result], batches: Sequence[Batch], logs: Mapping[str, PredictionLog]
) -> dict[str, pd.DataFrame]:
    """What was asked about the rows of each log, in the columns of the business key, where truth came by it.

    It goes through whole logs, which takes a while: not in a transaction, for which everybody else waits.
    """
    key = project.config.serving.key
    if not key:
        return {}
    by_key = select(_TABLE.id).where(_TABLE.prediction_id == "").limit(1)
    with open_database(project).read() as connection:
        wanted = {name for name in logs if connection.execute(by_key.where(_TABLE.log == name)).first()}
    return {
        name: _asked(logs[name], [f"{INPUT}{each}" for each in key], [_prediction(each) for each in found])
        for name, found in _by_log(results, batches).items()
        if name in wanted
    }


def _by_log(results: Sequence[Result], batches: Sequence[Batch]) -> dict[str, list[Result]]:
    of_batch = {each.number: str(each.source.get("log", "")) for each in batches}
    by_log: dict[str, list[Result]] = defaultdict(list)
    for each in results:
        if name := of_batch.get(each.row.batch):
            by_log[name].append(each)
    return by_log


def _prediction(result: Result) -> str:
    return str(result.row.reference["prediction_id"])


def _publish(
    connection: Connection,
    project: Project,
    queue: Queue,
    results: Sequence[Result],
    values: Mapping[str, float | str],
    clock: Clock,
    keys: pd.DataFrame | None,
    log_name: str,
    overrule: bool,
) -> Published:
    ids = [_prediction(each) for each in results]
    hold_truth(connection, log_name)
    mine = _mine(connection, log_name, source_of(queue), ids)
    told = _told(connection, project, keys, log_name, ids)
    counts: dict[str, int] = defaultdict(int)
    rows = []
    for each, name in zip(results, ids, strict=True):
        if each.final is None:
            counts["withdrawn"] += name in mine
            continue
        value = values[each.final.label]
        what = _what(value, mine.get(name), told.get(name))
        counts["written" if overrule and what == "contradicted" else what] += 1
        if what in ("written", "corrected") or (overrule and what == "contradicted"):
            number = None if isinstance(value, str) else value
            rows.append(
                {
                    "log": log_name,
                    "prediction_id": name,
                    "business_key": None,
                    "value": number,
                    "label": value if isinstance(value, str) else None,
                    "known_at": each.final.at,
                    "source": source_of(queue),
                }
            )
    insert(connection, rows, clock.now())
    return Published(log_name, **counts)


def _what(value: float | str, mine: _Says | None, told: _Says | None) -> str:
    if mine is not None and value in mine[:2]:
        return "repeated"
    if told is None:
        return "written"
    if mine is not None and told == mine:
        return "corrected"
    return "agreed" if value in told[:2] else "contradicted"


def _value(project: Project, queue: Queue, label: str) -> float | str:
    """A label as ground truth has it: a number, or the name of a class."""
    objective = project.config.objective
    try:
        number: float | None = float(label)
    except ValueError:
        number = None
    if objective is not None and objective.task == "binary":
        if number not in (0.0, 1.0):
            raise UsageError(
                f"{objective.target} is 0 or 1, and queue {queue.name!r} has the label {label!r}; "
                "nothing was published"
            )
        return number
    numbers = all(_is_number(each.value) for each in queue.choices)
    return number if numbers and number is not None else label


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _mine(connection: Connection, log_name: str, source: str, ids: Sequence[str]) -> dict[str, _Says]:
    """What this queue has published last of each prediction."""
    found: dict[str, _Says] = {}
    for start in range(0, len(ids), _IDS_A_QUERY):
        part = ids[start : start + _IDS_A_QUERY]
        query = select(_TABLE.prediction_id, _TABLE.value, _TABLE.label, _TABLE.known_at).where(
            _TABLE.log == log_name, _TABLE.prediction_id.in_(part), _TABLE.source == source
        )
        for name, value, label, known_at in connection.execute(query.order_by(_TABLE.id)):
            found[name] = (value, label, known_at)
    return found


def _told(
    connection: Connection, project: Project, keys: pd.DataFrame | None, log_name: str, ids: Sequence[str]
) -> dict[str, _Says]:
    """What is known of each prediction, by its id or by the business key of what was asked."""
    if keys is None:
        return truth_store.told(connection, log_name, ids, by_key=False)
    import pandas as pd

    # A prediction whose log is away, or that was added since, may have been told of by its id.
    frame = pd.DataFrame({"prediction_id": list(ids)}).merge(keys, on="prediction_id", how="left")
    found = truth_store.newest(connection, log_name, frame, BusinessKey(project.config.serving.key), None)
    names, times = frame["prediction_id"].tolist(), found.known_at.tolist()
    told: dict[str, _Says] = {}
    for name, value, label, time in zip(names, found.values.tolist(), found.labels, times, strict=True):
        if time is not None:
            from datetime import UTC

            told[name] = (None if value != value else value, label, time.replace(tzinfo=UTC))
    return told


def _asked(log: PredictionLog, columns: Sequence[str], ids: Sequence[str]) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(ids, pa.string())
    parts = [pd.DataFrame({"prediction_id": list(ids)})[:0]]
    for table in log.batches(role="champion", columns=["prediction_id", *columns]):
        part = table.filter(pc.is_in(table["prediction_id"].cast(pa.string()), wanted))
        if part.num_rows:
            parts.append(part.to_pandas())
    found = pd.concat(parts[1:] or parts, ignore_index=True).drop_duplicates("prediction_id")
    return found.reindex(columns=["prediction_id", *columns])
