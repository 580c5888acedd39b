"""Several workers at one address, and what holds a server together when clients or processes misbehave."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.unit.serving import tiny_helpers
from tests.unit.serving.tiny import SOURCE, alive, make_tiny, pid_of, port_of, rows, until, workers_of
from workbench.errors import ConfigError, ServingError
from workbench.project import Project, open_project
from workbench.serving import Server, start
from workbench.serving.child import launch
from workbench.serving.http.accepting import Shares, file_of_shares
from workbench.serving.http.certificate import certificate_of
from workbench.serving.payload import requests_for
from workbench.serving.process import Ready
from workbench.serving.settings import Limits, Settings, Tls
from workbench.serving.workers import supervise

pytestmark = pytest.mark.server
BODY = next(iter(requests_for(rows(1), simulated_time=None, version=None)))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_tiny(tmp_path / "project", champion=1)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Server]]:
    """Two workers, for tests that leave two behind."""
    project = make_tiny(tmp_path_factory.mktemp("two") / "project", champion=1)
    with start(project, champion=1, models=SOURCE, workers=2) as server:
        yield project, server


def server_log(project: Project) -> str:
    (path,) = (project.state / "predictions" / "live").glob("server-*.log")
    return path.read_text()


class Load:
    """Clients that ask at a steady rate until nobody accepts them any longer.

    Attributes
    ----------
    kept : list of str
        The ids of answered predictions.
    dropped : list of Exception
        What happened to requests on connections that had been accepted, other than an answer.
    """

    def __init__(self, server: Server, *, clients: int = 8, a_second: float = 200.0) -> None:
        self.kept: list[str] = []
        self.dropped: list[Exception] = []
        self._port, self._pause, self._over = port_of(server), clients / a_second, threading.Event()
        # Every other one opens a connection for each request.
        self._threads = [threading.Thread(target=self._ask, args=(n % 2 == 0,)) for n in range(clients)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._over.set()
        self.wait()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _ask(self, keep: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        headers = {"Content-Type": "application/json"} | ({} if keep else {"Connection": "close"})
        while not self._over.wait(self._pause):
            try:
                if connection.sock is None:
                    connection.connect()
            except ConnectionRefusedError:
                break
            try:
                connection.request("POST", "/invocations", BODY, headers)
                answer = connection.getresponse()
                content = answer.read()
                assert answer.status == 200, content
                self.kept += msgspec.json.decode(content)["prediction_ids"]
            except Exception as error:
                self.dropped.append(error)
                connection.close()
        connection.close()


def test_workers_take_equal_shares_of_connections_that_come_together(two: tuple[Project, Server]) -> None:
    _, server = two
    with ExitStack() as opened:
        connections = []
        for _ in range(16):
            connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=20)
            connection.connect()
            opened.callback(connection.close)
            connections.append(connection)
        shares = Counter(map(pid_of, connections))
    assert len(shares) == 2
    assert max(shares.values()) <= 10, shares


def test_any_worker_tells_the_figures_of_all(two: tuple[Project, Server]) -> None:
    _, server = two
    pids = workers_of(server)
    for _ in range(3):
        server.predict(rows(2))

    def told() -> dict[str, list[Sample]]:
        text = httpx.get(f"{server.url}/metrics").text
        return {family.name: family.samples for family in text_string_to_metric_families(text)}

    # What another worker counted is here within a second.
    until(lambda: sum(sample.value for sample in told()["workbench_predictions"]) >= 6)

    def champions() -> dict[int, float]:
        return {int(sample.labels["pid"]): sample.value for sample in told()["workbench_champion_version"]}

    until(lambda: champions() == dict.fromkeys(pids, 1.0))


def test_a_worker_that_is_killed_is_replaced_and_the_other_answers_meanwhile(
    two: tuple[Project, Server],
) -> None:
    project, server = two
    before = workers_of(server)
    killed = min(before)
    answered = server.predict(rows(2))["prediction_id"].tolist()
    os.kill(killed, signal.SIGKILL)
    until(lambda: not alive(killed))
    for _ in range(5):
        connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=20)
        assert pid_of(connection) not in (killed, server.pid)
        connection.close()
    assert killed not in workers_of(server)
    assert f"worker {killed} ended with status -9; another one is started at once" in server_log(project)
    assert set(answered) <= set(server.log.read()["prediction_id"])


def test_workers_are_replaced_one_after_the_other_and_no_request_is_lost(two: tuple[Project, Server]) -> None:
    _, server = two
    before = workers_of(server)
    load = Load(server, a_second=100)
    os.kill(server.pid, signal.SIGHUP)
    until(lambda: not any(map(alive, before)), seconds=90)
    load.end()
    assert load.dropped == []
    assert not workers_of(server) & before
    assert set(load.kept) <= set(server.log.read()["prediction_id"])


def test_a_server_that_is_asked_to_stop_under_load_drops_nothing(project: Project) -> None:
    with start(project, champion=1, models=SOURCE, workers=2) as server:
        workers = workers_of(server)
        load = Load(server)
        until(lambda: len(load.kept) >= 100, seconds=60)
        os.kill(server.pid, signal.SIGTERM)
        load.wait()
        until(lambda: not any(map(alive, {server.pid, *workers})), seconds=30)
    assert load.dropped == []
    assert sorted(server.log.read()["prediction_id"]) == sorted(load.kept)


def test_workers_end_when_the_process_above_them_is_killed(project: Project) -> None:
    with start(project, champion=1, models=SOURCE, workers=2) as server:
        workers = workers_of(server)
        os.kill(server.pid, signal.SIGKILL)
        until(lambda: not any(map(alive, workers)), seconds=30)


def test_a_worker_that_cannot_start_at_all_ends_the_server_with_its_error(project: Project) -> None:
    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(ServingError, match="did not start: version 66 is <b>broken</b>"):
        start(project, champion=tiny_helpers.DOES_NOT_LOAD, models=SOURCE, workers=2)
    assert {child.pid for child in psutil.Process().children()} <= before


def test_a_worker_that_takes_too_long_to_start_ends_the_server(project: Project) -> None:
    (project.helpers / "endless.py").write_text("import time\n\ntime.sleep(600)")
    settings = Settings(str(project.root), str(project.state / "log"), models="endless:Source")
    told: list[Ready] = []
    with pytest.raises(ServingError, match=r"did not start: .*not ready within 0\.5 s"):
        supervise(settings, told.append, seconds=0.5)
    assert told == []


LIVE = """
import sys
sys.path.insert(0, {repository!r})
from workbench.project import open_project
from workbench.serving import serve_forever
serve_forever(open_project({project!r}), port=0, models={source!r})
"""


def test_a_second_interrupt_does_not_wait_for_an_answer_that_never_comes(
    tmp_path: Path, repository_root: Path
) -> None:
    project = make_tiny(tmp_path / "project", champion=tiny_helpers.HANGS)
    program = LIVE.format(repository=str(repository_root), project=str(project.root), source=SOURCE)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as live:
        place = project.state / "server.json"
        until(lambda: place.exists() or live.poll() is not None, seconds=60)
        said = msgspec.json.decode(place.read_bytes())
        (worker,) = said["workers"]
        connection = http.client.HTTPConnection(said["url"].removeprefix("http://"), timeout=60)
        connection.request("POST", "/invocations", BODY, {"Content-Type": "application/json"})
        live.send_signal(signal.SIGINT)
        until(lambda: _refused(said["url"]))
        live.send_signal(signal.SIGINT)
        live.communicate(timeout=20)
        assert live.returncode == 1
        connection.close()
    assert not alive(worker)
    assert not place.exists()


BESIDE = """
import pathlib, sys
sys.path.insert(0, {repository!r})
from workbench.project import open_project
from workbench.serving import serve_forever
project = open_project({project!r})
def beside():
    with (project.root / "beside").open("a") as file:
        file.write("x")
    raise RuntimeError("not today")
