"""What the monitor found as files: a page for people, and every verdict as a table and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.monitoring.alerts import Alert
from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.page.composing import render

if TYPE_CHECKING:
    import pandas as pd

    from workbench.monitoring.page.evidently import EvidentlyPage

__all__ = ["PAGE", "publish", "verdicts"]

PAGE = "index.html"
_TABLE, _DOCUMENTS, _EVIDENTLY = "verdicts.csv", "findings.json", "evidently.html"
_COLUMNS = ("window", "start", "end", "role", "version", "signal", "value", "verdict", "says")


def verdicts(findings: Sequence[WindowFinding]) -> pd.DataFrame:
    """One row for each figure of each version in each window: what alerts may look at."""
    import pandas as pd

    return pd.DataFrame(_rows(findings), columns=list(_COLUMNS))


def publish(
    folder: Path,
    findings: Sequence[WindowFinding],
    alerts: Sequence[Alert] = (),
    *,
    model: str,
    now: datetime,
    pages: Mapping[str, EvidentlyPage] | None = None,
) -> Path:
    """Write page, table and documents into a folder, each of them whole or not at all; the page's path.

    Parameters
    ----------
    pages : mapping of str to EvidentlyPage, optional
        Evidently's own report by window.
    """
    folder.mkdir(parents=True, exist_ok=True)
    beside = [("every verdict (CSV)", _TABLE), ("everything (JSON)", _DOCUMENTS)]
    _write(folder / _TABLE, verdicts(findings).to_csv(index=False))
    _write(folder / _DOCUMENTS, json.dumps([finding.to_dict() for finding in findings], indent=1))
    if pages:
        from workbench.monitoring.page.evidently import as_html

        _write(folder / _EVIDENTLY, as_html(pages))
        beside.append(("as Evidently shows it", _EVIDENTLY))
    page = folder / PAGE
    _write(page, render(findings, alerts, model=model, evaluated_at=now, beside=beside))
    return page


def _rows(findings: Sequence[WindowFinding]) -> Iterator[dict[str, Any]]:
    for finding in findings:
        about = {"window": finding.name, "start": finding.window.start, "end": finding.window.end}
        for found in finding.versions:
            who = {"role": found.role, "version": found.version}
            for signal in found.signals():
                figure = {"signal": signal.name, "value": signal.value, "verdict": signal.verdict}
                yield {**about, **who, **figure, "says": signal.says}


def _write(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_text(text, encoding="utf-8", errors="surrogatepass")
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
