"""Secrets: where they come from, and that they are found in whatever disguise they are shown."""

from __future__ import annotations

import base64
import html
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus, urlencode

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from workbench.errors import SecretError
from workbench.tracking import secrets
from workbench.tracking.redaction import MARK, Redactor

PLAIN = "tok_5f1e9a77c0"
AWKWARD = "p@ss/w'o\"rd\\ <&> ö=%"
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBg+/qhkiG9w0B\nAQEFAASCBKcwggSj\nAA==\n-----END KEY-----"


class InMemory(KeyringBackend):
    """A keyring as keyring's own interface has it, for as long as the test."""

    priority = 1

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture
def ring() -> Iterator[InMemory]:
    before = keyring.get_keyring()
    mine = InMemory()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


def test_a_secret_comes_from_the_environment_then_from_the_keyring(
    ring: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring.set_password("workbench", "WB_TOKEN", "from the keyring")
    assert secrets.resolve("secret:WB_TOKEN") == "from the keyring"
    monkeypatch.setenv("WB_TOKEN", "from the environment")
    assert secrets.resolve("WB_TOKEN") == "from the environment"
    assert (
        secrets.current().redact_text("<from the keyring>, <from the environment>") == f"<{MARK}>, <{MARK}>"
    )


def test_a_missing_secret_says_how_to_set_it(ring: InMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WB_TOKEN", "")
    with pytest.raises(SecretError, match="export WB_TOKEN=…, or keyring set workbench WB_TOKEN"):
        secrets.resolve("secret:WB_TOKEN")
    keyring.set_keyring(NoKeyring())
    with pytest.raises(SecretError, match="the keyring cannot be read: export WB_TOKEN=…") as caught:
        secrets.resolve("secret:WB_TOKEN")
    assert "\n" not in caught.value.message
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(SecretError, match=r"pip install 'mlops-workbench\[keyring\]'"):
        secrets.resolve("secret:WB_TOKEN")


@pytest.mark.parametrize("value", ["abc", "  a  ", "\n\n\n\n\n"])
def test_what_is_too_short_to_hide_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WB_TOKEN", value)
    with pytest.raises(SecretError, match="shorter than 4 characters"):
        secrets.resolve("WB_TOKEN")


def test_what_is_no_name_is_refused_and_not_repeated() -> None:
    for given in ("secret:", "secret:a b", "hunter2!", ""):
        with pytest.raises(SecretError) as caught:
            secrets.resolve(given)
        assert "hunter2" not in caught.value.message


def test_references_are_found_at_any_depth() -> None:
    given = {
        "a": "secret:B",
        "b": ["x", {"c": "secret:A"}],
        "d": "secret: not one",
        "e": "a secret:C",
        "f": 3,
    }
    assert secrets.names_in(given) == ["A", "B"]
    assert [secrets.is_reference(value) for value in ("secret:A", "secret:", "A", None)] == [
        True,
        False,
        False,
        False,
    ]


def disguises(value: str) -> list[str]:
    basic = base64.b64encode(f"user:{value}".encode()).decode()
    return [
        value,
        repr(value),
        repr({"a": value, "quoted": "'"}),
        repr("'\"" + value),
        ascii(value),
        repr(value.encode()),
        json.dumps({"a": value}),
        json.dumps({"a": value}, ensure_ascii=False),
        json.dumps(json.dumps(value)),
        json.dumps(f"ValueError: {value!r}"),
        html.escape(value),
        html.escape(value, quote=False),
        html.escape(repr(value)),
        html.escape(json.dumps(value)),
        quote(value),
        quote(value, safe="").lower() if value.islower() else quote(value, safe=""),
        quote_plus(value),
        "https://host/?" + urlencode({"token": value}),
        base64.b64encode(value.encode()).decode(),
        base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
        f"Authorization: Basic {basic}",
        value.encode().hex(),
        "\x1b[31m" + value[:4] + "\x1b[0m" + value[4:],
        value.replace("\n", "\r\n"),
    ]


@pytest.mark.parametrize("value", [PLAIN, AWKWARD, KEY])
def test_no_disguise_gets_through(value: str) -> None:
    redactor = Redactor([value])
    encoded = base64.b64encode(value.encode()).decode()
    parts = [line for line in (*value.splitlines(), value) if len(line) >= 8]
    for shown in disguises(value):
        clean = redactor.redact_text(f"before {shown} after")
        assert MARK in clean, shown
        assert clean.startswith("before ")
        assert clean.endswith(" after")
        for part in parts:
            assert part not in clean
            assert part[2:-2] not in clean
        assert encoded[4:-4] not in clean


@pytest.mark.parametrize("around", range(3))
def test_base64_hides_it_wherever_it_begins(around: int) -> None:
    shown = base64.b64encode(b"x" * around + PLAIN.encode() + b"tail").decode()
    clean = Redactor([PLAIN]).redact_text(shown)
    assert MARK in clean
    inside = base64.b64encode(b"x" * around + PLAIN.encode()).decode().rstrip("=")[4:-2]
    assert inside in shown
    assert not any(inside[at : at + 6] in clean for at in range(len(inside) - 5))


def test_other_text_stays_as_it_is() -> None:
    redactor = Redactor([PLAIN, KEY])
    text = "AA==\nan ordinary line with tok_ in it\n\x1b[31mred\x1b[0m"
    assert redactor.redact_text(text) == text
    assert Redactor().redact_text(PLAIN) == PLAIN
    assert PLAIN not in repr(redactor)


def test_structures_are_redacted_with_keys_and_numbers() -> None:
    redactor = Redactor(["123456", PLAIN])
    given = {"a": [PLAIN, 123456, True, None, 1.5], PLAIN: ({"b": f"x{PLAIN}"},)}
    assert redactor.redact(given) == {"a": [MARK, MARK, True, None, 1.5], MARK: ({"b": f"x{MARK}"},)}


def test_a_log_is_redacted_whole_and_keeps_what_is_no_text(tmp_path: Path) -> None:
    log = tmp_path / "kernel.log"
    line = b"\xff\xfe not text \x00\n"
    log.write_bytes(line * 900_000 + f"{PLAIN}\n{KEY}\n".encode() + line)
    log.chmod(0o600)
    redactor = Redactor([PLAIN, KEY])
    assert redactor.redact_file(log)
    assert log.read_bytes() == line * 900_000 + f"{MARK}\n{MARK}\n".encode() + line
    assert log.stat().st_mode & 0o777 == 0o600
    assert not redactor.redact_file(log)
    assert list(tmp_path.iterdir()) == [log]


def test_ten_megabytes_take_less_than_a_second() -> None:
    text = "a line of ordinary output, 12345 and so on\n" * 240_000
    redactor = Redactor([PLAIN, AWKWARD, KEY])
    started = time.process_time()
    assert redactor.redact_text(text) == text
    assert time.process_time() - started < 1
