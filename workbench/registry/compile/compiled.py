"""A fitted estimator as one call from columns to answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.registry.compile.calibrated import Calibrated
from workbench.registry.compile.columns import Columns
from workbench.registry.compile.inputs import Inputs
from workbench.registry.compile.masks import FROM_ROWS
from workbench.registry.compile.model import Model
from workbench.registry.compile.operations import FILL, FINITE, FINITE_OR_MISSING, SINGLE
from workbench.registry.compile.symbols import OTHER, Number

__all__ = ["Compiled", "Part"]

# A threshold behind these is one of the raw column as well.
_HARMLESS = {FILL, FINITE, FINITE_OR_MISSING, SINGLE}


@dataclass(frozen=True)
class Part:
    """A model behind its matrix; a calibrated estimator has one for each fold."""

    inputs: Inputs
    model: Model
    calibrated: Calibrated | None = None

    def answers(self, features: Columns, rows: int) -> NDArray[np.float64]:
        return (self.calibrated or self.model).answers(self.inputs.matrix(features, rows))


class Compiled:
    """A fitted estimator, flattened: no pandas, and machine code for the loops.

    Calls are safe from several threads at once, and the loops let other threads run.

    Attributes
    ----------
    description : str
        One line, such as ``"120 trees of up to 15 leaves, 24 features"``.
    exact : bool
        Answers are the estimator's own to the last bit; else to 1e-12.
    columns : tuple of str
        The features it reads.
    """

    def __init__(self, parts: Sequence[Part], description: str) -> None:
        self._parts, self.description = tuple(parts), description
        self._only = parts[0] if len(parts) == 1 and parts[0].calibrated is None else None
        self.exact = all(part.model.exact for part in parts)
        self.columns = tuple(dict.fromkeys(name for part in parts for name in part.inputs.names))

    def __call__(self, features: Columns, rows: int) -> NDArray[np.float64]:
        """The answers for these rows.

        Parameters
        ----------
        features : dict of arrays
            Each of length ``rows``: float64, or objects for categories.

        Returns
        -------
        float64 (rows, classes) or (rows,)
            What ``predict_proba`` gives, or ``predict`` of a regressor.

        Raises
        ------
        ValueError
            A value is one that the estimator itself refuses with ``ValueError``.
        KeyError
            A feature is absent.
        """
        if self._only is not None:
            return self._only.answers(features, rows)
        parts = self._parts
        mean = np.zeros((rows, parts[0].calibrated.classes if parts[0].calibrated else 1))
        for part in parts:
            mean += part.answers(features, rows)
        mean /= len(parts)
        return mean

    def warm(self) -> None:
        """Load the machine code, so that the first caller does not wait for it."""
        for rows in (1, FROM_ROWS):
            features = self.made_up(rows)
            try:
                self(features, rows)
            except ValueError:
                # It knows no such row, but the code of the matrix is loaded; the model's is, below.
                continue
        for part in self._parts:
            for rows in (1, FROM_ROWS):
                (part.calibrated or part.model).answers(np.zeros((rows, len(part.inputs.columns))))

    def made_up(self, rows: int) -> dict[str, NDArray[Any]]:
        """Rows of zeros, and of the first category that each column knows."""
        found: dict[str, NDArray[Any]] = {name: np.zeros(rows) for name in self.columns}
        for part in self._parts:
            for lookup in part.inputs.lookups:
                value = lookup.keys[0]
                found[lookup.name] = np.array([value] * rows, dtype=object if lookup.text else np.float64)
        return found

    def known(self) -> dict[str, list[Any]]:
        """The values that look-ups know, by column."""
        found: dict[str, list[Any]] = {}
        for part in self._parts:
            for lookup in part.inputs.lookups:
                found.setdefault(lookup.name, []).extend(key for key in lookup.keys if key != OTHER)
        return {name: list(dict.fromkeys(values)) for name, values in found.items()}

    def thresholds(self) -> dict[str, NDArray[np.float64]]:
        """Where trees split raw numbers, by column."""
        found: dict[str, list[NDArray[np.float64]]] = {}
        for part in self._parts:
            if (grove := getattr(part.model, "grove", None)) is None:
                continue
            for feature, symbol in enumerate(part.inputs.symbols):
                if not isinstance(symbol, Number) or not isinstance(symbol.source, str):
                    continue
                if {operation.code for operation in symbol.operations} <= _HARMLESS:
                    found.setdefault(symbol.source, []).append(grove.thresholds(feature))
        return {name: np.unique(np.concatenate(values)) for name, values in found.items()}
