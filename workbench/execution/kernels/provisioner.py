"""How Jupyter gets a kernel from the agent: a kernel provisioner (entry point ``workbench-warm``).

A kernel of this provisioner behaves like one of ``jupyter_client``'s own, which this class extends:
same signals, same exit status, same environment and folder. It differs in what it is started from,
in its sockets (files in a private folder instead of TCP ports: none is raced for, nobody else can
connect), and in its keeper: nothing that it started outlives it, and it does not outlive its owner.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Bool

from workbench.errors import AgentUnavailable
from workbench.execution.agent import client
from workbench.execution.agent.identity import NoPlace, identify, private_folder, with_defaults
from workbench.execution.agent.renew import KERNEL_OPTIONS
from workbench.execution.agent.request import Request, inherited

__all__ = ["WarmProvisioner"]

_LAUNCHER = "ipykernel_launcher"
_POLL_SECONDS = 0.005
_SOCKETS_SECONDS = 2.0
_END_SECONDS = 0.5
_INLINE = "module://matplotlib_inline.backend_inline"


class WarmProvisioner(LocalProvisioner):
    """Kernels forked from the agent, or, where there is none, started as usual below a keeper."""

    warm = Bool(False, help="Whether the running kernel was forked from the agent.")

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Choose sockets in a private folder, unless the kernel manager was configured otherwise."""
        if self.parent is not None and sys.platform == "linux":
            _use_private_sockets(self.parent)
        return await super().pre_launch(**kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the kernel; returns when its sockets can be connected to."""
        piped = subprocess.PIPE in (kwargs.get(name) for name in ("stdin", "stdout", "stderr"))
        if kwargs.get("independent") or piped or sys.platform == "win32":
            return await super().launch_kernel(cmd, **kwargs)
        # The keeper ends the kernel with its owner; ipykernel itself need not look for a parent (1: none).
        kwargs["env"] = with_defaults(kwargs.get("env") or os.environ) | {"JPY_PARENT_PID": "1"}
        # Starting may take as long as an agent needs for its imports: not on the caller's event loop.
        process = await asyncio.to_thread(self._start, cmd, kwargs)
        if process is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.process = process  # type: ignore[assignment]  # all that is used of a Popen
        self.pid = self.pgid = process.pid
        self.cwd = kwargs.get("cwd") or Path.cwd()
        await self._sockets_exist()
        return self.connection_info

    def _start(self, cmd: list[str], kwargs: dict[str, Any]) -> client.Process | None:
        environment: dict[str, str] = kwargs["env"]
        request = Request(
            command=tuple(cmd),
            folder=str(kwargs.get("cwd") or Path.cwd()),
            environment=environment,
            inherited=inherited(),
            name="wb-kernel",
            remove=(*map(str, self._socket_files()), *self._connection_file()),
        )
        with _standard_files(kwargs) as files:
            why = client.why_not(environment) or _not_ours(cmd)
            self.warm = False
            if not why:
                try:
                    process = client.fork(
                        identify(environment, Path(request.folder)), _as_module(request), files
                    )
                    self.warm = True
                    return process
                except (AgentUnavailable, NoPlace) as error:
                    why = str(error)
                    self.log.warning("workbench: an ordinary kernel was started, which is slower: %s", why)
            if sys.platform != "linux":
                return None
            try:
                return client.keep(request, files)
            except AgentUnavailable as error:
                self.log.warning("workbench: a kernel was started without a keeper: %s", error)
                return None

    def _socket_files(self) -> list[Path]:
        info = self.connection_info
        if info.get("transport") != "ipc":
            return []
        ports = (value for name, value in info.items() if name.endswith("_port"))
        return [Path(f"{info['ip']}-{port}") for port in ports]

    def _connection_file(self) -> list[str]:
        return [self.parent.connection_file] if self.parent is not None else []

    async def _sockets_exist(self) -> None:
        """Wait for the kernel's sockets: who connects too early waits longer, for a second attempt."""
        until = time.monotonic() + _SOCKETS_SECONDS
        files = self._socket_files()
        while not all(file.exists() for file in files) and time.monotonic() < until:
            if await self.poll() is not None:
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def send_signal(self, signum: int) -> None:
        """Signal the kernel and its group, unless it has ended.

        Not by way of the keeper: once this returns, the signal has been sent, and an interrupt does not
        arrive at the next cell.
        """
        if await self.poll() is None:
            await super().send_signal(signum)

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Wait a little for the end that was asked for: the manager itself looks only every 0.1 s."""
        until = time.monotonic() + _END_SECONDS
        while await self.poll() is None and time.monotonic() < until:
            await asyncio.sleep(_POLL_SECONDS)


def _as_module(request: Request) -> Request:
    command = (*request.command[request.command.index("-m") + 1 :], *KERNEL_OPTIONS)
    environment = {"MPLBACKEND": _INLINE, **request.environment}  # as ipykernel does, but before matplotlib
    return replace(request, command=command, environment=environment, import_from=request.folder)


def _not_ours(cmd: Sequence[str]) -> str:
    """Why a command line cannot be had from the agent; empty when it is this Python's ipykernel."""
    if cmd[0] != sys.executable:
        return "it asks for another Python"
    options = cmd[1 : cmd.index("-m")] if "-m" in cmd else cmd
    if _LAUNCHER not in cmd or any(option != "-Xfrozen_modules=off" for option in options):
        return "it is no ordinary IPython kernel"
    return ""


def _use_private_sockets(manager: Any) -> None:
    configured = any("transport" in manager.config.get(cls.__name__, {}) for cls in type(manager).__mro__)
    if manager.transport != "tcp" or configured or manager.shell_port:
        return
    with contextlib.suppress(NoPlace):
        manager.ip = str(private_folder(os.environ) / f"k{secrets.token_hex(6)}")
        manager.transport = "ipc"


@contextlib.contextmanager
def _standard_files(kwargs: Mapping[str, Any]) -> Iterator[list[int]]:
    """Descriptors for the kernel's standard streams, as :class:`subprocess.Popen` would choose them."""
    with open(os.devnull, "r+b") as nothing:
        files = []
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            given = kwargs.get(name)
            if given is None:
                # A kernel never reads its owner's input: it asks over its own channel.
                files.append(number if number and _is_open(number) else nothing.fileno())
            elif given == subprocess.STDOUT:
                files.append(files[1])
            elif given == subprocess.DEVNULL:
                files.append(nothing.fileno())
            else:
                files.append(given if isinstance(given, int) else given.fileno())
        yield files


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
