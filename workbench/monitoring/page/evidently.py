"""Evidently's own report, for people: what it shows of samples, window by window, in one safe and small file.

Evidently writes 4.5 MB a page, nearly all of it the same script, and puts names and values where a browser
runs them. Here the script stands once in a file, packed, for all windows; a window adds some 5 kB a column.
The data is packed, too, so that nothing in it is ever read as markup; what Evidently draws from it has
angle brackets replaced; and the policy lets two scripts run, known by their hashes, and no request leave.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import math
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EvidentlyPage", "as_html", "evidently_page", "write_pages"]

_MOST_ROWS = 5_000
_MOST_COLUMNS = 40
# Evidently takes minutes over thousands of categories; what is rare goes into one.
_MOST_CATEGORIES = 100
_REST = "(other)"
_LONGEST = 60
_ANGLES = str.maketrans({"<": "‹", ">": "›", "&": "+"})
_DIGITS = 5
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class EvidentlyPage:
    """What Evidently shows of one window.

    Attributes
    ----------
    content : bytes
        Its widgets as gzipped JSON.
    left_out : tuple of (str, str)
        Columns that it was not given, and why.
    rows, reference_rows : int
        How many rows it was given.
    """

    content: bytes
    left_out: tuple[tuple[str, str], ...]
    rows: int
    reference_rows: int

    @property
    def packed(self) -> str:
        """The content as text that HTML can hold."""
        return base64.b64encode(self.content).decode()


def evidently_page(reference: pd.DataFrame, window: pd.DataFrame, *, seed: int = 0) -> EvidentlyPage:
    """Let Evidently compare samples of a reference and of a window.

    Parameters
    ----------
    reference, window : DataFrame
        At most 5,000 rows of each are drawn with ``seed``. The reference's first 40 columns are shown,
        without those about which Evidently would raise.
    """
    before, now = (
        frame.sample(_MOST_ROWS, random_state=seed) if len(frame) > _MOST_ROWS else frame
        for frame in (reference, window)
    )
    pairs: dict[str, tuple[pd.Series[Any], pd.Series[Any]]] = {}
    left_out: dict[str, str] = {}
    for name in reference.columns:
        found = _comparable(before, now, name)
        if isinstance(found, str):
            left_out[str(name)] = found
        elif len(pairs) == _MOST_COLUMNS:
            left_out[str(name)] = f"a page shows {_MOST_COLUMNS} columns"
        else:
            pairs[str(name)] = found
    shown, refused = _drawn(pairs)
    text = json.dumps(shown, separators=(",", ":"))
    content = gzip.compress(text.encode(), 9, mtime=0)
    return EvidentlyPage(content, tuple((left_out | refused).items()), len(now), len(before))


def as_html(pages: Mapping[str, EvidentlyPage], *, title: str = "Drift, as Evidently shows it") -> str:
    """One file that needs nothing else, with all ``pages`` by their windows' names; it opens at the last."""
    import evidently
    from markupsafe import Markup

    from workbench.tracking.page import environment

    library, font = _assets()
    script = (_TEMPLATES / "evidently.js").read_text(encoding="utf-8")
    hashes = " ".join(f"'sha256-{_digest(text)}'" for text in (script, library))
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
    )
    return (
        environment(_TEMPLATES)
        .get_template("evidently.html.j2")
        .render(
            policy=policy,
            title=title,
            pages=pages,
            version=evidently.__version__,
            font=font,
            library=_packed_library(),
            script=Markup(script),
        )
    )


def write_pages(pages: Mapping[str, EvidentlyPage], path: Path) -> Path:
    """Write :func:`as_html` to ``path``, such as into what a phase logs as an artifact."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_html(pages), encoding="utf-8", errors="replace")
    return path


@cache
def _assets() -> tuple[str, str]:
    """Evidently's script, and the font of its icons as base64."""
    from evidently.legacy.utils.dashboard import STATIC_PATH

    static = Path(STATIC_PATH)
    font = base64.b64encode((static / "material-ui-icons.woff2").read_bytes()).decode()
    return (static / "index.js").read_text(encoding="utf-8"), font


