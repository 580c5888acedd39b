"""What a server process is told when it starts; plain values that travel as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from workbench.project import Project

__all__ = [
    "LIVE_LOG",
    "LOOPBACK",
    "REGISTRY",
    "REPLAY_LIMITS",
    "Limits",
    "MemoryVersion",
    "Settings",
    "Tls",
    "log_name",
]

REGISTRY = "workbench.serving.models.registered:RegisteredModels"
LIVE_LOG = "predictions/live"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LOG_NAME_LENGTH = 200


@dataclass(frozen=True)
class Limits:
    """Bounds that keep one client from taking the server down.

    Attributes
    ----------
    body_bytes, body_seconds
        Size of a request's body, and the time in which it has to arrive, and a large answer to be taken.
    head_bytes, head_seconds
        The same for all that stands before the body.
    bodies_bytes
        Size of all bodies together that a worker has taken and not answered yet, or whose rows it still
        holds; more are told to come back (429).
    rows
        Rows of one request.
    waiting
        Requests that may be under way before the next is told to come back (429).
    answer_seconds
        How long an answer may take before the request is told that there is none (503); and for how long
        ground truth waits while others hold the lock of the workbench database.
    connections
        Connections of one worker; who opens more is told to come back (503). There are never more than the
        process may have files open.
    shadow_rows
        Answered rows that may wait for the shadows before the next are not shadowed.
    linger_seconds, grace_seconds, drain_seconds
        How long a graceful stop waits for the next request on open connections, for requests under way,
        and then for the shadows of those answered.
    """

    body_bytes: int = 16 * 2**20
    body_seconds: float = 30.0
    head_bytes: int = 64 * 2**10
    head_seconds: float = 10.0
    bodies_bytes: int = 256 * 2**20
    rows: int = 10_000
    waiting: int = 512
    answer_seconds: float = 30.0
    connections: int = 4_096
    shadow_rows: int = 100_000
    linger_seconds: float = 0.5
    grace_seconds: int = 10
    drain_seconds: float = 20.0

    @property
    def stop_seconds(self) -> float:
        return self.grace_seconds + self.drain_seconds


# A replay has no clients that could be hurt by waiting, and its shadows are to be complete.
REPLAY_LIMITS = replace(Limits(), shadow_rows=500_000, drain_seconds=120.0)


@dataclass(frozen=True)
class MemoryVersion:
    """The dataset version that a memory table is read from."""

    uri: str
    version: int


@dataclass(frozen=True)
class Tls:
    """Absolute paths of a certificate and its private key."""

    certificate: str
    key: str


@dataclass(frozen=True)
class Settings:
    """One server process.

    Attributes
    ----------
    project
        The project's folder.
    log_folder
        Where the prediction log is written; ground truth is filed under :func:`log_name` of it.
    champion, shadows
        Pinned versions. With neither, the server follows the registry's aliases.
    memory
        Pinned versions of the memory datasets by name; none: the newest published ones, followed.
    simulated
        Started for a replay: requests carry the time at which they are asked.
    models
        Where models come from, as ``module:callable`` (called with project and settings).
    workers
        Processes that answer at one address.
    tls
        Files of a certificate (with those that lead to its authority) and its private key, PEM; none: HTTP.
    worker
        Which of several workers this process is, counted from 1; 0: the only one, or the one above them.
    metrics_folder
        Where several workers keep their counts, so that any of them answers for all; empty: in memory.
    """

    project: str
    log_folder: str
    host: str = "127.0.0.1"
    port: int = 0
    champion: int | None = None
    shadows: tuple[int, ...] = ()
    memory: dict[str, MemoryVersion] | None = None
    simulated: bool = False
    models: str = REGISTRY
    limits: Limits = field(default_factory=Limits)
    workers: int = 1
    tls: Tls | None = None
    worker: int = 0
    metrics_folder: str = ""

    @property
    def pinned(self) -> bool:
        return self.champion is not None or bool(self.shadows)


def log_name(project: Project, folder: Path) -> str:
    """The name under which ground truth for the log in ``folder`` is filed.

    The folder's place below the project's state, so that it survives a move of the project.
    """
    folder = folder.resolve()
    state = project.state.resolve()
    inside = folder.is_relative_to(state)
    name = folder.relative_to(state).as_posix() if inside else folder.as_posix()
    return name[-_LOG_NAME_LENGTH:]
