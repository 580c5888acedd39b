"""Real servers on loopback: what a client sees, and what stays when something ends."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pandas as pd
import psutil
import pytest

from tests.unit.serving import tiny_helpers
from tests.unit.serving.tiny import NOW, SOURCE, alive, make_tiny, rows, set_aliases, until
from workbench.errors import ServingError, UsageError, WorkbenchError
from workbench.project import Project
from workbench.serving import PredictionLog, Server, attach, labelled, replay, serve_forever, start
from workbench.serving.process import Ready, serve
from workbench.serving.settings import Limits, Settings

pytestmark = pytest.mark.server
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Server]]:
    """A server with champion 1 and shadow 2, for tests that leave it as it is."""
    project = make_tiny(tmp_path_factory.mktemp("served") / "project")
    limits = Limits(body_bytes=20_000, rows=100)
    with start(project, champion=1, shadows=(2,), models=SOURCE, limits=limits) as server:
        yield project, server


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_tiny(tmp_path / "project", champion=1)


def expected(version: int, asked: pd.DataFrame, asked_at: pd.Series) -> list[float]:
    features = tiny_helpers.build(asked, {}, asked_at)
    scores: list[float] = tiny_helpers.fitted(version).predict_proba(features)[:, 1].tolist()
    return scores


@pytest.mark.practice("L6")
def test_it_answers_what_the_model_answers_and_says_which_model(served: tuple[Project, Server]) -> None:
    _, server = served
    answered = server.predict(rows(5).set_axis(list("abcde")))
    logged = server.log.read(role="champion").set_index("prediction_id").loc[answered["prediction_id"]]
    assert answered["score"].tolist() == expected(1, rows(5), logged["asked_at"].reset_index(drop=True))
    assert answered.index.tolist() == list("abcde")
    assert answered["model_version"].tolist() == [1] * 5
    assert answered["prediction_id"].is_unique


def test_another_loaded_version_can_be_asked_by_number(served: tuple[Project, Server]) -> None:
    _, server = served
    answered = server.predict(rows(2), version=2)
    assert answered["model_version"].tolist() == [2, 2]
    kept = server.log.read(role="challenger")
    assert set(answered["prediction_id"]) <= set(kept["prediction_id"])
    with pytest.raises(ServingError, match=r"404.*version 9 is not loaded; loaded: 1, 2"):
        server.predict(rows(2), version=9)


@pytest.mark.practice("P6")
def test_an_answer_is_in_the_log_with_its_inputs_and_features_before_it_arrives(
    served: tuple[Project, Server],
) -> None:
    _, server = served
    answered = server.predict(rows(3))
    kept = server.log.read(role="champion").set_index("prediction_id").loc[answered["prediction_id"]]
    assert kept["score"].tolist() == answered["score"].tolist()
    assert kept["input.colour"].tolist() == ["red", "blue", "green"]
    assert kept["input.ordered"].tolist() == rows(3)["ordered"].tolist()
    assert kept["feature.size"].tolist() == [0.0, 1.0, 2.0]
    assert kept["model_version"].tolist() == [1] * 3
    assert kept["run_id"].tolist() == ["run-1"] * 3


@pytest.mark.practice("P5")
def test_a_shadow_is_logged_beside_the_champion_under_the_same_id(served: tuple[Project, Server]) -> None:
    _, server = served
    answered = server.predict(rows(4)).set_index("prediction_id")
    until(lambda: set(answered.index) <= set(server.log.read(role="shadow")["prediction_id"]))
    shadow = server.log.read(role="shadow").set_index("prediction_id").loc[answered.index]
    assert shadow["model_version"].tolist() == [2] * 4
    assert shadow["score"].tolist() == expected(2, rows(4), shadow["asked_at"].reset_index(drop=True))
    assert shadow["score"].tolist() != answered["score"].tolist()
    assert shadow["input.colour"].tolist() == rows(4)["colour"].tolist()


def test_what_it_says_about_itself(served: tuple[Project, Server]) -> None:
    project, server = served
    before = server.health()
    server.predict(rows(3))
    health = server.health()
    assert (health.state, health.champion, health.shadows) == ("ready", 1, (2,))
    assert health.log.ok
    assert health.request == ("colour", "size", "ordered")
    assert health.counts.answered == before.counts.answered + 1
    assert health.counts.rows == before.counts.rows + 3
    assert Path(health.project) == project.root
    assert httpx.get(f"{server.url}/ping").status_code == 200
    version = httpx.get(f"{server.url}/version").json()
    assert (version["model"], version["model_version"]) == ("tiny-model", "1")
    html = server._repr_html_()
    assert "ends with this notebook" in html
    assert server.url in html


def test_ground_truth_is_kept_when_it_is_acknowledged(served: tuple[Project, Server]) -> None:
    project, server = served
    answered = server.predict(rows(2))
    truth = pd.DataFrame(
        {"prediction_id": answered["prediction_id"], "value": [True, False], "known_at": NOW}
    )
    assert server.truth(truth) == 2
    found = labelled(project, server.log_name, server.log.read(role="champion")).set_index("prediction_id")
    assert found.loc[answered["prediction_id"], "truth"].tolist() == [1.0, 0.0]
    assert found.loc[answered["prediction_id"], "known_at"].tolist() == [NOW, NOW]


GOOD = json.loads('{"dataframe_records": [{"colour": "red", "size": 1, "ordered": "2013-08-01T10:00:00Z"}]}')


def request(rows: int = 1, **params: object) -> bytes:
    return json.dumps({"dataframe_records": GOOD["dataframe_records"] * rows, "params": params}).encode()


def head(path: str, *lines: str) -> bytes:
    """The head of a POST request, to be sent by hand."""
    lines = (f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *lines, "", "")
    return "\r\n".join(lines).encode()


def body(**changed: object) -> bytes:
    return json.dumps({"dataframe_records": [{**GOOD["dataframe_records"][0], **changed}]}).encode()


@pytest.mark.parametrize(
    ("path", "content", "headers", "status", "says"),
    [
        ("/invocations", b"{", JSON, 400, "JSON"),
        ("/invocations", b"", JSON, 400, "JSON"),
        ("/invocations", body(size="1"), JSON, 400, "expected a number"),
        ("/invocations", body(sise=1), JSON, 400, "did you mean 'size'?"),
        ("/invocations", body(colour="unbuildable"), JSON, 400, "no such colour can be built"),
        ("/invocations", request(rows=101), JSON, 413, "at most 100"),
        ("/invocations", b" " * 20_001, JSON, 413, "larger than 20000 bytes"),
        ("/invocations", body(), {"Content-Type": "text/html"}, 415, "application/json"),
        ("/invocations", body(), {}, 415, "application/json"),
        ("/invocations", body(), {"Content-Type": "application/json; charset=utf-16"}, 415, "UTF-8"),
        ("/invocations", body(), {**JSON, "Content-Encoding": "gzip"}, 415, "compressed"),
        ("/invocations", body(), {**JSON, "Host": "attacker.example"}, 403, "this machine"),
        ("/invocations", request(simulated_time="2013-08-01T10:00Z"), JSON, 400, "replay"),
        ("/invocations", request(version=9), JSON, 404, "not loaded"),
        ("/truth", b"[]", JSON, 400, "object"),
        ("/truth", b'{"rows": [{"prediction_id": "a"}]}', JSON, 400, "value"),
        ("/nowhere", body(), JSON, 404, "Not Found"),
    ],
)
def test_bad_input_gets_one_clear_line_and_is_not_logged(
    served: tuple[Project, Server],
    path: str,
    content: bytes | str,
    headers: dict[str, str],
    status: int,
    says: str,
) -> None:
    _, server = served
    before = server.log.count(role="champion")
    answer = httpx.post(server.url + path, content=content, headers=headers)
    assert answer.status_code == status
    message = answer.json()["message"]
    assert says in message
    assert "\n" not in message
    assert server.log.count(role="champion") == before


def test_a_body_that_is_announced_or_grows_too_large_is_not_read(served: tuple[Project, Server]) -> None:
    _, server = served
    port = int(server.url.rpartition(":")[2])
    for length in ("Content-Length: 99999999999", "Transfer-Encoding: chunked"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(head("/truth", length))
            if "chunked" in length:
                for _ in range(3):
                    connection.sendall(b"2710\r\n" + b" " * 10_000 + b"\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert server.health().state == "ready"


def test_a_client_that_goes_away_half_way_leaves_the_server_as_it_was(served: tuple[Project, Server]) -> None:
    _, server = served
    port = int(server.url.rpartition(":")[2])
    refused = server.health().counts.refused
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head("/invocations", "Content-Length: 500") + b"{")
    until(lambda: server.health().counts.refused == refused + 1)
    assert len(server.predict(rows(1))) == 1


def test_times_without_a_zone_are_not_guessed(served: tuple[Project, Server]) -> None:
    _, server = served
    with pytest.raises(ServingError, match="'ordered' has times without a zone"):
        server.predict(rows(1).assign(ordered=pd.Timestamp("2013-08-01")))


def test_a_live_server_takes_no_simulated_time_and_no_replay(served: tuple[Project, Server]) -> None:
    _, server = served
    with pytest.raises(ServingError, match=r"simulated_time is taken only by .* a replay"):
        server.predict(rows(1), simulated_time=NOW)
    with pytest.raises(UsageError, match="simulated=True"):
        replay(server, rows(1), target="late")


OWNER = """
import sys
sys.path.insert(0, {repository!r})
from workbench.project import open_project
from workbench.serving import start
server = start(open_project({project!r}), champion=1, models={source!r})
print(server.pid, flush=True)
sys.stdin.read()
"""


def test_a_server_ends_with_its_owner(project: Project, repository_root: Path) -> None:
    program = OWNER.format(repository=str(repository_root), project=str(project.root), source=SOURCE)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert alive(pid)
        owner.kill()
        owner.wait()
        until(lambda: not alive(pid))


@pytest.mark.practice("P5")
def test_a_shadow_that_raises_is_counted_and_the_others_are_worked_off_at_the_stop(project: Project) -> None:
    with start(project, champion=1, shadows=(tiny_helpers.RAISES, 2, 3), models=SOURCE) as server:
        given = {id for _ in range(10) for id in server.predict(rows(3))["prediction_id"]}
        until(lambda: server.health().counts.shadow_failed_rows == 30)
        assert server.health().state == "ready"
        pid = server.pid
    assert not alive(pid)
    kept = server.log.read()
    for version in (1, 2, 3):
        assert set(kept.loc[kept["model_version"] == version, "prediction_id"]) == given
    failed = server.log.read(failed=True, role="shadow", version=tiny_helpers.RAISES)
    assert set(failed["prediction_id"]) == given
    assert set(failed["error"]) == {"RuntimeError"}
    with pytest.raises(ServingError, match="does not answer"):
        server.predict(rows(1))


@pytest.mark.practice("P5")
def test_a_shadow_that_hangs_delays_neither_answers_nor_the_stop(project: Project) -> None:
    limits = Limits(shadow_rows=4, drain_seconds=0.5)
    with start(project, champion=1, shadows=(tiny_helpers.HANGS,), models=SOURCE, limits=limits) as server:
        for _ in range(10):
            assert len(server.predict(rows(2))) == 2
        # One hangs, two wait, the rest is dropped and counted.
        assert server.health().counts.shadow_dropped_rows >= 14
        pid = server.pid
    assert not alive(pid)
    assert server.log.count(role="champion") == 20
    assert server.log.count(role="shadow") == 0


def test_a_champion_that_hangs_leaves_health_and_refusals_working(project: Project) -> None:
    limits = Limits(waiting=1, grace_seconds=1, drain_seconds=0.5)
    with start(project, champion=tiny_helpers.HANGS, models=SOURCE, limits=limits) as server:
        port = int(server.url.rpartition(":")[2])
        content = body()
        hanging = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
        for connection in hanging:
            connection.sendall(head("/invocations", f"Content-Length: {len(content)}") + content)
        until(
            lambda: httpx.post(f"{server.url}/invocations", content=content, headers=JSON).status_code == 429
        )
        answer = httpx.post(f"{server.url}/invocations", content=content, headers=JSON)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
        assert server.health().state == "ready"
        pid = server.pid
        for connection in hanging:
            connection.close()
    assert not alive(pid)


def test_an_answer_that_cannot_be_logged_is_not_given(project: Project) -> None:
    with start(project, champion=1, models=SOURCE) as server:
        server.predict(rows(1))
        (path,) = server.log.files()
        with sqlite3.connect(path) as other:
            other.execute("ALTER TABLE batches RENAME TO elsewhere")
        with pytest.raises(ServingError, match=r"503.*prediction log.*cannot be written"):
            server.predict(rows(1))
        health = server.health()
        assert (health.state, health.log.ok) == ("log_failed", False)
        assert str(path) in health.log.error
        assert httpx.get(f"{server.url}/ping").status_code == 503
        with sqlite3.connect(path) as other:
            other.execute("ALTER TABLE elsewhere RENAME TO batches")
        server.predict(rows(1))
        assert server.health().state == "ready"


@pytest.mark.practice("P2", "L6")
def test_a_promotion_reaches_the_running_server_and_a_broken_version_does_not(project: Project) -> None:
    set_aliases(project, challenger=1)
    with start(project, models=SOURCE) as server:
        assert server.health().state == "no_champion"
        assert httpx.get(f"{server.url}/ping").status_code == 503
        with pytest.raises(ServingError, match=r"503.*no version is champion yet"):
            server.predict(rows(1))
        assert server.predict(rows(1), version=1)["model_version"].tolist() == [1]
        set_aliases(project, champion=1, challenger=2)
        until(lambda: server.health().shadows == (2,))
        set_aliases(project, champion=2)
        # Answers go on while the swap happens, each by exactly one version.
        until(lambda: server.predict(rows(2))["model_version"].tolist() == [2, 2])
        set_aliases(project, champion=tiny_helpers.DOES_NOT_LOAD)
        until(lambda: server.health().problems)
        (problem,) = server.health().problems
        assert problem.what == "version 66"
        assert server.health().champion == 2
        assert server.predict(rows(1))["model_version"].tolist() == [2]
        assert "is &lt;b&gt;broken&lt;/b&gt;" in server._repr_html_()


def test_a_server_that_cannot_load_its_model_says_why(project: Project) -> None:
    with pytest.raises(ServingError, match="did not start: version 66 is <b>broken</b>"):
        start(project, champion=tiny_helpers.DOES_NOT_LOAD, models=SOURCE)


@pytest.mark.parametrize(
    ("models", "says"),
    [
        ("tiny_helpers:Nothing", "the registry <is> not there"),
        ("tiny_helpers:Absent", "cannot be imported"),
        ("no_such_module:Source", "cannot be imported"),
    ],
)
def test_a_source_of_models_that_is_none_is_said_before_anything_is_served(
    project: Project, models: str, says: str
) -> None:
    settings = Settings(str(project.root), str(project.state / "log"), models=models)
    told: list[Ready] = []
    with pytest.raises(WorkbenchError, match=says):
        serve(project, settings, told.append)
    assert told == []
    assert PredictionLog(project.state / "log").files() == []


def test_an_address_that_is_taken_is_said_in_one_line(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServingError, match=f"cannot listen on 127.0.0.1:{port}.*another port"):
            serve_forever(project, port=port, models=SOURCE)
    assert attach(project) is None


def test_a_server_that_dies_while_it_starts_shows_its_last_words(project: Project) -> None:
    (project.helpers / "fatal.py").write_text("raise SystemExit('out of <memory>')")
    with pytest.raises(ServingError, match="ended with status 1") as error:
        start(project, models="fatal:Source")
    assert "out of <memory>" in error.value.details


def test_a_server_that_takes_too_long_is_ended(project: Project) -> None:
    (project.helpers / "endless.py").write_text("import time\n\ntime.sleep(600)")
    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(ServingError, match=r"not ready within 0\.2 s"):
        start(project, champion=1, models="endless:Source", seconds=0.2)
    assert {child.pid for child in psutil.Process().children()} <= before


LIVE = """
import sys
sys.path.insert(0, {repository!r})
from workbench.project import open_project
from workbench.serving import serve_forever
serve_forever(open_project({project!r}), port=0, models={source!r})
"""


def test_the_live_server_is_found_and_a_killed_one_is_not(project: Project, repository_root: Path) -> None:
    assert attach(project) is None
    program = LIVE.format(repository=str(repository_root), project=str(project.root), source=SOURCE)
    place = project.state / "server.json"

    def run() -> subprocess.Popen[str]:
        live = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        until(lambda: place.exists() or live.poll() is not None, seconds=60)
        return live

    with run() as live:
        server = attach(project)
        assert server is not None
        with server:
            assert not server.started_here
            answered = server.predict(rows(2))
            assert server.log.folder == project.state / "predictions" / "live"
            assert "live server" in server._repr_html_()
        # Letting go of it does not end it; a second one is refused.
        with pytest.raises(ServingError, match=f"runs already at {server.url}"):
            serve_forever(project, port=0, models=SOURCE)
        live.send_signal(signal.SIGTERM)
        output, _ = live.communicate(timeout=30)
        assert live.returncode == 0
        assert f"curl {server.url}/health" in output
        assert '"colour":"text"' in output, "the example has the model's own columns"
        assert "stopped" in output
    assert not place.exists()
    assert server.log.read(role="champion")["prediction_id"].tolist() == answered["prediction_id"].tolist()

    with run() as live:
        live.kill()
        live.wait()
        assert place.exists()
        assert attach(project) is None
        assert not place.exists()


def test_a_state_file_that_names_somebody_else_is_not_believed(
    project: Project, served: tuple[Project, Server]
) -> None:
    _, other = served
    place = project.state / "server.json"
    place.write_text(json.dumps({"pid": other.pid, "url": other.url}))
    assert attach(project) is None
    place.write_text("half a fi")
    assert attach(project) is None
