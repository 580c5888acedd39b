"""MLflow's pyfunc with the project's helpers in it, as a file that MLflow runs (a model from code)."""

from __future__ import annotations

from typing import Any

import mlflow
import pandas as pd
from scorer import Scorer


class Flights(mlflow.pyfunc.PythonModel):
    def load_context(self, context: Any) -> None:
        self.score = Scorer(context.artifacts["model"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> list[float]:
        return self.score(model_input)


mlflow.models.set_model(Flights())
