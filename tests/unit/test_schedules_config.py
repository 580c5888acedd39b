"""``[[schedules]]`` in workbench.toml: what may stand there, and what is wrong is said in one line."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.scheduled import make
from workbench.config import ScheduleConfig
from workbench.errors import ConfigError

WHOLE = """
[monitoring.webhooks]
chat = { url = "https://chat.example.org/hook" }

[[schedules]]
name = "nightly"
cron = "30 6 * * MON-FRI"
timezone = "America/New_York"
phases = ["gather"]
parameters = { sample = 1000, strict = true, label = "a b" }
force = true
missed = "all"
most = 3
overlap = "wait"
on_failure = { retries = 2, delay = "10 min", notify = ["backlog", "webhook:chat"] }
code = "following"

[[schedules]]
name = "score"
fresh = { dataset = "scores", within = "26h" }
command = ["predict", "--input", "new rows.csv"]
code = "pinned:1a2b3c4d"
enabled = false
"""
GOOD = {"cron": '"0 6 * * *"', "phases": '["gather"]', "code": '"following"'}


def _text(**changed: str | None) -> str:
    keys = {key: value for key, value in {**GOOD, **changed}.items() if value is not None}
    return '[[schedules]]\nname = "good"\n' + "".join(f"{key} = {value}\n" for key, value in keys.items())


def test_all_of_it_is_read(tmp_path: Path) -> None:
    nightly, score = make(tmp_path, WHOLE).config.schedules
    assert (nightly.phases, nightly.missed, nightly.most, nightly.overlap) == (("gather",), "all", 3, "wait")
    assert (nightly.on_failure.retries, nightly.on_failure.delay) == (2, timedelta(minutes=10))
    assert nightly.commit == ""
    assert score.fresh is not None
    assert (score.fresh.dataset, score.fresh.within) == ("scores", timedelta(hours=26))
    assert score.command == ("predict", "--input", "new rows.csv")
    assert (score.commit, score.enabled) == ("1a2b3c4d", False)


def test_what_is_left_out_is_careful(tmp_path: Path) -> None:
    (found,) = make(tmp_path, _text()).config.schedules
    assert (found.timezone, found.missed, found.overlap, found.force) == ("UTC", "once", "skip", False)
    assert (found.on_failure.retries, found.on_failure.notify) == (0, ("backlog",))


def test_a_command_without_arguments_is_one_word(tmp_path: Path) -> None:
    (found,) = make(tmp_path, _text(phases=None, command='"monitor"')).config.schedules
    assert found.command == ("monitor",)


@pytest.mark.parametrize("cron", ["*/15 * * * *", "0 9-17/2 * * MON-FRI", "0 6 L * *", "5 4 29 2 *"])
def test_cron_expressions_that_come_some_day(cron: str) -> None:
    found = ScheduleConfig(name="good", cron=cron, phases=("gather",), code="following")
    assert found.cron == cron


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"cron": '"61 * * * *"'}, "schedules.0.cron: bad minute; five fields are meant: minute, hour, "),
        ({"cron": '"0 6 * *"'}, "five fields are meant"),
        ({"cron": '"0 0 6 * * *"'}, "five fields are meant"),
        ({"cron": '"@daily"'}, "five fields are meant"),
        ({"cron": '"0 0 31 2 *"'}, "bad day-of-month"),
        ({"cron": '"0 0 * * MOON"'}, "bad day-of-week"),
        ({"timezone": '"Europe/Berln"'}, "no time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?"),
        ({"cron": None}, "schedule 'good' needs either cron or fresh, which say when"),
        ({"phases": None}, "schedule 'good' needs one of phases, notebook and command, which say what"),
        ({"notebook": '"a.ipynb"'}, "needs one of phases, notebook and command"),
        ({"phases": '["gathr"]'}, "schedule 'good' runs 'gathr', which is no phase; did you mean 'gather'?"),
        (
            {"phases": None, "command": '"moniter"'},
            "no command 'moniter' to schedule; did you mean 'monitor'",
        ),
        ({"phases": None, "command": '"predict --input x"'}, "arguments are given as a list"),
        ({"phases": None, "command": '["rm", "-rf", "/"]'}, "no command 'rm' to schedule; there is: check, "),
        ({"phases": None, "command": '"monitor"', "force": "true"}, "takes its options in its own list"),
        ({"phases": None, "notebook": '"a.ipynb"', "force": "true"}, "a notebook always runs"),
        ({"code": None}, "schedules.0.code: this key is required"),
        ({"code": '"main"'}, '"following" (the files as they are at each time) or "pinned:COMMIT"'),
        ({"code": '"pinned:HEAD"'}, '"following" (the files'),
        ({"on_failure": '{ notify = ["mail:ops"] }'}, "schedule 'good': no mail 'ops' to go to"),
        ({"on_failure": "{ retries = -1 }"}, "schedules.0.on_failure.retries"),
        ({"missed": '"never"'}, "schedules.0.missed"),
        ({"fresh": '{ dataset = "d", within = "2h" }'}, "needs either cron or fresh"),
        ({"cron": None, "fresh": '{ dataset = "d", within = "5 s" }'}, "schedules.0.fresh.within"),
        ({"corn": '"0 6 * * *"'}, "schedules.0.corn: no such key"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, changed: dict[str, str | None], expected: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        make(tmp_path, _text(**changed))
    assert expected in raised.value.message
    assert "\n" not in raised.value.message


def test_the_line_is_that_of_the_schedule_that_is_wrong(tmp_path: Path) -> None:
    second = _text(cron='"x"').replace("good", "second")
    with pytest.raises(ConfigError) as raised:
        make(tmp_path, _text() + second)
    lines = (tmp_path / "workbench.toml").read_text().splitlines()
    where = raised.value.message.removeprefix(f"{tmp_path / 'workbench.toml'}:").partition(":")[0]
    assert lines[int(where) - 1] == 'cron = "x"'


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two schedules are called 'good'"):
        make(tmp_path, _text() + _text())
