"""The labels of a queue as a dataset version, with what is needed to account for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.data.labels.choosing import dataset_version
from workbench.data.labels.model import PHASE, Batch, Queue
from workbench.data.labels.results import Result
from workbench.data.tables import DatasetVersion, Origin, Tables
from workbench.errors import DataError, WorkbenchError
from workbench.project import Project

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["export", "labels_frame"]


def labels_frame(queue: Queue, results: Sequence[Result]) -> pd.DataFrame:
    """The rows of which it is settled what they are.

    Returns
    -------
    DataFrame
        The columns that refer to the row (``prediction_id``, or the key of the dataset it is from); then
        ``label`` (numbers where all labels of the queue are), ``annotators`` (how many people labelled it),
        ``adjudicated``, ``guidelines`` (the versions gone by, such as ``1,2``), ``labelled_at``, ``queue``
        and ``queue_row``.
    """
    import pandas as pd

    final = [(each, each.final) for each in results if each.final is not None]
    names = list(dict.fromkeys(name for each, _ in final for name in each.row.reference))
    numbers = all(_is_number(choice.value) for choice in queue.choices)
    labels = [given.label for _, given in final if given is not None]
    columns: dict[str, Any] = {name: [each.row.reference.get(name) for each, _ in final] for name in names}
    columns["label"] = pd.array([float(each) for each in labels] if numbers else labels)
    columns["annotators"] = pd.array([len(each.labels) for each, _ in final], dtype="int64")
    columns["adjudicated"] = pd.array([each.decision is not None for each, _ in final], dtype="bool")
    columns["guidelines"] = [",".join(map(str, each.guidelines)) for each, _ in final]
    columns["labelled_at"] = pd.to_datetime([given.at for _, given in final if given], utc=True)
    columns["queue"] = [queue.name] * len(final)
    columns["queue_row"] = pd.array([each.row.number for each, _ in final], dtype="int64")
    return pd.DataFrame(columns).astype({"labelled_at": "datetime64[us, UTC]"})


def export(
    project: Project,
    queue: Queue,
    results: Sequence[Result],
    batches: Sequence[Batch],
    dataset: str,
    *,
    who: str,
) -> DatasetVersion:
    """Write them as a version of a dataset; the same labels again make no new one.

    Raises
    ------
    DataError
        Nothing is settled yet, or the dataset is one that a run writes.
    """
    frame = labels_frame(queue, results)
    if frame.empty:
        raise DataError(f"no row of queue {queue.name!r} has a label that counts yet; nothing was written")
    key = tuple(name for name in frame.columns[: list(frame.columns).index("label")])
    history = Tables(project.data_uri).history(dataset)
    if history and history[0].origin.phase != PHASE:
        raise DataError(
            f"dataset {dataset!r} is written by {history[0].origin.phase or 'something else'}; "
            "labels go to a dataset of their own"
        )
    told = f"labels of queue {queue.name}: {'; '.join(map(_batch, batches))}"
    return Tables(project.data_uri).write(
        dataset,
        _typed(project, frame, batches),
        origin=Origin("", PHASE, who),
        key=key,
        description=told,
        unless=history[0] if history else None,
    )


def _typed(project: Project, frame: pd.DataFrame, batches: Sequence[Batch]) -> pd.DataFrame:
    """With the key's columns as the dataset has them that the rows are from, so that both can be joined."""
    for batch in batches:
        named = batch.source.get("dataset")
        if not named:
            continue
        try:
            version = dataset_version(project, f"{named}@{batch.source['version']}")
            source = Tables(project.data_uri).read(version, list(version.key)).head(0)
            return frame.astype({name: source[name].dtype for name in version.key})
        except (WorkbenchError, OSError, KeyError, ValueError, TypeError):
            continue  # the dataset is gone: what refers to the row is there as text
    return frame


def _batch(batch: Batch) -> str:
    source = batch.source
    where = f"{source['dataset']} v{source['version']}" if "dataset" in source else source.get("log", "")
    return f"{batch.rows} rows by {batch.how} from {where}, seed {batch.seed}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
