"""Evidently's own report is small, and no shape of data costs it."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.pages import HOSTILE
from workbench.monitoring.page import evidently as module
from workbench.monitoring.page.evidently import EvidentlyPage, as_html, evidently_page, write_pages


def _rows(count: int = 400, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame({"wind": random.normal(size=count), "origin": random.choice(["EWR", "JFK"], count)})


def _widgets(page: EvidentlyPage) -> str:
    return gzip.decompress(page.content).decode()


def test_twelve_windows_fit_into_less_than_one_page_of_evidently(tmp_path: Path) -> None:
    month = evidently_page(_rows(), _rows(seed=1))
    path = write_pages(
        {f"2026-{number:02d}": month for number in range(1, 13)}, tmp_path / "deep" / "page.html"
    )
    assert path.stat().st_size < 2_500_000
    assert len(month.content) < 20_000
    assert path.read_text().count("<option") == 12


def test_a_year_of_nothing_is_a_page_too() -> None:
    page = evidently_page(_rows(), _rows(0))
    assert dict(page.left_out) == dict.fromkeys(("wind", "origin"), "there is nothing in this window")
    assert json.loads(_widgets(page)) == {"info": None, "graphs": {}}
    assert "Left out" in as_html({"empty": page})


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_everyday_shapes_are_shown_or_left_out_with_a_reason() -> None:
    count = 400
    before, now = _rows(count), _rows(count, 1)
    whole = pd.Series(range(count))
    shapes: dict[str, tuple[object, object]] = {
        "gone": (1.0, None),
        "all missing": (1.0, np.nan),
        "once missing": (np.nan, 1.0),
        "infinite": (1.0, np.inf),
        "some infinite": (whole.astype(float), whole.where(whole > 9, np.inf).astype(float)),
        "turned text": (1.0, "1"),
        "time": (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        "Float64": (whole.astype("Float64"), whole.where(whole > 5).astype("Float64")),
        "Int64": (whole.astype("Int64"), whole.where(whole > 5).astype("Int64")),
        "boolean": (whole.gt(9).astype("boolean"), whole.gt(99).astype("boolean")),
        "decimal": ([Decimal(number) for number in whole], [Decimal(number) / 2 for number in whole]),
        "category": (before["origin"].astype("category"), now["origin"].astype("category")),
        "constant": (1.0, 1.0),
        "one word": ("a", "a"),
        "many words": (whole.astype(str), (whole + 200).astype(str)),
        "mixed": ([1, "b"] * (count // 2), ["b", None] * (count // 2)),
    }
    for name, (was, is_now) in shapes.items():
        before[name] = was
        if is_now is not None:
            now[name] = is_now
    page = evidently_page(before, now)
    assert dict(page.left_out) == {
        "gone": "the column is gone",
        "all missing": "all values are missing here",
        "once missing": "all values are missing in the reference",
        "infinite": "no finite value here",
        "turned text": "was a number, is text",
        "time": "times only go up",
    }
    text = _widgets(page)
    assert all(f'"{name}"' in text for name in shapes if name not in dict(page.left_out))
    assert "NaN" not in text
    assert "(other)" in text


def test_what_evidently_refuses_costs_one_column(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = module._widgets

    def picky(pairs: dict[str, tuple[pd.Series, pd.Series]]) -> object:
        if "wind" in pairs:
            raise ValueError("no wind")
        return drawn(pairs)

    monkeypatch.setattr(module, "_widgets", picky)
    page = evidently_page(_rows(), _rows(seed=1))
    assert page.left_out == (("wind", "Evidently could not take it: no wind"),)
    assert '"origin"' in _widgets(page)


def test_only_samples_of_so_many_columns_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_COLUMNS", 1)
    monkeypatch.setattr(module, "_MOST_ROWS", 300)
    page = evidently_page(_rows(), _rows(200))
    assert page.left_out == (("origin", "a page shows 1 columns"),)
    assert (page.rows, page.reference_rows) == (200, 300)


def test_no_value_is_markup_and_no_two_become_one() -> None:
    names = [*HOSTILE.values(), "a<b", "a‹b", "x" * 80 + "1", "x" * 80 + "2"]
    frame = pd.DataFrame({name: np.resize(names, 400) for name in names[:3]})
    page = evidently_page(frame, frame.iloc[::-1])
    assert not set("<>") & set(_widgets(page).replace("<br>", ""))
    labels = module._labels(names)
    assert len(set(labels.values())) == len(names)
    html = as_html(dict.fromkeys(names[:3], page))
    assert html.count("<script") == 1 + 1 + 3
    assert "onerror=window.__pwned=1>" not in html
