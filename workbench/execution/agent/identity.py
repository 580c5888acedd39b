"""Which agent serves a process, and whether that agent is still up to date.

Two processes share an agent when everything that imported libraries may have looked at is equal:
the user, the interpreter, the environment variables that are read at import, the number of cores, what
cannot be undone in a forked process (limits, priority, namespaces), the project if it has a preload list
or a lock of its own (the *key*). An agent is out of date, and replaced, when something has
changed since that it would import otherwise now: the preload list, installed distributions, the
project's lock, the workbench's own files (the *stamp*).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import resource
import site
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.execution.agent.preload import modules_for
from workbench.execution.agent.request import LIMITS
from workbench.locate import CONFIG_NAME, LOCK_NAMES, find_root, owner_of

__all__ = ["DEFAULTS", "Identity", "NoPlace", "identify", "private_folder", "with_defaults"]

#: What processes of the workbench get unless their environment says otherwise. OpenMP's threads
#: otherwise spin for milliseconds while they wait for each other: on a busy machine a fit takes up to
#: sixty times as long. GNU's may spin for some microseconds: to sleep at once costs a fit that is alone on
#: the machine a quarter, and this costs two fits side by side a tenth. Those of OpenBLAS spin 2^26 cycles
#: before they sleep, in each kernel that computes: a fifth of a small one. nbdime sets GitPython's when it
#: is imported: JupyterLab would have an agent beside the command line's.
DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "GIT_PYTHON_REFRESH": "quiet",
    "GOMP_SPINCOUNT": "500",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "OMP_WAIT_POLICY": "PASSIVE",
    "OPENBLAS_THREAD_TIMEOUT": "18",
}

_READ_AT_IMPORT = (
    *("DO_NOT_TRACK", "HOME", "LANG", "LANGUAGE", "MATPLOTLIBRC", "MPLCONFIGDIR", "TZ"),
    *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
)
_FAMILIES_READ_AT_IMPORT = (
    *("ARROW_", "BLIS_", "CUDA_", "GIT_PYTHON_", "GOMP_", "GOTO_", "KMP_", "LC_", "LD_", "MALLOC_", "MKL_"),
    *("MLFLOW_", "NPY_", "NUMBA_", "NUMEXPR_", "OMP_", "OPENBLAS_", "OPENSSL_", "PANDAS_", "PANDERA_"),
    *("PLOTLY_", "PYTHON", "PYTORCH_", "SCIPY_", "SKLEARN_", "SSL_", "TORCH_", "VECLIB_"),
)
#: These say which run, which store or what is shown, and are read when they are used; or a library sets them.
_READ_LATER = (
    *("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"),
    *("MLFLOW_ARTIFACT", "MLFLOW_ENABLE_ARTIFACTS", "MLFLOW_EXPERIMENT", "MLFLOW_HTTP_REQUEST"),
    *("MLFLOW_REGISTRY_URI", "MLFLOW_RUN", "MLFLOW_TRACKING"),
)
_ORDINARY = ("LOGNAME", "PATH", "SHELL", "TMPDIR", "USER")
_INSTALLED = (".dist-info", ".egg-info", ".egg-link", ".pth")
_LONGEST_SOCKET = 100  # the system takes 107 characters; ipykernel and we append a few


class NoPlace(OSError):
    """No private folder for sockets can be had."""


@dataclass(frozen=True)
class Identity:
    """An agent: where its socket is, what it has imported, under which settings, as of which state."""

    folder: Path
    key: str
    stamp: str
    preload: tuple[str, ...]
    environment: Mapping[str, str]

    @property
    def socket(self) -> Path:
        return self.folder / f"{self.key}.sock"

    @property
    def lock(self) -> Path:
        return self.folder / f"{self.key}.lock"

    @property
    def ready(self) -> Path:
        return self.folder / f"{self.key}.ready"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.key}.log"


def with_defaults(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment with :data:`DEFAULTS` below it."""
    return {**DEFAULTS, **environment}


def identify(environment: Mapping[str, str], folder: Path | str) -> Identity:
    """The agent for a process with this environment that works in ``folder``.

    Raises
    ------
    NoPlace
        When no private folder can be made for its socket.
    """
    full = with_defaults(environment)
    settings = {name: full[name] for name in sorted(full) if _is_read_at_import(name)}
    found = find_root(Path(full.get("WORKBENCH_PROJECT") or folder).resolve())
    root = owner_of(found) if found else None
    preload = modules_for(root / CONFIG_NAME if root else None)
    lock = next((root / name for name in LOCK_NAMES if (root / name).is_file()), None) if root else None
    # A project with a list or a lock of its own has an agent of its own; the others share one.
    scope = str(root) if lock or preload != modules_for(None) else ""
    who = [os.getuid(), os.getgid(), sorted(os.getgroups()), *_bounds()]
    interpreter = [sys.executable, os.path.realpath(sys.prefix), sys.version]
    return Identity(
        folder=private_folder(environment),
        key=_digest([who, interpreter, settings, scope]),
        stamp=_digest([preload, list(_installed()), list(_own_files()), _content(lock)]),
        preload=preload,
        environment={**{name: full[name] for name in _ORDINARY if name in full}, **settings},
    )


