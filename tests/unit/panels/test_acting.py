"""Promoting from the compare panel: looked at first, then done, and only with a reason."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pandas as pd
import pytest

from tests.pages import parse, shown
from tests.unit.registry import small
from workbench.panels.acting import Promotion
from workbench.panels.compare import compare
from workbench.panels.fairness import table
from workbench.panels.figures import compared_slices
from workbench.panels.parts import SLICES
from workbench.registry import aliases


@pytest.fixture
def run(tmp_path: Path) -> small.Run:
    return small.start(small.small_project(tmp_path / "project"))


def test_a_version_is_promoted_once_it_was_looked_at_and_there_is_a_reason(run: small.Run) -> None:
    small.register(run)
    promotion = Promotion(run.project)
    assert not promotion.do(1, "champion", "it is good")
    assert "look first" in promotion.told
    found = promotion.look(1, "champion")
    assert found is not None
    assert "8 cases as recorded" in promotion.told
    assert aliases.current(run.project, "champion") is None
    assert not promotion.may(1, "champion", "  ")
    assert not promotion.may(1, "shadow", "it is good")
    assert promotion.do(1, "champion", "it is good")
    (entry,) = aliases.ledger(run.project, "champion")
    assert (entry.to_version, entry.reason) == (1, "it is good")


def test_what_is_refused_is_told_and_not_done(run: small.Run) -> None:
    small.register(run, verdict="failed")
    promotion = Promotion(run.project)
    promotion.look(1, "champion")
    assert "refused" in promotion.told
    assert not promotion.do(1, "champion", "I like it")
    assert aliases.current(run.project, "champion") is None
    assert promotion.look(7, "champion") is None
    assert "img" not in {element.tag for element in parse(promotion.told)}


def test_runs_of_a_version_are_told_what_was_validated(run: small.Run) -> None:
    small.register(run)
    panel = compare(run.project, part=SLICES)
    panel.choose(run.run_id)
    assert panel.table.columns["model"].values.tolist() == ["v1 challenger"]
    assert "Fairness was not judged" in panel._repr_html_()


def test_slices_and_gaps_stand_side_by_side() -> None:
    rows = [("colour", "red", 0.7, 0.6, 0.8), ("colour", "<img>", 0.8, math.nan, math.nan)]
    slices = pd.DataFrame(rows, columns=["column", "slice", "value", "low", "high"])
    assert compared_slices("roc_auc", {"v1": slices, "v2": slices.head(1)}) is not None
    assert compared_slices("roc_auc", {"v1": slices.head(0)}) is None
    gap = {"column": "colour", "rate": "recall", "lowest": "red", "highest": "<img>", "gap": 0.25}
    judged = dataclasses.replace(small.validation(), fairness=pd.DataFrame([{**gap, "verdict": "failed"}]))
    page = table({"v1": judged, "v2": small.validation()})
    assert [row.text for row in shown(page, "tr")][1:] == ["recall by colour0.250 red to <img> failed–"]
