"""The compiled path: a fitted estimator as dictionary look-ups and machine code, held to the plain path.

A pipeline is followed column by column (``steps``, ``encoders``) until each column of the model's matrix is a
raw number with a few operations, or a raw value that is looked up; ``inputs`` builds the matrix so, without
pandas. Models become arrays (``trees``, ``weights``) that the loops of ``kernels`` walk; numba compiles those
once for all models. What is not known raises :class:`NotCompiled`, and the plain path answers. What is
compiled answers nobody before :func:`choose` has compared it with the estimator.

Importing this imports neither numba nor scikit-learn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.registry.compile.checking import check
from workbench.registry.compile.columns import Columns, columns_of, frame_of
from workbench.registry.compile.edges import edge_rows
from workbench.registry.compile.paths import Path, choose, compile_model
from workbench.registry.compile.refusal import NotCompiled

if TYPE_CHECKING:
    from workbench.registry.compile.compiled import Compiled

__all__ = [
    "Columns",
    "Compiled",
    "NotCompiled",
    "Path",
    "check",
    "choose",
    "columns_of",
    "compile_model",
    "edge_rows",
    "frame_of",
]


def __getattr__(name: str) -> Any:
    if name == "Compiled":
        from workbench.registry.compile.compiled import Compiled

        return Compiled
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
