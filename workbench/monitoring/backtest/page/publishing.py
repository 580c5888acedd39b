"""A policy backtest as files: the page for people, everything as JSON, and its days as a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.monitoring.backtest.page.composing import render
from workbench.registry.card.writing import write_whole

if TYPE_CHECKING:
    from workbench.monitoring.backtest.choosing import Choice
    from workbench.monitoring.backtest.outcome import Backtest

__all__ = ["DAYS", "DOCUMENT", "PAGE", "publish"]

PAGE, DOCUMENT, DAYS = "index.html", "backtest.json", "days.csv"


def publish(folder: Path, backtest: Backtest, choice: Choice) -> Path:
    """Write page, document and table into a folder, each of them whole or not at all; the page's path."""
    import pandas as pd

    write_whole(folder / DOCUMENT, backtest.to_json())
    write_whole(folder / DAYS, pd.DataFrame(_days(backtest)).to_csv(index=False))
    beside = [("every day (CSV)", DAYS), ("everything (JSON)", DOCUMENT)]
    write_whole(folder / PAGE, render(backtest, choice, beside=beside))
    return folder / PAGE


def _days(backtest: Backtest) -> Iterator[dict[str, Any]]:
    from dataclasses import asdict

    for item in backtest.policies:
        for day in item.days:
            yield {"policy": item.policy, **asdict(day)}
