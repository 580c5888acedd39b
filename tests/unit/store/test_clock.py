"""The clock that a project goes by, which can be set for several processes at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from workbench.errors import UsageError
from workbench.store.clock import SETTING, SetClock, SystemClock, project_clock

TIME = datetime(2013, 11, 20, 5, 30, tzinfo=UTC)


def test_it_is_the_machines_own_unless_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    assert isinstance(project_clock(), SystemClock)
    monkeypatch.setenv(SETTING, str(tmp_path / "clock"))
    assert project_clock() == SetClock(tmp_path / "clock")


def test_what_is_set_is_seen_by_whoever_looks_in_whatever_offset_it_was_given(tmp_path: Path) -> None:
    clock, other = SetClock(tmp_path / "clock"), SetClock(tmp_path / "clock")
    clock.set(TIME)
    assert other.now() == TIME
    clock.set((TIME + timedelta(days=1)).astimezone(timezone(timedelta(hours=-5))))
    assert other.now() == TIME + timedelta(days=1)
    assert other.now().tzinfo is UTC
    assert [path.name for path in tmp_path.iterdir()] == ["clock"]


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (lambda path: None, "cannot be read: No such file or directory"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "cannot be read: it is no text"),
        (lambda path: path.write_text("next tuesday"), "holds 'next tuesday'; a time such as 2013-12-01T"),
        (lambda path: path.write_text("2013-12-01 05:00"), "holds '2013-12-01 05:00'; a time such as"),
    ],
)
def test_a_clock_that_tells_no_time_is_one_clear_error(
    tmp_path: Path, write: Callable[[Path], object], why: str
) -> None:
    write(tmp_path / "clock")
    with pytest.raises(UsageError) as told:
        SetClock(tmp_path / "clock").now()
    assert why in str(told.value)
    assert str(tmp_path / "clock") in str(told.value)


def test_a_relative_path_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "clock")
    with pytest.raises(UsageError, match="an absolute path is meant"):
        project_clock()


def test_commands_say_that_time_is_set_and_end_when_it_cannot_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, str(tmp_path / "clock"))
    monkeypatch.setenv("WORKBENCH_AGENT", "0")

    def list_practices() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "workbench", "check", "--practices"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    failed = list_practices()
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("workbench: WORKBENCH_CLOCK names")
    SetClock(tmp_path / "clock").set(TIME)
    done = list_practices()
    assert "WORKBENCH_CLOCK: it is 2013-11-20 05:30:00 UTC\n" in done.stderr
    assert "WORKBENCH_CLOCK" not in done.stdout