@cache
def _packed_library() -> str:
    return base64.b64encode(gzip.compress(_assets()[0].encode(), 9, mtime=0)).decode()


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _comparable(
    before: pd.DataFrame, now: pd.DataFrame, name: str
) -> tuple[pd.Series[Any], pd.Series[Any]] | str:
    """Both columns as Evidently takes them, else why it cannot."""
    if not len(now):
        return "there is nothing in this window"
    if name not in now.columns:
        return "the column is gone"
    was, is_now = _kind(before[name]), _kind(now[name])
    if "missing" in (was, is_now):
        return f"all values are missing {'in the reference' if was == 'missing' else 'here'}"
    if was != is_now:
        return f"was {was}, is {is_now}"
    if was == "a time":
        return "times only go up"
    if was == "text":
        return _texts(before[name], now[name])
    first, second = _numbers(before[name]), _numbers(now[name])
    if first.isna().all() or second.isna().all():
        return f"no finite value {'in the reference' if first.isna().all() else 'here'}"
    return first, second


def _kind(column: pd.Series[Any]) -> str:
    import pandas as pd

    if column.isna().all():
        return "missing"
    inferred = pd.api.types.infer_dtype(column, skipna=True)
    if inferred in {"floating", "integer", "mixed-integer-float", "decimal"}:
        return "a number"
    return "a time" if inferred in {"datetime64", "datetime", "date", "timedelta64", "timedelta"} else "text"


def _numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    import numpy as np
    import pandas as pd

    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return pd.Series(np.where(np.isfinite(values), values, np.nan))


def _texts(before: pd.Series[Any], now: pd.Series[Any]) -> tuple[pd.Series[Any], pd.Series[Any]]:
    columns = [
        column.astype(object).map(str, na_action="ignore").reset_index(drop=True) for column in (before, now)
    ]
    counts = columns[0].value_counts().add(columns[1].value_counts(), fill_value=0)
    labels = _labels(counts.nlargest(_MOST_CATEGORIES).index)
    first, second = (
        column.map(labels).where(column.isna() | column.isin(list(labels)), _REST) for column in columns
    )
    return first, second


def _labels(names: Iterable[str]) -> dict[str, str]:
    """Each name as it may be drawn: short, without markup, and still different from the others."""
    labels: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        label = name.translate(_ANGLES)
        label = label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"
        while label in taken:
            label += "′"
        taken.add(label)
        labels[name] = label
    return labels


def _drawn(
    pairs: dict[str, tuple[pd.Series[Any], pd.Series[Any]]],
) -> tuple[dict[str, Any], dict[str, str]]:
    """What Evidently draws, and the columns that it could not take, with its words."""
    refused: dict[str, str] = {}
    try:
        return _widgets(pairs), refused
    except Exception:  # one column that it cannot take must not cost the page of the others
        for name, columns in pairs.items():
            try:
                _widgets({name: columns})
            except Exception as error:
                refused[name] = f"Evidently could not take it: {error}"
    return _widgets({name: pair for name, pair in pairs.items() if name not in refused}), refused


def _widgets(pairs: dict[str, tuple[pd.Series[Any], pd.Series[Any]]]) -> dict[str, Any]:
    """What Evidently's script is called with; nothing when there is nothing to compare."""
    if not pairs:
        return {"info": None, "graphs": {}}
    import pandas as pd

    os.environ.setdefault("DO_NOT_TRACK", "1")
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    labels = _labels(pairs)
    before, now = (
        pd.DataFrame({labels[name]: pair[side] for name, pair in pairs.items()}) for side in (0, 1)
    )
    numeric = [name for name in before if pd.api.types.is_numeric_dtype(before[name].dtype)]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in before if name not in numeric]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy's remarks on constant columns
        snapshot = Report([DataDriftPreset()]).run(
            Dataset.from_pandas(now, definition), Dataset.from_pandas(before, definition)
        )
        html = snapshot.get_html_str(as_iframe=False)
    # Its page assigns two JSON documents to variables, one after the other.
    parse = json.JSONDecoder().raw_decode
    info, end = parse(html, html.index(" = {", html.index("var metric_")) + 3)
    graphs, _ = parse(html, html.index(" = {", end) + 3)
    return {"info": _rounded(info), "graphs": _rounded(graphs)}


def _rounded(value: Any) -> Any:
    """The same in as many digits as a picture shows, which packs to a third; what is not finite is null."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return value