def _bounds() -> Iterator[object]:
    """What a process is bound to for good, or libraries ask for when they are imported."""
    yield os.nice(0)
    yield len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    for name in LIMITS:
        soft, hard = resource.getrlimit(getattr(resource, name))
        yield (soft, hard) if name == "RLIMIT_STACK" else hard
    for name in ("mnt", "net", "pid", "user"):
        with contextlib.suppress(OSError):
            yield os.readlink(f"/proc/self/ns/{name}")


def _is_read_at_import(name: str) -> bool:
    if name in _READ_AT_IMPORT:
        return True
    return name.startswith(_FAMILIES_READ_AT_IMPORT) and not name.startswith(_READ_LATER)


def _digest(value: object) -> str:
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=8).hexdigest()


def _content(path: Path | None) -> str:
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest() if path else ""
    except OSError:
        return ""


def _installed() -> Iterator[tuple[str, int]]:
    """Every installed distribution's folder and when it was written."""
    folders = site.getsitepackages()
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    for folder in folders:
        yield from _files(folder, _INSTALLED)


def _own_files() -> Iterator[tuple[str, int]]:
    """The workbench's files and when they were written: in a checkout, they change without an install."""
    package = Path(__file__).parents[2]
    if package.parent.name not in ("site-packages", "dist-packages"):
        folders = [str(package)]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(folder) as entries:
                    below = sorted(entry.path for entry in entries if entry.is_dir())
            except OSError:
                continue
            folders += [path for path in below if not path.endswith("__pycache__")]
            yield from _files(folder, (".py",))


def _files(folder: str, endings: Iterable[str]) -> Iterator[tuple[str, int]]:
    found = []
    try:
        with os.scandir(folder) as entries:
            chosen = [entry for entry in entries if entry.name.endswith(tuple(endings))]
    except OSError:
        return
    for entry in chosen:
        # An editor's lock is a link to nowhere, and an installer may be at work just now.
        with contextlib.suppress(OSError):
            found.append((entry.path, entry.stat().st_mtime_ns))
    yield from sorted(found)


def private_folder(environment: Mapping[str, str]) -> Path:
    """A folder for sockets that only this user can enter; its path is short, as sockets need it.

    ``WORKBENCH_AGENT_DIR`` names another one. The first of these that is, or can be made, private:
    ``/run/user/UID/workbench``, and ``workbench-UID`` in ``/tmp``, ``/var/tmp`` and ``/dev/shm``. It does
    not depend on the environment: a shell, a job at night and JupyterLab find the same agent.

    Raises
    ------
    NoPlace
        When none of them is private, can be made so, and takes another file.
    """
    given = environment.get("WORKBENCH_AGENT_DIR")
    uid = os.getuid()
    usual = [Path(f"/run/user/{uid}/workbench")]
    usual += [Path(base) / f"workbench-{uid}" for base in ("/tmp", "/var/tmp", "/dev/shm")]
    reason = ""
    for folder in [Path(given)] if given else usual:
        if len(os.fsencode(folder)) + 40 > _LONGEST_SOCKET:
            reason = reason or f"{folder} is too long a path for a socket"
            continue
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
        except OSError as error:
            reason = reason or f"{folder}: {error.strerror}"
            continue
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
            reason = reason or f"{folder} is not private to you (owner and mode 0700 are needed)"
        elif problem := _why_no_file(folder):
            reason = reason or f"{folder}: {problem}"
        else:
            return folder
    raise NoPlace(reason)


def _why_no_file(folder: Path) -> str:
    """Why no file, and so no socket, can be made in a folder; empty when one can, or nothing tells."""
    if nameless := getattr(os, "O_TMPFILE", 0):
        try:
            os.close(os.open(folder, nameless | os.O_WRONLY, 0o600))
        except OSError as error:
            if error.errno not in (errno.EISDIR, errno.ENOENT, errno.EOPNOTSUPP, errno.EINVAL):
                return os.strerror(error.errno or 0)
    return ""
