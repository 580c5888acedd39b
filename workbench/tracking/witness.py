"""Loaded into the kernel of a run: notices what the notebook reads past :meth:`Phase.read`.

An audit hook sees every file that Python opens and every program and connection that it starts; a few
libraries that open files in native code are asked by name. What belongs to the environment or to the
workbench's own state does not count. The rest goes to the run's record: project modules that were
imported, with the hash of what was imported, and everything that nobody can hold against a version.
Exceptions in threads, which end no cell, are recorded as warnings.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import site
import sys
import sysconfig
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from workbench.locate import CONFIG_NAME, LOCK_NAMES
from workbench.store.clock import SETTING
from workbench.tracking import context as contexts
from workbench.tracking import threads

__all__ = ["load_ipython_extension", "note_libraries"]

_EVENTS = {"open", "socket.connect", "sqlite3.connect", "subprocess.Popen", "os.system", "os.posix_spawn"}
#: Libraries that open files without Python's knowledge: module -> functions whose first argument is a path.
_NATIVE = {
    "pyarrow.parquet": ("read_table", "read_pandas", "ParquetFile", "ParquetDataset"),
    "pyarrow.dataset": ("dataset",),
    "pyarrow.csv": ("read_csv",),
    "pyarrow.feather": ("read_feather", "read_table"),
    "deltalake": ("DeltaTable",),
    "polars": ("read_csv", "scan_csv", "read_parquet", "scan_parquet", "read_ipc", "scan_ipc"),
    "duckdb": ("connect", "read_csv", "read_parquet", "sql", "query"),
}
#: Programs that libraries start by themselves to look at the machine or to start helpers.
_HARMLESS = {"git", "ldconfig", "lscpu", "uname", "fc-list", "gcc", "cc", "sysctl", "nvidia-smi"}
#: A mark in ``sys.modules``, which keeps its order: what comes before it was noted.
_NOTED = "workbench.tracking.<noted>"
_ATTEMPTS = 3
_SQLITE = "sqlite:///"
_LOOPBACK = ("127.", "::1", "0.0.0.0", "localhost")


class _Witness:
    """Keeps what was noticed until the cell has ended: a hook should do next to nothing."""

    def __init__(self, context: contexts.RunContext) -> None:
        self._context = context
        self._root = os.path.realpath(context.project_root)
        self._ignored = _ignored(context)
        # The sections of the one are accounted for one by one, the others by what is installed.
        self._settings = {os.path.join(self._root, name) for name in (CONFIG_NAME, *LOCK_NAMES)}
        if clock := os.environ.get(SETTING):  # the time of day is nothing that a phase reads
            self._settings.add(os.path.realpath(clock))
        self._stores = _store_hosts(context)
        self._known: set[str] = set()
        self._written: set[str] = set()
        self._noticed: list[tuple[str, str]] = []
        self._pid = os.getpid()

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _EVENTS or contexts.is_accounted():
            return
        if event == "open":
            self._opened(*arguments[:3])
        elif event == "socket.connect":
            self._connected(arguments[1])
        elif event == "sqlite3.connect":
            self._opened(arguments[0], "rb", 0)
        else:
            self._started(arguments[0], arguments[1] if len(arguments) > 1 else ())

    def _opened(self, path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, int) or os.getpid() != self._pid:
            return
        text = os.fsdecode(path)
        if text.startswith("file:"):  # as SQLite is given a file with options
            text = text.removeprefix("file:").partition("?")[0]
        full = os.path.realpath(text)
        if full in self._known:
            return
        writes = any(sign in mode for sign in "wax+") if isinstance(mode, str) else bool(int(flags) & 3)
        if writes:
            self._written.add(full)
        elif full not in self._written and not self._is_ignored(full) and os.path.exists(full):
            self._known.add(full)
            self._noticed.append(("file", full))

    def _is_ignored(self, full: str) -> bool:
        if full.startswith(self._ignored) or full in self._settings:
            return True
        return full.endswith((".py", ".pyc", ".so")) or os.path.isdir(full)

    def native(self, path: Any) -> None:
        """A library was handed something to open in native code."""
        if contexts.is_accounted():
            return
        for item in path if isinstance(path, list | tuple) else [path]:
            if isinstance(item, str | os.PathLike):
                text = os.fspath(item)
                if "://" in text and not text.startswith(self._stores):
                    self._noticed.append(("address", text))
                elif text and text != ":memory:":
                    full = os.path.realpath(text)
                    if full not in self._written and not full.startswith(self._ignored):
                        self._noticed.append(("file", full))

    def _connected(self, address: Any) -> None:
        if isinstance(address, tuple) and address and isinstance(address[0], str):
            host = address[0]
            if not host.startswith(_LOOPBACK) and host not in self._stores:
                self._noticed.append(("address", f"{host}:{address[1]}"))

    def _started(self, program: Any, arguments: Any) -> None:
        name = os.fsdecode(program) if isinstance(program, str | bytes | os.PathLike) else str(program)
        if name == sys.executable or os.path.basename(name).startswith("python"):
            return  # workers of this notebook's own
        if os.path.basename(name) in ("sh", "bash") and len(arguments) > 2:
            name = os.fsdecode(arguments[2])
        name = name.strip().split()[0] if name.strip() else name
        if os.path.basename(name) not in _HARMLESS:
            self._noticed.append(("program", os.path.basename(name)))

    def cell_ended(self, *_: object) -> None:
        """Write down what the cell brought."""
        noticed, self._noticed = self._noticed, []
        for kind, what in dict.fromkeys(noticed):
            if kind == "file" and what.startswith(self._root + os.sep):
                what = os.path.relpath(what, self._root)
            contexts.append(self._context, "unaccounted", f"{kind}:{what}")
        self._note_modules()
        self.watch_libraries()

    def _note_modules(self) -> None:
        """The project's modules that are new, with the hash of the file that they came from."""
        new = {}
        for module in _unnoted():
            origin = getattr(module, "__file__", None)
            if not origin or not origin.endswith(".py") or origin.startswith(_environment()):
                continue  # of thousands, most: before anything is asked of the disk
            full = os.path.realpath(origin)
            if full.startswith(self._root + os.sep) and not full.startswith(self._ignored):
                new[os.path.relpath(full, self._root)] = _sha256(full)
            elif not full.startswith(_environment()):
                new[full] = _sha256(full)
        if new:
            contexts.append(self._context, "code", new)

    def watch_libraries(self) -> None:
        """Wrap what opens files natively, in those libraries that are imported by now."""
        for module_name, names in _NATIVE.items():
            module = sys.modules.get(module_name)
            for name in names:
                found = getattr(module, name, None)
                if found is None:
                    continue
                is_class = isinstance(found, type)
                owner, attribute, at = (found, "__init__", 1) if is_class else (module, name, 0)
                inner = getattr(owner, attribute)
                if not hasattr(inner, "__workbench_watched__"):
                    setattr(owner, attribute, self._watched(inner, at))

    def watch_shell(self, shell: Any) -> None:
        """``!program`` starts it by way of a terminal, which no audit event tells of."""
        for name in ("system", "getoutput"):
            inner = getattr(shell, name)

            @functools.wraps(inner)
            def started(command: str, *args: Any, _inner: Any = inner, **kwargs: Any) -> Any:
                __tracebackhide__ = True
                self._started("sh", ["sh", "-c", command])
                return _inner(command, *args, **kwargs)

            setattr(shell, name, started)

    def _watched(self, inner: Callable[..., Any], at: int) -> Callable[..., Any]:
        @functools.wraps(inner)
        def watched(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            if len(args) > at:
                self.native(args[at])
            else:
                for value in list(kwargs.values())[:1]:
                    self.native(value)
            return inner(*args, **kwargs)

        watched.__workbench_watched__ = True  # type: ignore[attr-defined]
        return watched

    def thread_failed(self, failed: threading.ExceptHookArgs) -> None:
        where = failed.thread.name if failed.thread else "a thread"
        contexts.append(
            self._context, "warning", f"{where} ended with {failed.exc_type.__name__}: {failed.exc_value}"
        )


def note_libraries() -> None:
    """In a process that others are forked from: all modules that it has by now are libraries."""
    sys.modules.pop(_NOTED, None)
    sys.modules[_NOTED] = ModuleType(_NOTED)


def _unnoted() -> list[ModuleType]:
    """Modules that were imported since this was asked before, or since :func:`note_libraries`.

    They are the newest, so a mark among all modules tells them from the rest. To look at those too would
    take milliseconds a cell, and a forked process a copy of each page that they lie on: 30 MB.
    """
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(RuntimeError):  # a thread has imported something meanwhile
            names = list(itertools.takewhile(_NOTED.__ne__, reversed(sys.modules)))
            break
    else:
        names = list(sys.modules)
    note_libraries()
    found = [sys.modules.get(name) for name in names if name != _NOTED]
    return [module for module in found if module is not None]


def _sha256(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


@functools.cache
def _environment() -> tuple[str, ...]:
    """Folders that belong to the environment: what is in them is told by its installed versions."""
    folders = [sys.prefix, sys.base_prefix, sys.exec_prefix, *site.getsitepackages()]
    folders += [site.getusersitepackages(), *sysconfig.get_paths().values()]
    folders.append(str(Path(__file__).parents[1]))  # the workbench itself, in a checkout
    return tuple(os.path.realpath(folder) + os.sep for folder in folders if folder)


def _ignored(context: contexts.RunContext) -> tuple[str, ...]:
    home = Path.home()
    ours = [context.project_root / ".workbench", context.folder, context.data_root.removeprefix("file://")]
    hidden = (".cache", ".config", ".local", ".ipython", ".jupyter", ".matplotlib")
    settings = [home / name for name in hidden]
    system = ["/usr", "/etc", "/proc", "/sys", "/dev", "/run", "/var/lib", "/lib", "/opt/conda"]
    runtime = [value for name in ("MPLCONFIGDIR", "XDG_CACHE_HOME") if (value := os.environ.get(name))]
    runtime.append(os.environ.get("WORKBENCH_AGENT_DIR", "/run"))
    folders = [str(folder) for folder in (*ours, *settings, *system, *runtime)]
    stores = (os.environ.get("MLFLOW_TRACKING_URI", ""), context.database)
    # Wherever they lie; beside such a file SQLite keeps others whose names begin alike.
    paths = (store.removeprefix(_SQLITE).partition("?")[0] for store in stores if store.startswith(_SQLITE))
    return (
        *_environment(),
        *map(os.path.realpath, paths),
        *(os.path.realpath(folder) + os.sep for folder in folders),
    )


def _store_hosts(context: contexts.RunContext) -> tuple[str, ...]:
    """Hosts of the project's own stores: what is read from those is recorded where it is read."""
    import socket
    from urllib.parse import urlsplit

    hosts: list[str] = ["s3://", "gs://", "az://"] if "://" in context.data_root else []
    for address in (os.environ.get("MLFLOW_TRACKING_URI", ""), context.data_root, context.database):
        if host := urlsplit(address).hostname if "://" in address else None:
            hosts.append(host)
            with contextlib.suppress(OSError):
                hosts += [str(found[4][0]) for found in socket.getaddrinfo(host, None)]
    return tuple(hosts)


def load_ipython_extension(shell: Any) -> None:
    """Take part in the run that ``WORKBENCH_CONTEXT`` names; without one, do nothing."""
    context = contexts.RunContext.from_environment()
    if context is None:
        return
    contexts.take_part(context)
    if context.trial is not None:
        threads.limit(context.cores)
    witness = _Witness(context)
    witness.watch_libraries()
    witness.watch_shell(shell)
    contexts.append(context, "watched", True)
    sys.addaudithook(witness.hook)
    shell.events.register("post_run_cell", witness.cell_ended)
    before = threading.excepthook

    def failed(arguments: threading.ExceptHookArgs) -> None:
        witness.thread_failed(arguments)
        before(arguments)

    threading.excepthook = failed
