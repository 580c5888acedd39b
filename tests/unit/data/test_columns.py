"""Frames as plain arrays, and back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.data.columns import columns_of, frame_of, moments_of
from workbench.data.features import Feature
from workbench.errors import DataError

KINDS = {"code": "category", "size": {"kind": "number", "minimum": 0}, "at": "time", "absent": "number"}


def feature(name: str, kind: str) -> Feature:
    return Feature(name, kind, "", "Some.", "desk@example.org", ())  # type: ignore[arg-type]


def test_a_frame_becomes_arrays_whatever_its_types() -> None:
    rows = pd.DataFrame({"code": ["a", None], "size": [3, None], "at": ["2013-01-01T12:00+02:00", None]})
    stored = pd.DataFrame(
        {
            "code": pd.Categorical(["a", None]),
            "size": pd.array([3, None], dtype="Int32"),
            "at": pd.to_datetime(rows["at"], utc=True).dt.tz_convert("Asia/Tokyo").dt.as_unit("ns"),
        }
    )
    for frame in (rows, rows.astype(object), stored):
        found = columns_of(frame, KINDS)
        assert list(found) == ["code", "size", "at"]
        assert [str(values.dtype) for values in found.values()] == ["object", "float64", "datetime64[us]"]
        assert found["code"].tolist() == ["a", None]
        np.testing.assert_array_equal(found["size"], [3.0, np.nan])
        np.testing.assert_array_equal(found["at"], np.array(["2013-01-01T10:00", "NaT"], "datetime64[us]"))


def test_moments_are_in_utc() -> None:
    moments = pd.Series(pd.to_datetime(["2013-07-01T12:00"])).dt.tz_localize("America/New_York")
    assert moments_of(moments).astype(str).tolist() == ["2013-07-01T16:00:00.000000"]


def test_arrays_become_a_frame_of_the_features_in_their_order() -> None:
    features = [feature("a", "number"), feature("b", "category"), feature("c", "number")]
    columns = {
        "c": np.array([1.0, np.nan]),
        "b": np.array(["x", None], dtype=object),
        "other": np.array([0, 0]),
        "a": np.array([1, 2]),
    }
    frame = frame_of(columns, features, pd.Index([7, 3]))
    expected = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None], "c": [1.0, None]}, index=[7, 3])
    pd.testing.assert_frame_equal(frame, expected.astype({"b": "str"}))
    for kind in ("number", "category"):
        only = [one for one in features if one.kind == kind]
        pd.testing.assert_frame_equal(
            frame_of(columns, only), frame[[one.name for one in only]].reset_index(drop=True)
        )


def test_a_feature_that_was_not_built_is_named() -> None:
    with pytest.raises(DataError, match="'b' is in the catalogue, but is not built"):
        frame_of({"a": np.array([1.0])}, [feature("a", "number"), feature("b", "number")])
