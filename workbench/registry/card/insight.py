"""What a model does on its holdout, measured for the card: what features contribute, calibration, metrics.

A feature contributes what the primary metric loses when the feature's values are shuffled among the rows
(permutation importance: Breiman, "Random Forests", Machine Learning 45, 2001). Features that say the same
share what they contribute: shuffling one leaves the other. Intervals are drawn by day, as those of gates are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import RegistryError
from workbench.registry.gates.bootstrap import Days, Interval, interval, metric_rounds, ratio_rounds
from workbench.registry.gates.holdout import Holdout
from workbench.registry.gates.validation import plain
from workbench.tracking.metrics import METRICS, calibration_bins, improvement, metric
from workbench.tracking.models import positive_scores

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from workbench.registry.gates.bootstrap import Floats

__all__ = ["Insight", "measure"]

# A shuffled feature is asked for on so many rows at most: more of them hardly change the order.
_MOST_ROWS = 5000
_REPEATS = 3
_BINS = 25
_FACTS = ("sha256", "dataset", "metric", "rows", "asked")
_TABLES = ("features", "calibration", "scores")


@dataclass(frozen=True, eq=False)
class Insight:
    """What was measured on the holdout beside its gates.

    Attributes
    ----------
    sha256 : str
        Of the model's files that were asked.
    dataset : str
        The dataset version of the rows, such as ``"prepared v3"``.
    rows, asked : int
        Rows of the holdout, and how many of them shuffled features were asked on.
    metrics : dict
        By model (``candidate``, ``baseline``, ``champion``) and name of the metric, with its interval.
    features : DataFrame
        ``feature``, and what it contributes: ``value``, ``low``, ``high``; the largest first.
    calibration : DataFrame
        Bins of about equally many rows: ``rows``, mean ``score``, ``observed`` share, ``low``, ``high``.
    scores : DataFrame
        How scores are spread: rows that turned out ``positive`` and ``negative`` with a score between
        ``from`` and ``to``.
    """

    sha256: str
    dataset: str
    metric: str
    rows: int
    asked: int
    metrics: dict[str, dict[str, Interval]]
    features: pd.DataFrame
    calibration: pd.DataFrame
    scores: pd.DataFrame

    def to_json(self) -> str:
        """As the version's evidence keeps it."""
        told: dict[str, Any] = {name: getattr(self, name) for name in _FACTS}
        told["metrics"] = {
            model: {name: found.to_dict() for name, found in figures.items()}
            for model, figures in self.metrics.items()
        }
        told |= {name: getattr(self, name).to_dict(orient="records") for name in _TABLES}
        return json.dumps(plain(told), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Insight:
        """From what :meth:`to_json` gave.

        Raises
        ------
        RegistryError
            It is something else.
        """
        import pandas as pd

        try:
            raw = json.loads(text)
            metrics = {
                model: {
                    name: Interval(**{k: _number(v) for k, v in found.items()})
                    for name, found in each.items()
                }
                for model, each in raw["metrics"].items()
            }
            tables = {name: pd.DataFrame(raw[name]).replace({None: np.nan}) for name in _TABLES}
            facts: dict[str, Any] = {name: raw[name] for name in _FACTS}
            return cls(metrics=metrics, **facts | tables)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RegistryError(
                f"the recorded contributions of features cannot be read: {error!r}"
            ) from error


def measure(
    frame: pd.DataFrame,
    models: Mapping[str, Any],
    *,
    features: Mapping[str, Sequence[str]],
    target: str,
    time: str,
    primary_metric: str,
    sha256: str = "",
    dataset: str = "",
    threshold: float = 0.5,
    rounds: int = 500,
    seed: int = 0,
) -> Insight:
    """Measure a model on labelled rows.

    Parameters
    ----------
    models : mapping of str to estimator
        ``"candidate"``, and whatever it is shown beside.
    features : mapping of str to list of str
        The columns that each of them is asked with.
    """
    scores = {role: positive_scores(model, frame[list(features[role])]) for role, model in models.items()}
    held = Holdout.of(
        frame,
        target=target,
        time=time,
        scores=scores,
        rounds=rounds,
        seed=seed,
        metric=primary_metric,
        threshold=threshold,
    )
    rows = _some(len(held.y), seed)
    return Insight(
        sha256=sha256,
        dataset=dataset,
        metric=primary_metric,
        rows=len(held.y),
        asked=len(rows),
        metrics={role: _metrics(held, role) for role in models},
        features=_contributions(held, models["candidate"], list(features["candidate"]), rows, seed),
        calibration=_calibration(held),
        scores=_spread(held),
    )


def _metrics(held: Holdout, role: str) -> dict[str, Interval]:
    score = held.scores[role]
    return {
        name: interval(
            metric(name, held.y, score, held.threshold),
            metric_rounds(name, held.y, score, held.days, held.threshold),
        )
        for name in METRICS
    }


def _some(count: int, seed: int) -> NDArray[np.int64]:
    if count <= _MOST_ROWS:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, _MOST_ROWS, replace=False))


def _contributions(
    held: Holdout, model: Any, names: list[str], rows: NDArray[np.int64], seed: int
) -> pd.DataFrame:
    import pandas as pd

    asked, y = held.rows.iloc[rows][names].reset_index(drop=True), held.y[rows]
    days = Days(held.days.code[rows], held.days.draws)
    whole = _measured(held, y, held.scores["candidate"][rows], days)
    random = np.random.default_rng(seed)
    table = []
    for name in names:
        lost, drawn = 0.0, np.zeros(len(whole[1]))
        for _ in range(_REPEATS):
            order = random.permutation(len(asked))
            shuffled = asked.assign(**{name: asked[name].iloc[order].array})
            value, values = _measured(held, y, positive_scores(model, shuffled), days)
            lost, drawn = lost + (whole[0] - value) / _REPEATS, drawn + (whole[1] - values) / _REPEATS
        found = interval(improvement(held.metric, lost), improvement(held.metric, 1.0) * drawn)
        table.append({"feature": name, **found.to_dict()})
    columns = ["feature", "value", "low", "high"]
    return pd.DataFrame(table, columns=columns).sort_values("value", ascending=False, ignore_index=True)


def _measured(held: Holdout, y: Floats, score: Floats, days: Days) -> tuple[float, Floats]:
    return (
        metric(held.metric, y, score, held.threshold),
        metric_rounds(held.metric, y, score, days, held.threshold),
    )


def _calibration(held: Holdout) -> pd.DataFrame:
    import pandas as pd

    score, table = held.scores["candidate"], []
    place = calibration_bins(score)
    for number in np.unique(place):
        rows = place == number
        y = held.y[rows]
        observed = interval(float(y.mean()), ratio_rounds(y, np.ones_like(y), held.days.only(rows)))
        table.append(
            {
                "rows": len(y),
                "score": float(score[rows].mean()),
                "observed": observed.value,
                "low": observed.low,
                "high": observed.high,
            }
        )
    return pd.DataFrame(table, columns=["rows", "score", "observed", "low", "high"])


def _spread(held: Holdout) -> pd.DataFrame:
    import pandas as pd

    edges = np.linspace(0, 1, _BINS + 1)
    score = np.clip(held.scores["candidate"], 0, 1)
    counts = {
        word: np.histogram(score[held.y == truth], edges)[0]
        for word, truth in (("positive", 1), ("negative", 0))
    }
    return pd.DataFrame({"from": edges[:-1], "to": edges[1:], **counts})


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
