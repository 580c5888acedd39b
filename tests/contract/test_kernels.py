"""One contract for three kinds of kernel: forked from the agent, ordinary below a keeper, Jupyter's own.

Where a kind differs on purpose, a test says so by name:

- ``warm`` and ``kept`` see our defaults (``OMP_WAIT_POLICY`` …), have no parent to look for, nothing to
  read as standard input, and sockets in a private folder instead of TCP ports;
- ``warm`` has the agent's libraries among ``sys.modules`` before a cell has run, and what these set in
  the environment. So what a cell sets for libraries to read when they are imported comes too late, and
  what they warn of when they are imported is in the agent's log;
- the strings of all ``warm`` kernels of one agent have the same hashes, unless PYTHONHASHSEED is given;
- ``warm`` comes to its end by itself after joblib was used, where the others have to be killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

from tests.contract.kernels import KINDS, SECONDS, Kernel, Said, environment, name_of, start, wait_until
from workbench.execution.agent import client
from workbench.execution.agent.identity import DEFAULTS, identify

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="agents fork, and that is for Linux"),
    pytest.mark.timeout(300),  # the first to start a warm kernel waits for the agent's imports
]

_HELPERS = """
import atexit, os

def square(x):
    return x * x

def norm(x):
    import numpy
    return float(numpy.linalg.norm(numpy.full((100, 100), x)))

def leave_behind(folder):
    global still_open
    still_open = open(f"{folder}/of a module", "w")
    still_open.write("said")
    atexit.register(lambda: open(f"{folder}/at exit", "w").write("said"))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of notebooks with helpers; what IPython and Jupyter keep is kept out of the person's home."""
    root = tmp_path_factory.mktemp("kernels")
    work = root / "notebooks"
    work.mkdir()
    (work / "helpers.py").write_text(_HELPERS)
    (work / "matplotlibrc").write_text("figure.figsize: 3, 2\naxes.titlesize: 7\n")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            place = root / name.lower()
            place.mkdir()
            patch.setenv(name, str(place))
        # The tests of the workbench draw without a screen; a person's kernel draws into the notebook.
        patch.delenv("MPLBACKEND", raising=False)
        yield work


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def kernel(kind: str, folder: Path) -> Iterator[Kernel]:
    """One for all tests that leave nothing behind in it."""
    with start(kind, folder) as kernel:
        yield kernel


# -- what a process is -----------------------------------------------------------------------------

_PROCESS = """
import gc, logging, os, signal, sys, threading, warnings
status = dict(line.partition(":\\t")[::2] for line in open("/proc/self/status").read().splitlines())
process = {
    "folder": os.getcwd(),
    "variables": dict(os.environ),
    "path": sys.path,
    "program": sys.argv[0],
    "arguments": sys.argv[1:],
    "command": [word for word in sys.orig_argv if word != "-Xfrozen_modules=off"],
    "executable": [sys.executable, sys.prefix, sys.base_prefix],
    "main": sorted(vars(sys.modules["__main__"])),
    "flags": str(sys.flags),
    "own group": os.getpgid(0) == os.getpid(),
    "own session": os.getsid(0) == os.getpid(),
    "signals": {
        number.name: str(signal.getsignal(number))
        for number in signal.Signals
        if number not in (signal.SIGKILL, signal.SIGSTOP)
    },
    "blocked": status["SigBlk"],
    "main thread": threading.main_thread().native_id == os.getpid(),
    "streams": [
        [item.name, item.mode, item.encoding, item.errors, item.line_buffering, item.write_through]
        for item in (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    ],
    "hooks": [str(item).partition(" at 0x")[0] for item in (sys.excepthook, sys.displayhook)],
    "garbage": [gc.isenabled(), gc.get_threshold()],
    "logging": [logging.root.level, str(logging.root.handlers)],
    "recursion": sys.getrecursionlimit(),
}
"""
# Libraries of the preload list set these when they are imported, in whatever process.
_SET_AT_IMPORT = {"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "PYARROW_IGNORE_TIMEZONE", "SPARK_LOCAL_IP"}


@cache
def _process(kind: str, folder: Path) -> dict[str, Any]:
    with start(kind, folder, {"A_VARIABLE": "ä €\nb"}) as kernel:
        found: dict[str, Any] = kernel.value("process", _PROCESS)
    return found


def test_the_process_is_as_if_it_had_just_been_started(kind: str, folder: Path) -> None:
    found, stock = dict(_process(kind, folder)), dict(_process("stock", folder))
    for each in (found, stock):
        arguments = each.pop("arguments")
        assert [arguments[0], len(arguments), Path(arguments[1]).suffix] == ["-f", 2, ".json"]
        assert each.pop("command") == [sys.executable, "-m", "ipykernel_launcher", *arguments]
    ours, theirs = found.pop("variables"), stock.pop("variables")
    assert found == stock
    assert found["folder"] == str(folder)
    assert "" in found["path"]
    assert found["own group"]
    assert found["own session"]
    assert ours["A_VARIABLE"] == "ä €\nb"
    allowed = {"JPY_PARENT_PID", *DEFAULTS}
    allowed |= {"warm": _SET_AT_IMPORT, "kept": {"WORKBENCH_AGENT"}, "stock": set()}[kind]
    assert {name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name)} <= allowed


