"""Where messages go: webhooks over HTTP, mailboxes over SMTP.

Each message carries a key that stays the same when it is sent again, so that a receiver can tell: as the
header ``Idempotency-Key``, or as the mail's ``Message-ID``. What went wrong is told without the address,
which may hold a token, and without what the other side said, which may repeat a password.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any

from workbench.config import MailConfig, MonitoringConfig, WebhookConfig
from workbench.errors import SecretError
from workbench.store.texts import one_line
from workbench.tracking import secrets

__all__ = ["Undelivered", "send"]

_SECONDS = 10.0
_SUBJECT = 180  # characters
_PASSES_BY = {408, 425, 429}  # refusals that another time may not meet


class Undelivered(Exception):
    """A message did not arrive; ``refused`` when the same again would not either."""

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


def send(config: MonitoringConfig, channel: str, message: Mapping[str, Any], key: str) -> None:
    """Send a message to ``webhook:NAME`` or ``mail:NAME``.

    Raises
    ------
    Undelivered
        In one line, without secrets.
    """
    kind, _, name = channel.partition(":")
    known: Mapping[str, WebhookConfig | MailConfig] = config.mail if kind == "mail" else config.webhooks
    place = known.get(name)
    try:
        if isinstance(place, WebhookConfig):
            _post(place, message, key)
        elif isinstance(place, MailConfig):
            _mail(place, message, key)
        else:
            raise Undelivered("workbench.toml has no such channel any more", refused=True)
    except SecretError as error:
        raise Undelivered(error.message) from None


def _post(webhook: WebhookConfig, message: Mapping[str, Any], key: str) -> None:
    try:
        import httpx
    except ImportError:
        raise Undelivered("httpx is not installed: pip install 'mlops-workbench[serve]'") from None
    url = secrets.resolve(webhook.url) if webhook.url.startswith(secrets.PREFIX) else webhook.url
    body = dict(message) if webhook.kind == "json" else {"text": _chat(message)}
    headers = {"Idempotency-Key": key}
    try:
        # Nobody reads what it has to say, however long that is.
        with httpx.stream("POST", url, json=body, headers=headers, timeout=_SECONDS) as answer:
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
        raise Undelivered(f"not reached ({type(error).__name__})") from None
    if not 200 <= status < 300:
        refused = 300 <= status < 500 and status not in _PASSES_BY
        raise Undelivered(f"answered with status {status}", refused=refused)


def _chat(message: Mapping[str, Any]) -> str:
    """As chat services take it: there, angle brackets would name people and whole channels."""
    text = f"{message['title']}\n{message['text']}"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _mail(mailbox: MailConfig, message: Mapping[str, Any], key: str) -> None:
    mail = EmailMessage()
    mail["Subject"] = one_line(str(message["title"]), _SUBJECT)
    mail["From"] = mailbox.sender
    mail["To"] = ", ".join(mailbox.to)
    mail["Message-ID"] = f"<{key}@{mailbox.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(f"{message['text']}\n")
    password = secrets.resolve(mailbox.password) if mailbox.password else ""
    try:
        with _open(mailbox) as server:
            if mailbox.user:
                server.login(mailbox.user, password)
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({code for code, _ in error.recipients.values()})
        raise Undelivered(f"nobody there takes mail (SMTP {codes})", refused=min(codes) >= 500) from None
    except smtplib.SMTPResponseException as error:
        refused = error.smtp_code >= 500
        raise Undelivered(
            f"refused ({type(error).__name__}, SMTP {error.smtp_code})", refused=refused
        ) from None
    except smtplib.SMTPException as error:
        raise Undelivered(f"failed ({type(error).__name__})") from None
    except UnicodeError as error:  # smtplib sends no password that is not ASCII
        raise Undelivered(f"failed ({type(error).__name__})", refused=True) from None
    except OSError as error:
        raise Undelivered(f"not reached ({type(error).__name__})") from None


def _open(mailbox: MailConfig) -> smtplib.SMTP:
    if mailbox.security == "tls":
        safe = ssl.create_default_context()
        return smtplib.SMTP_SSL(mailbox.host, mailbox.at_port, timeout=_SECONDS, context=safe)
    server = smtplib.SMTP(mailbox.host, mailbox.at_port, timeout=_SECONDS)
    if mailbox.security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except (smtplib.SMTPException, OSError):
            server.close()
            raise
    return server
