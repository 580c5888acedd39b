"""What a cell puts out, of which a bounded part is kept, and the rest counted as it comes.

A message that will not be kept is not even unpacked: a notebook may print gigabytes.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from jupyter_client.session import DELIM, Session
from nbformat import NotebookNode
from nbformat.v4 import new_output

from workbench.execution.executor.ending import size

__all__ = ["CellOutputs", "Envelope", "shortened"]

#: What an output takes in memory beside its data.
OVERHEAD = 2000
_MOST_ERROR_CHARACTERS = 100_000
_MOST_PIECES = 1000
_DATA = ("display_data", "execute_result", "update_display_data")
_STREAM_START = re.compile(rb'\s*\{\s*"name"\s*:\s*"(stdout|stderr)"\s*,\s*"text"\s*:\s*"')
_LONGEST_ESCAPES = 13  # of a character beyond the first 65,536
_SMALL = 1 << 18
_OVERWRITTEN = re.compile(r"[^\n]*\r(?=[^\r\n])")


class Envelope:
    """A message as it came: its kind and whose it is, but not yet what it says."""

    def __init__(self, session: Session, frames: list[Any]) -> None:
        start = next(index for index, frame in enumerate(frames) if frame.bytes == DELIM)
        self._session, self._frames = session, frames[start + 1 :]
        self.kind = str(session.unpack(self._frames[1].bytes)["msg_type"])
        self.parent = str(session.unpack(self._frames[2].bytes).get("msg_id", ""))
        self.size = sum(len(frame) for frame in self._frames[4:])

    def open(self) -> dict[str, Any]:
        """All of it (:class:`ValueError` when it was not signed by the kernel)."""
        return self._session.deserialize(self._frames, copy=False)

    def printed(self, room: int) -> tuple[str, Iterator[str]]:
        """Stream and the first ``room`` bytes of its text, in pieces; the rest is never unpacked."""
        frame = self._frames[4]
        match = _STREAM_START.match(bytes(frame.buffer[:200]))
        if match is None or self.size <= _SMALL:
            content = self.open()["content"]
            text = str(content["text"])
            return str(content["name"]), iter((text if len(text) <= room else text[:room],))
        self._check()
        end = min(len(frame) - 2, match.end() + room)
        return match[1].decode(), _pieces(frame.buffer, match.end(), end)

    def _check(self) -> None:
        frames = [bytes(frame.buffer) for frame in self._frames[1:4]]
        session, signed = self._session, self._frames[0].bytes
        if session.auth is None:
            return
        sum_of_all = session.auth.copy()
        for part in (*frames, self._frames[4].buffer):
            sum_of_all.update(part)
        if not hmac.compare_digest(signed, sum_of_all.hexdigest().encode()):
            raise ValueError("a message that the kernel has not signed")


def _pieces(buffer: memoryview, start: int, end: int) -> Iterator[str]:
    """The text of a JSON string, unpacked in pieces: a whole one would be in memory several times."""
    while start < end:
        raw = bytes(buffer[start : min(start + _SMALL, end)])
        for cut in range(min(_LONGEST_ESCAPES, len(raw))):
            try:
                text = str(json.loads(f'"{raw[: len(raw) - cut].decode()}"', strict=False))
                text.encode()
            except ValueError:  # it was cut amid a character
                continue
            yield text
            break
        else:
            return
        start += len(raw) - cut


class CellOutputs:
    """One cell's outputs, as far as they are kept.

    Parameters
    ----------
    cell : NotebookNode
        Where they go.
    limit : int
        Bytes to keep.
    tell : callable
        Is given everything kept that a person would read, as it comes.
    """

    def __init__(self, cell: NotebookNode, limit: int, tell: Callable[[str], None]) -> None:
        self._cell, self._limit, self._tell = cell, limit, tell
        self._displays: dict[str, int] = {}
        self.forget()

    def forget(self) -> None:
        """The cell has cleared its outputs."""
        self._kept = self.cut_bytes = 0
        self._full = False
        self._pieces: list[str] = []
        self._stream: Any = None
        self._note: NotebookNode | None = None
        self._displays.clear()

    def take_stream(self, envelope: Envelope) -> None:
        """Printed text joins what was printed just before on the same stream."""
        room = self._limit - self._kept - OVERHEAD
        if envelope.size > room and self._pieces:
            self.settle()  # progress bars write over themselves
            room = self._limit - self._kept - OVERHEAD
        if self._full or envelope.size > room:
            before = self._kept
            if not self._full and room > 0:
                self._write(*envelope.printed(room))
            self.cut(max(0, envelope.size - (self._kept - before)))
            self._full = True
            return
        self._write(*envelope.printed(envelope.size))

    def _write(self, name: str, pieces: Iterator[str]) -> None:
        outputs = self._cell.outputs
        if not outputs or outputs[-1] is not self._stream or outputs[-1]["name"] != name:
            self.settle()
            self._stream = new_output("stream", name=name, text="")
            outputs.append(self._stream)
            self._kept += OVERHEAD
        for piece in pieces:
            raw = piece.encode("utf-8", "replace")
            self._pieces.append(piece if len(raw) == len(piece) else raw.decode())
            self._kept += len(raw)
            self._tell(piece)
        if len(self._pieces) > _MOST_PIECES:
            self.settle()

    def fits(self, envelope: Envelope) -> bool:
        """Whether another message than printed text is kept; if not, it is counted as cut."""
        if envelope.kind == "error":
            return True
        charge = envelope.size + (OVERHEAD if envelope.kind in (*_DATA, "comm_open") else 0)
        if envelope.kind == "comm_msg":  # it changes a widget that is there already
            if envelope.size <= self._limit:
                return True
        elif envelope.kind not in (*_DATA, "comm_open"):
            return True
        elif self._kept + charge <= self._limit:
            if envelope.kind != "update_display_data":
                self._kept += charge
            return True
        self.cut(envelope.size)
        return False

    def took_update(self, display: str, count: int) -> None:
        """A display was replaced: what it is now counts, not what it was."""
        self._kept += count - self._displays.get(display, count)
        self._displays[display] = count

    def cut(self, count: int) -> None:
        """So many bytes more are missing; the cell says so where the first of them would be."""
        if self._note is None:
            self.settle()
            self._note = new_output("display_data", data={"text/plain": ""}, metadata={})
            self._cell.outputs.append(self._note)
            self._tell(f"\n… what follows is cut (limit: {size(self._limit)} a cell)\n")
        self.cut_bytes += count

    def settle(self) -> None:
        """Put together what was collected; the cell's outputs are as they should be."""
        if self._stream is not None and self._pieces:
            was = self._stream["text"]
            text = was + "".join(self._pieces)
            self._pieces.clear()
            if "\r" in text:
                before = len(text)
                text = _OVERWRITTEN.sub("", text.replace("\r\n", "\n"))
                self._kept -= before - len(text)
            self._stream["text"] = text
        if self._note is not None:
            self._note.metadata["workbench"] = {"cut_bytes": self.cut_bytes}
            self._note.data["text/plain"] = (
                f"… {size(self.cut_bytes)} more were cut here "
                f"(limit: {size(self._limit)} a cell, [execution] max_output)"
            )


def shortened(error: NotebookNode) -> None:
    """An error is always kept, but no single text in it beyond reason."""
    error["evalue"] = _ends(str(error.get("evalue", "")))
    error["traceback"] = [_ends(str(line)) for line in error.get("traceback", [])]


def _ends(text: str) -> str:
    if len(text) <= _MOST_ERROR_CHARACTERS:
        return text
    half = _MOST_ERROR_CHARACTERS // 2
    return f"{text[:half]}\n… {size(len(text) - 2 * half)} cut …\n{text[-half:]}"