serve_forever(project, port=0, models={source!r}, beside=beside)
"""


def test_what_is_done_beside_serving_may_fail_and_is_said_once(
    project: Project, repository_root: Path
) -> None:
    program = BESIDE.format(repository=str(repository_root), project=str(project.root), source=SOURCE)
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as live:
        done = project.root / "beside"
        until(lambda: live.poll() is not None or (done.exists() and len(done.read_text()) >= 3), seconds=60)
        said = msgspec.json.decode((project.state / "server.json").read_bytes())
        assert httpx.get(f"{said['url']}/ping", timeout=20).status_code == 200
        live.send_signal(signal.SIGTERM)
        _, errors = live.communicate(timeout=60)
    assert errors.count("RuntimeError: not today") == 1
    assert "what is done beside serving fails; serving goes on" in errors


def _refused(url: str) -> bool:
    try:
        httpx.get(f"{url}/ping", timeout=5)
    except httpx.ConnectError:
        return True
    except httpx.HTTPError:
        return False
    return False


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with narrow limits on connections."""
    project = make_tiny(tmp_path_factory.mktemp("narrow") / "project", champion=1)
    limits = Limits(head_bytes=2_000, head_seconds=0.5, connections=4)
    with start(project, champion=1, models=SOURCE, limits=limits) as server:
        yield server


def _said(server: Server, *parts: bytes) -> bytes:
    """All that the server says to these bytes before it closes."""
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
        said = b""
        while part := connection.recv(4096):
            said += part
        return said


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ((b"POST /invocations HTTP/1.1\r\nHost: localh",), b"HTTP/1.1 408 "),
        ((b"GET /ping HTTP/1.1\r\nX: ", b"a" * 900, b"a" * 900, b"a" * 900), b"HTTP/1.1 431 "),
        ((b"\x16\x03\x01\x02\x00",), b"HTTP/1.1 400 "),
        ((b"",), b""),
    ],
)
def test_a_client_that_sends_no_whole_request_is_not_waited_for(
    narrow: Server, sent: tuple[bytes, ...], says: bytes
) -> None:
    said = _said(narrow, *sent)
    assert said.startswith(says)
    if says:
        head, _, content = said.partition(b"\r\n\r\n")
        assert b"connection: close" in head
        assert set(msgspec.json.decode(content)) == {"error_code", "message"}


