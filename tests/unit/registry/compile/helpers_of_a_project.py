"""Functions that a project might put into its pipelines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def ratios(numbers: Any) -> Any:
    """One number by another, from an array."""
    return np.stack([numbers[:, 0] / (1 + np.abs(numbers[:, 1])), numbers[:, 0] + numbers[:, 1]], axis=1)


def of_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """The same by name, from a frame."""
    return pd.DataFrame({"ratio": frame["size"] / (1 + frame["hour"]), "late": frame["hour"] > 18})
