"""Who alerts are sent to in tests: an HTTP server and an SMTP server on this machine."""

from __future__ import annotations

import base64
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast


@dataclass
class Posted:
    """A webhook's other side; ``statuses`` are its answers, of which the last stays."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [204])
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def keys(self) -> list[str]:
        return [key for key, _ in self.requests]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, body in self.requests]


@contextmanager
def webhook() -> Iterator[Posted]:
    found = Posted()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                found.requests.append((self.headers["Idempotency-Key"], body))
                status = found.statuses.pop(0) if len(found.statuses) > 1 else found.statuses[0]
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}/T0P-S3CRET-PATH"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield found
        server.shutdown()


@dataclass
class Mailbox:
    """A mail server's other side."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    refuse: Sequence[str] = ()  # commands that are answered with 550


@contextmanager
def mail_server(
    *, certificate: tuple[Path, Path] | None = None, starttls: bool = False, password: str = ""
) -> Iterator[Mailbox]:
    """With a certificate and without ``starttls``, TLS is spoken from the first byte on."""
    found = Mailbox()
    secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate:
        secured.load_cert_chain(*certificate)

    class Handler(socketserver.StreamRequestHandler):
        safe = False

        def setup(self) -> None:
            if certificate and not starttls:
                self._secure()
            super().setup()

        def _secure(self) -> None:
            self.request = secured.wrap_socket(self.request, server_side=True)
            self.safe = True

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def handle(self) -> None:
            self._say("220 here")
            while line := self.rfile.readline():
                if not self._answer(line.decode().strip()):
                    return

        def _answer(self, line: str) -> bool:
            verb = line.split(":")[0].split(" ")[0].upper()
            if verb in found.refuse:
                self._say(f"550 no {line}")
            elif verb == "EHLO":
                for offer in ("here", *(["STARTTLS"] if starttls and not self.safe else []), "AUTH PLAIN"):
                    self._say(f"250-{offer}")
                self._say("250 8BITMIME")
            elif verb == "STARTTLS":
                self._say("220 go on")
                self._secure()
                self.rfile = self.request.makefile("rb")
                self.wfile = self.request.makefile("wb", buffering=0)
            elif verb == "AUTH":
                _, user, given = base64.b64decode(line.split(" ")[2]).decode().split("\0")
                found.logins.append((user, given))
                self._say("235 welcome" if given == password else f"535 {given} is no password of {user}")
            elif verb == "DATA":
                self._say("354 go on")
                lines = []
                while (piece := self.rfile.readline()) != b".\r\n":
                    lines.append(piece.removeprefix(b"."))
                mail = message_from_bytes(b"".join(lines), policy=policy.default)
                found.mails.append(cast("EmailMessage", mail))
                found.encrypted.append(self.safe)
                self._say("250 taken")
            else:
                self._say("221 bye" if verb == "QUIT" else "250 fine")
            return verb != "QUIT"

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that does not trust the certificate goes away, which is what is tested."""

    with Server(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield found
        server.shutdown()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files = (folder / "certificate.pem", folder / "key.pem")
    files[0].write_bytes(made.public_bytes(pem))
    files[1].write_bytes(key.private_bytes(pem, *plain))
    return files
