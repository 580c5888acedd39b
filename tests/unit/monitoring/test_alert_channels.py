"""What is sent of alerts, to a real HTTP server and a real mail server, and what becomes of what is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.unit.monitoring.alerting import Monitor, day, make, rule, windows
from tests.unit.monitoring.receiving import Mailbox, Posted, certificate, mail_server, webhook
from workbench.config import MailConfig, MonitoringConfig, WebhookConfig
from workbench.monitoring.alerts import Delivery, deliver
from workbench.store import tables
from workbench.store.clock import SimulatedClock

TO = ("backlog", "webhook:x", "mail:m")
PASSWORD = "correct horse battery staple"


@pytest.fixture
def monitor(tmp_path: Path) -> Monitor:
    return Monitor.of(make(tmp_path / "project"), rule(to=("webhook:x",)))


@pytest.fixture
def posted() -> Iterator[Posted]:
    with webhook() as found:
        yield found


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(day(101))


def by_webhook(url: str, kind: Any = "json") -> MonitoringConfig:
    return MonitoringConfig(webhooks={"x": WebhookConfig(url=url, kind=kind)})


def by_mail(box: Mailbox, **more: Any) -> MonitoringConfig:
    about = {"host": "localhost", "port": box.port, "sender": "monitor@example.org", "to": ("a@example.org",)}
    return MonitoringConfig(mail={"m": MailConfig.model_validate({**about, **more})})


def kept(monitor: Monitor) -> list[tuple[int, bool, bool]]:
    """Of each message: attempts, whether it was sent, whether it is tried again."""
    with monitor.database.read() as connection:
        rows = connection.execute(select(tables.notifications).order_by(tables.notifications.c.id))
        return [(row.attempts, row.sent_at is not None, row.next_try is not None) for row in rows]


@pytest.mark.practice("L7")
def test_a_webhook_is_told_once_with_the_evidence(
    monitor: Monitor, posted: Posted, clock: SimulatedClock
) -> None:
    monitor.sees(".!")
    config = by_webhook(posted.url)
    assert deliver(monitor.database, "late", config, clock) == Delivery(1, ())
    monitor.sees(".!!")
    clock.time = day(500)
    assert deliver(monitor.database, "late", config, clock) == Delivery(0, ())
    (body,) = posted.bodies
    assert body["title"] == "[late] warning raised: drift, m v1, drift.share"
    assert "d1: 0.8, bad. drift.share of day 1 is bad" in body["text"]
    assert body["alert"]["evidence"]["windows"][0]["value"] == 0.8
    monitor.sees(".!!.")
    deliver(monitor.database, "late", config, clock)
    assert [body["event"] for body in posted.bodies] == ["raised", "cleared"]
    assert len(set(posted.keys)) == 2
    assert all(len(key) == 64 for key in posted.keys)


def test_a_chat_is_told_in_words_and_nobody_is_called(
    monitor: Monitor, posted: Posted, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_URL", posted.url)
    monitor.rules = (rule(signal="drift.feature.*", to=("webhook:x",)),)
    monitor.sees(windows("!", signal="drift.feature.<!channel>&\n"))
    assert deliver(monitor.database, "late", by_webhook("secret:CHAT_URL", "slack"), clock).failed == ()
    (body,) = posted.bodies
    assert list(body) == ["text"]
    assert "drift.feature.&lt;!channel&gt;&amp;" in body["text"]


def test_who_fails_for_a_while_is_tried_again_later_with_the_same_key(
    monitor: Monitor, posted: Posted, clock: SimulatedClock
) -> None:
    posted.statuses = [503, 503, 200]
    monitor.sees("!")
    config = by_webhook(posted.url)
    (failure,) = deliver(monitor.database, "late", config, clock).failed
    assert (failure.channel, failure.why) == ("webhook:x", "answered with status 503")
    assert failure.next_try == clock.now() + timedelta(minutes=2)
    assert deliver(monitor.database, "late", config, clock) == Delivery(0, ()), "it is not due yet"
    for minutes, sent in ((2, 0), (7, 0), (1, 1)):
        clock.time += timedelta(minutes=minutes)
        assert deliver(monitor.database, "late", config, clock).sent == sent
    assert len(posted.requests) == 3
    assert len(set(posted.keys)) == 1
    assert kept(monitor) == [(3, True, False)]


def test_what_is_told_of_an_alert_keeps_its_order(
    monitor: Monitor, posted: Posted, clock: SimulatedClock
) -> None:
    posted.statuses = [503, 200]
    config = by_webhook(posted.url)
    monitor.sees("!")
    deliver(monitor.database, "late", config, clock)
    monitor.sees("!.")
    assert deliver(monitor.database, "late", config, clock) == Delivery(0, ())
    clock.time += timedelta(days=1)
    assert deliver(monitor.database, "late", config, clock).sent == 2
    assert [body["event"] for body in posted.bodies] == ["raised", "raised", "cleared"]


@pytest.mark.parametrize(("status", "attempts"), [(404, 3), (302, 3), (429, 12), (500, 12)])
def test_nothing_is_tried_for_ever(
    monitor: Monitor, posted: Posted, clock: SimulatedClock, status: int, attempts: int
) -> None:
    posted.statuses = [status]
    monitor.sees("!")
    said = []
    for _ in range(20):
        clock.time += timedelta(hours=5)
        said += deliver(monitor.database, "late", by_webhook(posted.url), clock).failed
    assert (len(posted.requests), kept(monitor)) == (attempts, [(attempts, False, False)])
    assert said[-1].next_try is None
    assert "given up" in str(said[-1])


def test_a_dead_channel_costs_one_try_and_keeps_nobody_else_waiting(
    monitor: Monitor, posted: Posted, clock: SimulatedClock
) -> None:
    monitor.rules = (rule("a", to=TO), rule("b", to=TO), rule("c", to=TO))
    monitor.sees("!")
    with mail_server() as box:
        nobody = by_mail(box, security="none")
    config = nobody.model_copy(update={"webhooks": by_webhook(posted.url).webhooks})
    done = deliver(monitor.database, "late", config, clock)
    assert (done.sent, len(posted.requests)) == (3, 3)
    assert [failure.why for failure in done.failed] == ["not reached (ConnectionRefusedError)"] * 3
    assert sum(attempts for attempts, _, _ in kept(monitor)) == 4
    assert len(monitor.items) == 3


def test_a_clock_that_is_set_back_holds_nothing_up(
    monitor: Monitor, posted: Posted, clock: SimulatedClock
) -> None:
    posted.statuses = [503, 200]
    monitor.sees("!")
    deliver(monitor.database, "late", by_webhook(posted.url), clock)
    clock.time = day(-400)
    assert deliver(monitor.database, "late", by_webhook(posted.url), clock).sent == 1


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/T0P-S3CRET", "https://[T0P-S3CRET/", "http://T0P-S3CRET.invalid/", "secret:X"]
)
def test_where_it_went_is_not_told(
    monitor: Monitor, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("X", "http://127.0.0.1:1/T0P-S3CRET")
    monitor.sees("!")
    done = deliver(monitor.database, "late", by_webhook(url), clock)
    assert [failure.channel for failure in done.failed] == ["webhook:x"]
    assert "S3CRET" not in str(done)
    assert b"S3CRET" not in Path(str(monitor.database.engine.url.database)).read_bytes()


def test_a_secret_that_is_not_there_and_a_channel_that_is_gone_are_said(
    monitor: Monitor, clock: SimulatedClock
) -> None:
    monitor.rules = (rule("a", to=("webhook:x",)), rule("b", to=("webhook:gone",)))
    monitor.sees("!")
    failed = deliver(monitor.database, "late", by_webhook("secret:NOT_THERE_AT_ALL"), clock).failed
    assert "secret NOT_THERE_AT_ALL is" in failed[0].why
    assert failed[1].why == "workbench.toml has no such channel any more"


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_mail_goes_out_encrypted_and_with_a_name_of_its_own(
    monitor: Monitor, clock: SimulatedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    files = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    monitor.rules = (rule(to=("mail:m",), owner="grace@example.org"),)
    monitor.sees("!")
    with mail_server(certificate=files, starttls=security == "starttls", password=PASSWORD) as box:
        config = by_mail(box, security=security, user="monitor", password="secret:MAIL_PASSWORD")
        assert deliver(monitor.database, "late", config, clock) == Delivery(1, ())
    (mail,) = box.mails
    assert (box.encrypted, box.logins) == ([True], [("monitor", PASSWORD)])
    assert mail["Subject"] == "[late] warning raised: drift, m v1, drift.share"
    assert (mail["To"], mail["From"]) == ("a@example.org", "monitor@example.org")
    assert mail["Message-ID"].endswith("@example.org>")
    assert "owner: grace@example.org" in mail.get_content()


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_no_password_goes_to_who_cannot_show_who_they_are(
    monitor: Monitor, clock: SimulatedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    monitor.rules = (rule(to=("mail:m",)),)
    monitor.sees("!")
    with mail_server(certificate=certificate(tmp_path), starttls=security == "starttls") as box:
        config = by_mail(box, security=security, user="monitor", password="secret:MAIL_PASSWORD")
        (failure,) = deliver(monitor.database, "late", config, clock).failed
    assert failure.why == "not reached (SSLCertVerificationError)"
    assert (box.logins, box.mails) == ([], [])


def test_a_password_that_mail_servers_do_not_take_is_no_crash(
    monitor: Monitor, clock: SimulatedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    monkeypatch.setenv("MAIL_PASSWORD", "pässword")
    monitor.rules = (rule(to=("mail:m",)),)
    monitor.sees("!")
    with mail_server(certificate=files, password=PASSWORD) as box:
        config = by_mail(box, security="tls", user="monitor", password="secret:MAIL_PASSWORD")
        (failure,) = deliver(monitor.database, "late", config, clock).failed
    assert failure.why == "failed (UnicodeEncodeError)"


def test_of_two_projects_in_one_database_each_tells_its_own(
    monitor: Monitor, posted: Posted, clock: SimulatedClock
) -> None:
    monitor.sees("!")
    assert deliver(monitor.database, "another", by_webhook(posted.url), clock) == Delivery(0, ())
    assert deliver(monitor.database, "another", MonitoringConfig(), clock) == Delivery(0, ())
    assert kept(monitor) == [(0, False, True)]
    assert deliver(monitor.database, "late", by_webhook(posted.url), clock) == Delivery(1, ())


def test_a_server_without_starttls_is_not_talked_to_in_the_clear(
    monitor: Monitor, clock: SimulatedClock
) -> None:
    monitor.rules = (rule(to=("mail:m",)),)
    monitor.sees("!")
    with mail_server() as box:
        (failure,) = deliver(monitor.database, "late", by_mail(box), clock).failed
    assert (failure.why, box.mails) == ("failed (SMTPNotSupportedError)", [])


def test_a_wrong_password_is_refused_and_not_repeated(
    monitor: Monitor, clock: SimulatedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    monitor.rules = (rule(to=("mail:m",)),)
    monitor.sees("!")
    with mail_server(certificate=files, password="another") as box:
        config = by_mail(box, security="tls", user="monitor", password="secret:MAIL_PASSWORD")
        (failure,) = deliver(monitor.database, "late", config, clock).failed
    assert failure.why == "refused (SMTPAuthenticationError, SMTP 535)"


def test_nobody_who_names_a_feature_writes_headers_or_ends_a_mail(
    monitor: Monitor, clock: SimulatedClock
) -> None:
    name = "drift.feature.späte\r\nBcc: all@example.org\r\n.\r\nRCPT TO:<b@example.org>\u202e\0"
    monitor.rules = (rule(signal="drift.feature.*", to=("mail:m",)),)
    monitor.sees(windows("!", signal=name))
    with mail_server() as box:
        assert deliver(monitor.database, "late", by_mail(box, security="none"), clock).sent == 1
    (mail,) = box.mails
    assert mail["Bcc"] is None
    assert "späte Bcc: all@example.org" in mail["Subject"]
    assert set(mail.keys()) >= {"Subject", "From", "To", "Message-ID"}


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_mail_that_is_refused_is_said_without_what_the_server_said(
    monitor: Monitor, clock: SimulatedClock, verb: str
) -> None:
    monitor.rules = (rule(to=("mail:m",)),)
    monitor.sees("!")
    with mail_server() as box:
        box.refuse = [verb]
        (failure,) = deliver(monitor.database, "late", by_mail(box, security="none"), clock).failed
    assert "550" in failure.why
    assert "example.org" not in failure.why
