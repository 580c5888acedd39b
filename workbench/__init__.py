"""A notebook-centric workbench: explore in JupyterLab, run the same notebook at night.

In a notebook::

    import workbench

    phase = workbench.phase("train")
    prepared = phase.read("prepared")
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _version
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.project import Project, open_project

if TYPE_CHECKING:
    from workbench.tracking.phase import Phase

__all__ = ["Project", "WorkbenchError", "__version__", "open_project", "phase"]

try:
    __version__ = _version("mlops-workbench")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0"


def phase(name: str) -> Phase:
    """The handle through which a notebook reads, writes and records.

    In a notebook that the runner executes, it joins the run that the runner opened. In one that is
    explored by hand it opens a draft: what a draft writes is kept apart, no other run reads it, and
    it can never be promoted.

    Raises
    ------
    ProjectNotFound
        No ``workbench.toml`` in the notebook's folder or above.
    UnknownName
        The project has no such phase.
    """
    from workbench.tracking.phase import join

    return join(name)