def test_what_it_inherits_and_what_the_environment_says_holds(
    kind: str, folder: Path, repository_root: Path
) -> None:
    command = [sys.executable, "-m", "tests.contract.kernels", kind, str(folder)]
    given = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        command, env=given, cwd=repository_root, stdout=subprocess.PIPE, text=True, check=True
    )
    hashed = subprocess.run(
        [sys.executable, "-c", "print(hash('a'))"], env=given, stdout=subprocess.PIPE, text=True, check=True
    )
    assert json.loads(done.stdout) == {
        "umask": 0o027,
        "files": [300, 400],
        "nice": 3,
        "cores": [min(os.sched_getaffinity(0))],
        "threads": [1],
        "hash": int(hashed.stdout),
    }


# -- what cells show -------------------------------------------------------------------------------

#: Cells, and what has to be in what they show. Every kind shows the same.
_CELLS = {
    "value": ("2 + 40", "42"),
    "order of streams": ("import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')", r"a\nc"),
    "shell": ("!echo $((40 + 2))", "42"),
    "pip": ("%pip --version", r"pip \d"),
    "helper": ("import helpers\n[helpers.__file__, helpers.square(4)]", "notebooks/helpers.py', 16"),
    "await": ("import asyncio\nawait asyncio.sleep(0, 'waited')", "waited"),
    "asyncio in a thread": (
        "import asyncio, threading\nfound = []\n"
        "async def say(): return 'said'\n"
        "thread = threading.Thread(target=lambda: found.append(asyncio.run(say())))\n"
        "thread.start(); thread.join(); found",
        "said",
    ),
    "warning": ("import warnings\nwarnings.warn('mind the gap')", "UserWarning: mind the gap"),
    "deprecation in a cell": ("import warnings\nwarnings.warn('old', DeprecationWarning)", "Deprecation"),
    "logging": ("import logging\nlogging.getLogger('x').warning('logged')", "logged"),
    "logging of a library": ("from lark.utils import logger\nlogger.critical('logged')", "logged"),
    "wide table": ("import pandas as pd\npd.DataFrame([range(30)])", r"1 rows × 30 columns"),
    "long table": ("pd.DataFrame({'x': range(100)})", r"100 rows × 1 columns"),
    "options": (
        "pd.reset_option('display.max_columns')\n[pd.get_option(f'display.{name}') for name in "
        "('max_columns', 'max_rows', 'width', 'large_repr', 'precision')]",
        r"\[20, 60, 80",
    ),
    "number of numpy": ("import numpy as np\n[np.float64(0.5), np.arange(3) / 3]", r"np.float64\(0.5\)"),
    "number alone": ("np.float64(0.1) + np.float64(0.2)", "30000000000000004"),
    "precision": ("%precision 2\n[0.12345, np.float64(0.12345), np.array([0.12345])]", r"0.12"),
    "precision again": ("%precision\n[0.12345, np.float64(0.12345)]", r"0.12345"),
    "chart": ("import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title('t');", "image/png"),
    "chart, told to": ("%matplotlib inline\nplt.bar([1, 2], [3, 4]);", "image/png"),
    "settings of charts": (
        "import matplotlib\n[matplotlib.get_backend(), matplotlib.is_interactive(), "
        "{k: v for k, v in matplotlib.rcParams.items() if k != 'savefig.directory'}]",
        r"'axes.titlesize': 7.0[^$]*'figure.figsize': \[3.0, 2.0\]",
    ),
    "plotly": (
        "import plotly.graph_objects as go, plotly.io as pio\nprint(pio.renderers.default)\n"
        "go.Figure(go.Bar(x=[1], y=[2])).to_dict()['data'][0]",
        "plotly_mimetype",
    ),
    "plotly express": (
        "import plotly.express as px\n"
        "[pio.renderers.default, sorted(px.bar(x=[1], y=[2])._repr_mimebundle_())]",
        r"plotly_mimetype[^$]*text/html",
    ),
    "progress": (
        "from tqdm.auto import tqdm\nlist(tqdm(range(3), mininterval=9))",
        "application/vnd.jupyter.widget",
    ),
    "progress, whose": ("tqdm.__mro__", "tqdm_notebook"),
    "widget": ("import ipywidgets\nipywidgets.IntSlider(value=7)", "application/vnd.jupyter.widget-view"),
    "rich": ("import rich\nrich.print('[bold]rich[/]')", "rich"),
    "error": ("def f(x):\n    return 1 / x\nf(0)", "ZeroDivisionError"),
    "error of a helper": ("helpers.norm('x')", "helpers.py"),
    "exit": ("import sys\nsys.exit('enough')", "enough"),
    "syntax": ("for", "SyntaxError"),
    "system exit is survived": ("'still here'", "still here"),
    "type of the shell": ("get_ipython().__class__", "ZMQInteractiveShell"),
    "magics": ("sorted(get_ipython().magics_manager.magics['line'])", "autoawait"),
    "namespace": ("%who_ls function", "f"),
    "how children are started": ("import multiprocessing\nmultiprocessing.get_start_method()", "fork"),
}
_FLEETING = re.compile(
    r"0x[0-9a-f]+|\b[0-9a-f]{32}\b|ipykernel_\d+|\d\d:\d\d:\d\d|\d{4}/\d\d/\d\d|[\d.?]+ ?it/s"
)


