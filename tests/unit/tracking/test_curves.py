"""Curves as data: kept with a run, read again, and laid over one another."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.panels.compare.figures import overlaid
from workbench.tracking.curves import curves_of, read_curves


def test_curves_are_read_as_they_were_kept() -> None:
    chance = np.random.default_rng(0)
    truth = chance.random(5000) < 0.3
    scores = np.clip(0.3 * truth + 0.7 * chance.random(5000), 0, 1)
    found = read_curves(curves_of(truth, {"good": scores, "coin": chance.random(5000)}))
    assert [*found] == ["good", "coin"]
    good, coin = found["good"], found["coin"]
    assert (good.roc[0], good.roc[-1]) == ((0.0, 0.0), (1.0, 1.0))
    area = {name: np.trapezoid(*np.array(each.roc).T[::-1]) for name, each in found.items()}
    assert area["good"] > 0.8
    assert area["coin"] == pytest.approx(0.5, abs=0.03)
    assert coin.precision_recall[-1][1] == pytest.approx(0.3, abs=0.03)
    assert len(good.roc) <= 200
    assert len(good.calibration) == 10
    assert overlaid(found) is not None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": {}}', '{"a": {"roc": [[0, "x"]]}}'])
def test_what_is_no_curve_is_none(text: str) -> None:
    assert read_curves(text) == {}


def test_rows_of_one_class_make_no_curve() -> None:
    with pytest.raises(ValueError, match="both classes"):
        curves_of([1, 1], {"all": [0.1, 0.2]})
