"""``[serving]`` in workbench.toml: everything may be left out, and what is wrong is said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.config import ServingConfig
from workbench.errors import ConfigError, UnknownName
from workbench.project import open_project

PROJECT = """[project]
name = "good"

[phases.gather]
notebook = "notebooks/1_gather.ipynb"

[serving]
"""
WHOLE = """
host = "0.0.0.0"
port = 8080
workers = 4
log = "postgresql+psycopg://logs.internal/predictions"
when_log_fails = "spool"
shadow_share = 0.25
canary = { share = 0.05, key = "customer" }
key = ["carrier", "flight", "sched_dep"]
personal = ["passenger"]
tls = { certificate = "tls/server.pem", key = "/etc/tls/server.key" }
row_wise = ["helpers:square"]

[serving.keys]
reporting = { role = "predict", key = "secret:REPORTING_KEY" }
labels = { role = "feedback", key = "secret:LABELS_KEY" }
"""


def read(folder: Path, text: str) -> ServingConfig:
    (folder / "workbench.toml").write_text(PROJECT + text)
    return open_project(folder).config.serving


def test_without_a_word_a_server_is_private_and_refuses_what_it_cannot_log(tmp_path: Path) -> None:
    found = read(tmp_path, "")
    assert found == ServingConfig()
    assert (found.host, found.workers, found.when_log_fails, found.log) == ("127.0.0.1", 1, "refuse", "")
    assert (found.keys, found.personal, found.canary, found.tls) == ({}, (), None, None)


def test_all_of_it_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    assert found.canary is not None
    assert (found.canary.share, found.canary.key, found.shadow_share) == (0.05, "customer", 0.25)
    assert found.key == ("carrier", "flight", "sched_dep")
    assert found.keys["labels"].role == "feedback"
    assert found.tls is not None
    assert found.tls.certificate == "tls/server.pem"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prot = 80", ":8: serving.prot: no such key"),
        ("port = 70000", ":8: serving.port: Input should be less than or equal to 65535 (given: 70000)"),
        ("workers = 0", "serving.workers: Input should be greater than or equal to 1"),
        ('host = "http://here"', "serving.host: "),
        ('when_log_fails = "drop"', "'refuse', 'spool' or 'unlogged' (given: 'drop')"),
        ("shadow_share = 1.5", "serving.shadow_share: Input should be less than or equal to 1"),
        ("canary = { share = 0 }", "serving.canary.share: Input should be greater than 0"),
        ('canary = { key = "customer" }', "serving.canary.share: this key is required"),
        ('personal = ["name", "name"]', "serving.personal: 'name' is named twice"),
        ('row_wise = ["helpers.square"]', "serving.row_wise.0: "),
        ('tls = { certificate = "a.pem" }', "serving.tls.key: this key is required"),
        ('[serving.keys]\na = { role = "reader", key = "secret:A" }', "'predict', 'feedback' or 'admin'"),
        (
            'keys.a = { role = "predict", key = "secret:A" }\nkeys.b = { role = "admin", key = "secret:A" }',
            "keys 'a' and 'b' are the same secret; each needs its own",
        ),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert expected in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[serving.keys]\na = { role = "predict", key = "hunter2-hunter2" }',
            'by reference, as "secret:NAME"',
        ),
        (
            '[serving.keys]\na = { role = "predict", key = "secret:A", value = "hunter2-hunter2" }',
            "no such key",
        ),
        ('[serving.keys]\na = "hunter2-hunter2"', "serving.keys.a: "),
        ('log = "mysql://me:hunter2-hunter2@logs/predictions"', "serving.log: a PostgreSQL database"),
    ],
)
def test_a_key_or_a_password_that_was_typed_in_is_not_repeated(
    tmp_path: Path, text: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert expected in caught.value.message
    assert "hunter2" not in caught.value.message + caught.value.details


def test_columns_that_no_raw_row_has_are_told_with_the_nearest() -> None:
    known = ("passenger", "carrier", "flight")
    ServingConfig(personal=("passenger",), key=("carrier", "flight")).check_columns(known)
    with pytest.raises(UnknownName, match=r"'pasenger' in \[serving\] personal; did you mean 'passenger'"):
        ServingConfig(personal=("pasenger",)).check_columns(known)
    with pytest.raises(UnknownName, match=r"'tail' in \[serving\] key"):
        ServingConfig(key=("carrier", "tail")).check_columns(known)
    with pytest.raises(UnknownName, match=r"\[serving\] canary.key"):
        ServingConfig.model_validate({"canary": {"share": 0.1, "key": "customer"}}).check_columns(known)


def test_a_personal_column_may_not_be_a_feature() -> None:
    config = ServingConfig(personal=("passenger",))
    config.check_columns(("passenger", "age"), ("age", "passenger_count"))
    with pytest.raises(ConfigError, match=r"personal names 'passenger', which is a feature"):
        config.check_columns(("passenger", "age"), ("age", "passenger"))
