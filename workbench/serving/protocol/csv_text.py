"""CSV in: a header and rows, as ``DataFrame.to_csv`` writes them.

Cells stay text; the schema says which of them are numbers. An empty cell is missing. A first column without a
name is the index that pandas writes if it is not told otherwise, and is passed over.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection

from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.cells import Texts
from workbench.serving.protocol.decoding import check_columns, check_rows, check_twice, only_known
from workbench.serving.protocol.refused import Refused

__all__ = ["decode"]


def decode(body: bytes, known: Collection[str], most_rows: int) -> Asked:
    """Decode rows in CSV, in UTF-8 and with a header; of columns that are not ``known`` their names only.

    Raises
    ------
    Refused
        With 400 or 413.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(400, "the body is not CSV in UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines = (line for line in reader if line)
    rows: list[list[str]] = []
    try:
        header = next(lines, [])
        names = header[1:] if header[:1] == [""] else header
        # A comma is a byte, and a cell several: what is wrong is refused before there are many of them.
        check_columns(len(names), known)
        check_twice(names)
        for row in lines:
            if len(row) != len(header):
                raise Refused(400, f"row {len(rows)} has {len(row)} cells for {len(header)} columns")
            rows.append(row)
            if len(rows) > most_rows:
                raise Refused(413, f"more than {most_rows} rows in one request")
    except csv.Error as error:
        raise Refused(400, f"the body is not CSV: line {reader.line_num}: {error}") from None
    check_rows(len(rows), most_rows)
    columns = list(zip(*rows, strict=True))[len(header) - len(names) :]
    given = only_known(dict(zip(names, columns, strict=True)), known, ())
    return Asked({name: Texts(cell or None for cell in column) for name, column in given.items()}, len(rows))
