"""What a client sends: cells that JSON can say."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from workbench.errors import ServingError
from workbench.serving.payload import cells, requests_for


def test_cells_are_what_json_can_say() -> None:
    moment = datetime(2013, 8, 1, 10, tzinfo=UTC)
    frame = pd.DataFrame(
        {
            "text": pd.Series(["x", None], dtype="str"),
            "whole": [1, 2],
            "number": [0.5, np.nan],
            "maybe": pd.Series([1, pd.NA], dtype="Int64"),
            "flag": [True, False],
            "time": pd.Series([moment, pd.NaT], dtype="datetime64[us, UTC]"),
        }
    )
    taken = cells(frame)
    (encoded,) = requests_for(frame)
    assert taken["text"] == ["x", None]
    assert taken["whole"] == [1, 2]
    assert str(taken["number"]) == "[0.5, nan]"  # which the encoder writes as null
    assert taken["maybe"] == [1, None]
    assert taken["flag"] == [True, False]
    assert taken["time"] == ["2013-08-01T10:00:00.000000Z", None]
    assert (
        b'"data":[["x",1,0.5,1,true,"2013-08-01T10:00:00.000000Z"],[null,2,null,null,false,null]]' in encoded
    )


@pytest.mark.parametrize(
    ("column", "says"),
    [([np.inf], "infinite"), ([pd.Timestamp("2013-08-01")], "without a zone")],
)
def test_cells_that_json_cannot_say_are_named(column: list[object], says: str) -> None:
    with pytest.raises(ServingError, match=f"'size'.*{says}"):
        cells(pd.DataFrame({"size": column}))
