"""What a kernel says while a cell runs: its reply, its outputs as far as they are kept, its death.

nbclient does most of it. What it leaves to chance is decided here: outputs are bounded, a death is
noticed within tenths of a second, and a flood of outputs that loses messages ends nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any

import zmq
from nbclient.client import NotebookClient
from nbclient.exceptions import CellExecutionComplete
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient

from workbench.execution.executor.outputs import CellOutputs, Envelope, shortened

__all__ = ["Hearing"]

_ALIVE_SECONDS = 0.1
_LAST_WORDS_SECONDS = 0.1
_LAST_SECONDS = 2.0
_LOST_SECONDS = 4.0
_BREATH = 50
_SHOWN = ("stream", "display_data", "execute_result", "update_display_data", "error", "clear_output")


class Hearing(PapermillNotebookClient):  # type: ignore[misc]  # papermill ships no types
    """nbclient's client, hearing in its own way.

    Parameters
    ----------
    output_bytes : int
        What is kept of one cell's outputs.
    """

    def __init__(self, record: Any, *, output_bytes: int, **options: Any) -> None:
        super().__init__(record, **options)
        self._output_bytes = output_bytes
        self._asked: dict[str, int] = {}
        self._kept: dict[int, CellOutputs] = {}
        self._heard_at = 0.0
        self._begun = self.closed = False
        self.clear_before_next_output = False
        self.reply: Mapping[str, Any] = {}
        self._monitors: list[Any] = []

    def hear_from_now_on(self) -> None:
        """The kernel is there: notice when it closes its connections."""
        sockets = [channel.socket for channel in self._channels()]
        self._monitors = [socket.get_monitor_socket(zmq.EVENT_DISCONNECTED) for socket in sockets]

    def hear_no_more(self) -> None:
        for channel in self._channels():
            channel.socket.disable_monitor()

    def _channels(self) -> list[Any]:
        return [] if self.kc is None else [self.kc.shell_channel, self.kc.iopub_channel]

    def follow(self, index: int, text: str) -> None:
        """Called with what a person would read, put out by the cell at this index."""

    def died(self) -> None:
        """Called when the kernel was found dead; its last words are still to come."""

    def listen_to(self, cell: NotebookNode, index: int) -> None:
        """Before a cell is executed."""
        self.reply, self._begun = {}, False
        self._kept[index] = CellOutputs(cell, self._output_bytes, lambda text: self.follow(index, text))

    def settle(self) -> None:
        """All cells' outputs are as they should be by now."""
        for kept in self._kept.values():
            kept.settle()

    @property
    def cut_bytes(self) -> int:
        return sum(kept.cut_bytes for kept in self._kept.values())

    async def begun(self, seconds: float) -> None:
        """Wait until the kernel has begun with the cell: an interrupt that comes before is lost."""
        until = time.monotonic() + seconds
        while not self._begun and time.monotonic() < until:
            await asyncio.sleep(0.01)

    # nbclient calls these.

    async def _async_poll_output_msg(self, parent_msg_id: str, cell: NotebookNode, cell_index: int) -> None:
        self._asked[parent_msg_id] = cell_index
        while True:
            for _ in range(_BREATH):
                envelope = await self._next()
                if envelope is None or (index := self._asked.get(envelope.parent)) is None:
                    continue
                try:
                    self._take(envelope, self.nb.cells[index], index)
                except CellExecutionComplete:
                    if index == cell_index:
                        return
                except Exception as error:  # no message of a kernel's may end the conversation
                    self.log.debug("a message was left out: %s", error)
            await asyncio.sleep(0)  # where messages are always ready, nothing else would get its turn

    async def _next(self) -> Envelope | None:
        assert self.kc is not None
        frames = await self.kc.iopub_channel.socket.recv_multipart(copy=False)
        self._heard_at = time.monotonic()
        try:
            return Envelope(self.kc.session, frames)
        except (ValueError, KeyError, TypeError, IndexError, StopIteration):
            return None

    async def _async_poll_for_reply(
        self,
        msg_id: str,
        cell: NotebookNode,
        timeout: int | None,
        task_poll_output_msg: asyncio.Future[Any],
        task_poll_kernel_alive: asyncio.Future[Any],
    ) -> dict[str, Any]:
        assert self.kc is not None
        reply: dict[str, Any] = {}
        while reply.get("parent_header", {}).get("msg_id") != msg_id:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                reply = await self.kc.shell_channel.get_msg(timeout=None)
        self.reply = reply["content"]
        if "execution_count" in self.reply:
            cell["execution_count"] = self.reply["execution_count"]
        heard = -1.0
        while not task_poll_output_msg.done() and heard != self._heard_at:
            heard = self._heard_at  # as long as anything comes, the last of it may
            await asyncio.wait({task_poll_output_msg}, timeout=_LOST_SECONDS)
        task_poll_output_msg.cancel()
        task_poll_kernel_alive.cancel()
        return reply

    async def _async_poll_kernel_alive(self) -> None:
        assert self.km is not None
        assert self.task_poll_for_reply is not None
        while await self.km.is_alive() and not self.closed:
            await asyncio.sleep(_ALIVE_SECONDS)
            if [monitor for monitor in self._monitors if await monitor.poll(0)]:
                await self._end_is_near()
                self.closed = await self.km.is_alive()
        self.died()
        ended = time.monotonic()
        while time.monotonic() - max(self._heard_at, ended) < _LAST_WORDS_SECONDS:
            if time.monotonic() - ended > _LAST_SECONDS:
                break
            await asyncio.sleep(_LAST_WORDS_SECONDS / 4)
        self.task_poll_for_reply.cancel()

    async def _end_is_near(self) -> None:
        """It has closed its connections, as a process does that ends: give it time for that."""
        until = time.monotonic() + _LAST_SECONDS
        while self.km is not None and await self.km.is_alive() and time.monotonic() < until:
            await asyncio.sleep(_ALIVE_SECONDS / 10)

    # What came.

    def _take(self, envelope: Envelope, cell: NotebookNode, index: int) -> None:
        kept, kind = self._kept[index], envelope.kind
        hooked = bool(self.output_hook_stack[envelope.parent])  # an Output widget takes it
        if kind == "execute_input":
            self._begun = True
        if kind in _SHOWN and kind != "clear_output" and not hooked:
            self._clear_if_asked_to(cell, index)
        if kind == "stream" and not hooked:
            kept.take_stream(envelope)
        elif kind == "stream" or kept.fits(envelope):
            self._process(envelope, cell, index)
        self.nb_man.autosave_cell()

    def _process(self, envelope: Envelope, cell: NotebookNode, index: int) -> None:
        message = envelope.open()
        content = message["content"]
        if envelope.kind == "error":
            shortened(content)
        kept = self._kept[index]
        kept.settle()
        output = NotebookClient.process_message(self, message, cell, index)
        display = (content.get("transient") or {}).get("display_id") if isinstance(content, dict) else None
        if display is not None and display in self._display_id_map:
            kept.took_update(display, envelope.size)
        if output is not None:
            self.follow(index, _readable(output))

    def _clear_if_asked_to(self, cell: NotebookNode, index: int) -> None:
        if self.clear_before_next_output:  # the wish of an earlier clear_output(wait=True)
            self.clear_before_next_output = False
            cell.outputs.clear()
            self.clear_display_id_mapping(index)
            self._kept[index].forget()

    def clear_output(self, outs: list[NotebookNode], msg: dict[str, Any], cell_index: int) -> None:
        hooked = self.output_hook_stack[msg["parent_header"].get("msg_id")]
        super().clear_output(outs, msg, cell_index)
        if not hooked and not msg["content"].get("wait"):
            self._kept[cell_index].forget()

    async def hear_the_last(self) -> None:
        """What came in after the last cell was done."""
        assert self.kc is not None
        while await self.kc.iopub_channel.socket.poll(0):
            envelope = await self._next()
            if envelope is not None and (index := self._asked.get(envelope.parent)) is not None:
                with contextlib.suppress(Exception):
                    self._take(envelope, self.nb.cells[index], index)


def _readable(output: NotebookNode) -> str:
    if output.output_type == "error":
        return "\n".join([*output.traceback, ""])
    text = output.get("data", {}).get("text/plain", "")
    return f"{text}\n" if text else ""
