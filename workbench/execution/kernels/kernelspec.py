"""Our kernel where Jupyter looks for kernels: put there by the installation, or by us where it was not."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["NAME", "ensure", "installed"]

NAME = "workbench"
_SHIPPED = Path(__file__).parent / "jupyter" / "kernel"


def installed() -> str:
    """The folder of the kernelspec that Jupyter finds; empty when it finds none."""
    from jupyter_client.kernelspec import KernelSpecManager

    return str(KernelSpecManager().find_kernel_specs().get(NAME, ""))


def ensure() -> str:
    """Install the kernelspec unless it is: into the environment, or for the user where that is read-only.

    Returns
    -------
    str
        Its folder; empty where neither place can be written to.
    """
    from jupyter_client.kernelspec import KernelSpecManager

    if there := installed():
        return there
    for where in ({"prefix": sys.prefix}, {"user": True}):
        try:
            return str(KernelSpecManager().install_kernel_spec(str(_SHIPPED), NAME, **where))
        except OSError:
            continue
    return ""
