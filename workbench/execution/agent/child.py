"""A forked process makes itself one of its own: as if ``python -m MODULE …`` had just been started."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import io
import os
import runpy
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn, TextIO

from workbench.execution.agent import renew, sharing
from workbench.execution.agent.request import Request, take_over

__all__ = ["prepare", "run"]


def prepare(request: Request, files: Sequence[int]) -> None:
    """Take over everything that a process inherits or decides at its start.

    Raises
    ------
    OSError, ValueError
        When something asked for can't be had; nothing of the module has run yet.
    """
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    if request.import_from and (name := _replaced_by(request.import_from)):
        raise ValueError(f"{request.import_from} has a module {name!r}, and the agent's is another one")
    take_over(request.inherited)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    sys.argv = list(request.command)
    sys.orig_argv[sys.orig_argv.index("-m") + 1 :] = request.command
    if request.import_from and not sys.flags.safe_path:
        sys.path.insert(0, request.import_from)
    sys.stdin, sys.stdout, sys.stderr = _stream(0), _stream(1), _stream(2)
    vars(sys).update(__stdin__=sys.stdin, __stdout__=sys.stdout, __stderr__=sys.stderr)
    renew.renew()
    sharing.show_kernel_modules()
    gc.enable()


def _replaced_by(folder: str) -> str:
    """A module of this folder under whose name the agent has imported another one; empty if there is none."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            name, _, ending = entry.name.partition(".")
            if (loaded := sys.modules.get(name)) is None or name in sys.builtin_module_names:
                continue
            if ending == "py" or (not ending and os.path.isfile(f"{entry.path}/__init__.py")):
                origin = getattr(loaded, "__file__", None) or ""
                if not os.path.realpath(origin).startswith(os.path.realpath(entry.path)):
                    return name
    return ""


def _stream(number: int) -> TextIO:
    """A standard stream as the interpreter makes it at its start."""
    was = (sys.stdin, sys.stdout, sys.stderr)[number]
    direct = bool(getattr(was, "write_through", False))  # PYTHONUNBUFFERED, which the agent has, too
    raw = io.FileIO(number, "w" if number else "r", closefd=False)
    raw.name = f"<{('stdin', 'stdout', 'stderr')[number]}>"
    stream = io.TextIOWrapper(
        raw if direct else io.BufferedWriter(raw) if number else io.BufferedReader(raw),
        encoding=was.encoding,
        errors=was.errors,
        line_buffering=not direct and (number == 2 or os.isatty(number)),
        write_through=direct,
    )
    stream.mode = "w" if number else "r"  # type: ignore[misc]
    return stream


def run(request: Request) -> NoReturn:
    """Run the module to its end, and this process with it."""
    sys.modules["__main__"] = ModuleType("__main__")
    status: object = 0
    interrupted = False
    try:
        runpy.run_module(request.command[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code
    except BaseException as error:
        status, interrupted = 1, isinstance(error, KeyboardInterrupt)
        sys.excepthook(*sys.exc_info())
    leave(status, interrupted=interrupted)


def leave(status: object, *, interrupted: bool = False) -> NoReturn:
    """End as the interpreter does (threads, exit handlers, buffers), without taking its modules apart.

    Taking five thousand modules apart would first copy most of the memory that is shared with the agent.
    """
    code = 0 if status is None else status
    if not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        gc.collect()
    except BaseException:
        traceback.print_exc()
    _flush_open_files()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            code = code or 120
    if interrupted:  # so that a shell knows, and stops what it was about to do next
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code & 0xFF)


def _flush_open_files() -> None:
    """What was written and neither flushed nor closed: in Python's buffers and in those of C."""
    # From the outermost in: text goes to a buffer, and that to the file.
    for kind in (io.TextIOWrapper, (io.BufferedWriter, io.BufferedRandom)):
        for item in gc.get_objects():
            if issubclass(type(item), kind):
                with contextlib.suppress(Exception):
                    item.flush()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).fflush(None)
