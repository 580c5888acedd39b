"""Batches as bytes: everything comes back, in little space."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.unit.serving.log.batches import batch
from workbench.serving.log.encoding import Encoder


def test_batches_of_one_kind_share_a_header() -> None:
    encoder = Encoder()
    one, two, other = (encoder.encode(item) for item in (batch(0), batch(1), batch(2, version=4)))
    assert one.header is two.header
    assert other.header is not one.header
    assert (one.rows, other.header.version, other.header.role) == (2, 4, "champion")


def test_a_row_of_eight_numbers_takes_little_more_than_they_do() -> None:
    columns = {f"a_rather_long_name_{number}": np.zeros(1) for number in range(8)}
    one = batch(0, rows=1, inputs=columns, features={})
    assert len(Encoder().encode(one).blob) < 8 * 8 + 120


@pytest.mark.parametrize(
    "changed",
    [
        {"asked_at": np.zeros(3, "datetime64[us]")},
        {"outputs": np.zeros(3)},
        {"latency_ms": np.zeros(1, "float32")},
        {"inputs": {"a": np.zeros(3)}},
        {"inputs": {"a": np.zeros(2), "b": np.zeros(3)}},
        {"features": {"a": np.array(["x"], dtype=object)}},
        {"features": {"a": np.zeros(1, "datetime64[us]")}},
        {"request_ids": ["r"]},
        {"user_groups": []},
    ],
)
def test_columns_of_another_length_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="2 rows of late v3"):
        Encoder().encode(replace(batch(0), **changed))