def _shown(said: Said) -> str:
    outputs = [
        {name: value for name, value in output.items() if name != "transient"} for output in said.outputs
    ]
    printed = [output for output in outputs if "text" in output]
    others = [output for output in outputs if "text" not in output]
    together = {
        name: "".join(o["text"] for o in printed if o["name"] == name) for name in ("stdout", "stderr")
    }
    return _FLEETING.sub("…", json.dumps([together, others, said.payload], ensure_ascii=False))


@cache
def _all_shown(kind: str, folder: Path) -> dict[str, tuple[str, str]]:
    """For each cell: what it says in words, and all of what it shows but what never is the same."""
    found = {}
    with start(kind, folder) as kernel:
        for name, (code, _) in _CELLS.items():
            said = kernel.run(code, fails=True)
            found[name] = (str(said), _shown(said))
    return found


def test_cells_show_the_same(kind: str, folder: Path) -> None:
    found, stock = _all_shown(kind, folder), _all_shown("stock", folder)
    wrong = {name: words for name, (words, _) in found.items() if not re.search(_CELLS[name][1], words)}
    assert wrong == {}
    different = {
        name: (shown, stock[name][1]) for name, (_, shown) in found.items() if shown != stock[name][1]
    }
    assert different == {}


def test_what_children_print_is_shown(kernel: Kernel) -> None:
    kernel.run("import os\nos.system('echo from below >&2')", late="from below", seconds=20)
    kernel.run("pid = os.fork()\nif not pid: os.write(1, b'from a fork'); os._exit(0)", late="from a fork")


def test_errors_are_coloured(kernel: Kernel) -> None:
    assert "\x1b[" in kernel.run("1 / 0", fails=True).traceback


