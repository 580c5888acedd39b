"""workbench.toml: found, read, and when it is wrong, said where."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import ConfigError, ProjectNotFound, UnknownName
from workbench.project import open_project

GOOD = """[project]
name = "good"

[objective]
target = "late"
time = "asked_at"

[model]
name = "good-model"
features = "helpers:build"

[phases.gather]
notebook = "notebooks/1_gather.ipynb"

[phases.train]
notebook = "notebooks/4_train.ipynb"
needs = ["gather"]
"""


def test_a_project_is_found_from_a_folder_below_it(tmp_path: Path) -> None:
    (tmp_path / "workbench.toml").write_text(GOOD)
    below = tmp_path / "notebooks" / "deep"
    below.mkdir(parents=True)
    project = open_project(below)
    assert project.root == tmp_path
    assert project.phase("train").needs == ("gather",)


def test_no_project_says_where_it_looked_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ProjectNotFound) as caught:
        open_project(tmp_path)
    assert str(tmp_path) in caught.value.message
    assert "workbench init" in caught.value.message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (('name = "good"', "name = good"), "not valid TOML"),
        (('name = "good"\n', 'name = "good"\nnam = "x"\n'), ":3: project.nam: no such key"),
        (
            ('target = "late"', "target = 3"),
            ":5: objective.target: Input should be a valid string (given: 3)",
        ),
        (('features = "helpers:build"', 'features = "helpers.build"'), ":10: model.features:"),
        (('needs = ["gather"]', 'needs = ["gahter"]'), "needs 'gahter', which is no phase"),
        (('time = "asked_at"\n', ""), ":4: objective.time: this key is required"),
    ],
)
def test_a_broken_file_is_told_with_file_line_key_and_expectation(
    tmp_path: Path, change: tuple[str, str], expected: str
) -> None:
    path = tmp_path / "workbench.toml"
    path.write_text(GOOD.replace(*change))
    with pytest.raises(ConfigError) as caught:
        open_project(tmp_path)
    assert str(path) in caught.value.message
    assert expected in caught.value.message


@pytest.mark.practice("D1")
def test_a_source_without_a_check_is_refused(tmp_path: Path) -> None:
    (tmp_path / "workbench.toml").write_text(
        GOOD + '\n[sources.flights]\nload = "helpers:load"\nkey = ["id"]\n'
    )
    with pytest.raises(ConfigError, match=r"sources.flights.check: this key is required"):
        open_project(tmp_path)


def test_an_unknown_phase_is_told_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "workbench.toml").write_text(GOOD)
    with pytest.raises(UnknownName, match=r"no phase 'trian' in workbench.toml; did you mean 'train'\?"):
        open_project(tmp_path).phase("trian")
