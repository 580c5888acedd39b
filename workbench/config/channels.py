"""``[monitoring.webhooks]`` and ``[monitoring.mail]``: where alerts go to besides the backlog."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from workbench.config.fields import Section

__all__ = ["MailConfig", "WebhookConfig"]

_ADDRESS = r"^[^\s@<>,;:\"()\\\x00-\x1f]+@[A-Za-z0-9.\[\]:-]+$"
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_REFERENCE = "secret:"

_Address = Annotated[str, Field(pattern=_ADDRESS)]


class WebhookConfig(Section):
    """Where alerts are posted to: a URL or, as it may hold a token, ``"secret:NAME"``.

    ``json`` posts all that is known of an alert, ``slack`` a text as chat services take it.
    """

    url: str
    kind: Literal["json", "slack"] = "json"

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        # It may hold a token, so it is not repeated; `reading` does not show it either.
        named = url.startswith(_REFERENCE) and len(url) > len(_REFERENCE)
        if not (named or url.startswith(("https://", "http://"))) or any(map(str.isspace, url)):
            raise ValueError('a webhook is a URL (https://…), or "secret:NAME" where it holds a token')
        return url


class MailConfig(Section):
    """A mailbox and the server that takes mail for it (SMTP).

    ``port`` is 587 with ``starttls``, 465 with ``tls`` and 25 with ``none``, unless it is given. A password
    is given by reference and never sent in the clear.
    """

    host: str = Field(pattern=r"^[A-Za-z0-9_.:-]+$")
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: _Address
    to: tuple[_Address, ...] = Field(min_length=1)
    user: str = ""
    password: str = ""

    @field_validator("password")
    @classmethod
    def _by_reference(cls, password: str) -> str:
        if password and (not password.startswith(_REFERENCE) or len(password) == len(_REFERENCE)):
            raise ValueError('a password is given by reference, as "secret:NAME", and never written here')
        return password

    @model_validator(mode="after")
    def _private(self) -> MailConfig:
        if bool(self.user) != bool(self.password):
            raise ValueError("user and password come together, or neither does")
        if self.user and self.security == "none":
            raise ValueError('a password would be sent in the clear: security = "starttls" or "tls"')
        return self

    @property
    def at_port(self) -> int:
        """The port in use."""
        return _PORTS[self.security] if self.port is None else self.port