def test_an_edited_helper_is_loaded_again(kernel: Kernel, folder: Path) -> None:
    helper = folder / f"edited_in_{kernel.kind}.py"
    helper.write_text("def answer():\n    return 41\n")
    name = helper.stem
    kernel.run(f"%load_ext autoreload\n%autoreload 2\nimport {name}")
    assert kernel.value(f"{name}.answer()") == 41
    helper.write_text("def answer():\n    return 42  # another length\n")
    assert kernel.value(f"{name}.answer()") == 42
    kernel.run("%autoreload 0")


def test_questions_are_asked_where_the_notebook_is(kernel: Kernel) -> None:
    said = kernel.run("print(f\"<{input('name? ')}>\")", answers=["ada"])
    assert "name? " in said.printed
    assert "<ada>" in said.printed
    said = kernel.run("import getpass\nprint(f\"<{getpass.getpass('word? ')}>\")", answers=["secret"])
    assert "<secret>" in said.printed
    said = kernel.run("import click\nprint(f\"<{click.prompt('how many', type=int) + 1}>\")", answers=["41"])
    assert "<42>" in said.printed
    assert kernel.run("input()", fails=True).error == "StdinNotImplementedError"
    assert kernel.value("__import__('sys').__stdin__.read()") == ""


def test_completion_inspection_and_history_are_answered(kernel: Kernel) -> None:
    kernel.run("import os")
    matches = kernel.client.complete("os.getcw", 8, reply=True, timeout=SECONDS)["content"]["matches"]
    assert "os.getcwd" in matches or "getcwd" in matches
    found = kernel.client.inspect("os.getcwd", 9, reply=True, timeout=SECONDS)["content"]
    assert "current working directory" in found["data"]["text/plain"]
    kernel.client.is_complete("for x in y:")
    assert kernel.client.get_shell_msg(timeout=SECONDS)["content"]["status"] == "incomplete"
    history = kernel.client.history(hist_access_type="tail", n=3, reply=True, timeout=SECONDS)["content"]
    assert history["history"][-1][2] == "import os"


def test_its_debugger_answers(kernel: Kernel) -> None:
    information = kernel.client.kernel_info(reply=True, timeout=SECONDS)["content"]
    assert "debugger" in information["supported_features"]
    ask = {"type": "request", "seq": 1, "command": "debugInfo", "arguments": {}}
    message = kernel.client.session.msg("debug_request", ask)
    kernel.client.control_channel.send(message)
    answer = kernel.client.get_control_msg(timeout=SECONDS)["content"]
    assert answer["success"]
    assert answer["body"]["isStarted"] is False


# -- interrupts, restarts and ends -----------------------------------------------------------------


# What is asked for while a cell awaits is not heard by ipykernel itself, whatever started it.
@pytest.mark.parametrize(
    "busy",
    ["while True: pass", "import time; time.sleep(600)", "!sleep 600"],
    ids=["computing", "sleeping", "in a child"],
)
def test_a_busy_cell_can_be_interrupted_and_the_kernel_lives(kernel: Kernel, busy: str) -> None:
    kernel.run("kept = 42")
    code = f"import threading\nthreading.Timer(0.3, print, ['busy']).start()\n{busy}"
    said = kernel.run(code, when=("busy", kernel.interrupt), fails=True, seconds=20)
    # A command that IPython runs has a terminal, and the key for interrupts is pressed in that.
    assert said.error == "KeyboardInterrupt" or "^C" in said.printed
    assert kernel.value("kept") == 42


def test_an_idle_kernel_does_not_mind_an_interrupt(kernel: Kernel) -> None:
    kernel.interrupt()
    assert kernel.value("1") == 1


def test_a_restart_forgets_everything_any_number_of_times(kind: str, folder: Path) -> None:
    with start(kind, folder) as kernel:
        seen = set()
        for now in (False, True, False):
            kernel.run("import helpers\nleft = helpers.left = 42")
            seen.add(kernel.value("__import__('os').getpid()"))
            kernel.restart(now=now)
            assert kernel.run("left", fails=True).error == "NameError"
            assert kernel.value("hasattr(__import__('helpers'), 'left')") is False
        assert len(seen) == 3


