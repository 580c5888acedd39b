"""The practice table: what tests show is recorded, merged, and reported with its evidence."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
from click.testing import CliRunner, Result

from workbench.check import practices
from workbench.cli.check import check
from workbench.errors import ConfigError, UsageError

CONFIG = """
[project]
name = "tiny"
[objective]
target = "late"
time = "asked_at"
[model]
name = "tiny"
features = "helpers:build"
[phases]
"""
TABLE = """
[D1]
practice = "Sanity checks"
shows = "A failed check stops the run."

[K1]
practice = "Regression tests"
shows = "Recorded cases."
"""
TESTS = """
import pytest

@pytest.mark.practice("D1")
def test_passes(): pass

@pytest.mark.practice("K1")
@pytest.mark.parametrize("value", [1, 2])
def test_by_value(value): assert value == 1
"""


@pytest.fixture
def project(pytester: pytest.Pytester, repository_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose tests use this suite's own hooks; the current folder."""
    root = pytester.path
    (root / "tests").mkdir()
    (root / "workbench.toml").write_text(CONFIG)
    (root / "tests" / "practices.toml").write_text(TABLE)
    shutil.copy(repository_root / "tests" / "recorder.py", root / "tests" / "conftest.py")
    markers = "practice(*ids)", "browser", "server", "postgres"
    lines = "\n".join(f"    {marker}: used here" for marker in markers)
    (root / "pytest.ini").write_text(f"[pytest]\nmarkers =\n{lines}\n")
    (root / "tests" / "test_it.py").write_text(TESTS)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # none is needed here, and each takes time
    return root


