"""Memory and work that forked processes share with the agent.

A page of memory is shared until somebody writes to it, and in Python to look at an object is to write
to it: its references are counted. What walks over all modules therefore copies most of what was shared.
And what a library computes once and keeps, such as a compiled pattern, every child would compute anew.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

__all__ = ["note_kernel_modules", "prepare_to_share", "show_kernel_modules"]

_MADV_COLLAPSE = 25
_HUGE_PAGE = 2 * 1024 * 1024
_KERNEL = ("ipykernel.kernelapp", "ipykernel.debugger")
_WALKS_OVER_MODULES = ("ipykernel.ipkernel", "IPython.core.shellapp")
_kernel_modules: dict[str, ModuleType] = {}


def note_kernel_modules() -> None:
    """In an agent, before the preload list: which modules a kernel has that has imported nothing yet."""
    for name in _KERNEL:
        importlib.import_module(name)
    _kernel_modules.update(sys.modules)


class _System(ModuleType):
    """``sys`` with the modules of an ordinary kernel."""

    modules = _kernel_modules

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(sys, name, value)


def show_kernel_modules() -> None:
    """In a forked process: a kernel takes stock of its modules, and finds those it would have had.

    Twice it walks over all: for the debugger, which is not to step into the kernel's own code (and would
    then not step into pandas either), and for ``%reset aggressive``. The walks also cost 30 MiB.
    """
    system = _System("sys")
    for name in _WALKS_OVER_MODULES:
        if module := sys.modules.get(name):
            vars(module)["sys"] = system


def prepare_to_share() -> None:
    """In an agent, after its imports: compute once what is only computed, and put pages together."""
    for library, compute in _COMPUTED_ONCE.items():
        if library in sys.modules:
            with contextlib.suppress(Exception):  # whoever needs it will say what is wrong
                compute()
    with contextlib.suppress(OSError, ValueError):
        _collapse_pages()


def _notebook_schema() -> None:
    import nbformat

    nbformat.validate(nbformat.v4.new_notebook())


def _highlighting() -> None:
    from nbconvert.filters.highlight import Highlight2HTML

    Highlight2HTML()("import this  # and that\nprint('text')", language="ipython3")


def _database_mappings() -> None:
    from sqlalchemy.orm import configure_mappers

    configure_mappers()


def _dataframe_plugins() -> None:
    importlib.import_module("narwhals._pandas_like.namespace")
    sys.modules["narwhals.plugins"]._discover_entrypoints()


def _types() -> None:
    """What classes work out about themselves when first asked, and write down beside what is shared."""
    zmq = sys.modules["zmq"]
    for kind in (*zmq.Socket.__mro__, *zmq.Context.__mro__):
        getattr(kind, "__annotations__", None)
    values: tuple[object, ...] = ("", 0, [], {}, None)
    for value in values:
        isinstance(value, Mapping)


_COMPUTED_ONCE = {
    "nbformat": _notebook_schema,
    "nbconvert": _highlighting,
    "sqlalchemy.orm": _database_mappings,
    "narwhals.plugins": _dataframe_plugins,
    "zmq": _types,
}


def _collapse_pages() -> None:
    """Huge pages, of which a fork copies the entries in half the time (Linux 6.1 or later)."""
    system = ctypes.CDLL(None, use_errno=True)
    system.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    with open("/proc/self/maps", encoding="utf-8") as file:
        regions = [line.split() for line in file]
    for addresses, rights, *_, name in (region + [""] * (6 - len(region)) for region in regions):
        if rights == "rw-p" and name in ("", "[heap]"):
            first, last = (int(address, 16) for address in addresses.split("-"))
            first, last = -(-first // _HUGE_PAGE) * _HUGE_PAGE, last // _HUGE_PAGE * _HUGE_PAGE
            if first < last:
                system.madvise(first, last - first, _MADV_COLLAPSE)
