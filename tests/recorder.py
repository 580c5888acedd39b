"""Hooks that record what came of tests marked ``practice``, and that let none skip in CI silently."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from workbench.check import practices
from workbench.errors import UsageError
from workbench.tracking.environment import code_version

# A machine may lack what these need; CI installs it, so there a skip means that something is wrong.
NOT_SKIPPED_IN_CI = ("browser", "postgres", "server")


class _PracticeRecorder:
    """Collects what came of the tests marked ``practice``, and records it when the session ends."""

    def __init__(self, config: pytest.Config) -> None:
        self._root = config.rootpath
        self._outcomes: dict[str, tuple[tuple[str, ...], str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        ids = tuple(str(value) for name, value in report.user_properties if name == "practice")
        if not ids:
            return
        outcome = "skipped" if hasattr(report, "wasxfail") else report.outcome
        earlier = self._outcomes.get(report.nodeid, (ids, "passed"))[1]
        self._outcomes[report.nodeid] = (ids, earlier if outcome == "passed" else outcome)

    def pytest_sessionfinish(self) -> None:
        if not self._outcomes:
            return
        commit, _, changed = code_version(self._root).partition("+")
        now, code = datetime.now(UTC), practices.code_hash(self._root)
        practices.record(
            self._root,
            [
                practices.Outcome(test, ids, outcome, now, commit, bool(changed), code)  # type: ignore[arg-type]
                for test, (ids, outcome) in self._outcomes.items()
            ],
        )


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # with pytest-xdist, the one process that sees all reports
        config.pluginmanager.register(_PracticeRecorder(config))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    try:
        known = {practice.id for practice in practices.read_table(config.rootpath)}
    except UsageError:
        known = set()
    for item in items:
        ids = [str(id) for marker in item.iter_markers("practice") for id in marker.args]
        for id in ids:
            if id not in known:
                raise pytest.UsageError(f"{item.nodeid} names practice {id!r}, not in tests/practices.toml")
        item.user_properties += [("practice", id) for id in ids]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report: pytest.TestReport = yield  # type: ignore[misc]
    bound = [name for name in NOT_SKIPPED_IN_CI if item.get_closest_marker(name)]
    if report.skipped and bound and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} ({', '.join(bound)}) must not skip in CI: {reason}"
    return report
