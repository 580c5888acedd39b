"""One notebook executed in a kernel of its own, so that its end is told from facts.

papermill reads the notebook and puts in the parameters (:mod:`~workbench.execution.executor.engine`); the
:mod:`~workbench.execution.executor.conversation` with the kernel is ours, and a
:mod:`~workbench.execution.executor.guard` holds it to its limits. Nothing here is the process's own: several
executions may run in threads.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from workbench.errors import NotebookError, ParameterError
from workbench.execution.executor.ending import Ending, Reason, Stop
from workbench.execution.executor.guard import Guard
from workbench.execution.executor.watch import Limits, Usage
from workbench.execution.notebook import read_notebook
from workbench.execution.notebook.parameters import as_json

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["Ending", "Executed", "Execution", "Limits", "Listener", "Reason", "Usage"]

NOTEBOOK, KERNEL_LOG = "notebook.ipynb", "kernel.log"
_NUMBER = "workbench_cell"
_LAST_LINES, _LAST_BYTES = 200, 20_000  # a crash is told with the stacks of all threads


class Listener(Protocol):
    """Is told what happens, from the executing thread; cells count from 1 in the notebook on disk."""

    def cell_started(self, cell: int, cells: int) -> None: ...

    def cell_ended(self, cell: int, seconds: float) -> None: ...

    def output(self, cell: int, text: str) -> None:
        """What a person would read, as it comes."""


@dataclass(frozen=True)
class Executed:
    """What came of an execution: the notebook as far as it went, with its outputs cut as the limits say."""

    notebook: NotebookNode
    ending: Ending
    usage: Usage
    cut_bytes: int


class Execution:
    """One notebook in a kernel of its own; several may run at once in threads.

    Parameters
    ----------
    path : Path
        The notebook.
    folder : Path
        Gets ``notebook.ipynb``, whole at any moment, and ``kernel.log``.
    parameters, environment : mapping
        The notebook's parameters, checked before, and all of its kernel's environment.
    limits : Limits
    listener : Listener
    cwd : Path, optional
        The kernel's folder; by default the notebook's.
    extensions : sequence of str
        Modules that a kernel of IPython loads as its extensions, before the first cell.
    """

    def __init__(
        self,
        path: Path,
        *,
        folder: Path,
        parameters: Mapping[str, Any],
        environment: Mapping[str, str],
        limits: Limits,
        listener: Listener,
        cwd: Path | None = None,
        extensions: Sequence[str] = (),
    ) -> None:
        self._path, self._folder, self._cwd = path, folder, cwd or path.parent
        self._parameters, self._environment = dict(parameters), dict(environment)
        self._limits, self._listener = limits, listener
        self._extensions = tuple(extensions)
        self._guard: Guard | None = None
        self._cancelled = False
        self._lock = threading.Lock()

    def cancel(self) -> None:
        """End it soon: its kernel is interrupted, and killed if it does not answer. From any thread."""
        # Only flags are set, no lock is taken: a signal's handler may call this amid anything.
        self._cancelled = True
        if (guard := self._guard) is not None:
            guard.stop_soon(_CANCELLED)

    def run(self) -> Executed:
        """Execute it; returns when its kernel and all that it started have ended.

        Ctrl-C in the thread that calls this is :meth:`cancel`.

        Raises
        ------
        NotebookError
            When the file is no notebook. Never for what a notebook does.
        """
        done = threading.Event()
        came: list[Executed | BaseException] = []

        def run() -> None:
            try:
                came.append(self._run())
            except BaseException as error:
                came.append(error)
            finally:
                done.set()

        # A thread of its own: there may be an event loop in this one, and Ctrl-C would come at any place.
        threading.Thread(target=run, name=f"workbench {self._path.stem}", daemon=True).start()
        while not done.is_set():
            try:
                done.wait()
            except KeyboardInterrupt:
                self.cancel()
        if isinstance(came[0], BaseException):
            raise came[0]
        return came[0]

    def _run(self) -> Executed:
        notebook = self._read()
        guard = self._guard = Guard(self._limits)
        if self._cancelled:
            guard.stop_soon(_CANCELLED)
        try:
            return self._execute(notebook, guard)
        finally:
            guard.ends()

    def _read(self) -> NotebookNode:
        """The notebook without its outputs, and each cell with its number."""
        import nbformat

        read_notebook(self._path)  # its errors are of one line; nbformat only warns of what is not valid
        try:
            notebook: NotebookNode = nbformat.read(self._path, as_version=4)
            for number, cell in enumerate(notebook.cells, start=1):
                cell.metadata[_NUMBER] = number
                if cell.cell_type == "code":
                    cell.outputs, cell.execution_count = [], None
        except FileNotFoundError:
            raise NotebookError(f"no notebook at {self._path}") from None
        except Exception as error:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise NotebookError(f"{self._path} cannot be read as a notebook: {reason}") from error
        return notebook

    def _execute(self, notebook: NotebookNode, guard: Guard) -> Executed:
        import papermill
        from jupyter_client.kernelspec import KernelSpecManager
        from papermill.exceptions import PapermillException

        from workbench.execution.executor import engine  # it registers itself
        from workbench.execution.notebook import translators  # noqa: F401  # it registers itself

        logging.getLogger("papermill").setLevel(logging.ERROR)  # what it warns of was checked before

        kernel = engine.kernel_for(notebook)
        kernels = KernelSpecManager()
        if kernel not in (installed := kernels.find_kernel_specs()):
            there = ", ".join(sorted(installed)) or "none"
            message = f"no kernel {kernel!r} is installed for {self._path.name}; there is: {there}"
            return Executed(_unnumbered(notebook)[0], Ending("no_kernel", message), guard.usage(), 0)
        came: list[Executed] = []
        try:
            papermill.execute_notebook(
                notebook,
                None,
                parameters=self._parameters,
                engine_name=engine.NAME,
                kernel_name=kernel,
                language=kernels.get_kernel_spec(kernel).language,
                progress_bar=False,
                then=lambda parameterized: came.append(self._converse(parameterized, kernel, guard)),
            )
        except (PapermillException, TypeError) as error:
            raise ParameterError(f"{self._path.name}: its parameters cannot be put in: {error}") from error
        return came[0]

    def _converse(self, notebook: NotebookNode, kernel: str, guard: Guard) -> Executed:
        from workbench.execution.executor.conversation import Conversation

        output = self._folder / NOTEBOOK
        given = as_json(self._parameters)
        notebook.metadata.papermill.update(
            input_path=str(self._path), output_path=str(output), parameters=given
        )
        notebook, numbers = _unnumbered(notebook)
        with (self._folder / KERNEL_LOG).open("a+b") as log:  # appending: it may be made shorter meanwhile
            log.truncate(0)
            guard.keep_small(log)
            conversation = Conversation(
                notebook,
                numbers,
                output,
                kernel_name=kernel,
                cwd=self._cwd,
                guard=guard,
                listener=self._listener,
                last_words=lambda: _last_words(log),
                extensions=self._extensions,
            )
            ending = conversation.converse(self._environment, log)
        return Executed(conversation.nb, ending, guard.usage(), conversation.cut_bytes)


_CANCELLED = Stop("interrupted", "interrupted")


def _unnumbered(notebook: NotebookNode) -> tuple[NotebookNode, list[int | None]]:
    """The notebook without the numbers that we gave its cells, and these."""
    return notebook, [cell.metadata.pop(_NUMBER, None) for cell in notebook.cells]


def _last_words(log: IO[bytes]) -> str:
    """The end of what the kernel's process said, such as the message of a crash in compiled code."""
    with contextlib.suppress(OSError):
        size = os.fstat(log.fileno()).st_size
        said = os.pread(log.fileno(), _LAST_BYTES, max(0, size - _LAST_BYTES))
        return "\n".join(said.decode("utf-8", "replace").splitlines()[-_LAST_LINES:])
    return ""
