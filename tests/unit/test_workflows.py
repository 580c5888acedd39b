"""The workflows that a new project gets: what a merge sets going, for GitHub and GitLab."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from packaging.requirements import Requirement

from tests.commands import parse
from workbench import __version__
from workbench.cli.check import check
from workbench.cli.init import init
from workbench.project import open_project
from workbench.registry.shared import unshared

pytestmark = pytest.mark.practice("C2", "C1")

_PLACES = {"github": ".github/workflows/pipeline.yml", "gitlab": ".gitlab-ci.yml"}
_SCHEMAS = {"github": "vendor.github-workflows", "gitlab": "vendor.gitlab-ci"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project from the template."""
    made = tmp_path_factory.mktemp("new") / "demo"
    done = CliRunner().invoke(init, [str(made)], catch_exceptions=False)
    assert done.exit_code == 0
    return made


def _read(folder: Path, service: str) -> dict[Any, Any]:
    workflow: dict[Any, Any] = yaml.safe_load((folder / _PLACES[service]).read_text(encoding="utf-8"))
    return workflow


def _lines(folder: Path, service: str, job: str) -> list[str]:
    """The command lines of a job, in their order; variables that the workflow sets are filled in."""
    workflow = _read(folder, service)
    if service == "github":
        told = workflow["jobs"][job]
        lines = [step["run"] for step in told["steps"] if "run" in step]
        variables = told.get("env", {})
    else:
        told = workflow[job]
        lines = [*workflow["default"]["before_script"], *told["script"], *told.get("after_script", [])]
        variables = workflow["variables"]
    return [line.replace("$PHASES", variables["PHASES"]) if "$PHASES" in line else line for line in lines]


def _accepted(path: Path, service: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", _SCHEMAS[service], str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("service", _PLACES)
def test_the_service_takes_it(folder: Path, service: str, tmp_path: Path) -> None:
    done = _accepted(folder / _PLACES[service], service)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.yml"
    wrong.write_text((folder / _PLACES[service]).read_text().replace("workbench check\n", "{of: no kind}\n"))
    assert _accepted(wrong, service).returncode == 1


@pytest.mark.parametrize("service", _PLACES)
@pytest.mark.parametrize("job", ["check", "deliver"])
def test_every_command_is_there_with_its_options(folder: Path, service: str, job: str) -> None:
    ours = [line for line in _lines(folder, service, job) if line.startswith("workbench")]
    assert ours
    for line in ours:
        parse(line)


@pytest.mark.parametrize("service", _PLACES)
def test_a_merge_is_trained_judged_and_promoted_in_this_order(folder: Path, service: str) -> None:
    lines = _lines(folder, service, "deliver")
    said = [" ".join(line.split()[:2]) for line in lines]
    assert said == ["pip install", "workbench check", "workbench run", "workbench promote", "workbench site"]
    project = open_project(folder)
    phases = lines[2].split()[2:]
    assert phases == project.order(phases)
    assert project.order()[: len(phases)] == phases
    assert phases[-1] == "validate"
    assert "--if-passed" in lines[3]
    assert _lines(folder, service, "check") == ["pip install -r requirements.txt", "workbench check"]


def test_a_proposed_change_meets_no_secret_and_deploys_nothing(folder: Path) -> None:
    workflow = _read(folder, "github")
    triggers = workflow[True]  # YAML 1.1 reads the key `on` as true
    assert triggers["push"] == {"branches": ["main"]}
    assert "pull_request_target" not in triggers
    assert "secrets" not in str(workflow["jobs"]["check"])
    assert workflow["jobs"]["deliver"]["if"] == "github.event_name == 'push'"
    assert workflow["permissions"] == {"contents": "read"}
    assert _read(folder, "gitlab")["deliver"]["rules"] == [{"if": "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"}]


@pytest.mark.parametrize("service", _PLACES)
def test_reports_are_kept_though_something_failed(folder: Path, service: str) -> None:
    workflow = _read(folder, service)
    if service == "github":
        *_, site, upload = workflow["jobs"]["deliver"]["steps"]
        assert site["if"] == upload["if"] == "always()"
        assert upload["with"]["include-hidden-files"] is True
        kept = upload["with"]["path"].split()
    else:
        assert workflow["deliver"]["artifacts"]["when"] == "always"
        kept = workflow["deliver"]["artifacts"]["paths"]
    project = open_project(folder)
    assert kept == [os.path.relpath(path, folder) for path in (project.reports, project.state / "cards")]


@pytest.mark.parametrize("service", _PLACES)
def test_one_delivery_at_a_time(folder: Path, service: str) -> None:
    workflow = _read(folder, service)
    if service == "github":
        concurrency = workflow["jobs"]["deliver"]["concurrency"]
        assert concurrency == {"group": "deliver", "cancel-in-progress": False}
    else:
        assert workflow["deliver"]["resource_group"] == "deliver"


def test_a_runner_installs_this_version_with_extras_that_there_are(
    folder: Path, repository_root: Path
) -> None:
    lines = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    ours, driver = (Requirement(line.partition("#")[0]) for line in lines if not line.startswith("#"))
    assert (ours.name, str(ours.specifier)) == ("mlops-workbench", f"=={__version__}")
    text = (repository_root / "pyproject.toml").read_text(encoding="utf-8")
    assert all(re.search(rf"^{extra} = \[", text, re.MULTILINE) for extra in ours.extras)
    assert driver.name == "psycopg"


def test_a_runner_refuses_to_train_into_stores_that_are_thrown_away_with_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(check, ["--shared"], catch_exceptions=False)
    assert done.exit_code == 1
    for store in ("tracking", "data", "database"):
        assert f"workbench.toml stores.{store}: is on this machine only" in done.output
    assert CliRunner().invoke(check, [], catch_exceptions=False).exit_code == 0
    shared = tmp_path / "shared"
    shared.mkdir()
    stores = {
        "tracking": "https://mlflow.example.org",
        "data": "s3://flights/data",
        "database": "postgresql+psycopg://db.example.org/flights",
    }
    text = (folder / "workbench.toml").read_text(encoding="utf-8")
    told = "\n".join(f'{name} = "{address}"' for name, address in stores.items())
    (shared / "workbench.toml").write_text(f"{text}\n[stores]\n{told}\n", encoding="utf-8")
    assert unshared(open_project(shared)) == ()
