"""The certificate of ``[serving] tls``, checked before anything is served with it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

from workbench.errors import ConfigError
from workbench.project import Project
from workbench.serving.settings import Tls

__all__ = ["certificate_of"]


def certificate_of(project: Project, now: datetime | None = None) -> Tls | None:
    """The files of the project's certificate; none when it serves without.

    Raises
    ------
    ConfigError
        When a file is missing, they do not belong together, or the certificate is not valid now.
    """
    config = project.config.serving.tls
    if config is None:
        return None
    tls = Tls(str(project.root / config.certificate), str(project.root / config.key))
    for name, path in (("certificate", tls.certificate), ("key", tls.key)):
        if not Path(path).is_file():
            raise ConfigError(f"[serving] tls.{name}: there is no file {path}")
    _check_validity(tls.certificate, now or datetime.now(UTC))
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key, password=_refuse)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ConfigError(
            f"[serving] tls: {tls.key} is not the key of {tls.certificate}, or cannot be read: {error}"
        ) from error
    return tls


def _check_validity(path: str, now: datetime) -> None:
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificates(Path(path).read_bytes())[0]
    except (ValueError, OSError) as error:
        raise ConfigError(f"[serving] tls.certificate: {path} is no certificate in PEM format") from error
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > last:
        raise ConfigError(f"[serving] tls.certificate: {path} has expired on {last:%Y-%m-%d %H:%M} UTC")
    if now < first:
        raise ConfigError(f"[serving] tls.certificate: {path} is not valid before {first:%Y-%m-%d %H:%M} UTC")


def _refuse() -> str:
    # Without this the library would ask at the terminal.
    raise ValueError("it is protected by a passphrase")
