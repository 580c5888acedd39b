"""Some columns of a file of rows, as Python's own values: CSV, Parquet and JSON lines."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeVar

import msgspec

from workbench.errors import UsageError

__all__ = ["TableFile"]

_Columns = Mapping[str, Sequence[Any]]
_T = TypeVar("_T")


@dataclass(frozen=True)
class TableFile:
    """A file of rows. Its errors are :class:`UsageError`, in one line that names the file."""

    path: Path
    _names: Callable[[Path], list[str]]
    _columns: Callable[[Path, list[str]], _Columns]

    @classmethod
    def of(cls, path: Path) -> TableFile:
        """By its name's ending: .csv, .parquet, .jsonl or .ndjson; text may be compressed (.csv.gz)."""
        kind = "".join(path.suffixes[-2:]).lower().removesuffix(".gz").rpartition(".")[2]
        if kind not in _KINDS:
            raise UsageError(
                f"{path} is of no known kind: .csv, .parquet or .jsonl (also .csv.gz, .jsonl.gz)"
            )
        return cls(path, *_KINDS[kind])

    def names(self) -> list[str]:
        """The columns that it has; of JSON lines those of the first."""
        return self._guarded(lambda: self._names(self.path))

    def columns(self, names: list[str]) -> _Columns:
        """The cells of these columns; None where there is none. In CSV all are text."""
        return self._guarded(lambda: self._columns(self.path, names))

    def _guarded(self, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read: {error.strerror or error}") from None
        # Not UTF-8, no Parquet, no JSON: all of them are ValueErrors. The others are damaged archives.
        except (ValueError, csv.Error, zlib.error, EOFError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UsageError(f"{self.path} cannot be read: {reason}") from None


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return open(path, encoding="utf-8-sig", newline="")


def _csv_names(path: Path) -> list[str]:
    with _open(path) as file:
        return next(csv.reader(file, strict=True), [])


def _csv_columns(path: Path, names: list[str]) -> _Columns:
    """Cells as text: what is a number and what a code is told by what they are compared with."""
    with _open(path) as file:
        reader = csv.reader(file, strict=True)
        header = next(reader)
        places = [header.index(name) for name in names]
        columns: list[list[str | None]] = [[] for _ in names]
        for number, row in enumerate(reader, start=1):
            if len(row) != len(header):
                if not row:  # an empty line
                    continue
                raise ValueError(f"row {number} has {len(row)} cells where the header has {len(header)}")
            for cells, place in zip(columns, places, strict=True):
                cells.append(row[place] or None)
    return dict(zip(names, columns, strict=True))


def _parquet_names(path: Path) -> list[str]:
    from pyarrow import parquet

    return list(parquet.read_schema(path).names)


def _parquet_columns(path: Path, names: list[str]) -> _Columns:
    from pyarrow import parquet

    table = parquet.read_table(path, columns=names)
    return {name: table.column(name).to_pylist() for name in names}


def _json_rows(path: Path) -> list[dict[str, Any]]:
    decoder = msgspec.json.Decoder(dict[str, str | int | float | bool | None])
    rows = []
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    rows.append(decoder.decode(line))
                except msgspec.MsgspecError as error:
                    raise ValueError(f"line {number}: {error}") from None
    return rows


def _json_names(path: Path) -> list[str]:
    with _open(path) as file:
        first = next((line for line in file if line.strip()), "")
    try:
        return list(msgspec.json.decode(first, type=dict[str, Any])) if first else []
    except msgspec.MsgspecError as error:
        raise ValueError(f"line 1: {error}") from None


def _json_columns(path: Path, names: list[str]) -> _Columns:
    rows = _json_rows(path)
    return {name: [row.get(name) for row in rows] for name in names}


_KINDS: dict[str, tuple[Callable[[Path], list[str]], Callable[[Path, list[str]], _Columns]]] = {
    "csv": (_csv_names, _csv_columns),
    "parquet": (_parquet_names, _parquet_columns),
    "jsonl": (_json_names, _json_columns),
    "ndjson": (_json_names, _json_columns),
}