def test_a_death_is_noticed_with_its_status_and_survived_by_a_restart(kind: str, folder: Path) -> None:
    ends = {"os._exit(7)": 7, "os.kill(os.getpid(), signal.SIGKILL)": -9, "ctypes.string_at(0)": -11}
    with start(kind, folder) as kernel:
        for end, status in ends.items():
            assert kernel.value("40 + 2") == 42
            assert kernel.exit_status() is None
            kernel.client.execute(f"import ctypes, os, signal; {end}")
            wait_until(lambda: not kernel.manager.is_alive(), "its death is noticed")
            assert kernel.exit_status() == status
            kernel.restart(now=True)
        assert kernel.exit_status() is None


def test_a_shutdown_runs_exit_handlers_and_writes_what_is_buffered(
    kind: str, folder: Path, tmp_path: Path
) -> None:
    with start(kind, folder) as kernel:
        kernel.run(
            f"""
            import atexit, helpers, tempfile, threading, time, weakref
            helpers.leave_behind({str(tmp_path)!r})
            of_the_notebook = open({str(tmp_path / "of the notebook")!r}, "w")
            of_the_notebook.write("said")
            binary = open({str(tmp_path / "binary")!r}, "wb")
            binary.write(b"said")
            scratch = tempfile.TemporaryDirectory(dir={str(tmp_path)!r})
            class Finalized:
                def __del__(self, path={str(tmp_path / "finalized")!r}): open(path, "w").write("said")
            finalized = Finalized()
            cycle = [Finalized()]
            cycle.append(cycle)
            def work():
                time.sleep(0.2)
                open({str(tmp_path / "of a thread")!r}, "w").write("said")
            threading.Thread(target=work).start()
            """
        )
        assert len(list(tmp_path.iterdir())) >= 4
        assert kernel.end()
    names = {"of a module", "at exit", "of the notebook", "binary", "finalized", "of a thread"}
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(names, "said")


def test_a_shutdown_leaves_nothing_behind(kind: str, folder: Path) -> None:
    with start(kind, folder) as kernel:
        pids = [kernel.manager.provisioner.pid]
        connection = Path(kernel.manager.connection_file)
        sockets = [
            Path(f"{kernel.manager.ip}-{port}")
            for port in kernel.manager.get_connection_info().values()
            if kernel.manager.transport == "ipc" and isinstance(port, int)
        ]
        assert connection.exists()
        assert len(sockets) == (0 if kind == "stock" else 5)
        assert all(path.is_socket() for path in sockets)
        assert kernel.end()
    assert not connection.exists()
    assert not any(path.exists() for path in sockets)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "it has ended")


# -- what is random ---------------------------------------------------------------------------------

_RANDOM = """
import gc, multiprocessing, os, random, secrets, sys, tempfile, uuid
import numpy, pandas
drawn = {
    "random": random.random(),
    "SystemRandom": random.SystemRandom().random(),
    "numpy": numpy.random.rand(),
    "default_rng": numpy.random.default_rng().random(),
    "pandas": int(pandas.Series(range(10**9 // 1000)).sample(1).iloc[0]),
    "uuid": uuid.uuid4().hex,
    "secrets": secrets.token_hex(),
    "file": os.path.basename(tempfile.mktemp()),
    "key": multiprocessing.current_process().authkey.hex(),
}
def state(item):
    if isinstance(item, random.SystemRandom): return None
    if isinstance(item, random.Random): return item.getstate()
    if isinstance(item, numpy.random.RandomState): return item.get_state()[1].tolist()
    if isinstance(item, numpy.random.Generator): return repr(item.bit_generator.state)
gc.unfreeze()  # what came from the agent, too
kinds = (random.Random, numpy.random.RandomState, numpy.random.Generator)
states = [hash(str(state(item))) for item in gc.get_objects() if type(item) in kinds]
"""


def test_nothing_random_is_the_same_in_two_kernels(kind: str, folder: Path) -> None:
    with start(kind, folder) as one, start(kind, folder) as other:
        first, second = one.value("[drawn, states]", _RANDOM), other.value("[drawn, states]", _RANDOM)
        same = {name for name in first[0] if first[0][name] == second[0][name]}
        assert same == set()
        assert first[1]
        assert not set(first[1]) & set(second[1])
        # On purpose: strings of kernels of one agent have the same hashes.
        hashes = [each.value("hash('a')") for each in (one, other)]
        assert (hashes[0] == hashes[1]) is (kind == "warm")


