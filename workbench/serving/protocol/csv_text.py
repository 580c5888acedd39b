"""CSV in: a header and rows, as ``DataFrame.to_csv`` writes them.

Cells stay text; the schema says which of them are numbers. An empty cell is missing. A first column without a
name is the index that pandas writes if it is not told otherwise, and is passed over.
"""

from __future__ import annotations

import csv
import io
from itertools import islice

from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.cells import Texts
from workbench.serving.protocol.decoding import check_rows, check_twice
from workbench.serving.protocol.refused import Refused

__all__ = ["decode"]


def decode(body: bytes, most_rows: int) -> Asked:
    """Decode rows in CSV, in UTF-8 and with a header.

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
    try:
        lines = (line for line in reader if line)
        header = next(lines, [])
        # One more than is taken tells that there are too many, however many there are.
        rows = list(islice(lines, most_rows + 1))
    except csv.Error as error:
        raise Refused(400, f"the body is not CSV: line {reader.line_num}: {error}") from None
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise Refused(400, f"row {number} has {len(row)} cells for {len(header)} columns")
    if len(rows) > most_rows:
        raise Refused(413, f"more than {most_rows} rows in one request")
    check_rows(len(rows), most_rows)
    columns = list(zip(*rows, strict=True))
    if header[0] == "":
        header, columns = header[1:], columns[1:]
    check_twice(header)
    return Asked(
        {name: Texts(cell or None for cell in column) for name, column in zip(header, columns, strict=True)},
        len(rows),
    )
