"""Who may ask what: keys by role, and a server that others reach asks for one."""

from __future__ import annotations

import timeit
from pathlib import Path

import pytest

from workbench.errors import SecretError, UsageError
from workbench.project import Project, open_project
from workbench.serving.http.keys import Keys, Role, require

PROJECT = """[project]
name = "keyed"

[phases.x]
notebook = "x.ipynb"

[serving]
host = "0.0.0.0"
"""
KEYS = """
[serving.keys]
app = { role = "predict", key = "secret:APP_KEY" }
labels = { role = "feedback", key = "secret:LABELS_KEY" }
boss = { role = "admin", key = "secret:BOSS_KEY" }
"""
VALUES: dict[Role, str] = {"predict": "a" * 16, "feedback": "b" * 40, "admin": "c" * 16}
OWN = (
    "/invocations",
    "/v2/models/late/infer",
    "/truth",
    "/feedback",
    "/admin",
    "/v2/repository/models/x/load",
)
ABOUT = ("/health", "/version", "/metrics")


def project_in(folder: Path, text: str = KEYS) -> Project:
    (folder / "workbench.toml").write_text(PROJECT + text)
    return open_project(folder)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name, role in (("APP_KEY", "predict"), ("LABELS_KEY", "feedback"), ("BOSS_KEY", "admin")):
        monkeypatch.setenv(name, VALUES[role])
    return project_in(tmp_path)


def bearer(key: str) -> dict[bytes, bytes]:
    return {b"authorization": b"Bearer " + key.encode()}


def test_a_key_opens_what_its_role_may_and_no_more(project: Project) -> None:
    keys = Keys.open(project)
    may = {
        role: [path for path in OWN if keys.refusal(path, bearer(value)) is None]
        for role, value in VALUES.items()
    }
    assert may == {"predict": list(OWN[:2]), "feedback": list(OWN[:4]), "admin": list(OWN)}
    denied = keys.refusal("/truth", bearer(VALUES["predict"]))
    assert denied is not None
    assert (denied.status, denied.message) == (403, "a key of the role predict may not do this")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(""),
        bearer("a" * 15),
        bearer("a" * 17),
        bearer("A" * 16),
        {b"authorization": b"Basic " + b"a" * 16},
        {b"authorization": b"a" * 16},
        {b"x-api-key": b"\xff\xfe"},
        # A wrong key is not made good by a right one beside it.
        {b"authorization": b"Bearer wrong", b"x-api-key": b"a" * 16},
    ],
)
def test_nobody_gets_in_without_a_known_key(project: Project, headers: dict[bytes, bytes]) -> None:
    keys = Keys.open(project)
    assert keys.role_of(headers) is None
    for path in (*OWN, *ABOUT):
        denied = keys.refusal(path, headers)
        assert denied is not None
        assert denied.status == 401


@pytest.mark.parametrize(
    "headers",
    [
        bearer("a" * 16),
        {b"authorization": b"bearer   " + b"a" * 16},
        {b"x-api-key": b"a" * 16},
        {b"authorization": b"Basic c29tZWJvZHk=", b"x-api-key": b"a" * 16},
    ],
)
def test_a_key_comes_in_either_header(project: Project, headers: dict[bytes, bytes]) -> None:
    assert Keys.open(project).role_of(headers) == "predict"


def test_life_is_told_to_everybody_and_health_on_this_machine(project: Project) -> None:
    elsewhere, here = Keys.open(project), Keys.open(project, "127.0.0.1")
    for path in ("/ping", "/v2/health/live", "/v2/health/ready"):
        assert elsewhere.refusal(path, {}) is None
    for path in ABOUT:
        assert here.refusal(path, {}) is None
        assert elsewhere.refusal(path, bearer(VALUES["predict"])) is None
    assert here.refusal("/invocations", {}) is not None, "keys that are set are asked for on loopback, too"


def test_the_text_of_a_key_is_not_kept(project: Project) -> None:
    kept = repr(Keys.open(project))
    assert not [value for value in VALUES.values() if value in kept]


def test_without_keys_only_this_machine_is_served(tmp_path: Path) -> None:
    project = project_in(tmp_path, "")
    for host in ("127.0.0.1", "localhost", "::1"):
        keys = Keys.open(project, host)
        require(host, keys)
        assert all(keys.refusal(path, {}) is None for path in (*OWN, *ABOUT))
        assert keys.refusal("/truth", {}) is None
    keys = Keys.open(project)
    with pytest.raises(UsageError, match=r"a server on 0\.0\.0\.0 .* needs API keys: .*\[serving\.keys\]"):
        require("0.0.0.0", keys)
    assert keys.refusal("/invocations", {}) is not None, "and it would answer nobody"


def test_with_keys_others_may_be_served(project: Project) -> None:
    require("0.0.0.0", Keys.open(project))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a" * 15, "'app' .secret:APP_KEY. is shorter than 16 characters"),
        ("a" * 20 + " b", "'app' .* other characters than a header may have"),
        ("ä" * 20, "other characters than a header may have"),
        ("b" * 40, "'labels' .* is the same as another"),
    ],
)
def test_a_key_that_is_no_good_is_refused_at_the_start(
    project: Project, monkeypatch: pytest.MonkeyPatch, value: str, expected: str
) -> None:
    monkeypatch.setenv("APP_KEY", value)
    with pytest.raises(SecretError, match=expected) as caught:
        Keys.open(project)
    assert value not in caught.value.message


def test_a_key_that_is_not_there_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOSS_KEY")
    with pytest.raises(SecretError, match="secret BOSS_KEY is n"):
        Keys.open(project)


def test_no_keys_cost_next_to_nothing() -> None:
    keys, headers = Keys(), {b"host": b"127.0.0.1:5010"}
    best = min(timeit.repeat(lambda: keys.refusal("/invocations", headers), number=2000, repeat=5)) / 2000
    assert best < 2e-6