def test_seeds_are_honoured(kernel: Kernel) -> None:
    code = "import random, numpy\nrandom.seed(7)\nnumpy.random.seed(7)"
    assert kernel.value("[random.random(), numpy.random.rand()]", code) == [
        0.32383276483316237,
        0.07630828937395717,
    ]
    again = kernel.value("numpy.random.default_rng(7).random()", "import numpy")
    assert again == 0.625095466604667


# -- processes below --------------------------------------------------------------------------------

_PROCESSES = """
import helpers, math, multiprocessing
from concurrent.futures import ProcessPoolExecutor
found = {}
for method in ("fork", "spawn", "forkserver"):
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        found[method] = pool.map(helpers.square, range(4))
    queue = context.Queue()
    process = context.Process(target=queue.put, args=("through a queue",))
    process.start()
    found[f"{method} queue"] = queue.get(timeout=60)
    process.join()
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        found[f"{method} executor"] = list(executor.map(helpers.square, range(4)))
"""


def test_processes_are_started_in_every_way(kernel: Kernel) -> None:
    found = kernel.value("found", _PROCESSES)
    squares = {name: value for name, value in found.items() if "queue" not in name}
    assert len(squares) == 6
    assert all(value == [0, 1, 4, 9] for value in squares.values()), squares
    assert {value for name, value in found.items() if "queue" in name} == {"through a queue"}


def test_joblib_works_and_a_kernel_that_used_it_ends_by_itself(kind: str, folder: Path) -> None:
    code = """
    import helpers, joblib, os
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(helpers.norm)(x) for x in range(4))
    cell = joblib.Parallel(n_jobs=2)(joblib.delayed(lambda x: x + 1)(x) for x in range(4))
    threads = joblib.Parallel(n_jobs=2, prefer="threads")(joblib.delayed(helpers.square)(x) for x in range(4))
    below = set()
    while len(below) < 2:
        below |= set(joblib.Parallel(n_jobs=2)(joblib.delayed(os.getpid)() for _ in range(8)))
    """
    with start(kind, folder) as kernel:
        assert kernel.value("[found, cell, threads]", code) == [
            [0.0, 100.0, 200.0, 300.0],
            [1, 2, 3, 4],
            [0, 1, 4, 9],
        ]
        below = kernel.value("sorted(below)")
        pid = kernel.manager.provisioner.pid
        # On purpose: ipykernel would wait for joblib's tracker, which ignores it, until it is killed itself.
        assert kernel.end() or kind != "warm"
    wait_until(lambda: not any(Path(f"/proc/{each}").exists() for each in (pid, *below)), "all have ended")


# -- libraries that take long to import: only where it makes a difference ---------------------------

