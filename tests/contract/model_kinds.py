"""A small fitted model of each kind, in a project that declares what it takes."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.registry import small
from workbench.project import Project, open_project

FEATURES = ["size", "age", "heavy"]
NET = "small_nets:Net"
_NETS = '''
"""A network of the small project."""

import torch


class Net(torch.nn.Module):
    def __init__(self, width: int, hidden: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.width, self.hidden = width, hidden
        sizes = [width, *hidden, 1]
        self.layers = torch.nn.ModuleList(map(torch.nn.Linear, sizes[:-1], sizes[1:]))
        self.norm = torch.nn.BatchNorm1d(width)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        rows = self.norm(torch.nan_to_num(rows))
        for layer in self.layers[:-1]:
            rows = torch.relu(layer(rows))
        return self.layers[-1](rows)
'''


@functools.cache
def rows() -> pd.DataFrame:
    """The rows of the small project, with features that every kind takes; ``age`` has missing values."""
    found = small.rows().assign(heavy=small.rows()["colour"] == "red")
    return found[["asked_at", "late", *FEATURES]]


@dataclass(frozen=True)
class Case:
    """One kind of models: what fits one, how MLflow's own API loads it, and what it then answers."""

    name: str
    kind: str
    needs: tuple[str, ...]
    fit: Callable[[Project], Any]
    flavor: str
    mlflow_scores: Callable[[Any, pd.DataFrame], Any]

    @property
    def missing(self) -> str:
        """The library that is not installed; empty when all are."""
        return next((name for name in self.needs if importlib.util.find_spec(name) is None), "")

    def or_skip(self) -> Case:
        if self.missing:
            pytest.skip(f"{self.missing} is not installed: pip install 'mlops-workbench[{self.kind}]'")
        return self


def _scikit(project: Project) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=5).fit(rows()[FEATURES], rows()["late"])


def _xgboost(project: Project) -> Any:
    import xgboost

    return xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(rows()[FEATURES], rows()["late"])


def _xgboost_booster(project: Project) -> Any:
    import xgboost

    data = xgboost.DMatrix(rows()[FEATURES], label=rows()["late"])
    return xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, num_boost_round=5)


def _lightgbm(project: Project) -> Any:
    import lightgbm

    return lightgbm.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1).fit(rows()[FEATURES], rows()["late"])


def _lightgbm_booster(project: Project) -> Any:
    import lightgbm

    data = lightgbm.Dataset(rows()[FEATURES], label=rows()["late"])
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1}
    return lightgbm.train(settings, data, num_boost_round=5)


def _net(project: Project) -> Any:
    import torch

    torch.manual_seed(0)
    net = project.resolve(NET)(width=len(FEATURES), hidden=(4,))
    values = torch.from_numpy(rows()[FEATURES].to_numpy(dtype=np.float32))
    late = torch.from_numpy(rows()["late"].to_numpy(dtype=np.float32))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(20):
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(net(values).squeeze(1), late).backward()
        optimizer.step()
    return net


def _second_column(model: Any, frame: pd.DataFrame) -> Any:
    return model.predict_proba(frame)[:, 1]


def _xgboost_answers(model: Any, frame: pd.DataFrame) -> Any:
    import xgboost

    return model.predict(xgboost.DMatrix(frame))


def _answers(model: Any, frame: pd.DataFrame) -> Any:
    return model.predict(frame)


CASES = [
    Case("scikit-learn", "scikit-learn", (), _scikit, "sklearn", _second_column),
    Case("XGBoost classifier", "xgboost", ("xgboost",), _xgboost, "xgboost", _second_column),
    Case("XGBoost booster", "xgboost", ("xgboost",), _xgboost_booster, "xgboost", _xgboost_answers),
    Case("LightGBM classifier", "lightgbm", ("lightgbm",), _lightgbm, "lightgbm", _answers),
    Case("LightGBM booster", "lightgbm", ("lightgbm",), _lightgbm_booster, "lightgbm", _answers),
    Case("PyTorch network", "pytorch", ("torch", "safetensors"), _net, "pyfunc", _answers),
]


def small_project(root: Path) -> Project:
    """A small project that declares the network's class."""
    project = small.small_project(root)
    (project.helpers / "small_nets.py").write_text(_NETS)
    text = (root / "workbench.toml").read_text()
    (root / "workbench.toml").write_text(text.replace("[model]\n", f'[model]\nclasses = ["{NET}"]\n'))
    return open_project(root)
