"""A shared MLflow needs a shared ledger: one on a laptop would be nobody else's truth."""

from __future__ import annotations

import re

from workbench.errors import ConfigError
from workbench.project import CONFIG_NAME, Project

__all__ = ["refuse_apart", "unshared", "why_apart"]

_ON_THIS_MACHINE = re.compile(r"(sqlite|file):|[^:]*$|[A-Za-z]:[\\/]")
_CREDENTIALS = re.compile(r"(://)[^/@\s]+@")


def why_apart(project: Project) -> str:
    """Why no alias may move and no version be registered here, in a sentence; empty if they may."""
    tracking = project.tracking_uri
    if _ON_THIS_MACHINE.match(tracking) or not project.database_url.startswith("sqlite"):
        return ""
    where = _CREDENTIALS.sub(r"\1", tracking)
    return (
        f"the models at {where} are shared, but the ledger of their aliases would lie on this machine only; "
        f'name a database for all in {CONFIG_NAME}: [stores] database = "postgresql+psycopg://…"'
    )


def unshared(project: Project) -> tuple[str, ...]:
    """The names of the stores that lie on this machine only, as ``[stores]`` has them."""
    stores = {"tracking": project.tracking_uri, "data": project.data_uri, "database": project.database_url}
    return tuple(name for name, address in stores.items() if _ON_THIS_MACHINE.match(address))


def refuse_apart(project: Project) -> None:
    """Raise :class:`ConfigError` if others could use the models but not see the ledger."""
    if why := why_apart(project):
        raise ConfigError(why)