_LIBRARIES = """
import os, collections
import evidently.presets, mlflow.sklearn, deltalake, skops.io, sklearn.ensemble, sklearn.linear_model
import pyarrow.parquet, pandas as pd, numpy as np, matplotlib.pyplot, threadpoolctl
from evidently.legacy.utils import sync
"""
_OPEN_FILES = """
kinds = collections.Counter()
for file in os.listdir("/proc/self/fd"):
    try:
        place = os.readlink(f"/proc/self/fd/{file}")
    except OSError:
        continue
    kind, _, which = place.partition(":")
    kinds[kind if kind in ("pipe", "socket") else os.path.basename(place)] += 1
"""
_WORK = """
import tempfile, warnings
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
place = tempfile.mkdtemp()
rng = np.random.default_rng(7)
table = pd.DataFrame(rng.normal(size=(20_000, 8)), columns=list("abcdefgh"))
label = (table.a + table.b > 0).astype(int)
boosting = HistGradientBoostingClassifier(max_iter=20, random_state=7).fit(table, label)
linear = LogisticRegression().fit(table, label)
forest = RandomForestClassifier(8, n_jobs=2, random_state=7).fit(table, label)
product = table.to_numpy()[:2000] @ table.to_numpy()[:2000].T
deltalake.write_deltalake(f"{place}/table", table.head(100))
dumped = skops.io.dumps(boosting)
restored = skops.io.loads(dumped, trusted=skops.io.get_untrusted_types(data=dumped))
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    mlflow.set_tracking_uri(f"sqlite:///{place}/mlflow.db")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("e", artifact_location=f"{place}/artifacts"))
    with mlflow.start_run() as run:
        mlflow.log_metric("score", 0.5)
        mlflow.log_text("said", "a.txt")
table.head(1000).to_parquet(f"{place}/table.parquet")
done = {
    "boosting": round(float(boosting.predict_proba(table)[:, 1].sum()), 6),
    "linear": round(float(linear.coef_.sum()), 6),
    "forest": round(float(forest.predict_proba(table)[:, 1].sum()), 6),
    "product": round(float(product.sum()), 3),
    "delta": deltalake.DeltaTable(f"{place}/table").to_pyarrow_table().num_rows,
    "skops": bool((restored.predict(table) == boosting.predict(table)).all()),
    "mlflow": mlflow.get_run(run.info.run_id).data.metrics,
    "artifact": mlflow.artifacts.load_text(f"{run.info.artifact_uri}/a.txt"),
    "parquet": len(pd.read_parquet(f"{place}/table.parquet")),
    "grouped": round(float(table.groupby(label).a.mean().sum()), 9),
    "threads": sorted(
        f"{pool['prefix']} {pool['num_threads']}" for pool in threadpoolctl.threadpool_info()
    ),
}
"""
_SYNC = """
async def where():
    import threading
    return threading.current_thread().name
said = [sync.async_to_sync(where()) for _ in range(3)]
"""
_DRIFT = """
from evidently import Dataset, DataDefinition, Report
from evidently.presets import DataDriftPreset
report = Report([DataDriftPreset()]).run(
    Dataset.from_pandas(table.head(500), data_definition=DataDefinition()),
    Dataset.from_pandas(table.tail(500) + 1, data_definition=DataDefinition()),
)
drift = report.dict()["metrics"][0]["value"]
"""


def _libraries(kind: str, folder: Path) -> dict[str, Any]:
    """What a kernel says that has imported, and then used, the large libraries."""
    names = "[thread.name for thread in __import__('threading').enumerate() if 'Async' in thread.name]"
    with start(kind, folder) as kernel:
        kernel.run(_LIBRARIES)
        return {
            "open files": kernel.value("kinds", _OPEN_FILES),
            "loop": kernel.value("[sync._loop.is_running(), sync._loop.is_closed(), sync._thr.is_alive()]"),
            "work": kernel.value("done", _WORK),
            "said in a loop": kernel.value("said", _SYNC),
            "drift": kernel.value("drift", _DRIFT),
            "threads": kernel.value(names),
            "ended": kernel.end(),
        }


def test_large_libraries_are_and_work_as_in_an_ordinary_kernel(folder: Path) -> None:
    """``kept`` imports as ``stock`` does, and would take as long."""
    warm, stock = _libraries("warm", folder), _libraries("stock", folder)
    # On purpose: nothing to read as standard input. And IPython's history is being written or not.
    passing = {"null", "history.sqlite-journal", "profile_default"}
    files, usual = Counter(warm.pop("open files")), Counter(stock.pop("open files"))
    assert {name for name in files - usual if name not in passing} == set()
    assert warm == stock
    assert warm["work"]["mlflow"] == {"score": 0.5}
    # A loop that a library makes when it is imported, and the thread that is to run it.
    assert warm["loop"] == [False, False, False]
    assert warm["said in a loop"] == ["Async Runner"] * 3
    assert warm["threads"] == ["Async Runner"]
    assert warm["ended"]


# -- clients ----------------------------------------------------------------------------------------


def _notebook(*cells: str) -> nbformat.NotebookNode:
    return new_notebook(cells=[new_code_cell(cell) for cell in cells])


