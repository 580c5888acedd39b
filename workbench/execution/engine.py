"""The papermill engine: gives the kernel its environment and reports each cell as it goes."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from traitlets.config import Config

__all__ = ["NAME", "WorkbenchEngine", "kernel_for"]

NAME = "workbench"
_ANSWER_SECONDS = 1.0
# Jupyter offers the first of these in any environment that has ipykernel.
_PYTHON_KERNELS = ("python3", "python", "", NAME)


def kernel_for(notebook: NotebookNode) -> str:
    """The kernel that a notebook runs in: a warm one, if that is installed and Python is all it asks for."""
    asked: str = notebook.metadata.get("kernelspec", {}).get("name", "")
    if asked not in _PYTHON_KERNELS:
        return asked
    return NAME if NAME in KernelSpecManager().find_kernel_specs() else _PYTHON_KERNELS[0]


class PromptClient(AsyncKernelClient):
    """A kernel client that is ready when the kernel says so, not after 0.2 s in which it said nothing."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Return when the kernel has answered and is idle, and we have heard it on both channels.

        Raises
        ------
        RuntimeError
            When it has died, or ``timeout`` seconds have passed: as in the class that this extends.
        """
        until = time.monotonic() + (math.inf if timeout is None else timeout)
        while True:
            asked = self.kernel_info()
            # The first words may be lost until our subscription has arrived: then it is asked again.
            if await self._is_idle_after(asked):
                await self._recv_reply(asked, timeout=_ANSWER_SECONDS)
                return
            if not await self._async_is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > until:
                raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")

    async def _is_idle_after(self, asked: str) -> bool:
        with contextlib.suppress(Empty):
            while True:
                said = await self.get_iopub_msg(timeout=_ANSWER_SECONDS)
                idle = said["content"].get("execution_state") == "idle"
                if idle and said["parent_header"].get("msg_id") == asked:
                    return True
        return False


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
        with kernel_log.open("wb") as log:
            client = PapermillNotebookClient(
                nb_man,
                config=Config({"KernelManager": {"client_class": f"{__name__}.{PromptClient.__name__}"}}),
                kernel_name=kernel_name,
                startup_timeout=start_timeout,
                timeout=None,
                on_cell_start=lambda cell, cell_index: on_cell(cell_index),
            )
            return client.execute(env=dict(kernel_env), stdout=log, stderr=log)


papermill_engines.register(NAME, WorkbenchEngine)
