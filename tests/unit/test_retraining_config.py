"""``[retraining]`` in workbench.toml: older files hold, and what is wrong is said in one line."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from workbench.config import RetrainingConfig
from workbench.errors import ConfigError
from workbench.project import open_project

PROJECT = """[project]
name = "good"

[phases.prepare]
notebook = "notebooks/1_prepare.ipynb"

[phases.train]
notebook = "notebooks/2_train.ipynb"

[retraining]
"""


def read(folder: Path, text: str) -> RetrainingConfig:
    (folder / "workbench.toml").write_text(PROJECT + text)
    return open_project(folder).config.retraining


def test_older_files_mean_what_they_meant(tmp_path: Path) -> None:
    assert read(tmp_path, "") == RetrainingConfig()
    found = read(
        tmp_path,
        'trigger = ["performance"]\nwindows_in_a_row = 2\ntraining_days = 330\naction = "promote"',
    )
    assert (found.trigger, found.windows_in_a_row) == (("performance",), 2)
    assert (found.training_days, found.action, found.shadows) == (330, "promote", False)
    assert (found.window, found.cooldown, found.minimum_labels) == ("sliding", None, 0)
    assert found.phases == ("prepare", "train", "validate")


def test_all_of_it_is_read(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """trigger = ["schedule", "new_data"]
window = "expanding"
holdout_days = 14
minimum_labels = 1000
cooldown = "7d"
action = "shadow"
shadow_for = "3d"
shadow_labels = 500
phases = ["prepare", "train"]
parameters = { seed = 1 }
""",
    )
    assert (found.window, found.holdout_days, found.minimum_labels) == ("expanding", 14, 1000)
    assert (found.cooldown, found.shadow_for) == (timedelta(days=7), timedelta(days=3))
    assert (found.shadows, found.shadow_labels, found.parameters) == (True, 500, {"seed": 1})


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('trigger = ["drift"]', 11, "schedule"),
        ('action = "shadow"', 10, 'action "shadow" needs shadow_for'),
        ('action = "propose"\nshadow_for = "3d"', 10, 'action "propose" does not shadow'),
        ('window = "expanding"\ntraining_days = 90', 10, "it begins with the first row"),
        ('cooldown = "a week"', 11, "a duration is a number and a unit"),
        ("minimum_labels = -1", 11, "greater than or equal to 0"),
        ("phases = []", 11, "at least 1 item"),
        ("coolDown = 7", 11, "no such key"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert said in caught.value.message
    assert f"workbench.toml:{line}: retraining" in caught.value.message
    assert "\n" not in caught.value.message


def test_phases_that_are_none_are_refused_with_the_nearest_that_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="phases names 'trian', which is no phase; did you mean 'train'"):
        read(tmp_path, 'phases = ["prepare", "trian"]')
