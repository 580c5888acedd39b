"""``[monitoring]`` in workbench.toml: all of it may be left out, and what is wrong is said in one line."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from workbench.config import AlertConfig, MonitoringConfig
from workbench.errors import ConfigError
from workbench.project import open_project

PROJECT = """[project]
name = "good"

[phases.gather]
notebook = "notebooks/1_gather.ipynb"

[monitoring]
"""
WHOLE = """
window = "6h"
timezone = "America/New_York"
sample = 500

[[monitoring.alerts]]
name = "wind-drifts"
signal = "drift.feature.wind"
above = 0.2
windows = 3
violations = 2
severity = "critical"
to = ["backlog", "webhook:tracker", "mail:team"]
owner = "grace"

[[monitoring.alerts]]
name = "unfair"
signal = "fairness.*"

[monitoring.webhooks]
tracker = { url = "https://tracker.example.org/hook" }
chat = { url = "secret:CHAT_URL", kind = "slack" }

[monitoring.mail.team]
host = "mail.example.org"
sender = "workbench@example.org"
to = ["grace@example.org", "ada@example.org"]
user = "workbench"
password = "secret:MAIL_PASSWORD"
"""
ALERT = '[[monitoring.alerts]]\nname = "a"\nsignal = "{}"\n'


def read(folder: Path, text: str) -> MonitoringConfig:
    (folder / "workbench.toml").write_text(PROJECT + text)
    return open_project(folder).config.monitoring


def test_without_a_word_the_usual_alerts_go_to_the_backlog(tmp_path: Path) -> None:
    found = read(tmp_path, "")
    assert found == MonitoringConfig()
    assert [(alert.signal, alert.to) for alert in found.alerts] == [
        ("drift.share", ("backlog",)),
        ("performance.drop", ("backlog",)),
        ("skew.share", ("backlog",)),
        ("health.rows", ("backlog",)),
        ("health.failed_share", ("backlog",)),
    ]
    assert (found.window, found.length, found.timezone) == ("month", None, "UTC")
    assert read(tmp_path, "alerts = []").alerts == ()


def test_all_of_it_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    first, second = found.alerts
    assert (str(first), first.needed) == ("drift.feature.wind is above 0.2 in 2 of 3 windows", 2)
    assert (str(second), second.covers("fairness.recall"), second.covers("drift.share")) == (
        *("fairness.* is bad", True),
        False,
    )
    assert found.length == timedelta(hours=6)
    assert found.channels == ("backlog", "webhook:tracker", "webhook:chat", "mail:team")
    assert (found.mail["team"].security, found.mail["team"].at_port) == ("starttls", 587)


@pytest.mark.parametrize(
    "signal",
    [
        *("drift.prediction", "drift.feature.a b.c", "performance.roc_auc", "performance.slice.origin=JFK"),
        *("drift.*", "health.p*", "skew.feature.*", "performance.group.desk", "*"),
    ],
)
def test_signals_that_windows_have(signal: str) -> None:
    assert AlertConfig(name="a", signal=signal).signal == signal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('widow = "day"', ":8: monitoring.widow: no such key"),
        ('window = "fortnight"', '"day", "week", "month", or a length such as "7d" or "6h" (given: '),
        ('window = "0d"', 'or a length such as "7d"'),
        ("drift_share = 0", "monitoring.drift_share: Input should be greater than 0"),
        ("performance_drop = nan", "monitoring.performance_drop: Input should be a finite number"),
        ("minimum_labels = -1", "monitoring.minimum_labels: Input should be greater than or equal to 1"),
        ('timezone = "Europe/Berln"', "no time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?"),
        ('timezone = "../../etc/passwd"', "no time zone '../../etc/passwd'"),
        (
            ALERT.format("drift.shar"),
            "monitoring.alerts.0.signal: no signal 'drift.shar'; did you mean 'drift.share'",
        ),
        (ALERT.format("helth.rows"), "did you mean 'health.rows'?"),
        (ALERT.format("weather"), "no signal 'weather'; "),
        (ALERT.format("weather.*"), "no signal 'weather.*'; "),
        (ALERT.format("drift.feature."), "'drift.feature.' needs a name behind the dot, or a * for all"),
        (ALERT.format("drift.share") + "above = 1\nbelow = 0", "alert 'a' has both above and below"),
        (ALERT.format("drift.share") + "above = nan", "monitoring.alerts.0.above: Input should be a finite"),
        (ALERT.format("drift.share") + "windows = 2\nviolations = 3", "3 violations in 2 windows, which can"),
        (ALERT.format("drift.share") + "windows = 0", "windows: Input should be greater than or equal to 1"),
        (ALERT.format("drift.share") + 'to = ["webhook:x"]', "declare it in [monitoring.webhooks.x]"),
        (ALERT.format("drift.share") + 'to = ["mail:"]', "no channel 'mail:'"),
        (ALERT.format("drift.share") + 'to = ["pigeon"]', "'pigeon': backlog, webhook:NAME or mail:NAME"),
        (
            ALERT.format("drift.share")
            + 'to = ["webhook:chatt"]\n[monitoring.webhooks]\nchat = { url = "https://a" }',
            "alert 'a': no webhook 'chatt' to go to; did you mean 'webhook:chat'?",
        ),
        (ALERT.format("drift.share") * 2, "two alerts are called 'a'"),
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
        ('[monitoring.webhooks]\na = { url = "hooks.example.org/S3CRET" }', 'or "secret:NAME"'),
        ('[monitoring.webhooks]\na = { url = "https://x/S3CRET", kind = "S3CRET" }', "'json' or 'slack'"),
        (
            '[monitoring.mail.a]\nhost = "h"\nsender = "a@b"\nto = ["c@d"]\nuser = "u"\npassword = "S3CRET"',
            "by ref",
        ),
        (
            '[monitoring.mail.a]\nhost = "h"\nsender = "a@b"\nto = ["c@d\\nBcc: S3CRET@f"]',
            "to.0: String should",
        ),
        ('[monitoring.mail.a]\nhost = "h"\nsender = "a@b"\nto = []', "monitoring.mail.a.to: "),
        ('[monitoring.mail.a]\nhost = "h"\nsender = "a@b"\nto = ["c@d"]\nuser = "u"', "user and password"),
        (
            '[monitoring.mail.a]\nhost = "h"\nsender = "a@b"\nto = ["c@d"]\nsecurity = "none"\n'
            'user = "u"\npassword = "secret:P"',
            "a password would be sent in the clear",
        ),
    ],
)
def test_what_may_be_secret_is_not_repeated(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert expected in caught.value.message
    assert "S3CRET" not in caught.value.message + caught.value.details
