"""Datasets: immutable versions with content identity."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from workbench.data.changes import compare
from workbench.data.tables import DatasetVersion, Origin, Tables
from workbench.errors import DataError, DatasetNotFound

ORIGIN = Origin("run-1", "gather", "ada")
FRAME = pd.DataFrame(
    {
        "id": [1, 2, 3],
        "name": ["a", None, "c"],
        "at": pd.to_datetime(["2013-01-01", None, "2013-01-03"], utc=True),
        "value": [0.5, float("nan"), 2.0],
    }
)


@pytest.mark.practice("D2")
def test_every_version_stays_readable_and_names_its_origin(tmp_path: Path) -> None:
    tables = Tables(str(tmp_path))
    first = tables.write("numbers", FRAME, origin=ORIGIN, key=("id",), description="three rows")
    second = tables.write("numbers", FRAME.assign(extra=1), origin=replace(ORIGIN, run_id="run-2"))
    assert (first.version, second.version) == (0, 1)
    pd.testing.assert_frame_equal(tables.read(first), FRAME, check_dtype=False)
    assert list(tables.read(second).columns) == ["id", "name", "at", "value", "extra"]
    assert tables.history("numbers") == [second, first]
    assert tables.names() == ["numbers"]
    assert DatasetVersion.from_dict(first.to_dict()) == first


def test_the_same_content_makes_no_new_version_even_after_a_round_trip(tmp_path: Path) -> None:
    tables = Tables(str(tmp_path))
    first = tables.write("numbers", FRAME, origin=ORIGIN)
    again = tables.write("numbers", tables.read(first), origin=ORIGIN, unless=first)
    assert again is first
    changed = tables.write("numbers", FRAME.assign(value=1.0), origin=ORIGIN, unless=first)
    assert changed.version == 1
    assert changed.content != first.content


def test_the_newest_acceptable_version_is_read(tmp_path: Path) -> None:
    tables = Tables(str(tmp_path))
    first = tables.write("numbers", FRAME, origin=ORIGIN)
    tables.write("numbers", FRAME.head(1), origin=replace(ORIGIN, default=False))
    assert tables.newest("numbers", lambda version: version.origin.default) == first
    with pytest.raises(DatasetNotFound, match="workbench run"):
        tables.newest("nothing", lambda version: True)


@pytest.mark.parametrize(
    ("frame", "key", "expected"),
    [
        (FRAME, ("nope",), "key column 'nope'"),
        (pd.concat([FRAME, FRAME]), ("id",), "3 rows repeat a key"),
        (pd.DataFrame(), (), "without columns"),
        (pd.DataFrame({"mixed": [1, "a"]}), (), "cannot be stored"),
    ],
)
def test_what_cannot_be_stored_is_refused(
    tmp_path: Path, frame: pd.DataFrame, key: tuple[str, ...], expected: str
) -> None:
    tables = Tables(str(tmp_path))
    with pytest.raises(DataError, match=expected):
        tables.write("numbers", frame, origin=ORIGIN, key=key)
    assert tables.history("numbers") == []


@pytest.mark.practice("D2")
def test_changes_by_key_count_rows_added_removed_and_changed() -> None:
    new = pd.DataFrame({"id": [2, 3, 4, 5], "name": [None, "C", "d", "e"], "size": [1, 2, 3, 4]})
    found = compare(FRAME, new, ("id",))
    assert (found.rows_added, found.rows_removed, found.rows_changed) == (2, 1, 1)
    assert found.columns_added == ("size",)
    assert found.columns_removed == ("at", "value")
    assert "2 rows added; 1 rows removed; 1 rows changed" in str(found)


def test_changes_without_a_key_count_repeated_rows() -> None:
    old = pd.DataFrame({"x": [1, 1, 2]})
    assert str(compare(old, old)) == "nothing changed"
    found = compare(old, pd.DataFrame({"x": [1, 2, 2]}))
    assert (found.rows_added, found.rows_removed, found.rows_changed) == (1, 1, 0)
