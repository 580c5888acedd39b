"""Starting a model server, finding the one that runs, and being one (``workbench serve``)."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from workbench.errors import ServingError
from workbench.project import Project
from workbench.serving import settings as told
from workbench.serving.child import launch
from workbench.serving.client import Server
from workbench.serving.http.certificate import certificate_of
from workbench.serving.http.keys import Keys, own_key, require
from workbench.serving.parts import log_of
from workbench.serving.process import Ready, log_to_stderr
from workbench.serving.workers import supervise
from workbench.store.processes import alive

__all__ = ["DatasetLike", "attach", "serve_forever", "start"]

_START_SECONDS = 60.0


class DatasetLike(Protocol):
    """A dataset version, as ``phase.dataset(name)`` gives it."""

    @property
    def uri(self) -> str: ...

    @property
    def version(self) -> int: ...


def start(
    project: Project,
    *,
    champion: int | None = None,
    shadows: tuple[int, ...] = (),
    memory: Mapping[str, DatasetLike | tuple[str, int]] | None = None,
    log_folder: Path | None = None,
    simulated: bool = False,
    models: str = told.REGISTRY,
    limits: told.Limits | None = None,
    workers: int = 1,
    seconds: float = _START_SECONDS,
) -> Server:
    """Start a server of one's own: a child process that ends when we stop it, or when we end.

    Parameters
    ----------
    champion, shadows : optional
        Versions to serve. With neither, the server follows the registry's champion and challenger.
    memory : optional
        Versions of the memory datasets by name; by default the newest published ones, followed.
    log_folder : Path, optional
        Where the prediction log goes; by default the project's live log.
    simulated : bool
        For a replay: every request has to carry the time at which it is asked.
    models : str
        Where models come from, ``module:callable``; by default the registry.
    limits : Limits, optional
        Bounds on requests and queues.
    workers : int
        Processes that answer at the one address; each loads the models.
    seconds : float
        How long it may take to be ready.

    Raises
    ------
    ServingError
        When it does not become ready; with the last lines of its log.
    """
    if simulated and log_folder is None:
        raise ServingError("a replay's answers do not belong into the live log; give log_folder")
    wanted = told.Settings(
        project=str(project.root),
        log_folder=str((log_folder or project.state / told.LIVE_LOG).resolve()),
        champion=champion,
        shadows=tuple(shadows),
        memory=None if memory is None else {name: _memory_version(given) for name, given in memory.items()},
        simulated=simulated,
        models=models,
        limits=limits or (told.REPLAY_LIMITS if simulated else told.Limits()),
        workers=workers,
    )
    child, ready = launch(wanted, seconds)
    log = log_of(project, Path(ready.log_folder))
    return Server(ready.url, ready.pid, log, ready.log_name, child, key=own_key(project))


def attach(project: Project) -> Server | None:
    """The project's live server (``workbench serve``), if one answers.

    A state file that a killed server left behind is recognised and removed.
    """
    place = _announcement(project)
    running = _announced(place)
    if running is None:
        return None
    if not alive(running.pid):
        if _announced(place) == running:
            place.unlink(missing_ok=True)
        return None
    tls, live = project.config.serving.tls, project.state / told.LIVE_LOG
    server = Server(
        running.url,
        running.pid,
        log_of(project, live),
        told.log_name(project, live),
        key=own_key(project),
        certificate=str(project.root / tls.certificate) if tls else "",
    )
    try:
        health = server.health()
    except ServingError:
        health = None
    # Workers may have been replaced since the file was read.
    known = {running.pid, *running.workers, *(now.workers if (now := _announced(place)) else ())}
    if health is not None and health.pid in known and health.project == str(project.root):
        return server
    server.stop()
    return None


def serve_forever(
    project: Project,
    host: str = "",
    port: int | None = None,
    *,
    workers: int | None = None,
    models: str = told.REGISTRY,
    beside: Callable[[], None] = lambda: None,
) -> None:
    """Serve the project's champion until SIGTERM or Ctrl-C (``workbench serve``).

    What is not given is as ``[serving]`` of the project says. ``models`` is as for :func:`start`; ``beside``
    is called every few seconds by the process above the workers, and must not block.

    Raises
    ------
    UsageError
        When others than this machine could reach it, and there are no keys.
    ServingError
        When one runs already, or the address cannot be had, or a worker cannot start.
    """
    running = attach(project)
    if running is not None:
        with running:
            raise ServingError(
                f"a server of this project runs already at {running.url} (process {running.pid})"
            )
    log_to_stderr()
    config = project.config.serving
    settings = told.Settings(
        project=str(project.root),
        log_folder=str(project.state / told.LIVE_LOG),
        host=host or config.host,
        port=config.port if port is None else port,
        models=models,
        workers=workers or config.workers,
        tls=certificate_of(project),
    )
    require(settings.host, Keys.open(project, settings.host))
    place = _announcement(project)

    def announce(ready: Ready) -> None:
        draft = place.with_suffix(f".{ready.pid}")
        draft.write_bytes(msgspec.json.encode(_Running(ready.pid, ready.url, ready.workers)))
        draft.replace(place)

    def tell(ready: Ready) -> None:
        announce(ready)
        print(_welcome(project, ready), flush=True)

    try:
        supervise(settings, tell, changed=announce, beside=beside)
    finally:
        if (announced := _announced(place)) is not None and announced.pid == os.getpid():
            place.unlink(missing_ok=True)
    print("stopped; every answer is in the prediction log", flush=True)


@dataclass(frozen=True)
class _Running:
    """The live server's state file, ``.workbench/server.json``: whom to stop, and those that answer."""

    pid: int
    url: str
    workers: tuple[int, ...] = ()


def _announcement(project: Project) -> Path:
    return project.state / "server.json"


def _announced(place: Path) -> _Running | None:
    try:
        return msgspec.json.decode(place.read_bytes(), type=_Running)
    except (OSError, msgspec.MsgspecError):
        return None


def _welcome(project: Project, ready: Ready) -> str:
    model = project.model.name
    who = f"{model} answers" if len(ready.workers) < 2 else f"{model}: {len(ready.workers)} workers answer"
    return (
        f"{who} at {ready.url} (Ctrl-C stops it; predictions are logged in {ready.log_folder})\n"
        f"  curl {ready.url}/health\n"
        f"  curl -H 'Content-Type: application/json' {ready.url}/invocations -d '{ready.example}'"
    )


def _memory_version(given: DatasetLike | tuple[str, int]) -> told.MemoryVersion:
    if isinstance(given, tuple):
        return told.MemoryVersion(*given)
    return told.MemoryVersion(given.uri, given.version)
