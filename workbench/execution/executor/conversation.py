"""The conversation with a kernel: started, asked cell by cell, ended; and to what end it came."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from traitlets.config import Config

from workbench.execution.agent.identity import NoPlace, private_folder
from workbench.execution.executor import ending as endings
from workbench.execution.executor.ending import Ending
from workbench.execution.executor.guard import Guard
from workbench.execution.executor.hearing import Hearing
from workbench.execution.executor.saving import Record

if TYPE_CHECKING:
    from workbench.execution.executor.execute import Listener

__all__ = ["Conversation"]

_START_SECONDS = 120
_BEGIN_SECONDS = 1.0
_PYTHON_OPTIONS = [
    # A crash in compiled code says where; IPython keeps the process's own stderr for that.
    "--IPKernelApp.exec_lines=__import__('faulthandler')"
    ".enable(getattr(__import__('sys').stderr, '_original_stdstream_copy', None) or 2)",
    "--InteractiveShell.system_raise_on_error=True",
    "--HistoryManager.hist_file=:memory:",
]

_silent = logging.getLogger(f"{__name__}.cells")  # what nbclient logs as errors are endings here
_silent.setLevel(logging.CRITICAL)
_starts = logging.getLogger(f"{__name__}.kernel")
_starts.addFilter(lambda record: record.exc_info is None)  # and so are exceptions at the start


class Conversation(Hearing):
    """Executes a notebook's cells in a kernel of its own.

    Parameters
    ----------
    notebook : NotebookNode
        With its parameters in place.
    numbers : list of int or None
        Each cell's number on disk; None for those that papermill put in.
    path : Path
        Where it is written while it runs.
    last_words : callable
        The end of what the kernel's process itself has said.
    """

    def __init__(
        self,
        notebook: NotebookNode,
        numbers: list[int | None],
        path: Path,
        *,
        kernel_name: str,
        cwd: Path,
        guard: Guard,
        listener: Listener,
        last_words: Callable[[], str],
        extensions: Sequence[str] = (),
    ) -> None:
        self.record = Record(notebook, path, self.settle)
        super().__init__(
            self.record,
            output_bytes=guard.output_bytes,
            kernel_name=kernel_name,
            timeout=None,
            startup_timeout=_START_SECONDS,
            resources={"metadata": {"path": str(cwd)}},
            config=Config(
                {"KernelManager": {"client_class": "workbench.execution.executor.engine.PromptClient"}}
            ),
            log=_silent,
        )
        self._numbers, self._guard, self._listener = numbers, guard, listener
        self._last_words, self._extensions = last_words, extensions
        self._at = -1
        self._starting = True

    def converse(self, environment: Mapping[str, str], log: IO[bytes]) -> Ending:
        """Run all cells, as far as they go; the kernel has ended when this returns."""
        # Not asyncio.run: that would wait for a start that was given up.
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(self._converse(environment, log))
        finally:
            loop.close()

    async def _converse(self, environment: Mapping[str, str], log: IO[bytes]) -> Ending:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def ask() -> None:
            loop.call_soon_threadsafe(self._asked_to_stop, task)

        self._guard.begins(ask)
        self.record.notebook_start()
        found: Ending | None = None
        try:
            found = await self._start(environment, log) or await self._run_cells()
        except asyncio.CancelledError:  # asked to stop before the first cell
            task.uncancel()
        found = self._guard.ends() or found or Ending("finished")
        found = self._mark(found)
        await self._end(at_once=found.reason != "finished")
        self.set_widgets_metadata()
        self.record.notebook_complete()
        return found

    def _asked_to_stop(self, task: asyncio.Task[Any]) -> None:
        if self._starting:
            task.cancel()
        else:
            self._interrupting = asyncio.ensure_future(self._interrupt())

    async def _interrupt(self) -> None:
        await self.begun(_BEGIN_SECONDS)
        with contextlib.suppress(Exception):  # it has ended, or will be killed
            assert self.km is not None
            await self.km.interrupt_kernel()

    # The kernel.

    async def _start(self, environment: Mapping[str, str], log: IO[bytes]) -> Ending | None:
        try:
            manager: Any = self.create_kernel_manager()
            manager.log = _starts
            self._prepare(manager)
            await self.async_start_new_kernel(env=dict(environment), stdout=log, stderr=log)
        except Exception as error:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            message = f"kernel {self.kernel_name!r} cannot be started: {reason}"
            return Ending("no_kernel", message, details=f"{type(error).__name__}: {error}")
        if (pid := getattr(manager.provisioner, "pid", None)) is not None:
            self._guard.kernel_started(pid)
        try:
            await self.async_start_new_kernel_client()
        except Exception as error:
            if (found := await self._death(manager, None)) is not None:
                return found
            return Ending("kernel_died", f"the kernel did not start: {error}", details=self._last_words())
        assert self.kc is not None
        self.nb.metadata["language_info"] = getattr(self.kc, "language_info", {})
        self.kc.session.digest_history_size = 0  # nobody else can connect: nothing to remember
        self.hear_from_now_on()
        self._starting = False
        return None

    def _prepare(self, manager: Any) -> None:
        """What kernels of IPython are told beyond their usual options."""
        if not any("ipykernel" in part for part in manager.kernel_spec.argv):
            return
        self.extra_arguments = [*_PYTHON_OPTIONS, *(f"--ext={name}" for name in self._extensions)]
        if sys.platform == "linux" and manager.transport == "tcp":
            # Files in a private folder, as warm kernels have: ports are raced for.
            with contextlib.suppress(NoPlace):
                manager.ip = str(private_folder(os.environ) / f"k{secrets.token_hex(6)}")
                manager.transport = "ipc"

    async def _death(self, manager: Any, cell: int | None) -> Ending | None:
        """How the kernel has ended; None while it runs."""
        status: int | None = await manager.provisioner.poll()
        if status is None and not self.closed:
            return None
        short = self._guard.short_of_memory()
        return endings.of_death(status, cell, short_of_memory=short, details=self._last_words())

    async def _end(self, *, at_once: bool) -> None:
        self.shutdown_kernel = "immediate" if at_once else "graceful"
        with contextlib.suppress(Exception):  # it has ended already, one way or another
            self.hear_no_more()
            if self.km is not None:
                if not at_once:
                    # Jupyter's own way begins with an interrupt. An idle kernel may take that for the end of
                    # its loop, never hear the request and be killed after seconds.
                    await self.km.request_shutdown()
                    await self.km.finish_shutdown()
                await self._async_cleanup_kernel()
        self._guard.kill()

    # The cells.

    async def _run_cells(self) -> Ending | None:
        left = self._to_run()
        for index, cell in enumerate(self.nb.cells):
            if index not in left:
                self.record.cell_start(cell, index)
                self.record.cell_complete(cell, cell_index=index)
                continue
            left.remove(index)
            if not self._guard.cell_begins(self._number(index)):
                return None  # the guard knows why
            found = await self._run_cell(cell, index)
            if found is not None and (left or not _left_in_peace(found, self.reply)):
                return found
        await self.hear_the_last()
        found = await self._death(self.km, self._number(self._at))
        return None if found is None or endings.status_of_exit(self.reply) == "0" else found

    def _to_run(self) -> set[int]:
        return {
            index
            for index, cell in enumerate(self.nb.cells)
            if cell.cell_type == "code"
            and cell.source.strip()
            and self.skip_cells_with_tag not in cell.metadata.get("tags", [])
        }

    def _number(self, index: int) -> int:
        """A cell's number on disk; what papermill put in counts as the cell before."""
        before = (number for number in reversed(self._numbers[: index + 1]) if number is not None)
        return next(before, 1)

    async def _run_cell(self, cell: NotebookNode, index: int) -> Ending | None:
        number, own = self._number(index), self._numbers[index] is not None
        cells = sum(item is not None for item in self._numbers)
        self._at = index
        self.record.cell_start(cell, index)
        if own:
            self._tell(lambda: self._listener.cell_started(number, cells))
        self.listen_to(cell, index)
        began = time.monotonic()
        found = await self._execute(cell, index, number)
        self._guard.cell_ended()
        self.settle()
        if found is not None:
            self.record.cell_exception(cell, cell_index=index)
        self.record.cell_complete(cell, cell_index=index)
        if own:
            self._tell(lambda: self._listener.cell_ended(number, time.monotonic() - began))
        return found

    async def _execute(self, cell: NotebookNode, index: int, number: int) -> Ending | None:
        try:
            await self.async_execute_cell(cell, index)
        except CellExecutionError:
            return endings.of_failure(self.reply, number)
        except DeadKernelError:
            return await self._death(self.km, number)
        allowed = self.reply.get("status") == "error"  # its tag says that it may
        leaves = not allowed and endings.status_of_exit(self.reply) is not None
        return (
            endings.of_failure(self.reply, number)
            if leaves or self.reply.get("status") == "aborted"
            else None
        )

    def died(self) -> None:
        self._guard.ends()  # no limit is reached any more while its last words come in

    # What is told.

    def _tell(self, something: Callable[[], None]) -> None:
        try:
            something()
        except Exception as error:  # who listens is no reason to end
            logging.getLogger(__name__).debug("a listener failed: %s", error)

    def follow(self, index: int, text: str) -> None:
        if text:
            self._tell(lambda: self._listener.output(self._number(index), text))

    def _mark(self, found: Ending) -> Ending:
        """The ending with what its cell shows; and the cell shows how it ended, if not by an error."""
        if found.reason == "finished" or found.cell is None or self._at < 0:
            return found
        cell = self.nb.cells[self._at]
        errors = [output for output in cell.outputs if output.output_type == "error"]
        if not errors:
            errors = [
                new_output("error", ename=found.reason, evalue=found.message, traceback=[found.message])
            ]
            cell.outputs.extend(errors)
            self.record.cell_exception(cell, cell_index=self._at)
        return replace(found, source=cell.source, traceback="\n".join(errors[-1].traceback))


def _left_in_peace(found: Ending, reply: Mapping[str, Any]) -> bool:
    """Whether a notebook's last cell ended it with status 0: nothing was skipped."""
    return found.reason == "exited" and endings.status_of_exit(reply) == "0"