def test_a_client_that_after_its_answer_sends_what_is_no_request_is_not_kept(narrow: Server) -> None:
    with socket.create_connection(("127.0.0.1", port_of(narrow)), timeout=20) as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
        said = b""
        while not said.endswith(b"\r\n\r\n\n"):  # head and body may come apart
            part = connection.recv(4096)
            assert part, said
            said += part
        assert said.startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"\r\n")
        assert connection.recv(4096) == b""


def test_a_head_may_come_in_pieces_and_requests_one_behind_the_other(narrow: Server) -> None:
    request = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port_of(narrow)), timeout=20) as connection:
        said = b""
        for part in (request[:20], request[20:], request + request):
            connection.sendall(part)
        while said.count(b"HTTP/1.1 200 ") < 3:
            part = connection.recv(4096)
            assert part, said
            said += part


def test_more_connections_than_may_be_are_told_to_come_back(narrow: Server) -> None:
    with ExitStack() as opened:
        answers: list[http.client.HTTPResponse] = []

        def asked() -> http.client.HTTPResponse:
            connection = http.client.HTTPConnection("127.0.0.1", port_of(narrow), timeout=20)
            opened.callback(connection.close)
            connection.request("GET", "/ping")
            answers.append(connection.getresponse())
            answers[-1].read()
            return answers[-1]

        until(lambda: asked().status == 503)
        assert len(answers) <= 5
        assert answers[-1].headers["Retry-After"] == "1"
        assert answers[0].status == 200
    until(lambda: httpx.get(f"{narrow.url}/ping").status_code == 200)


def _certificate(folder: Path, *, until: datetime) -> Tls:
    """A self-signed certificate for this machine, valid for a day before that time."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(until - timedelta(days=1))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, *plain))
    return Tls(str(folder / "certificate.pem"), str(folder / "key.pem"))


def test_it_serves_over_tls_and_a_client_that_does_not_speak_it_is_turned_away(project: Project) -> None:
    tls = _certificate(project.root / "tls", until=datetime.now(UTC) + timedelta(hours=1))
    settings = Settings(str(project.root), str(project.state / "log"), champion=1, models=SOURCE, tls=tls)
    child, ready = launch(settings, 90.0)
    try:
        assert ready.url.startswith("https://127.0.0.1:")
        url = ready.url.replace("127.0.0.1", "localhost")
        trusting = ssl.create_default_context(cafile=tls.certificate)
        with httpx.Client(verify=trusting, base_url=url) as client:
            answer = client.post("/invocations", content=BODY, headers={"Content-Type": "application/json"})
            assert answer.status_code == 200
            with pytest.raises(httpx.HTTPError):
                httpx.get(f"{url}/ping".replace("https", "http"))
            with pytest.raises(httpx.ConnectError, match="self-signed"):
                httpx.get(f"{url}/ping")
            assert client.get("/ping").status_code == 200
    finally:
        child.end()
    assert child.process.returncode == 0


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "key.pem").unlink(), r"tls\.key: there is no file .*key\.pem"),
        (lambda folder: (folder / "certificate.pem").write_text("?"), "no certificate in PEM format"),
        (
            lambda folder: _certificate(folder, until=datetime(2020, 1, 2, tzinfo=UTC)),
            "expired on 2020-01-02",
        ),
        (
            lambda folder: _certificate(folder, until=datetime.now(UTC) + timedelta(days=9)),
            "not valid before",
        ),
        (
            lambda folder: (folder / "key.pem").write_bytes(
                Path(_certificate(folder / "other", until=datetime.now(UTC)).key).read_bytes()
            ),
            r"key\.pem is not the key of .*certificate\.pem",
        ),
    ],
)
def test_a_certificate_that_cannot_be_served_with_is_said_in_one_line(
    tmp_path: Path, spoil: Callable[[Path], object], says: str
) -> None:
    root = make_tiny(tmp_path / "project").root
    with (root / "workbench.toml").open("a") as config:
        config.write('\n[serving.tls]\ncertificate = "tls/certificate.pem"\nkey = "tls/key.pem"\n')
    _certificate(root / "tls", until=datetime.now(UTC) + timedelta(hours=1))
    project = open_project(root)
    tls = certificate_of(project)
    assert tls is not None
    assert Path(tls.certificate).is_absolute()
    spoil(root / "tls")
    with pytest.raises(ConfigError, match=says) as error:
        certificate_of(project)
    assert "\n" not in error.value.message


def test_nobody_waits_for_a_worker_that_is_not_there() -> None:
    file = file_of_shares(3)
    shares = Shares(file)
    os.close(file)
    for slot in (1, 2):
        shares.leave(slot)
    shares.note(0, 1000)
    assert shares.room(0) > 64
    shares.note(1, 998)
    assert shares.room(0) == 0
    assert shares.room(1) == 4
