"""The file of raw rows that is scored, and the file of answers: every part of either has the same columns."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import ServingError, UsageError
from workbench.registry.cases import INPUT
from workbench.serving.answering.call import Answer
from workbench.serving.models.loaded import LoadedModel
from workbench.tracking.models import scores_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["AnswerFile", "RawRows"]

_SOURCES = (".csv", ".parquet", ".jsonl", ".ndjson")
_OUTPUTS = (".csv", ".parquet")


class RawRows:
    """CSV, Parquet or JSON lines, read so many rows at a time.

    Raises
    ------
    UsageError
        The file is of no such kind. Whatever reads it raises that, too, when it cannot be read.
    """

    def __init__(self, path: Path, rows: int) -> None:
        _check(path, _SOURCES)
        self.path, self._rows = path, rows

    @property
    def is_text(self) -> bool:
        """Whether all cells are text: the schema says what is a number."""
        return self.path.suffix == ".csv"

    @functools.cached_property
    def types(self) -> Mapping[str, pa.DataType | None]:
        """Every column in order, with the type that holds for all its rows; None where none does."""
        import pandas as pd
        import pyarrow as pa

        with self._reading():
            if self.is_text:
                header = pd.read_csv(self.path, dtype=str, nrows=0)
                return dict.fromkeys(header.columns, pa.string())
            if self.path.suffix == ".parquet":
                import pyarrow.parquet as pq

                schema = pq.read_schema(self.path)
                if len(set(schema.names)) < len(schema.names):
                    raise ValueError("two of its columns have the same name")
                return dict(zip(schema.names, schema.types, strict=True))
            types: dict[str, pa.DataType | None] = {}
            for part in self._as_read():
                for name in part.columns:
                    types[name] = _both(types.get(name, pa.null()), part[name])
            return types

    def parts(self) -> Iterator[pd.DataFrame]:
        """The rows. A column that a line of JSON lacks is missing there."""
        with self._reading():
            for part in self._as_read():
                for name in self.types.keys() - set(part.columns):
                    part[name] = None
                if len(part):
                    yield part[list(self.types)]

    def _as_read(self) -> Iterator[pd.DataFrame]:
        import pandas as pd

        path, rows = self.path, self._rows
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            for batch in pq.ParquetFile(path).iter_batches(rows):
                # A column with missing integers would come as floats, which the large ones are not.
                yield batch.to_pandas(ignore_metadata=True, integer_object_nulls=True)
        elif path.suffix == ".csv":
            yield from pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""], chunksize=rows)
        else:
            as_it_stands: dict[str, Any] = {"dtype": False, "convert_dates": False, "convert_axes": False}
            yield from pd.read_json(path, lines=True, chunksize=rows, **as_it_stands)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except (OSError, ValueError, pa.ArrowException) as error:
            raise UsageError(f"{self.path} cannot be read: {str(error).splitlines()[0]}") from error


class AnswerFile:
    """The columns of the source, and ``prediction_id``, ``score``, ``answer``, ``model_version``, ``note``.

    A raw column that has one of these names is called ``input.<name>``, as it is in the log.

    Parameters
    ----------
    draft : Path
        Where it is written to.
    output : Path
        Where it will be, and whether it is Parquet or CSV.

    Raises
    ------
    UsageError
        It is neither; another column of the source has such a name; or a column has no type in Parquet.
    """

    def __init__(self, draft: Path, output: Path, source: RawRows, model: LoadedModel) -> None:
        _check(output, _OUTPUTS)
        self._draft, self._output, self._several = draft, output, len(model.classes) > 2
        self._names = _names(source, model, set(self._own_types))
        self._schema = self._schema_of(source) if output.suffix == ".parquet" else None
        self._parquet: Any = None
        self._first = True

    def write(self, part: pd.DataFrame, answer: Answer) -> None:
        """Add rows of the source with what was answered to them."""
        found: dict[str, Any] = {"prediction_id": answer.prediction_ids, "score": scores_of(answer.outputs)}
        if self._several:
            found["answer"] = [answer.classes[place] for place in answer.outputs.argmax(axis=1)]
        notes = ["; ".join(answer.notes.get(row, ())) for row in range(len(part))]
        frame = part.rename(columns=self._names).assign(**found, model_version=answer.version, note=notes)
        if self._schema is None:
            frame.to_csv(self._draft, mode="a", header=self._first, index=False)
            self._first = False
        else:
            self._write_parquet(frame, self._schema)

    def close(self) -> None:
        if self._parquet is not None:
            self._parquet.close()

    def _write_parquet(self, frame: pd.DataFrame, schema: pa.Schema) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
        except pa.ArrowException as error:
            said = " ".join(" ".join(map(str, error.args)).split())
            raise ServingError(f"{self._output} cannot be written: {said}; a CSV file could be") from error
        if self._parquet is None:
            self._parquet = pq.ParquetWriter(self._draft, schema)
        self._parquet.write_table(table)

    @property
    def _own_types(self) -> dict[str, pa.DataType]:
        import pyarrow as pa

        answer = {"answer": pa.string()} if self._several else {}
        ends = {"model_version": pa.int64(), "note": pa.string()}
        return {"prediction_id": pa.string(), "score": pa.float64(), **answer, **ends}

    def _schema_of(self, source: RawRows) -> pa.Schema:
        import pyarrow as pa

        for name, kind in source.types.items():
            if kind is None:
                raise UsageError(
                    f"column {name!r} of {source.path} has values of several kinds, which Parquet does not "
                    f"hold; write CSV: {self._output.with_suffix('.csv')}"
                )
        given = {self._names.get(name, name): kind for name, kind in source.types.items()}
        return pa.schema([*given.items(), *self._own_types.items()])


def _check(path: Path, endings: tuple[str, ...]) -> None:
    if path.suffix not in endings:
        raise UsageError(f"{path} ends in none of {', '.join(endings)}")


def _names(source: RawRows, model: LoadedModel, own: set[str]) -> dict[str, str]:
    """Other names for raw columns whose own the answers have."""
    renamed = {name: INPUT + name for name in source.types if name in own and name in model.request.columns}
    taken = own - renamed.keys() | set(renamed.values())
    for name in source.types:
        if name in taken:
            raise UsageError(f"{source.path} has a column {name!r}, as the answers have; rename it there")
    return renamed


def _both(before: pa.DataType | None, column: pd.Series[Any]) -> pa.DataType | None:
    """The type that holds for a column and for what came before it."""
    import pyarrow as pa

    if before is None or column.isna().all():
        return before
    try:
        here = pa.array(column, from_pandas=True).type
        schemas = [pa.schema([("", before)]), pa.schema([("", here)])]
        return pa.unify_schemas(schemas, promote_options="permissive").types[0]
    except pa.ArrowException:
        return None
