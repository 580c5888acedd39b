"""What a Jupyter server in our environment does for a project: warm kernels are its default.

Enabled by ``etc/jupyter/jupyter_server_config.d/workbench.json``, which the installation puts there.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from workbench.errors import AgentUnavailable
from workbench.execution.agent import client
from workbench.execution.agent.identity import NoPlace, identify
from workbench.execution.kernels import kernelspec
from workbench.locate import find_root

__all__: list[str] = []

_USUAL = "python3"


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    """New notebooks get our kernel; in a project, the agent begins to import while the page loads."""
    kernels = server.kernel_manager
    if kernels.default_kernel_name == _USUAL and kernelspec.installed():
        kernels.default_kernel_name = kernelspec.NAME
    folder = Path(server.root_dir).resolve()
    if find_root(folder) is not None and not client.why_not(os.environ):
        threading.Thread(target=_start_agent, args=(folder, server.log), daemon=True).start()


def _start_agent(folder: Path, log: Any) -> None:
    try:
        client.start_agent(identify(os.environ, folder))
    except (AgentUnavailable, NoPlace) as error:
        log.warning("workbench: kernels will start as usual: %s", error)
