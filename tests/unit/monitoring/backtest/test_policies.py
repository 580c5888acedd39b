"""Policies by name, from a file, and varied; and the settings that a policy's world gets."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.projects import make_project
from workbench.config import Config
from workbench.errors import UnknownName, UsageError
from workbench.monitoring.backtest import USUAL, Policy, find, parse_variation, read_file, vary
from workbench.monitoring.backtest.settings import as_toml, left_out, memory_note, settings_of, slug
from workbench.project import Project, open_project

_SETTINGS = """
[monitoring]
timezone = "Europe/Berlin"
webhooks = { chat = { url = "https://example.org/hook" } }
[[monitoring.alerts]]
name = "dropped"
signal = "performance.drop"
to = ["backlog", "webhook:chat"]
[baking]
p99_ms = 50
score_shift = 0.5
to = ["webhook:chat"]
[gates]
latency_ms = 5
[retraining]
phases = ["x"]
[[schedules]]
name = "again"
cron = "0 4 * * TUE"
command = ["retrain", "--scheduled"]
code = "following"
timezone = "Europe/Berlin"
[backtest.policies.own]
about = "ours"
schedule = "0 6 * * *"
retraining = { training_days = 60 }
gates = { minimum_rows = 7 }
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    make_project(root, {"x": ["1"]})
    path = root / "workbench.toml"
    path.write_text(path.read_text() + _SETTINGS)
    return open_project(root)


def test_policies_are_found_by_name(project: Project) -> None:
    assert [policy.name for policy in find(project)] == list(USUAL)
    own, declared, monthly = find(project, ["own", "declared", "monthly"])
    assert own.settings == {"retraining.training_days": 60, "gates.minimum_rows": 7}
    assert (own.schedule, declared.schedule, declared.timezone) == (
        "0 6 * * *",
        "0 4 * * TUE",
        "Europe/Berlin",
    )
    assert (monthly.schedule, monthly.settings) == ("0 0 1 * *", {"retraining.trigger": ["schedule"]})
    with pytest.raises(UnknownName, match="did you mean 'weekly'"):
        find(project, ["wekly"])


def test_policies_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "policies.toml"
    path.write_text('[policies.bold]\nabout = "often"\nretraining = { cooldown = "3 d" }\n')
    assert read_file(path) == (Policy("bold", "often", {"retraining.cooldown": "3 d"}),)
    path.write_text('[policies.bold]\nschedule = "often"\n')
    with pytest.raises(UsageError, match=r"policies\.bold\.schedule: five fields are meant"):
        read_file(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_file(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "key", "values"),
    [
        ("retraining.training_days=60,120", "retraining.training_days", (60, 120)),
        ("retraining.window=sliding,expanding", "retraining.window", ("sliding", "expanding")),
        ('retraining.trigger=["schedule"], []', "retraining.trigger", (["schedule"], [])),
        ("gates.utility.true_positive=1.5", "gates.utility.true_positive", (1.5,)),
    ],
)
def test_variations_are_read(text: str, key: str, values: tuple[Any, ...]) -> None:
    assert parse_variation(text) == (key, values)


@pytest.mark.parametrize("text", ["training_days=60", "retraining.training_days", "model.name=x"])
def test_what_is_no_variation_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a setting and its values are meant"):
        parse_variation(text)


def test_variants_are_all_combinations(project: Project) -> None:
    found = vary(
        find(project, ["drift"]), {"retraining.training_days": [60, 120], "gates.minimum_rows": [1, 2]}
    )
    assert [policy.name for policy in found] == [
        "drift[training_days=60,minimum_rows=1]",
        "drift[training_days=60,minimum_rows=2]",
        "drift[training_days=120,minimum_rows=1]",
        "drift[training_days=120,minimum_rows=2]",
    ]
    assert found[0].settings["retraining.trigger"] == ["data_drift"]
    assert len({slug(policy.name) for policy in found}) == len(found)


def test_a_world_reaches_nobody_outside(project: Project) -> None:
    (own,) = find(project, ["own"])
    config = Config.model_validate(tomllib.loads(as_toml(settings_of(project, own, {"data": "/there"}))))
    assert config.monitoring.alerts[0].to == ("backlog",)
    assert (config.baking.to, config.baking.p99_ms, config.baking.score_shift) == ((), None, 0.5)
    assert not config.monitoring.webhooks
    assert not config.schedules
    assert config.stores.data == "/there"
    assert (config.model and config.model.name) == "tiny-model-own"
    assert (config.retraining.training_days, config.gates.minimum_rows) == (60, 7)
    assert config.gates.latency_ms > 1e6
    assert any("p99_ms" in note for note in left_out(project))


def test_how_fresh_memory_is_taken_to_be_is_said_where_there_is_any(project: Project) -> None:
    assert memory_note(project) == ""
    path = project.root / "workbench.toml"
    path.write_text(path.read_text().replace("[model]\n", '[model]\nmemory = ["weather", "routes"]\n'))
    told = memory_note(open_project(project.root))
    assert told.startswith("weather, routes are written when something is trained")
    assert told.endswith("in production they are only as fresh as the schedules that write them")


def test_a_trigger_that_cannot_be_tried_is_refused(project: Project) -> None:
    eager = Policy("eager", "", {"retraining.trigger": ["new_data", "performance"]})
    with pytest.raises(UsageError, match="policy eager: its trigger new_data cannot be tried, since nobody"):
        settings_of(project, eager, {})


def test_settings_survive_as_toml() -> None:
    raw = {
        "plain": {
            "text": 'a "b" \\ \n\x7f ü \U0001f600',
            "number": 3,
            "share": 1e-7,
            "yes": True,
            "none": [],
        },
        "odd key.s": {"a b": {"deep": [{"x": date(2026, 1, 2)}, {"y": ["", 0.1]}]}},
    }
    assert tomllib.loads(as_toml(raw)) == raw


def test_names_that_differ_have_different_folders() -> None:
    names = ["drift", "Drift", "drift[a=1]", "drift[a=2]", "drift a=1", "x" * 100, "x" * 101]
    assert len({slug(name) for name in names}) == len(names)
    assert slug("drift") == "drift"
