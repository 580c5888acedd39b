"""API keys: who may ask a server what.

``[serving.keys]`` names keys and their roles; each role may do what those before it may:

============  ======================================================================
``predict``   ask for answers, and read what the server says about itself
``feedback``  also bring ground truth and feedback
``admin``     everything
============  ======================================================================

A client sends its key as ``Authorization: Bearer KEY`` or as ``X-API-Key: KEY``. Whether the server lives may
be asked without one, and on loopback also its health, version and metrics. A server on loopback that has no
keys asks for none; elsewhere it does not start without (:func:`require`).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from workbench.errors import SecretError, UsageError
from workbench.project import CONFIG_NAME, Project
from workbench.serving.settings import LOOPBACK
from workbench.tracking import secrets

__all__ = ["Denied", "Keys", "Role", "own_key", "require"]

Role = Literal["predict", "feedback", "admin"]

_MINIMUM = 16
_RANK: dict[Role | None, int] = {None: 0, "predict": 1, "feedback": 2, "admin": 3}
# What a load balancer asks to know whether a server lives, and it has no key.
_ALIVE = frozenset(("/ping", "/v2/health/live", "/v2/health/ready"))
_ABOUT = frozenset(("/health", "/version", "/metrics", "/openapi.json", "/docs", "/v2"))
_PREDICT = frozenset(("/invocations",))
_FEEDBACK = frozenset(("/truth", "/feedback"))
_BEARER = b"bearer "


class Denied(NamedTuple):
    """Why a request is not answered: an HTTP status and one line.

    401 (no key, or none that is known) wants the header ``WWW-Authenticate: Bearer``; 403 is a key of a role
    that may not do this.
    """

    status: int
    message: str


@dataclass(frozen=True)
class Keys:
    """The keys of a server; of their text only the SHA-256 is kept here.

    Attributes
    ----------
    digests
        SHA-256 and role of each key.
    loopback
        Whether only this machine reaches the server.
    """

    digests: tuple[tuple[bytes, Role], ...] = ()
    loopback: bool = True

    @classmethod
    def open(cls, project: Project, host: str = "") -> Keys:
        """Resolve the keys of ``[serving.keys]``.

        Parameters
        ----------
        host : str
            Where the server listens, if not as ``[serving]`` says.

        Raises
        ------
        SecretError
            A key is neither in the environment nor in the keyring, too short, or the same as another.
        """
        config = project.config.serving
        digests: dict[bytes, Role] = {}
        for name, entry in config.keys.items():
            value = secrets.resolve(entry.key).encode()
            if len(value) < _MINIMUM:
                raise SecretError(
                    f"API key {name!r} ({entry.key}) is shorter than {_MINIMUM} characters; make a long one, "
                    "as with: python -c 'import secrets; print(secrets.token_urlsafe())'"
                )
            # Anything else cannot be told from what stands around it in a header.
            if not all(33 <= byte <= 126 for byte in value):
                raise SecretError(
                    f"API key {name!r} ({entry.key}) has spaces or other characters than a header may have"
                )
            digest = hashlib.sha256(value).digest()
            if digest in digests:
                raise SecretError(
                    f"API key {name!r} ({entry.key}) is the same as another; each needs its own"
                )
            digests[digest] = entry.role
        return cls(tuple(digests.items()), (host or config.host) in LOOPBACK)

    def role_of(self, headers: Mapping[bytes, bytes]) -> Role | None:
        """The role of who sent these headers (names in lower case); None for nobody who is known.

        Takes as long for a wrong key as for a right one, whichever it is.
        """
        if not self.digests:
            return "admin" if self.loopback else None
        given = headers.get(b"authorization", b"")
        if given[: len(_BEARER)].lower() == _BEARER:
            given = given[len(_BEARER) :].strip()
        else:
            given = headers.get(b"x-api-key", b"").strip()
        digest = hashlib.sha256(given).digest()
        found: Role | None = None
        for known, role in self.digests:
            if hmac.compare_digest(known, digest):
                found = role
        return found

    def refusal(self, path: str, headers: Mapping[bytes, bytes]) -> Denied | None:
        """Why a request may not go on; None when it may."""
        if not self.digests and self.loopback:
            return None
        needed = self._needed(path)
        if needed == 0:
            return None
        role = self.role_of(headers)
        if role is None:
            return Denied(401, "send an API key that this server knows: Authorization: Bearer KEY")
        if _RANK[role] < needed:
            return Denied(403, f"a key of the role {role} may not do this")
        return None

    def _needed(self, path: str) -> int:
        if path in _PREDICT:
            return 1
        if path in _ALIVE or (self.loopback and path in _ABOUT):
            return 0
        if path in _ABOUT or path.startswith("/v2/models/"):
            return 1
        return 2 if path in _FEEDBACK else 3


def own_key(project: Project) -> str:
    """The key with the widest role, for the project's own clients; empty when it has none.

    Raises
    ------
    SecretError
        It is neither in the environment nor in the keyring.
    """
    entries = sorted(project.config.serving.keys.values(), key=lambda entry: _RANK[entry.role])
    return secrets.resolve(entries[-1].key) if entries else ""


def require(host: str, keys: Keys) -> None:
    """Refuse to start a server that others reach and that asks nobody who they are.

    Raises
    ------
    UsageError
        In one line that says what to do.
    """
    if host not in LOOPBACK and not keys.digests:
        raise UsageError(
            f"a server on {host} is reached from elsewhere and needs API keys: in {CONFIG_NAME} say "
            '[serving.keys] NAME = { role = "predict", key = "secret:NAME" }, or serve on 127.0.0.1'
        )