def run_pytest(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def outcomes(root: Path) -> dict[str, str]:
    return {item.test.partition("::")[2]: item.outcome for item in practices.recorded(root)}


def statuses(root: Path) -> dict[str, str]:
    return {item.practice.id: item.status for item in practices.statuses(root)}


def test_outcomes_are_recorded_and_decide_the_status(pytester: pytest.Pytester, project: Path) -> None:
    run_pytest(pytester)
    assert outcomes(project) == {
        "test_passes": "passed",
        "test_by_value[1]": "passed",
        "test_by_value[2]": "failed",
    }
    assert statuses(project) == {"D1": "shown", "K1": "failed"}


def test_only_a_real_pass_counts(pytester: pytest.Pytester, project: Path) -> None:
    (project / "tests" / "test_it.py").write_text(
        """
import pytest

@pytest.mark.practice("D1")
@pytest.mark.skip
def test_skipped(): pass

@pytest.mark.practice("D1")
@pytest.mark.xfail
def test_expected_to_fail(): assert False

@pytest.mark.practice("D1")
@pytest.mark.xfail
def test_passes_against_expectation(): pass

@pytest.fixture
def torn():
    yield
    assert False

@pytest.mark.practice("K1")
def test_fails_at_the_end(torn): pass
"""
    )
    run_pytest(pytester)
    assert statuses(project) == {"D1": "missing", "K1": "failed"}


def test_tests_not_run_this_time_keep_their_outcome(pytester: pytest.Pytester, project: Path) -> None:
    run_pytest(pytester)
    path = project / "tests" / "test_it.py"
    path.write_text(TESTS.replace("value == 1", "value"))
    run_pytest(pytester, "-k", "by_value")
    assert statuses(project) == {"D1": "shown", "K1": "shown"}


def test_a_test_that_is_gone_shows_nothing(pytester: pytest.Pytester, project: Path) -> None:
    run_pytest(pytester)
    path = project / "tests" / "test_it.py"
    path.write_text(path.read_text().replace("test_passes", "test_renamed"))
    assert statuses(project)["D1"] == "missing"
    path.unlink()
    assert statuses(project) == {"D1": "missing", "K1": "missing"}


def test_evidence_says_where_it_comes_from_and_when_code_has_changed(
    pytester: pytest.Pytester, project: Path
) -> None:
    run_pytest(pytester, "-k", "passes")
    before = practices.statuses(project)[0].evidence
    (project / "notebooks").mkdir()
    (project / "notebooks" / "helpers.py").write_text("x = 1\n")
    after = practices.statuses(project)[0].evidence
    assert [item.test for item in before] == ["tests/test_it.py::test_passes"]
    assert (datetime.now(UTC) - before[0].at).total_seconds() < 60
    assert [item.code_changed for item in (*before, *after)] == [False, True]


def test_an_unknown_id_stops_the_session(pytester: pytest.Pytester, project: Path) -> None:
    (project / "tests" / "test_it.py").write_text(TESTS.replace('"D1"', '"D9"'))
    done = run_pytest(pytester)
    assert done.ret != 0
    done.stderr.fnmatch_lines(["*test_passes names practice 'D9', not in tests/practices.toml"])


@pytest.mark.parametrize(("ci", "expected"), [("", {"skipped": 2}), ("true", {"skipped": 1, "failed": 1})])
def test_in_ci_a_browser_test_may_not_skip(
    pytester: pytest.Pytester,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    ci: str,
    expected: dict[str, int],
) -> None:
    (project / "tests" / "test_it.py").write_text(
        """
import pytest

@pytest.mark.browser
def test_in_a_browser(): pytest.skip("no Chromium")

def test_other(): pytest.skip("not today")
"""
    )
    monkeypatch.setenv("CI", ci)
    run_pytest(pytester).assert_outcomes(**expected)


def outcome(test: str, result: Literal["passed", "failed"] = "passed") -> practices.Outcome:
    return practices.Outcome(test, ("D1",), result, datetime(2026, 1, 1, tzinfo=UTC), "c0ffee", True, "")


def test_a_table_that_cannot_be_read_is_named(project: Path) -> None:
    (project / "tests" / "practices.toml").write_text('[D1]\nname = "Sanity checks"')
    with pytest.raises(ConfigError, match="tests/practices"):
        practices.read_table(project)


def test_the_projects_own_table_lists_every_family(repository_root: Path) -> None:
    ids = [practice.id for practice in practices.read_table(repository_root)]
    families = {letter: sum(id.startswith(letter) for id in ids) for letter in "LCTDOMKP"}
    assert families == {"L": 9, "C": 3, "T": 5, "D": 6, "O": 5, "M": 12, "K": 3, "P": 12}


# --- the command ----------------------------------------------------------------------------------


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(check, ["--practices", *arguments])


def listed(done: Result) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(done.stdout)["practices"]
    return rows


def test_the_command_lists_practices_with_their_evidence(project: Path) -> None:
    practices.record(project, [outcome("tests/test_it.py::test_passes")])
    done = invoke("--json")
    assert done.exit_code == 0
    shown, missing = listed(done)
    assert (shown["id"], shown["practice"], shown["status"]) == ("D1", "Sanity checks", "shown")
    (evidence,) = shown["evidence"]
    assert evidence["test"] == "tests/test_it.py::test_passes"
    assert (evidence["outcome"], evidence["commit"], evidence["dirty"]) == ("passed", "c0ffee", True)
    assert evidence["at"].startswith("2026-01-01")
    assert (missing["status"], missing["evidence"]) == ("missing", [])
    text = invoke().output
    assert "✓ D1   shown    Sanity checks" in text
    assert "with uncommitted changes; code has changed since" in text
    assert "2 practices: 1 shown, 1 missing, 0 failed" in text


def test_a_failed_practice_is_exit_1(project: Path) -> None:
    practices.record(project, [outcome("tests/test_it.py::test_passes", "failed")])
    assert invoke().exit_code == 1


def test_without_a_record_the_tests_run_first(project: Path) -> None:
    (project / "tests" / "test_it.py").write_text(TESTS.replace("value == 1", "value"))
    done = invoke("--json")
    assert "nothing is recorded yet" in done.stderr
    assert [row["status"] for row in listed(done)] == ["shown", "shown"]
    again = invoke("--json")
    assert again.stderr == ""
    forced = invoke("--run")
    assert "running the tests" in forced.stderr


def test_a_project_without_a_table_gets_one_clear_line(project: Path) -> None:
    (project / "tests" / "practices.toml").unlink()
    done = invoke()
    assert isinstance(done.exception, UsageError)
    assert "keeps no table of practices" in done.exception.message
