"""Who somebody is: what the database authenticated, or what they say.

PostgreSQL knows who logged in, and writes that into the ledger by itself. SQLite is a file: whoever may write
it may write anything, so a name in it is a claim, and is called one.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from workbench.tracking import environment

__all__ = ["Identity", "identify"]


@dataclass(frozen=True)
class Identity:
    """A person.

    Attributes
    ----------
    actor : str
        The login name on their machine: a claim.
    database_user : str or None
        Who the database authenticated, if it does.
    """

    actor: str
    database_user: str | None = None

    @property
    def authenticated(self) -> bool:
        return self.database_user is not None

    @property
    def person(self) -> str:
        """What tells two people apart."""
        return self.database_user or self.actor

    def __str__(self) -> str:
        if self.database_user is None:
            return f"{self.actor} (claimed)"
        return (
            self.database_user
            if self.actor == self.database_user
            else f"{self.database_user} (login {self.actor})"
        )


def identify(connection: Connection, actor: str | None = None) -> Identity:
    """Who acts on this connection; ``actor`` overrides the login name, and nothing else."""
    name = actor or environment.who()
    if connection.engine.dialect.name != "postgresql":
        return Identity(name)
    # `current_user` could be anybody whom they may act as.
    return Identity(name, str(connection.execute(text("SELECT session_user")).scalar_one()))
