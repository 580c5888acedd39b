"""A notebook-centric workbench: explore in JupyterLab, run the same notebook at night.

In a notebook::

    import workbench

    phase = workbench.phase("train")
    prepared = phase.read("prepared")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.project import Project, open_project
    from workbench.tracking.phase import Phase

    __version__: str

__all__ = ["Project", "WorkbenchError", "__version__", "open_project", "phase"]


def __getattr__(name: str) -> Any:
    """The rest of the API, imported when it is first asked for: a command line waits for every import."""
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("mlops-workbench")
        except PackageNotFoundError:  # a source tree that was never installed
            return "0"
    if name in ("Project", "open_project"):
        from workbench import project

        return getattr(project, name)
    raise AttributeError(f"module 'workbench' has no attribute {name!r}")


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
