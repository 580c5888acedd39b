"""Ways to serve that only a benchmark wants; copied into each project that is measured.

Each is a source of models, as ``workbench.serving.start(models="bench_variants:plain")`` takes it. It is
called in the server's process before anything is served, which is where it changes what it has to.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from workbench.project import Project
from workbench.registry import compile
from workbench.serving.log.sqlite import SqliteWriter
from workbench.serving.models.loaded import FeatureBuilder, LoadedModel
from workbench.serving.models.registered import RegisteredModels
from workbench.serving.settings import Settings

__all__ = ["PARTS", "idle", "plain", "timed", "unlogged"]

_WRITE_SECONDS = 0.1

#: Part of a request -> the functions that do it; time within another part's function is the other's alone.
#: What is none of them is the rest of the way through the server.
PARTS: dict[str, tuple[str, ...]] = {
    "decode": ("workbench.serving.protocol.mlflow:decode",),
    "group, merge, make ids": ("workbench.serving.answering.predict:Predictor.predict",),
    "typed": ("workbench.serving.protocol.schema:RequestSchema.typed",),
    "features": tuple(f"workbench.serving.models.loaded:FeatureBuilder.{way}" for way in ("arrays", "frame")),
    "model": (
        "workbench.registry.compile.compiled:Compiled.__call__",
        "workbench.serving.models.loaded:LoadedModel.outputs",
    ),
    "log encode": ("workbench.serving.log.encoding:Encoder.encode",),
    "commit": ("workbench.serving.log.sqlite:SqliteWriter.append",),
    "answer": ("workbench.serving.protocol.mlflow:encode",),
}


class _Plain(RegisteredModels):
    def load(self, version: int, features: FeatureBuilder) -> LoadedModel:
        path = compile.Path(None, "the benchmark asks for the plain path")
        return dataclasses.replace(super().load(version, features), path=path)


def plain(project: Project, settings: Settings) -> RegisteredModels:
    """The registry's models, none of them compiled."""
    return _Plain(project, settings)


def unlogged(project: Project, settings: Settings) -> RegisteredModels:
    """The registry's models, and a prediction log that keeps nothing: for what logging costs."""
    SqliteWriter.append = lambda self, batches: None  # type: ignore[method-assign]
    return RegisteredModels(project, settings)


class _Idle(RegisteredModels):
    """The registry's models, none of which is asked: the features are the raw rows, all answers the same."""

    _made: tuple[FeatureBuilder, FeatureBuilder] | None = None

    def features(self) -> FeatureBuilder:
        found = super().features()
        if self._made is None or self._made[0] is not found:
            self._made = found, dataclasses.replace(found, build_arrays=lambda columns, *_: columns)
        return self._made[1]

    def load(self, version: int, features: FeatureBuilder) -> LoadedModel:
        loaded = super().load(version, super().features())
        answer = np.zeros(len(loaded.classes) or 1)
        constant: Any = lambda _, rows: np.tile(answer, (rows, 1))  # noqa: E731
        path = compile.Path(constant, "the benchmark asks for no answer")
        return dataclasses.replace(loaded, features=features, path=path)


def idle(project: Project, settings: Settings) -> RegisteredModels:
    """Models that do nothing, and no log: the whole server around them."""
    unlogged(project, settings)
    return _Idle(project, settings)


def timed(project: Project, settings: Settings) -> RegisteredModels:
    """The registry's models, with clocks around what each part of a request does; see :data:`PARTS`."""
    clocks = _Clocks()
    for part, names in PARTS.items():
        for name in names:
            clocks.put_around(part, name)
    threading.Thread(
        target=clocks.write, args=(Path(settings.log_folder) / "parts.json",), daemon=True
    ).start()
    return RegisteredModels(project, settings)


class _Clocks:
    """Seconds and calls by part. Each thread has its own stack, so that inner parts are not counted twice."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self.calls = dict.fromkeys(PARTS, 0)
        self._inner = threading.local()

    def put_around(self, part: str, name: str) -> None:
        """Replace a function by itself between two looks at the clock."""
        module, _, path = name.partition(":")
        *parents, last = path.split(".")
        holder: Any = functools.reduce(getattr, parents, importlib.import_module(module))
        function = getattr(holder, last)
        inner, seconds, calls, clock = self._inner, self.seconds, self.calls, time.perf_counter

        def measured(*given: Any, **named: Any) -> Any:
            before, inner.spent = getattr(inner, "spent", 0.0), 0.0
            begun = clock()
            try:
                return function(*given, **named)
            finally:
                took = clock() - begun
                seconds[part] += took - inner.spent
                calls[part] += 1
                inner.spent = before + took

        setattr(holder, last, measured)

    def write(self, place: Path) -> None:
        """Write down what is known, again and again, for the benchmark to read."""
        pause = threading.Event()
        while not pause.wait(_WRITE_SECONDS):
            draft = place.with_suffix(f".{os.getpid()}")
            parts = {part: {"seconds": self.seconds[part], "calls": self.calls[part]} for part in PARTS}
            draft.write_text(json.dumps(parts))
            draft.replace(place)
