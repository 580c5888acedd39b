"""The papermill engine: gives the kernel its environment and reports each cell as it goes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from traitlets.config import Config

__all__ = ["NAME", "WorkbenchEngine"]

NAME = "workbench"


class WorkbenchEngine(NBClientEngine):  # type: ignore[misc]  # papermill ships no types
    """papermill's own engine with an environment and a log for the kernel, and a callback per cell."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        kernel_env: Mapping[str, str],
        kernel_log: Path,
        on_cell: Callable[[int], None],
        start_timeout: int = 60,
        **kwargs: Any,
    ) -> Any:
        # Sockets in a private folder instead of TCP ports: no port is raced for, and nobody else can
        # connect. The path is short because a socket's may have no more than about 100 characters.
        with (
            tempfile.TemporaryDirectory(prefix="wb-", ignore_cleanup_errors=True) as sockets,
            kernel_log.open("wb") as log,
        ):
            client = PapermillNotebookClient(
                nb_man,
                config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/k"}}),
                kernel_name=kernel_name,
                startup_timeout=start_timeout,
                timeout=None,
                on_cell_start=lambda cell, cell_index: on_cell(cell_index),
            )
            return client.execute(env=dict(kernel_env), stdout=log, stderr=log)


papermill_engines.register(NAME, WorkbenchEngine)
