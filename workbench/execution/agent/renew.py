"""What libraries made or decided when they were imported, and a forked process has to have anew.

Random generators, event loops and threads belong to one process. Some libraries look at their
surroundings once, at import: the agent's surroundings are not the forked process's, and no agent is a
notebook. Whatever is made good here is what differed between a forked kernel and an ordinary one
(``tests/contract/test_kernels.py``).
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import importlib
import logging
import os
import random
import sys
import threading
import warnings
from types import ModuleType
from typing import Any

__all__ = ["KERNEL_OPTIONS", "load_ipython_extension", "remember", "renew"]

#: To a kernel from an agent: no parent to look for (its keeper does that), and this module to the end.
KERNEL_OPTIONS = ("--IPKernelApp.parent_handle=1", f"--ext={__name__}")

_END_SECONDS = 2.0
_GUESSED = 1 << 64  # a seed that nobody gave has 128 random bits
_NOTEBOOK_COLUMNS = 20
_NOTEBOOK = "ipykernel.zmqshell"

# This module is imported before any of the preload list.
_environment_before = dict(os.environ)

_set_at_import: dict[str, str] = {}
_generators: list[Any] = []
_loops: list[asyncio.SelectorEventLoop] = []
_threads: list[threading.Thread] = []
_progress_bars: list[tuple[dict[str, Any], str, str]] = []
_handlers: list[tuple[logging.StreamHandler[Any], str]] = []


def remember() -> None:
    """In the agent, after its imports: note what :func:`renew` renews; loops let go of what they hold."""
    _set_at_import.update(dict(os.environ.items() - _environment_before.items()))
    if matplotlib := sys.modules.get("matplotlib"):
        # Else every process that is told its backend would look through all installed packages for others.
        matplotlib.backends.backend_registry.list_all()
    generators: tuple[type, ...] = (random.Random,)
    if numpy_random := sys.modules.get("numpy.random"):
        generators = (*generators, numpy_random.RandomState, numpy_random.Generator)
        _generators.append(numpy_random.mtrand._rand)
    streams = {id(sys.stdout): "stdout", id(sys.stderr): "stderr"}
    for item in gc.get_objects():
        kind = type(item)  # rather than isinstance: that asks proxies, which may do anything
        if issubclass(kind, generators):
            _generators.append(item)
        elif issubclass(kind, asyncio.SelectorEventLoop) and not item.is_running():
            _loops.append(item)
            item.close()
        elif issubclass(kind, threading.Thread) and item.ident is None:
            _threads.append(item)
        elif issubclass(kind, logging.StreamHandler) and (name := streams.get(id(vars(item).get("stream")))):
            _handlers.append((item, name))
    if "tqdm.auto" in sys.modules:
        # It takes whatever has imported ipykernel for a notebook.
        notebook = sys.modules.pop(_NOTEBOOK, None)
        _choose_progress_bars()
        if notebook is not None:
            sys.modules[_NOTEBOOK] = notebook


def renew() -> None:
    """In a forked process, before anything uses them: new seeds, keys and loops, settings read again."""
    for name, value in _set_at_import.items():
        os.environ.setdefault(name, value)
    for generator in _generators:
        _seed(generator)
    for loop in _loops:
        loop.__init__()  # type: ignore[misc]
    vars(threading.main_thread())["_native_id"] = threading.get_native_id()
    for thread in _threads:
        # A fork declares all threads but one ended, those that have not yet begun among them.
        parts = (vars(thread)[f"_{name}"] for name in ("target", "name", "args", "kwargs", "daemonic"))
        target, thread_name, args, kwargs, daemon = parts
        threading.Thread.__init__(thread, None, target, thread_name, args, kwargs, daemon=daemon)
    _write_logs_to_present_streams()
    if multiprocessing := sys.modules.get("multiprocessing"):
        multiprocessing.process.ORIGINAL_DIR = os.getcwd()  # where spawned processes look for helpers
        multiprocessing.current_process().authkey = os.urandom(32)
    if rich := sys.modules.get("rich"):
        vars(rich)["_IMPORT_CWD"] = os.getcwd()
    if matplotlib := sys.modules.get("matplotlib"):
        _read_matplotlibrc(matplotlib)
        if backend := os.environ.get("MPLBACKEND"):
            matplotlib.rcParams["backend"] = backend


def _seed(generator: Any) -> None:
    if hasattr(generator, "seed"):
        generator.seed()
    elif getattr(generator.bit_generator.seed_seq, "entropy", 0) > _GUESSED:
        generator.bit_generator.state = type(generator.bit_generator)().state


def _write_logs_to_present_streams() -> None:
    for handler, name in _handlers:
        handler.setStream(getattr(sys, name))


def _read_matplotlibrc(matplotlib: ModuleType) -> None:
    """The file in the folder, which takes the place of a user's: all else is as it was by default."""
    if not os.path.isfile("matplotlibrc"):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", matplotlib.MatplotlibDeprecationWarning)
        chosen = matplotlib.rc_params_from_file("matplotlibrc", use_default_template=False)
        default = {name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"}
        matplotlib.rcParams.update({**default, **chosen})


def load_ipython_extension(shell: Any) -> None:
    """In a kernel, once it is one: what libraries decide by whether they are imported in a notebook."""
    for words in (sys.argv, sys.orig_argv):
        words[:] = [word for word in words if word not in KERNEL_OPTIONS]
    _write_logs_to_present_streams()
    if numpy := sys.modules.get("numpy"):
        # IPython shows these numbers in its own way if numpy is there before it.
        shell.display_formatter.formatters["text/plain"].type_printers.pop(numpy.float64, None)
    if "pandas.core.config_init" in sys.modules:
        _show_columns_as_in_a_notebook()
    if click := sys.modules.get("click.termui"):
        # The input() of the notebook, which comes with each cell, rather than the agent's.
        vars(click)["visible_prompt_func"] = lambda prompt="": input(prompt)
    if renderers := sys.modules.get("plotly.io._renderers"):
        importlib.reload(renderers)
        names = ("renderers", "show")
        vars(sys.modules["plotly.io"]).update({name: getattr(renderers, name) for name in names})
    if "tqdm.auto" in sys.modules:
        _choose_progress_bars()
    _do_not_wait_for_trackers(shell.kernel)
    _end_in_order(shell.kernel)


def _end_in_order(kernel: Any) -> None:
    """The thread that was told to shut down still says that it is idle, through one that ends first.

    In one of six kernels it says so to nobody and waits for ever, and the kernel is killed after seconds.
    """

    def end_control_first() -> None:
        thread = kernel.control_thread
        if thread is not None and thread.is_alive():
            thread.stop()
            thread.join(_END_SECONDS)

    atexit.register(end_control_first)


def _do_not_wait_for_trackers(kernel: Any) -> None:
    """What keeps track of shared resources for joblib or multiprocessing ends with the kernel, not before.

    It ignores what ipykernel asks of all children before it ends, which would wait until it is killed itself.
    """
    children = kernel._process_children

    def others() -> list[Any]:
        found = []
        for child in children():
            with contextlib.suppress(Exception):  # it has ended meanwhile
                if not any("resource_tracker" in word for word in child.cmdline()):
                    found.append(child)
        return found

    kernel._process_children = others


def _show_columns_as_in_a_notebook() -> None:
    from pandas._config import config

    name, options = "display.max_columns", vars(config)["_registered_options"]
    if options[name].defval == 0 == config.get_option(name):
        options[name] = options[name]._replace(defval=_NOTEBOOK_COLUMNS)
        config.set_option(name, _NOTEBOOK_COLUMNS)


def _choose_progress_bars() -> None:
    """Let ``tqdm.auto`` look around again, for itself and for whoever has imported its names already."""
    auto = sys.modules["tqdm.auto"]
    if not _progress_bars:  # in the agent: for a kernel to look at every module would copy all of them
        taken = {id(vars(auto)[name]): name for name in ("tqdm", "trange")}
        for module in list(sys.modules.values()):
            for name, value in list(getattr(module, "__dict__", {}).items()):
                if id(value) in taken and module is not auto:
                    _progress_bars.append((vars(module), name, taken[id(value)]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that this is experimental
        importlib.reload(sys.modules["tqdm.autonotebook"])
        importlib.reload(auto)
    for names, name, original in _progress_bars:
        names[name] = vars(auto)[original]