def test_nbclient_executes_and_keeps_the_state_of_widgets(kind: str, folder: Path) -> None:
    notebook = _notebook(
        "import os, helpers\nprint(os.environ['A_VARIABLE'], helpers.square(3))",
        "import ipywidgets\nslider = ipywidgets.IntSlider(value=7)\nslider",
        "slider.value = 9",
    )
    runner = NotebookClient(
        notebook, kernel_name=name_of(kind), timeout=60, resources={"metadata": {"path": str(folder)}}
    )
    runner.execute(env=environment(kind, A_VARIABLE="a"))
    assert notebook.cells[0].outputs[0].text == "a 9\n"
    view = notebook.cells[1].outputs[0].data["application/vnd.jupyter.widget-view+json"]
    states = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    assert states[view["model_id"]]["state"]["value"] == 9


def test_nbclient_notices_time_and_death(kind: str, folder: Path) -> None:
    options = {"kernel_name": name_of(kind), "resources": {"metadata": {"path": str(folder)}}}
    with pytest.raises(CellTimeoutError):
        NotebookClient(_notebook("while True: pass"), timeout=1, **options).execute(env=environment(kind))
    with pytest.raises(DeadKernelError):
        NotebookClient(_notebook("import os; os._exit(1)"), **options).execute(env=environment(kind))


def test_papermill_executes_with_parameters(kind: str, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "in.ipynb"
    notebook = _notebook("x = 1", "import helpers\nhelpers.square(x)")
    notebook.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(notebook, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_AGENT", "0" if kind == "kept" else "1")
        executed = papermill.execute_notebook(
            str(path),
            str(tmp_path / "out.ipynb"),
            parameters={"x": 12},
            kernel_name=name_of(kind),
            language="python",
            cwd=str(folder),
            progress_bar=False,
        )
    assert executed.cells[-1].outputs[0].data["text/plain"] == "144"


def test_an_asynchronous_manager_does_the_same(kind: str, folder: Path) -> None:
    async def use() -> list[str]:
        manager = AsyncKernelManager(kernel_name=name_of(kind))
        await manager.start_kernel(env=environment(kind), cwd=str(folder))
        kernel = manager.client()
        kernel.start_channels()
        busy = asyncio.Event()
        try:
            await kernel.wait_for_ready(timeout=SECONDS)
            running = asyncio.create_task(
                kernel.execute_interactive(
                    "print('busy', flush=True)\nwhile True: pass",
                    output_hook=lambda said: busy.set() if said["msg_type"] == "stream" else None,
                )
            )
            await busy.wait()
            await manager.interrupt_kernel()
            found = [(await running)["content"]["ename"]]
            await manager.restart_kernel()
            await kernel.wait_for_ready(timeout=SECONDS)
            found.append(str(await manager.is_alive()))
        finally:
            kernel.stop_channels()
            await manager.shutdown_kernel()
        found.append(str(await manager.is_alive()))
        return found

    assert asyncio.run(use()) == ["KeyboardInterrupt", "True", "False"]


# -- the agent --------------------------------------------------------------------------------------


def test_a_module_beside_the_notebook_comes_before_an_installed_one(kind: str, tmp_path: Path) -> None:
    (tmp_path / "deprecation.py").write_text("mine = True\n")  # the agent has imported another one
    with start(kind, tmp_path, warm=False if kind == "warm" else None) as kernel:
        assert kernel.value("deprecation.mine", "import deprecation") is True


def test_the_agent_has_done_nothing_but_import(folder: Path) -> None:
    with start("warm", folder) as kernel:
        facts = client.ask(identify(environment("warm"), folder).socket, "status")
        assert facts
        assert [item for item in facts["imports"] if item["problem"]] == []
        agent = Path(f"/proc/{facts['pid']}")
        log = str(identify(environment("warm"), folder).log)
        expected = sorted(["/dev/null", log, log, "pipe", "pipe", "socket"])

        def nothing_else_is_open() -> bool:
            files = [os.readlink(path) for path in (agent / "fd").iterdir()]
            return sorted(re.sub(r":\[\d+\]", "", file) for file in files) == expected

        # The connection that we asked it over is being handed on.
        wait_until(nothing_else_is_open, "an agent has a socket, its log, and a pipe to be woken by")
        # No thread of Python's: those that are left belong to allocators, which know of forks.
        threads = {(path / "comm").read_text().strip() for path in (agent / "task").iterdir()}
        assert threads <= {"wb-agent", "jemalloc_bg_thd"}
        assert kernel.value("os.getppid()", "import os") != facts["pid"]
