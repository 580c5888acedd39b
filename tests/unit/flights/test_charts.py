"""The charts: each says what is to be seen, names its axes, and is shown once."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from flights import charts, sources
from flights.features import memory_status
from flights.leakage import leakage_suspects
from flights.splitting import split_by_time
from workbench.data.features import PointInTimeTable

from .conftest import Slice


def fitted(cleaned: pd.DataFrame) -> object:
    columns = ColumnTransformer(
        [("categories", OneHotEncoder(), ["carrier"]), ("numbers", StandardScaler(), ["distance"])]
    )
    return make_pipeline(columns, LogisticRegression()).fit(cleaned[["carrier", "distance"]], cleaned["late"])


def draw(name: str, march: Slice, cleaned: pd.DataFrame, tables: dict[str, PointInTimeTable]) -> Figure:
    split = split_by_time(cleaned["asked_at"], cleaned["landed_at"], "2013-03-10")
    scores = {"chance": np.linspace(0.1, 0.9, len(cleaned)), "truth": np.where(cleaned["late"], 0.9, 0.1)}
    drawn: dict[str, Callable[[], Figure]] = {
        "late_by_month": lambda: charts.late_by_month(march.flights),
        "late_by_hour": lambda: charts.late_by_hour(march.flights),
        "late_by_carrier": lambda: charts.late_by_carrier(march.flights, sources.airlines()),
        "leakage": lambda: charts.leakage(leakage_suspects(march.flights)),
        "split_over_time": lambda: charts.split_over_time(cleaned.assign(split=split)),
        "lookups": lambda: charts.lookups(memory_status(cleaned, tables, cleaned["asked_at"])),
        "coefficients": lambda: charts.coefficients(fitted(cleaned)),
        "curves": lambda: charts.curves(cleaned["late"], scores),
    }
    return drawn[name]()


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("late_by_month", r"\d+% \(Mar\)"),
        ("late_by_hour", r"\d+% of the flights at \d+:00 arrive late, \d+% at \d+:00"),
        ("late_by_carrier", r".+ is late on \d+% of its flights, .+ on \d+%"),
        ("leakage", "arr_delay separates best and is known too late, like 4 other columns"),
        ("split_over_time", r"[\d,]+ flights to learn from"),
        ("lookups", r"aircraft_memory answers least often: nothing for \d+\.\d% of the flights"),
        ("coefficients", r"The baseline leans most on carrier_\w+ \(odds × \d+\.\d\d\)"),
        ("curves", r"truth ranks late flights best \(ROC AUC 1\.000\)"),
    ],
)
def test_a_chart_says_its_finding_names_its_axes_and_is_shown_once(
    name: str, finding: str, march: Slice, cleaned: pd.DataFrame, tables: dict[str, PointInTimeTable]
) -> None:
    assert name in charts.__all__
    figure = draw(name, march, cleaned, tables)
    assert re.search(finding, figure.get_suptitle())
    for ax in figure.axes:
        assert ax.get_xlabel()
        assert ax.get_ylabel() or ax.get_yticklabels()[0].get_text()
    assert plt.get_fignums() == []
    image = io.BytesIO()
    figure.savefig(image, format="png")
    assert image.getvalue().startswith(b"\x89PNG")


def test_the_carriers_stand_in_order_of_their_late_share(march: Slice) -> None:
    ax = charts.late_by_carrier(march.flights, sources.airlines()).axes[0]
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == sorted(widths, reverse=True)
    assert any("(UA, " in label.get_text() for label in ax.get_yticklabels())
