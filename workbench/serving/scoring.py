"""Scoring a file: the same version, checks and prediction log as the server's, without a server."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import ServingError, UsageError
from workbench.project import Project
from workbench.serving.answering.call import Answer
from workbench.serving.answering.inline import Inline
from workbench.serving.models.lineup import Lineup, Pinned
from workbench.serving.models.registered import RegisteredModels
from workbench.serving.parts import code_of, open_log
from workbench.serving.payload import cells
from workbench.serving.personal import concealer
from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.cells import Texts
from workbench.serving.protocol.refused import Refused
from workbench.serving.settings import LIVE_LOG, Settings
from workbench.store.clock import project_clock
from workbench.tracking.models import scores_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Scored", "score_file"]

_ROWS = 5_000
_ENDINGS = (".csv", ".parquet", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class Scored:
    """What scoring a file did: its rows, the version that answered all of them, and where the answers are."""

    rows: int
    model: str
    version: int
    path: str
    output: Path
    seconds: float


def score_file(
    project: Project,
    source: Path,
    output: Path | None = None,
    *,
    version: int | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> Scored:
    """Score the rows of a file with the champion, and log every answer.

    Parameters
    ----------
    source : Path
        CSV, Parquet or JSON lines; it may have more columns than a raw row needs.
    output : Path, optional
        Parquet or CSV by its ending; default: ``<source>.predictions.parquet``. It has the columns of the
        source, ``prediction_id``, ``score`` (and of several classes ``answer``), ``model_version``, ``note``.
    version : int, optional
        Another version than the champion.
    on_rows : callable, optional
        Told how many rows are done, after each few thousand.

    Raises
    ------
    UsageError
        The file is of no kind that is read, or there is no champion.
    ServingError
        A row cannot be scored (its number is named), or an answer cannot be logged. There is no output then;
        what was answered before stays in the log.
    """
    output = output or source.with_name(f"{source.stem}.predictions.parquet")
    _check(source, _ENDINGS)
    _check(output, (".csv", ".parquet"))
    settings = Settings(str(project.root), str(project.state / LIVE_LOG))
    registered = RegisteredModels(project, settings)
    chosen = version if version is not None else registered.aliases().get("champion")
    if chosen is None:
        raise UsageError("no version is champion yet; promote one, or name one: --version N")
    features = registered.features()
    model = registered.load(chosen, features)
    begun, rows = time.perf_counter(), 0
    draft = output.with_name(f".{output.name}.{secrets.token_hex(4)}")
    try:
        with (
            closing(open_log(project, Path(settings.log_folder), "file")) as log,
            closing(_Sink(draft, output.suffix)) as sink,
        ):
            answering = Inline(
                Pinned(Lineup(model), features),
                log,
                clock=project_clock(),
                simulated=False,
                code_version=code_of(project),
                conceal=concealer(project),
            )
            for part in filter(len, _parts(source)):
                names = [name for name in model.request.columns if name in part.columns]
                asked = Asked(_columns(part[names], source), len(part))
                answer = _answer(answering, asked, f"{source.name[:40]}#{rows}", f"{source}, from row {rows}")
                sink.write(_with(part, answer))
                rows += len(part)
                if on_rows is not None:
                    on_rows(rows)
        if not rows:
            raise UsageError(f"{source} has no rows")
        os.replace(draft, output)
    finally:
        draft.unlink(missing_ok=True)
    path = "compiled" if model.path.compiled is not None else "plain"
    return Scored(rows, model.model, model.version, path, output, time.perf_counter() - begun)


def _check(path: Path, endings: tuple[str, ...]) -> None:
    if path.suffix not in endings:
        raise UsageError(f"{path} ends in none of {', '.join(endings)}")


def _parts(source: Path) -> Iterator[pd.DataFrame]:
    import pandas as pd
    import pyarrow as pa

    try:
        if source.suffix == ".parquet":
            import pyarrow.parquet as pq

            for batch in pq.ParquetFile(source).iter_batches(_ROWS):
                yield batch.to_pandas()
        elif source.suffix == ".csv":
            yield from pd.read_csv(source, dtype=str, keep_default_na=False, na_values=[""], chunksize=_ROWS)
        else:
            yield from pd.read_json(source, lines=True, dtype=False, convert_dates=False, chunksize=_ROWS)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UsageError(f"{source} cannot be read: {str(error).splitlines()[0]}") from error


def _columns(part: pd.DataFrame, source: Path) -> dict[str, Any]:
    given = cells(part)
    # In CSV everything is text: the schema says what is a number.
    return {name: Texts(column) for name, column in given.items()} if source.suffix == ".csv" else given


def _answer(answering: Inline, asked: Asked, request_id: str, where: str) -> Answer:
    (answer,) = answering.answer([asked], [request_id])
    if isinstance(answer, Exception):
        said = answer.message if isinstance(answer, Refused) else f"{type(answer).__name__}: {answer}"
        raise ServingError(f"{where}: {said}") from answer
    return answer


def _with(part: pd.DataFrame, answer: Answer) -> pd.DataFrame:
    found: dict[str, Any] = {"prediction_id": answer.prediction_ids, "score": scores_of(answer.outputs)}
    if len(answer.classes) > 2:
        found["answer"] = [answer.classes[place] for place in answer.outputs.argmax(axis=1)]
    notes = ["; ".join(answer.notes.get(row, ())) for row in range(len(part))]
    return part.assign(**found, model_version=answer.version, note=notes)


class _Sink:
    """The output, written part by part."""

    def __init__(self, path: Path, ending: str) -> None:
        self._path, self._ending = path, ending
        self._parquet: Any = None
        self._first = True

    def write(self, frame: pd.DataFrame) -> None:
        if self._ending == ".csv":
            frame.to_csv(self._path, mode="a", header=self._first, index=False)
        else:
            self._write_parquet(frame)
        self._first = False

    def _write_parquet(self, frame: pd.DataFrame) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._parquet is None:
            table: pa.Table = pa.Table.from_pandas(frame, preserve_index=False)
            self._parquet = pq.ParquetWriter(self._path, table.schema)
        else:
            table = pa.Table.from_pandas(frame, schema=self._parquet.schema, preserve_index=False)
        self._parquet.write_table(table)

    def close(self) -> None:
        if self._parquet is not None:
            self._parquet.close()
