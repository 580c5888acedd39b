"""Functions of a pipeline's ``FunctionTransformer`` steps that treat each row by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.registry.compile.columns import Columns, frame_of
from workbench.registry.compile.operations import run
from workbench.registry.compile.refusal import NotCompiled
from workbench.registry.compile.symbols import Number, Raw, Symbol

__all__ = ["Function", "reference"]


def reference(function: Any) -> str:
    """How a project names a function: ``"module:name"``."""
    return f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', function)}"


@dataclass(frozen=True)
class Function:
    """A function and the columns that it is given.

    Attributes
    ----------
    framed : bool
        It is given a frame of the raw columns, as in the plain path; else an array of numbers.
    """

    call: Callable[..., Any]
    symbols: tuple[Symbol, ...]
    framed: bool
    name: str
    step: str

    @property
    def reads(self) -> list[str]:
        """The raw columns that it is given."""
        return [str(symbol.source) if isinstance(symbol, Number) else symbol.name for symbol in self.symbols]

    def width(self) -> int:
        """How many columns it makes.

        Raises
        ------
        NotCompiled
            It does not take a row of zeros, or its columns depend on more than numbers.
        """
        if not self.framed and any(
            not isinstance(symbol, Number) or not isinstance(symbol.source, str) for symbol in self.symbols
        ):
            raise NotCompiled(f"step {self.step}: {self.name} takes columns that are computed themselves")
        zeros = {str(symbol.source): np.zeros(1) for symbol in self.symbols if isinstance(symbol, Number)}
        zeros |= {symbol.name: np.zeros(1) for symbol in self.symbols if isinstance(symbol, Raw)}
        try:
            return int(self(zeros).shape[1])
        except Exception as error:
            raise NotCompiled(f"step {self.step}: {self.name} cannot be tried: {error}") from error

    def __call__(self, features: Columns) -> NDArray[np.float64]:
        """What it makes of raw columns, (rows, columns)."""
        if self.framed:
            names = [symbol.name for symbol in self.symbols if isinstance(symbol, Raw)]
            made = self.call(frame_of({name: features[name] for name in names}))
        else:
            given = [
                run(symbol.operations, features[str(symbol.source)])
                for symbol in self.symbols
                if isinstance(symbol, Number)
            ]
            with np.errstate(all="ignore"):
                made = self.call(np.stack(given, axis=1))
        found = np.asarray(made, dtype=np.float64)
        if found.ndim != 2:
            raise ValueError(f"{self.name} made no table")
        return found
