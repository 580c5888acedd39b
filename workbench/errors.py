"""Everything the workbench raises on purpose, in one tree.

::

    WorkbenchError
    ├── UsageError               asked for something that cannot be done (exit status 2)
    │   ├── ProjectNotFound      no workbench.toml here or above
    │   ├── ConfigError          workbench.toml says something it cannot mean
    │   ├── UnknownName          a phase, parameter, dataset, source or version that is not there
    │   ├── ParameterError       a parameter's value has the wrong type
    │   ├── SecretError          a secret that is not there, or that could not be hidden
    │   └── MissingExtra         an optional dependency is not installed
    ├── DataError                data that is absent or not what it has to be
    │   ├── DatasetNotFound      nothing was written under that name yet
    │   ├── SourceError          an external source could not be pulled
    │   └── CheckFailed          a sanity check refused the data
    ├── RunError                 a run did not end well
    │   ├── NotebookError        the notebook cannot be read, or is no notebook
    │   ├── TrialPruned          a trial is not worth going on with, and ends early
    │   └── AgentUnavailable     no warm process can be had, and why
    ├── DiskFull                 no room on the disk that something was to be written to
    ├── ItemMoved                somebody else changed an item of the backlog in the meantime
    ├── LabelRefused             a label that may not be given: not here, not now, or not by them
    ├── LeaseHeld                somebody else is at what only one may do at a time
    ├── TrackingError            the tracking store does not answer, or cannot be used
    ├── RegistryError            about model versions and their aliases
    │   ├── UnsafeModel          a model file that will not be loaded, and why
    │   ├── AliasMoved           somebody else moved the alias in the meantime
    │   └── PromotionRefused     the version may not become what was asked
    └── ServingError             the model server could not start or answer

The message is one line: what happened, where, and what to do next. ``details`` holds what a
person may want to read after that line; the command line prints it below.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "AgentUnavailable",
    "AliasMoved",
    "CheckFailed",
    "ConfigError",
    "DataError",
    "DatasetNotFound",
    "DiskFull",
    "ItemMoved",
    "LabelRefused",
    "LeaseHeld",
    "MissingExtra",
    "NotebookError",
    "ParameterError",
    "ProjectNotFound",
    "PromotionRefused",
    "RegistryError",
    "RunError",
    "SecretError",
    "ServingError",
    "SourceError",
    "TrackingError",
    "TrialPruned",
    "UnknownName",
    "UnsafeModel",
    "UsageError",
    "WorkbenchError",
]


class WorkbenchError(Exception):
    """Base of all errors raised on purpose.

    Parameters
    ----------
    message : str
        One line: what happened, where, what to do next.
    details : str
        More lines for who wants to know, such as a cell's source and its traceback.
    """

    exit_code = 1

    def __init__(self, message: str, *, details: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class UsageError(WorkbenchError):
    """Something was asked for that cannot be done as asked."""

    exit_code = 2


class ProjectNotFound(UsageError):
    """There is no ``workbench.toml`` in this folder or above it."""


class ConfigError(UsageError):
    """``workbench.toml`` says something it cannot mean; the message names file, line and key."""


class UnknownName(UsageError):
    """A name that is not there; the message offers the nearest that is.

    Parameters
    ----------
    kind : str
        What was named, such as ``"phase"``.
    name : str
        The name that was given.
    known : iterable of str
        The names that exist.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str = "") -> None:
        names = sorted(set(known))
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        place = f" in {where}" if where else ""
        if near:
            advice = f"did you mean {near[0]!r}?"
        elif names:
            advice = f"there is: {', '.join(names)}"
        else:
            advice = "there is none"
        super().__init__(f"no {kind} {name!r}{place}; {advice}")
        self.kind, self.name, self.known = kind, name, names


class ParameterError(UsageError):
    """A parameter was given a value of the wrong type."""


class SecretError(UsageError):
    """A secret that is neither in the environment nor in the keyring, or too short to be hidden."""


class MissingExtra(UsageError):
    """An optional dependency is missing; the message is the command that installs it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {package}, which is not installed: pip install 'mlops-workbench[{extra}]'"
        )


class DataError(WorkbenchError):
    """Data that is absent or not what it has to be."""


class DatasetNotFound(DataError):
    """Nothing was written under that name yet."""


class SourceError(DataError):
    """An external source could not be pulled."""


class CheckFailed(DataError):
    """A sanity check refused the data; nothing was written."""


class RunError(WorkbenchError):
    """A run did not end well."""


class NotebookError(RunError):
    """The notebook cannot be read, or is no notebook."""

    exit_code = 2


class TrialPruned(RunError):
    """A trial is not worth going on with: the run ends here, and its report says so."""


class AgentUnavailable(RunError):
    """No process can be forked from an agent; the message says why."""


class DiskFull(WorkbenchError):
    """There is no room on the disk that something was to be written to."""


class ItemMoved(WorkbenchError):
    """Somebody else changed the item of the backlog since it was read; nothing was changed."""


class LabelRefused(WorkbenchError):
    """A label that may not be given here, now, or by this person; nothing was written."""


class LeaseHeld(WorkbenchError):
    """Somebody else is at what only one may do at a time; nothing was done."""


class TrackingError(WorkbenchError):
    """The tracking store does not answer, or cannot be used."""


class RegistryError(WorkbenchError):
    """About model versions and their aliases."""


class UnsafeModel(RegistryError):
    """A model file that will not be loaded; the message says why."""


class AliasMoved(RegistryError):
    """Somebody else moved the alias since it was read; nothing was changed."""


class PromotionRefused(RegistryError):
    """The version may not become what was asked; the message says why."""


class ServingError(WorkbenchError):
    """The model server could not start or answer."""
