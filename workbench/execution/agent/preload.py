"""What an agent imports ahead: libraries only, never a project's own code."""

from __future__ import annotations

import importlib
import pkgutil
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["LIBRARIES", "OWN", "expanded", "modules_for"]

#: What a project's notebooks are expected to import; ``[execution] preload`` takes its place.
LIBRARIES = (
    *("pandas", "pandas.io.formats.style", "scipy.stats", "pyarrow.dataset", "pyarrow.parquet"),
    *("matplotlib.pyplot", "matplotlib.backends.backend_agg", "plotly.graph_objects", "evidently.presets"),
    "fairlearn.metrics",
    *("sklearn.calibration", "sklearn.compose", "sklearn.ensemble", "sklearn.inspection"),
    *("sklearn.linear_model", "sklearn.metrics", "sklearn.model_selection", "sklearn.pipeline"),
    *("sklearn.tree", "ipywidgets"),
)

#: What kernels, runs and commands need in any case, among it what is otherwise imported at first use.
OWN = (
    *("ipykernel.kernelapp", "ipykernel.debugger", "IPython.core.completerlib", "IPython.core.debugger"),
    *("IPython.core.logger", "IPython.core.oinspect", "IPython.extensions.storemagic", "IPython.lib.lexers"),
    *("tornado.platform.asyncio", "sqlite3", "papermill", "nbconvert", "click._textwrap"),
    *("rich.live", "rich._emoji_codes"),
    *("pygments.formatters.html", "pygments.lexers.python", "pygments.lexers.shell"),
    *("mistune.plugins.def_list", "mistune.plugins.task_lists", "mistune.plugins.url"),
    *("mlflow.sklearn", "mlflow.pyfunc", "mlflow.store.tracking.sqlalchemy_store"),
    *("mlflow.store.tracking.sqlalchemy_workspace_store", "mlflow.store.model_registry.sqlalchemy_store"),
    *("mlflow.store.model_registry.sqlalchemy_workspace_store", "alembic.command", "alembic.config"),
    *("optuna", "optuna.samplers._tpe.sampler", "optuna.storages._rdb.storage"),
    *("sqlalchemy.dialects.sqlite", "deltalake", "pandera.pandas", "skops.io", "workbench.*"),
)

_NOT_IMPORTED = re.compile(r"\.__main__$|\.migrations|\.templates\.")


def modules_for(config: Path | None) -> tuple[str, ...]:
    """The modules that an agent for this ``workbench.toml`` imports.

    What is wrong with the file is not said here: the same file is read by whoever asked for it.
    """
    chosen: object = None
    if config is not None:
        try:
            chosen = tomllib.loads(config.read_text(encoding="utf-8")).get("execution", {}).get("preload")
        except (OSError, ValueError, AttributeError):
            chosen = None
    libraries = LIBRARIES
    if isinstance(chosen, list) and all(isinstance(name, str) for name in chosen):
        libraries = tuple(chosen)
    return (*OWN, *(name for name in libraries if name not in OWN))


def expanded(names: Iterable[str]) -> Iterator[str]:
    """Single modules: ``package.*`` stands for all that are installed below a package."""
    for name in names:
        package = name.removesuffix(".*")
        yield package
        if package != name:
            found = importlib.import_module(package)
            for module in pkgutil.walk_packages(found.__path__, f"{package}.", onerror=lambda _: None):
                if not _NOT_IMPORTED.search(module.name):
                    yield module.name
